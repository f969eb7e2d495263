"""Query plans: what is walked on the graph to answer a question, as typed values that can be read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from nlpkit.errors import QuestionError
from nlpkit.graph.records import Node

MAX_HOPS: Final = 3
MAX_BRANCHES: Final = 3


class Step(NamedTuple):
    """One hop: along `relation` from subject to object, or back from object to subject if `inverse`."""

    relation: str
    inverse: bool

    @property
    def back(self) -> Step:
        """The same relation walked the other way."""
        return Step(self.relation, not self.inverse)

    def __str__(self) -> str:
        return f"<-{self.relation}-" if self.inverse else f"-{self.relation}->"


def name_of(steps: Sequence[Step]) -> str:
    """Return steps in short: + (forward) or - (back) and the relation, " / " between hops."""
    return " / ".join(("-" if step.inverse else "+") + step.relation for step in steps)


def steps_of(name: str) -> tuple[Step, ...]:
    """Return the steps that `name_of` wrote."""
    return tuple(Step(part[1:], part[0] == "-") for part in name.split(" / "))


@dataclass(frozen=True, slots=True)
class Branch:
    """A chain of hops that starts at one node."""

    topic: Node
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"({self.topic.name}) " + " ".join(f"{step} ?" for step in self.steps)

    @property
    def compact(self) -> str:
        """The typed form: node id, then + (forward) or - (back) and the relation, one a hop."""
        return "/".join([str(self.topic.id), *(("-" if s.inverse else "+") + s.relation for s in self.steps)])


@dataclass(frozen=True, slots=True)
class Plan:
    """One branch, or several whose ends are intersected; its answers are the end nodes, or how many they are.

    `types` are the entity types an answer may have; empty where any will do. A node without a type passes.
    """

    branches: tuple[Branch, ...]
    count: bool = False
    types: frozenset[str] = frozenset()

    def __str__(self) -> str:
        words = " & ".join(str(branch) for branch in self.branches)
        return f"count {words}" if self.count else words

    @property
    def compact(self) -> str:
        """The plan in one token-like line, e.g. `count(17/+place of birth/-country):LOC`."""
        body = " & ".join(branch.compact for branch in self.branches)
        types = ":" + ",".join(sorted(self.types)) if self.types else ""
        return (f"count({body})" if self.count else body) + types

    @property
    def n_hops(self) -> int:
        """The number of hops of the longest branch."""
        return max((len(branch.steps) for branch in self.branches), default=0)

    def validate(self, relations: Mapping[str, int]) -> None:
        """Check that the plan can run on a graph with these relations.

        Raises:
            QuestionError: too many or too few branches or hops, one topic twice, or a relation the graph lacks.

        """
        if not 1 <= len(self.branches) <= MAX_BRANCHES:
            n_branches = len(self.branches)
            raise QuestionError(f"a plan has 1 to {MAX_BRANCHES} branches, not {n_branches}: ask about fewer names")
        if len({branch.topic.id for branch in self.branches}) < len(self.branches):
            raise QuestionError(f"the plan {self} starts twice at one node: name two different ones")
        for branch in self.branches:
            if not 1 <= len(branch.steps) <= MAX_HOPS:
                raise QuestionError(f"a branch has 1 to {MAX_HOPS} hops, not {len(branch.steps)}: {branch}")
            for step in branch.steps:
                if step.relation not in relations:
                    known = ", ".join(sorted(relations)[:12])
                    raise QuestionError(f"no relation {step.relation!r} in this graph; known: {known or 'none'}, ...")
