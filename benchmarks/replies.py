"""Replies of a task assistant on the SGD part: templates, and SmolLM2 with an adapter trained to write from acts.

    python replies.py --data DATA
    python replies.py --data DATA --adapter runs/reply-sgd

System turns of the test part are written again from their acts, their values and what the user said. A slot error is a
value that an act names and the reply does not say; the people who wrote the references made some too.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterable, Sequence

from _report import Row, options, show, write

from nlpkit import data, fluency, written
from nlpkit.phrasing import Phrasing
from nlpkit.replies import slot_error_rate, spoken_by, templated
from nlpkit.types import Document

PERSONA = "a cheerful guide who keeps it short"
N_PERSONA = 100


def main() -> None:
    """Measure and write benchmarks/results/replies.json."""
    parser = options(__doc__, "ten replies, nothing is written")
    parser.add_argument("--adapter", help="a trained writer of replies: its folder or name")
    parser.add_argument("--replies", type=int, default=500, help="of the test part, drawn with a fixed seed")
    arguments = parser.parse_args()
    examples = list(data.read(arguments.data / "dialogue" / "sgd" / "test", "sgd-replies"))
    chosen = random.Random(3).sample(examples, 10 if arguments.quick else arguments.replies)
    documents = [example.document for example in chosen]
    rows = [
        Row("references: slot error rate", errors([d.text for d in documents], documents), ""),
        *scored("templates", [templated(d.metadata["acts"]) for d in documents], documents),
    ]
    if arguments.adapter:
        rows += by_decoder(Phrasing(arguments.adapter), documents)
    show("Replies", rows)
    if not arguments.quick:
        write("replies", rows, f"{len(documents)} system turns of the SGD part's test files")


def by_decoder(phrasing: Phrasing, documents: Sequence[Document]) -> list[Row]:
    """Return the scores of the decoder's replies: as it is, with the adapter, mended, and with a persona."""
    rows = []
    for what, adapter in (("SmolLM2 as it is", None), ("SmolLM2 with the adapter", phrasing.adapter)):
        found = written.write(
            phrasing.generator, documents, adapter=adapter, chat=False, max_new_tokens=96, stop=["\n"]
        )
        rows += scored(what, found.texts, documents)
        rows.append(Row(f"{what}: perplexity of the references, by pieces", found.scores["perplexity"], ""))
    first = [text.strip() for text in found.texts]
    kept = [phrasing.mended(text, d.query, d.metadata["acts"]) for text, d in zip(first, documents, strict=True)]
    plain = [templated(d.metadata["acts"]) for d in documents]
    rows += scored("the same, drawn again or a template where a value is not said", kept, documents)
    rows.append(
        Row(
            "share of those that are drawn again",
            share(a not in (b, c) for a, b, c in zip(kept, first, plain, strict=True)),
            "",
        )
    )
    rows.append(Row("share of those that are templates", share(map(str.__eq__, kept, plain)), ""))
    some = documents[:N_PERSONA]
    spoken = phrasing.written([spoken_by(PERSONA, d.query) for d in some])
    what = f"with the persona {PERSONA!r}, {len(some)} replies"
    rows.append(Row(f"{what}: slot error rate", errors(spoken, some), ""))
    rows.append(Row(f"{what}: share that change", share(map(str.__ne__, spoken, first)), ""))
    return rows


def share(flags: Iterable[bool]) -> float:
    """Return how many of some flags are set, as a share."""
    return statistics.mean(map(float, flags))


def scored(what: str, replies: Sequence[str], documents: Sequence[Document]) -> list[Row]:
    """Return the BLEU of replies against the references, and their slot error rate."""
    goal = None if "as it is" in what else 0.05
    return [
        Row(f"{what}: BLEU", fluency.report(list(replies), [d.text for d in documents])["bleu"], ""),
        Row(f"{what}: slot error rate", errors(replies, documents), "", goal),
    ]


def errors(replies: Sequence[str], documents: Sequence[Document]) -> float:
    """Return the slot error rate of replies."""
    return slot_error_rate(replies, [d.metadata["values"] for d in documents])


if __name__ == "__main__":
    main()
