"""What `nlpkit evaluate` shows of robustness and fairness."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.cli.output import note, show, show_table

if TYPE_CHECKING:
    from nlpkit.probing import Change, Fairness, Robustness


def probes(adapter: str, data: Path, *, robustness: bool, fairness: bool, groups: Path | None) -> dict[str, Any]:
    """Return what is measured of an adapter beside its scores, by the key under which JSON has it."""
    from nlpkit import checkpoint, probing
    from nlpkit.editing.groups import read_groups

    if not (robustness or fairness):
        return {}
    chosen = read_groups(groups) if fairness else None
    task, golds = probing.tested(checkpoint.load(checkpoint.locate(adapter)), data)
    found: dict[str, Any] = {}
    if robustness:
        found["robustness"] = probing.robustness(task, golds, progress=lambda name: note(f"measuring {name}"))
    if chosen is not None:
        found["fairness"] = probing.fairness(task, golds, chosen, progress=lambda name: note(f"measuring {name}"))
    return found


def show_probes(measured: Mapping[str, Any]) -> None:
    """Print what was measured."""
    for key, one in measured.items():
        _SHOWN[key](one)


def show_robustness(found: Robustness) -> None:
    """Print the scores under each perturbation."""
    show(f"\nrobustness: before and after, on the texts of {found.n} that a perturbation changes; 95 % intervals")
    headings = ("perturbation", "texts", "score", "before", "after", "difference", "interval")
    rows = (
        (name, effect.n, metric, *_numbers(change))
        for name, effect in found.effects.items()
        for metric, change in effect.metrics.items()
    )
    show_table(headings, rows)
    _show_skipped(found.skipped)


def show_fairness(found: Fairness) -> None:
    """Print the scores of each group, and the widest gap between two."""
    show(f"\nfairness: texts of {found.n} told of each group; the widest gap between two, with its 95 % interval")
    show_table(("axis", "texts", "score", "lowest", "", "highest", "", "difference", "interval"), _gaps(found))
    for name, axis in found.axes.items():
        show(f"{name}: {axis.flips:.1%} of {axis.n} texts are not decided alike for all groups")
    _show_skipped(found.skipped)


def _gaps(found: Fairness) -> Iterator[tuple[object, ...]]:
    for name, axis in found.axes.items():
        for metric, gap in axis.gaps.items():
            low, high, difference, interval = _numbers(gap.change)
            yield name, axis.n, metric, gap.lowest, low, gap.highest, high, difference, interval


def _numbers(change: Change) -> tuple[str, str, str, str]:
    interval = f"{change.low:+.3f} to {change.high:+.3f}"
    return f"{change.before:.3f}", f"{change.after:.3f}", f"{change.difference:+.3f}", interval


def _show_skipped(skipped: Mapping[str, str]) -> None:
    for name, reason in skipped.items():
        show(f"{name}: not measured; {reason}")


_SHOWN: dict[str, Callable[[Any], None]] = {"robustness": show_robustness, "fairness": show_fairness}
