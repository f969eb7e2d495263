"""Chinese questions on a graph: KdConv's conversations, asked of the knowledge that their speakers had.

    python kdconv.py --data DATA
    python kdconv.py --data DATA --part dev

The facts that the messages of a domain lean on make one graph (the knowledge bases are not all to be had). All messages
are put to `nlpkit.Dialogue` one after another; counted are those that ask and are answered by such facts. An answer is
right where it is one of the values that the next message gives. Two kinds of question are told apart: those that ask
for something, and those that ask whether the other knows a thing ("知道X吗？"), which is answered by whatever comes to
mind. The rules were made while looking at the dev parts.
"""

from __future__ import annotations

import gzip
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from _report import Row, options, show, write

import nlpkit
from nlpkit.types import Turn

DOMAINS = {"film": "films", "music": "music", "travel": "places"}
_ASKS = re.compile(r"[？?吗呢谁哪几啥]|什么|多[少大长久高]|怎")
_KNOWS = re.compile(r"(?:知道|听过|听说|看过|了解|认识|喜欢|去过)[^，。]*(?:吗|么|吧|不)?[？?]?$")
_BEHIND = re.compile(r"（[^（）]*）$|\([^()]*\)$")
TALK = "Information"
"""The attribute that holds a whole paragraph."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A message that asks, with the facts that answer it: (subject, relation, value)."""

    text: str
    facts: tuple[tuple[str, str, str], ...]

    @property
    def for_something(self) -> bool:
        """Whether it asks for something, not only whether the other knows a thing."""
        last = [part for part in re.split(r"[，。！!,]", self.text) if part.strip()][-1]
        named = any(relation in last for _, relation, _ in self.facts)
        return bool(_ASKS.search(last)) and (
            named or not (_KNOWS.search(last) and not re.search(r"[谁哪几啥]|什么|多", last))
        )


def main() -> None:
    """Measure and write benchmarks/results/kdconv.json."""
    parser = options(__doc__, "five conversations of each domain, nothing is written")
    parser.add_argument("--part", choices=["dev", "test"], default="test")
    parser.add_argument("--show", type=int, default=0, help="print so many questions that are not answered rightly")
    arguments = parser.parse_args()
    rows: list[Row] = []
    kit = nlpkit.load()
    for domain, name in DOMAINS.items():
        talks = conversations(arguments.data / "dialogue" / "kdconv" / domain / f"{arguments.part}.json.gz")
        with tempfile.TemporaryDirectory() as folder:
            graph = imported(talks, Path(folder), kit)
            rows += measured(kit, graph, talks[:5] if arguments.quick else talks, name, arguments.show)
            graph.close()
    show("KdConv", rows)
    if not arguments.quick and arguments.part == "test":
        write("kdconv", rows, "the test parts of KdConv, their facts as a graph")


def conversations(path: Path) -> list[list[Mapping[str, Any]]]:
    """Return the messages of each conversation."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [talk["messages"] for talk in json.load(file)]


def facts_of(message: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the facts that a message leans on."""
    for held in message.get("attrs", ()):
        if held["attrname"] != TALK and held["attrvalue"].strip():
            yield held["name"].strip(), held["attrname"].strip(), held["attrvalue"].strip()


def imported(talks: Sequence[Sequence[Mapping[str, Any]]], folder: Path, kit: nlpkit.Kit) -> nlpkit.KnowledgeGraph:
    """Return a graph of all facts; "恋恋笔记本（美国2004年…爱情片）" is called 恋恋笔记本 too."""
    facts = dict.fromkeys(fact for talk in talks for message in talk for fact in facts_of(message))
    named = dict.fromkeys(held["name"].strip() for talk in talks for m in talk for held in m.get("attrs", ()))
    names = dict.fromkeys([*named, *(end for subject, _, value in facts for end in (subject, value))])
    table = {
        "nodes": [{"id": name, "name": name, "aliases": aliases(name)} for name in names],
        "edges": [{"source": s, "target": o, "key": r, "relation": r} for s, r, o in facts],
    }
    path = folder / "kdconv.json"
    path.write_text(json.dumps({"directed": True, "multigraph": True, **table}, ensure_ascii=False), encoding="utf-8")
    return nlpkit.KnowledgeGraph.load_file(path, kit=kit)


def aliases(name: str) -> list[str]:
    """Return what a thing is called without what stands behind it in brackets."""
    short = _BEHIND.sub("", name).strip()
    return [short] if short and short != name else []


def said(talk: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Asked | None]]:
    """Yield the messages of a conversation, with those that ask and are answered by facts as questions."""
    for message, reply in pairwise(talk):
        text, facts = message["message"].strip(), tuple(facts_of(reply))
        if text:
            yield text, Asked(text, facts) if facts and _ASKS.search(text) else None


def measured(
    kit: nlpkit.Kit, graph: nlpkit.KnowledgeGraph, talks: Sequence[Sequence[Mapping[str, Any]]], name: str, shown: int
) -> list[Row]:
    """Put the questions of conversations to a dialogue and count what is right, wrong and left open."""
    relations: dict[str, set[str]] = defaultdict(set)
    for subject, relation, _ in (fact for talk in talks for message in talk for fact in facts_of(message)):
        relations[subject].add(relation)
    counts = {True: [0, 0, 0], False: [0, 0, 0]}
    plain = [0, 0]
    for talk in talks:
        dialogue = kit.dialogue(graph=graph)
        for text, asked in said(talk):
            turn = dialogue(text)
            if not asked:
                continue
            values = {value for _, _, value in asked.facts}
            right = turn.act == "answer" and bool(values & set(answers_of(turn)))
            place = 0 if right else 1 if turn.act == "answer" else 2
            counts[asked.for_something][place] += 1
            if asked.for_something:
                nearest = nearest_name(sorted(relations[asked.facts[0][0]]), asked.text)
                plain[0] += nearest in {relation for _, relation, _ in asked.facts}
                plain[1] += 1
                if place and shown:
                    shown -= 1
                    print(
                        ["right", "WRONG", "open"][place],
                        asked.text,
                        asked.facts[:2],
                        turn.text[:60],
                        dialogue.why()[:160],
                    )
    rows = []
    for kind, what in ((True, "asked for something"), (False, "asked whether a thing is known")):
        total = sum(counts[kind])
        shares = [n / max(total, 1) for n in counts[kind]]
        rows += [
            Row(f"{name}, {what}: {answer}", share, f"of {total}")
            for answer, share in zip(("right", "wrong", "left open"), shares, strict=True)
        ]
    rows.append(
        Row(f"{name}: the relation by the most characters in common, topic given", plain[0] / max(plain[1], 1), "")
    )
    return rows


def answers_of(turn: Turn) -> list[str]:
    """Return the answers that a reply lists."""
    whole = turn.text.removesuffix("。")
    return [whole, *whole.split("、")]


def nearest_name(relations: Sequence[str], text: str) -> str:
    """Return the relation whose name shares most of its characters with a text."""
    return max(relations, key=lambda relation: len(set(relation) & set(text)) / len(relation), default="")


if __name__ == "__main__":
    main()
