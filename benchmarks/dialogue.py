"""Conversations: written follow-ups over the sample corpus, and the state of task dialogues on the SGD part.

    python dialogue.py --data DATA
    python dialogue.py --data DATA --adapter runs/dialogue-sgd

The follow-ups need no data. The tracker is measured on whole conversations of the test part, beside baselines: the
state that a service has most often in training, and the last state kept, which begins empty. "Every turn followed" is
what a tracker without a mistake reaches: some values are said neither by the system's last turn nor by the user's.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from _report import Row, options, show, write

import nlpkit
from nlpkit import data, engine
from nlpkit.checkpoint import load, locate
from nlpkit.dialogue import Dialogue
from nlpkit.heads.dialogue import STATE, DialogueHead
from nlpkit.types import Document

ROOT = Path(__file__).resolve().parent.parent
FOLLOWUPS, CORPUS = ROOT / "tests" / "data" / "followups.jsonl", ROOT / "examples" / "corpus"


def main() -> None:
    """Measure and write benchmarks/results/dialogue.json."""
    parser = options(__doc__, "ten conversations of each, nothing is written")
    parser.add_argument("--adapter", help="a trained tracker: its folder or name")
    parser.add_argument(
        "--conversations", type=int, default=400, help="of the SGD part's test files, the first so many"
    )
    arguments = parser.parse_args()
    few = 10 if arguments.quick else None
    rows = [
        *follow_ups(few),
        *tracking(arguments.data / "dialogue" / "sgd", arguments.adapter, few or arguments.conversations),
    ]
    show("Dialogue", rows)
    if not arguments.quick:
        what = f"46 written conversations; {arguments.conversations} conversations of the SGD part's test files"
        write("dialogue", rows, what)


def follow_ups(most: int | None) -> list[Row]:
    """Measure the written follow-ups: with the graph, with the documents, and with both."""
    kit = nlpkit.load("relation/wikipedia", "qa/squad")
    documents = [Document(path.read_text(encoding="utf-8"), id=path.name) for path in sorted(CORPUS.glob("*.txt"))]
    index = kit.index(documents)
    talks = [json.loads(line)["turns"] for line in FOLLOWUPS.read_text(encoding="utf-8").splitlines()][:most]
    rows = []
    with nlpkit.KnowledgeGraph.build(CORPUS, nlpkit.load()) as graph:
        for name, talking in (
            ("graph and documents", kit.dialogue(graph=graph, documents=index)),
            ("graph alone", kit.dialogue(graph=graph)),
            ("documents alone", kit.dialogue(documents=index)),
        ):
            right = [said for turns in talks for said in _right(talking, turns)]
            rows.append(Row(f"follow-ups answered rightly, {name}", sum(right) / len(right), "", 0.7))
    return [*rows, Row("follow-ups", len(right), "")]


def _right(talking: Dialogue, turns: Sequence[Mapping[str, Any]]) -> Iterator[bool]:
    """Say of each turn but the first whether its reply names every answer that is due."""
    talking.forget()
    for number, turn in enumerate(turns):
        reply = talking(turn["question"]).text.casefold()
        if number:
            yield all(any(name.casefold() in reply for name in due.split("|")) for due in turn["answers"])


def tracking(folder: Path, adapter: str | None, most: int) -> list[Row]:
    """Measure baselines, a tracker without a mistake, and a trained one, on whole conversations."""
    golds = conversations(folder / "test", most)
    head = DialogueHead(8)
    ways = {
        "the last state, which begins empty": [replace(g, labels={}, slots=()) for g in golds],
        "every turn followed": golds,
    }
    rows = [Row("SGD part: majority: joint goal", majority(folder, golds), "")]
    for name, found in ways.items():
        rows.append(Row(f"SGD part: {name}: joint goal", head.score(found, golds)["joint_goal_accuracy"], ""))
    if adapter:
        task = load(locate(adapter))
        bare = [Document(g.text, g.id, query=g.query) for g in golds]
        with task.adapted.using(task.name) as model:
            found = engine.read(model, task.heads, bare, task.reading)
        scores = task.heads[0].score(found, golds)
        rows += [Row(f"SGD part: tracker: {metric}", value, "") for metric, value in scores.items()]
        best = max(row.value for row in rows if "majority" in row.name or "begins empty" in row.name)
        rows.append(
            Row(
                "SGD part: joint goal, tracker against the better baseline",
                scores["joint_goal_accuracy"] / best,
                "x",
                2.0,
            )
        )
    return [*rows, Row("SGD part: turns", len(golds), "")]


def conversations(folder: Path, most: int) -> list[Document]:
    """Return the turns of the first so many conversations."""
    found: list[Document] = []
    seen: set[str] = set()
    for example in data.read(folder, "sgd"):
        seen.add(example.document.id.rpartition("-")[0].rpartition("-")[0])
        if len(seen) > most:
            break
        found.append(example.document)
    return found


def majority(folder: Path, golds: Sequence[Document]) -> float:
    """Return the joint goal of the state that each service has most often in training, an empty one if it has none."""
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for example in data.read(folder / "train", "sgd"):
        state = {name: values[0] for name, values in example.document.metadata[STATE].items()}
        states[example.document.query][json.dumps(state, sort_keys=True)] += 1
    best = {query: json.loads(counts.most_common(1)[0][0]) for query, counts in states.items()}
    right = 0
    for gold in golds:
        found, wanted = best.get(gold.query, {}), gold.metadata[STATE]
        right += found.keys() == wanted.keys() and all(value in wanted[name] for name, value in found.items())
    return right / len(golds)


if __name__ == "__main__":
    main()
