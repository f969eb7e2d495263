"""Replies of a task assistant on the SGD part: templates, and SmolLM2 with an adapter trained to write from acts.

    python replies.py --data DATA
    python replies.py --data DATA --adapter runs/reply-sgd

System turns of the test part are written again from their acts, their values and what the user said. A slot error is a
value that an act names and the reply does not say; the people who wrote the references made some too.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from _report import Row, options, show, write

from nlpkit import data, fluency, written
from nlpkit.phrasing import Phrasing
from nlpkit.replies import slot_error_rate, templated
from nlpkit.types import Document


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
        phrasing = Phrasing(arguments.adapter)
        for what, adapter in (("SmolLM2 as it is", None), ("SmolLM2 with the adapter", phrasing.adapter)):
            found = written.write(
                phrasing.generator, documents, adapter=adapter, chat=False, max_new_tokens=96, stop=["\n"]
            )
            rows += scored(what, found.texts, documents)
            rows.append(Row(f"{what}: perplexity of the references, by pieces", found.scores["perplexity"], ""))
        kept = [
            phrasing.mended(text.strip(), d.query, d.metadata["acts"])
            for text, d in zip(found.texts, documents, strict=True)
        ]
        rows += scored("the same, drawn again or a template where a value is not said", kept, documents)
        plain = [templated(d.metadata["acts"]) for d in documents]
        rows.append(Row("share of templates in that", sum(map(str.__eq__, kept, plain)) / len(kept), ""))
    show("Replies", rows)
    if not arguments.quick:
        write("replies", rows, f"{len(documents)} system turns of the SGD part's test files")


def scored(what: str, replies: Sequence[str], documents: Sequence[Document]) -> list[Row]:
    """Return the BLEU of replies against the references, and their slot error rate."""
    goal = 0.05 if "adapter" in what or what == "templates" else None
    return [
        Row(f"{what}: BLEU", fluency.report(list(replies), [d.text for d in documents])["bleu"], ""),
        Row(f"{what}: slot error rate", errors(replies, documents), "", goal),
    ]


def errors(replies: Sequence[str], documents: Sequence[Document]) -> float:
    """Return the slot error rate of replies."""
    return slot_error_rate(replies, [d.metadata["values"] for d in documents])


if __name__ == "__main__":
    main()
