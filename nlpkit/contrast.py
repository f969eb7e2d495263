"""Two adapters on the same documents: by how much one is better, how sure that is, and where they differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from nlpkit.errors import InputError
from nlpkit.evaluation import Evaluation, Judged
from nlpkit.resampling import Difference, differences

BOTH, FIRST, SECOND, NEITHER = "both", "first", "second", "neither"


@dataclass(frozen=True, slots=True)
class Contrast:
    """Two evaluations held against each other.

    `differences` are those of the scores that both have, first less second; `right` counts the documents in which
    "both", the "first" alone, the "second" alone, or "neither" is right throughout. `differing` are the documents
    that one alone is right in.
    """

    first: str
    second: str
    differences: dict[str, Difference]
    right: dict[str, int]
    differing: tuple[tuple[Judged, Judged], ...] = field(default=(), repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the contrast as plain JSON types, without its documents."""
        return {
            "first": self.first,
            "second": self.second,
            "differences": {name: asdict(one) for name, one in self.differences.items()},
            "right": self.right,
        }


def contrast(first: Evaluation, second: Evaluation) -> Contrast:
    """Compare two evaluations on the same data, by the paired bootstrap (see `nlpkit.resampling`).

    Raises:
        InputError: the two are not of the same documents, or have no score in common.

    """
    if [d.gold.text for d in first.documents] != [d.gold.text for d in second.documents] or not first.documents:
        raise InputError(
            f"{first.task} was evaluated on {first.n} documents of {first.data}, {second.task} on {second.n} of "
            f"{second.data}; only adapters that read can be compared, on the same documents"
        )
    found = differences(first.tallies, second.tallies)
    if not found:
        raise InputError(
            f"{first.task} has the scores {', '.join(first.scores)}, {second.task} has {', '.join(second.scores)}: "
            "none in common; compare adapters for the same kind of task"
        )
    pairs = [_in_common(a, b) for a, b in zip(first.documents, second.documents, strict=True)]
    sides = [_SIDES[a.right, b.right] for a, b in pairs]
    return Contrast(
        first.task,
        second.task,
        found,
        {side: sides.count(side) for side in (BOTH, FIRST, SECOND, NEITHER)},
        tuple(pair for pair, side in zip(pairs, sides, strict=True) if side in (FIRST, SECOND)),
    )


_SIDES = {(True, True): BOTH, (True, False): FIRST, (False, True): SECOND, (False, False): NEITHER}


def _in_common(first: Judged, second: Judged) -> tuple[Judged, Judged]:
    """Return the two with only the judgements on what both were to find; all of them where one found nothing."""
    sides = [{j.what for j in one.judgements} for one in (first, second)]
    common = sides[0] & sides[1] if all(sides) else sides[0] | sides[1]
    one, other = (
        Judged(d.gold, d.predicted, tuple(j for j in d.judgements if j.what in common)) for d in (first, second)
    )
    return one, other
