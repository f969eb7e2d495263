"""What questions with their answers teach about a graph: which plans give those answers, found by walking them all."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nlpkit.errors import QuestionError
from nlpkit.graph.plan import MAX_HOPS, Step, name_of
from nlpkit.graph.question import read
from nlpkit.graph.records import Extractor, FactSource
from nlpkit.graph.topics import Topic, find_topics
from nlpkit.graph.wordings import PLACEHOLDER, wordings
from nlpkit.types import Choice, Document

N_ALIKE: Final = 12
"""Of questions in the same words, about other topics, so many are answered; what plans are worth is their mean."""
MOST_NODES: Final = 2000
"""A way that reaches more nodes than this is not gone on with."""
LEAST_WORTH: Final = 0.02
"""A plan whose answers agree less than this is not kept."""
_SEED: Final = 13

Nodes = NDArray[np.int64]


class Walker:
    """A graph's facts in memory, so that many plans can be walked fast.

    Args:
        source: the graph.
        nodes: the ids of its nodes.

    """

    def __init__(self, source: FactSource, nodes: Collection[int]) -> None:
        self.ids = np.array(sorted(nodes), dtype=np.int64)
        self.ways: dict[Step, tuple[Nodes, Nodes]] = {}
        for relation in source.relations():
            facts = source.follow(nodes, relation, False)
            ends = np.array([(f.subject, f.object) for f in facts], dtype=np.int64).reshape(-1, 2)
            subjects, objects = (np.searchsorted(self.ids, ends[:, side]) for side in (0, 1))
            self.ways[Step(relation, False)] = self._sorted(subjects, objects)
            self.ways[Step(relation, True)] = self._sorted(objects, subjects)

    def _sorted(self, origins: Nodes, ends: Nodes) -> tuple[Nodes, Nodes]:
        order = np.argsort(origins, kind="stable")
        return np.searchsorted(origins[order], np.arange(len(self.ids) + 1)), ends[order]

    def numbers(self, ids: Collection[int]) -> Nodes:
        """Return the numbers of nodes within this walker, by their ids."""
        return np.unique(np.searchsorted(self.ids, np.array(sorted(ids), dtype=np.int64)))

    def reach(self, nodes: Nodes, step: Step) -> Nodes:
        """Return the nodes that a step leads to from any of these, each once."""
        starts, ends = self.ways[step]
        counts = starts[nodes + 1] - starts[nodes]
        before = np.cumsum(counts) - counts
        return np.unique(ends[np.repeat(starts[nodes] - before, counts) + np.arange(counts.sum())])

    def agreeing(self, topic: int, gold: Nodes, n_gold: int) -> dict[tuple[Step, ...], float]:
        """Return the chains from a topic that reach any of the gold nodes, with the F1 of what they reach.

        The topic does not count as reached after the second and later hops where anything else is, as in `execute`.
        """
        leads = {step: self.reach(gold, step.back) for step in self.ways}
        leads = {step: nodes for step, nodes in leads.items() if len(nodes)}
        marked = {step: self._marked(nodes) for step, nodes in leads.items()}
        found: dict[tuple[Step, ...], float] = {}
        ways: list[tuple[tuple[Step, ...], Nodes]] = [((), np.array([topic]))]
        for hop in range(1, MAX_HOPS + 1):
            for steps, nodes in ways:
                for step, leading in marked.items():
                    if leading[nodes].any():
                        ends = self._without(self.reach(nodes, step), topic, hop)
                        hits = int(np.isin(gold, ends, assume_unique=True).sum())
                        if hits:
                            found[*steps, step] = min(1.0, 2 * hits / (len(ends) + n_gold))
            if hop < MAX_HOPS:
                ways = [way for steps, nodes in ways for way in self._further(steps, nodes, topic, hop)]
        return found

    def _further(
        self, steps: tuple[Step, ...], nodes: Nodes, topic: int, hop: int
    ) -> Iterator[tuple[tuple[Step, ...], Nodes]]:
        for step in self.ways:
            ends = self._without(self.reach(nodes, step), topic, hop)
            if 0 < len(ends) <= MOST_NODES:
                yield (*steps, step), ends

    def _marked(self, nodes: Nodes) -> NDArray[np.bool_]:
        marks = np.zeros(len(self.ids), dtype=bool)
        marks[nodes] = True
        return marks

    @staticmethod
    def _without(nodes: Nodes, topic: int, hop: int) -> Nodes:
        return nodes if hop == 1 or len(nodes) == 1 else nodes[nodes != topic]


def lessons(
    documents: Sequence[Document],
    source: FactSource,
    walker: Walker,
    kit: Extractor,
    progress: Callable[[int, int], None] | None = None,
) -> list[Document]:
    """Return what questions with answers teach: each wording once, its topic masked, with plans and their worth.

    The worth of a plan is the F1 of what it reaches and the answers given, averaged over up to `N_ALIKE` questions in
    the same words. Questions with no topic, or several, and those whose answers no plan reaches, are left out.

    Args:
        documents: questions; `metadata` holds "answers" (names) and, where it is known, the "topic".
        source: the graph.
        walker: its facts.
        kit: finds topics that are not given; puts plans into words.
        progress: called with how many wordings are done, and of how many.

    """
    alike: dict[str, list[tuple[Document, Topic]]] = {}
    for document in random.Random(_SEED).sample(documents, len(documents)):
        if masked := _masked(document, source, kit):
            alike.setdefault(masked[0], []).append((document, masked[1]))
    taught = []
    for n, (text, those) in enumerate(alike.items(), start=1):
        worth: dict[tuple[Step, ...], float] = {}
        some = those[:N_ALIKE]
        for document, topic in some:
            for steps, f1 in _plans(document, topic, source, walker).items():
                worth[steps] = worth.get(steps, 0.0) + f1 / len(some)
        words = wordings(kit)
        likely = {steps: f1 for steps, f1 in worth.items() if f1 >= LEAST_WORTH and not _detour(steps, worth)}
        choices = tuple(Choice(name_of(s), words.parts(s), f1) for s, f1 in likely.items())
        if choices:
            taught.append(replace(some[0][0], text=text, metadata={"choices": choices}))
        if progress:
            progress(n, len(alike))
    return taught


def _detour(steps: tuple[Step, ...], worth: Mapping[tuple[Step, ...], float]) -> bool:
    """Tell whether a chain goes there, back and there again for nothing that going there once does not give."""
    for n in range(len(steps) - 2):
        if steps[n] == steps[n + 1].back == steps[n + 2]:
            return worth.get(steps[:n] + steps[n + 2 :], 0.0) >= worth[steps]
    return False


def _masked(document: Document, source: FactSource, kit: Extractor) -> tuple[str, Topic] | None:
    """Return a question with its one topic masked, and that topic."""
    given = document.metadata.get("topic")
    try:
        found = find_topics(document.text, source, kit, [given] if given else None)
        if len(found.topics) != 1 or not document.metadata.get("answers"):
            return None
        (topic,) = found.topics
        return read(found.text, ((topic.first, topic.last),)).masked(PLACEHOLDER), topic
    except QuestionError:
        return None


def _plans(document: Document, topic: Topic, source: FactSource, walker: Walker) -> dict[tuple[Step, ...], float]:
    """Return the plans that reach answers of a question, the best over the topic's namesakes."""
    answers = [str(answer) for answer in document.metadata["answers"]]
    gold = {node.id for answer in answers for node in source.find(answer) if answer in (node.name, *node.aliases)}
    best: dict[tuple[Step, ...], float] = {}
    for node in topic.nodes if gold else ():
        (number,) = walker.numbers([node.id])
        for steps, f1 in walker.agreeing(int(number), walker.numbers(gold), len(answers)).items():
            best[steps] = max(best.get(steps, 0.0), f1)
    return best
