"""What the Chinese prompts of the kinds of texts are worth: Gemma 3 270M as it is, asked in Chinese and in English.

    python chinese_writing.py --data DATA

The texts are introductions of films, songs and places from KdConv's test parts; a poem and a story are asked about a
name. Measured is how much of what is written is Chinese, whether the name that the prompt is about stands in it, and
how often it repeats itself. The model is not trained to follow instructions, and nobody read the texts.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from _report import Row, options, show, write
from kdconv import DOMAINS, TALK, conversations

from nlpkit import fluency, writings
from nlpkit.generate import Generator
from nlpkit.text import chinese
from nlpkit.writings import Writing

TOPICS = ("poem", "story")
"""Kinds that are asked for about a name alone."""
FOREIGN = ("translation",)
"""Kinds that shall not be Chinese."""
N_SIGNS, N_PIECES = 160, 96


def main() -> None:
    """Measure and write benchmarks/results/chinese_writing.json."""
    parser = options(__doc__, "two texts, nothing is written")
    parser.add_argument("--texts", type=int, default=12, help="of each kind")
    parser.add_argument("--model", default="gemma3-270m")
    arguments = parser.parse_args()
    writer = Generator.from_pretrained(arguments.model)
    chosen = random.Random(5).sample(introduced(arguments.data), 2 if arguments.quick else arguments.texts)
    rows: list[Row] = []
    together: dict[str, tuple[list[str], list[str]]] = {"zh": ([], []), "en": ([], [])}
    for kind in writings.names():
        asked = [name if kind in TOPICS else text for name, text in chosen]
        writing = writings.find(kind)
        for language in ("zh",) if writing.zh.plain == writing.en.plain else ("zh", "en"):
            found = written(writer, writing, language, asked)
            names = [name for name, _ in chosen]
            rows += measured(f"{kind}, asked in {language}", kind, found, names)
            if kind not in FOREIGN and writing.zh.plain != writing.en.plain:
                together[language][0].extend(found)
                together[language][1].extend(names)
            if arguments.quick:
                print(kind, language, found, sep="\n", flush=True)
    for language, (texts, names) in together.items():
        rows += measured(f"all kinds but continuation and translation, asked in {language}", "", texts, names)
    show("Chinese texts", rows)
    if not arguments.quick:
        write("chinese_writing", rows, f"{arguments.texts} introductions from KdConv's test parts; {arguments.model}")


def introduced(folder: Path) -> list[tuple[str, str]]:
    """Return names with the beginnings of their introductions, those that say the name."""
    found: dict[str, str] = {}
    for domain in DOMAINS:
        for talk in conversations(folder / "dialogue" / "kdconv" / domain / "test.json.gz"):
            for held in (held for message in talk for held in message.get("attrs", ())):
                name, text = held["name"].strip(), held["attrvalue"].strip()[:N_SIGNS]
                if held["attrname"] == TALK and name in text and chinese(text):
                    found.setdefault(name, text)
    return sorted(found.items())


def written(writer: Generator, writing: Writing, language: str, texts: Sequence[str]) -> list[str]:
    """Return what the decoder writes to a kind's prompts in one of its languages, whatever the texts' is."""
    template = getattr(writing, language)
    both = replace(writing, en=template, zh=template)
    prompts = [both.prompt({"text": text}, chat=False) for text in texts]
    settings = writing.decoding.to_dict() | {"max_new_tokens": N_PIECES, "seed": 3}
    return [generation.text for generation in writer(prompts, chat=False, **settings)]


def measured(what: str, kind: str, texts: Sequence[str], names: Sequence[str]) -> list[Row]:
    """Return the share of Chinese texts, of texts that say the name, and of runs of four that stood there before."""
    n = len(texts)
    in_chinese = sum(chinese(text) for text in texts) / n
    return [
        Row(f"{what}: in Chinese" + (" (should be another language)" if kind in FOREIGN else ""), in_chinese, ""),
        Row(f"{what}: says the name", sum(a in b for a, b in zip(names, texts, strict=True)) / n, ""),
        Row(f"{what}: repeats itself", fluency.repetition([spaced(text) for text in texts]), ""),
        Row(f"{what}: nothing written", sum(not text.strip() for text in texts) / n, ""),
    ]


def spaced(text: str) -> str:
    """Return a text with each Chinese sign as a word."""
    return re.sub(r"([\u4e00-\u9fff])", r" \1 ", text)


if __name__ == "__main__":
    main()
