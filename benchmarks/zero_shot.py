"""Zero-shot classification: label words against frozen sentence embeddings, on AG News test, beside the plain way.

Label words, descriptions and templates were chosen, and the temperature fitted, on texts of the training set; the
test set is only measured. TREC and Banking77 show how far the scores of the same temperature lie off elsewhere.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from _report import Row, options, show, write

from nlpkit import Backbone, Kit, Label, zeroshot
from nlpkit.adapters import Adapted
from nlpkit.embedded import EMBEDDED
from nlpkit.metrics import expected_calibration_error

PLAIN = ("World", "Sports", "Business", "Sci/Tech")
"""The names of the classes in `classes.txt`."""

LABELS = {
    "international politics and conflict": "War, diplomacy, elections and governments around the world.",
    "sports": "Games, matches, teams, players, coaches and championships.",
    "business and economy": "Companies, markets, shares, profits, oil prices and the economy.",
    "science and technology": "Computers, software, the internet, phones, space and scientific research.",
}
TREC = {
    "ABBR": "an abbreviation",
    "DESC": "a description, a definition or a reason",
    "ENTY": "a thing",
    "HUM": "a person or a group",
    "LOC": "a place",
    "NUM": "a number, an amount or a date",
}

TOPICS = ("金融", "房地产", "股票", "教育", "科学技术", "社会新闻", "时事政治", "体育", "游戏", "娱乐明星")
"""The names in `class.txt` of THUCNews's titles, in Chinese words."""

Texts = tuple[list[str], list[int]]
"""Texts and the numbers of their labels."""


def main() -> None:
    """Measure and write benchmarks/results/zero_shot.json."""
    arguments = options(__doc__, "200 texts of each set").parse_args()
    folder, most = arguments.data / "classification", 200 if arguments.quick else None
    kit = Kit(Adapted(Backbone.from_pretrained("default")))
    rows = ag_news_rows(kit, ag_news(folder / "ag_news" / "test.csv", most))
    rows += elsewhere(kit, "TREC test", trec(folder / "trec" / "TREC_10.label", most), list(TREC.values()))
    intents, texts = banking(folder / "banking77" / "test.csv", most)
    rows += elsewhere(kit, "Banking77 test", texts, intents)
    if EMBEDDED["gemma3-270m"].installed:
        decoder = Kit(Adapted(Backbone.from_pretrained("gemma3-270m")))
        titles = thucnews(folder / "thucnews_titles" / "test.txt", 100 if arguments.quick else 1000)
        rows += elsewhere(decoder, "THUCNews titles, Gemma 3 270M", titles, TOPICS)
    show("Zero-shot classification", rows)
    if not arguments.quick:
        write(
            "zero_shot",
            rows,
            "AG News test, 7,600 texts; TREC test, 500; Banking77 test, 3,080; THUCNews titles, 1,000",
        )


def ag_news_rows(kit: Kit, texts: Texts) -> list[Row]:
    """Compare the plain way (one template, the class names) with label words, templates and descriptions."""
    embed = _kept(kit, texts[0])
    ways: dict[str, tuple[Sequence[str] | Mapping[str, str], Sequence[str], float | None]] = {
        "class names, one template, cosine": (PLAIN, ("{}",), None),
        "label words, one template": (list(LABELS), ("{}",), None),
        "label words, several templates": (list(LABELS), zeroshot.TEMPLATES, None),
        "label words with descriptions, several templates": (LABELS, zeroshot.TEMPLATES, 0.65),
    }
    rows = []
    for name, (labels, templates, goal) in ways.items():
        found = zeroshot.classify(embed, texts[0], labels, templates=templates)
        rows += [
            Row(f"AG News: {name}, accuracy", _accuracy(found, list(labels), texts[1]), "", goal),
            Row(f"AG News: {name}, expected calibration error", _error(found, list(labels), texts[1]), ""),
        ]
    return rows


def elsewhere(kit: Kit, name: str, texts: Texts, labels: Sequence[str]) -> list[Row]:
    """Measure label words on another set, with the same templates and temperature."""
    found = kit.classify(texts[0], labels)
    rows = [Row(f"{name}: accuracy", _accuracy(found, labels, texts[1]), "")]
    if found[0].score is not None:
        rows.append(Row(f"{name}: expected calibration error", _error(found, labels, texts[1]), ""))
    return rows


def _kept(kit: Kit, texts: Sequence[str]) -> zeroshot.Embed:
    """Return the kit's `embed` that reads these texts only once."""
    vectors = kit.embed(texts)
    return lambda asked: vectors if asked is texts else kit.embed(asked)


def _accuracy(found: Sequence[Label], labels: Sequence[str], golds: Sequence[int]) -> float:
    return sum(one.label == labels[gold] for one, gold in zip(found, golds, strict=True)) / len(golds)


def _error(found: Sequence[Label], labels: Sequence[str], golds: Sequence[int]) -> float:
    pairs = zip(found, golds, strict=True)
    return expected_calibration_error((one.score or 0.0, one.label == labels[gold]) for one, gold in pairs)


def ag_news(path: Path, most: int | None) -> Texts:
    """Read title and description of each text; the file's escapes become what they stand for."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[:most]
    texts = [f"{title}. {text}".replace("\\", " ").replace(" #39;", "'") for _, title, text in rows]
    return texts, [int(label) - 1 for label, _, _ in rows]


def trec(path: Path, most: int | None) -> Texts:
    """Read questions with their coarse labels."""
    rows = [line.split(" ", 1) for line in path.read_text(encoding="latin-1").splitlines()][:most]
    return [text for _, text in rows], [list(TREC).index(label.split(":")[0]) for label, _ in rows]


def thucnews(path: Path, n: int) -> Texts:
    """Read n titles of all topics, drawn with a fixed seed."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    chosen = random.Random(0).sample(rows, n)
    return [title for title, _ in chosen], [int(label) for _, label in chosen]


def banking(path: Path, most: int | None) -> tuple[list[str], Texts]:
    """Read intents in words, and the customers' questions."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["category"] for row in rows})
    texts = [row["text"] for row in rows][:most], [names.index(row["category"]) for row in rows][:most]
    return [name.replace("_", " ").lower() for name in names], texts


if __name__ == "__main__":
    main()
