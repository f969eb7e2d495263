"""`nlpkit evaluate` for adapters that read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlpkit.cli.output import emit, show, show_table, write_page

if TYPE_CHECKING:
    from nlpkit.contrast import Contrast
    from nlpkit.evaluation import Evaluation, Judged

_CONFUSED, _DIFFERING = 5, 6
"""How many pairs of labels, and how many documents, are shown."""


def evaluate_read(
    adapter: str,
    data: Path,
    other: str | None,
    report: Path | None,
    probed: dict[str, Any],
    *,
    threshold_from: Path | None,
    precision: float | None,
    json: bool,
) -> None:
    """Score an adapter, hold it against another where one is given, and probe it as is asked for."""
    import nlpkit
    from nlpkit import checkpoint
    from nlpkit.cli.probes import probes, show_probes

    if other is not None:
        checkpoint.locate(other)  # a wrong name is said before the first adapter reads everything
    measured = probes(adapter, data, **probed)  # a broken file of groups is said before anything is read
    chosen: dict[str, Any] = {"threshold_from": threshold_from, "precision": precision}
    evaluation = nlpkit.evaluate(adapter, data=data, **{k: v for k, v in chosen.items() if v is not None})
    found = None
    if other is not None:
        from nlpkit.contrast import contrast

        found = contrast(evaluation, nlpkit.evaluate(other, data=data, read_as=adapter))
    if report is not None:
        from nlpkit.report import page

        write_page(report, page(evaluation, found))
    if json:
        against = {"against": found.to_dict()} if found else {}
        emit(evaluation.to_dict() | against | {key: one.to_dict() for key, one in measured.items()})
        return
    _show(evaluation)
    if found is not None:
        _show_contrast(found)
    show_probes(measured)


def _show(evaluation: Evaluation) -> None:
    from nlpkit.analysis import confused

    show(f"{evaluation.task} on {evaluation.data}, {evaluation.n} documents")
    show_table(
        ("score", "value", "95 % interval"),
        ((name, f"{value:.4f}", _between(evaluation.intervals.get(name))) for name, value in evaluation.scores.items()),
    )
    for what, schemes in evaluation.matching.items():
        show(f"\n{what}, strict and in part")
        averages = ((scheme, name, schemes[scheme][name]) for scheme in schemes for name in ("micro", "macro"))
        rows = ((s, name, *(f"{value:.4f}" for value in own.values())) for s, name, own in averages)
        show_table(("match", "average", "precision", "recall", "f1"), rows)
    for what, kinds in evaluation.errors.items():
        show(f"\n{what}: {', '.join(f'{n} {kind}' for kind, n in kinds.items())}")
        for gold, predicted, n in confused(evaluation.confusion.get(what, {}), _CONFUSED):
            show(f"  {gold} taken for {predicted}: {n}")
        if what in evaluation.calibration:
            show(f"  expected calibration error {evaluation.calibration[what]['ece']:.4f}")
    _show_thresholds(evaluation)


def _show_thresholds(evaluation: Evaluation) -> None:
    for what, chosen in evaluation.thresholds.items():
        least = "no threshold reaches that precision" if chosen.least is None else f"from {chosen.least:.4f} on"
        show(f"\n{what}, threshold chosen on dev: {least}")
        sides = (("dev", chosen.dev), ("test", chosen.test), ("test, as trained", chosen.trained))
        rows = ((name, *(f"{value:.4f}" for value in values.values())) for name, values in sides)
        show_table(("on", *chosen.test), rows)


def _between(ends: tuple[float, float] | None) -> str:
    return f"{ends[0]:.4f} to {ends[1]:.4f}" if ends else ""


def _show_contrast(found: Contrast) -> None:
    show(f"\nagainst {found.second}")
    show_table(
        ("score", found.first, found.second, "difference", "95 % interval", "p"),
        (
            (name, f"{d.first:.4f}", f"{d.second:.4f}", f"{d.difference:+.4f}", _between(d.interval), f"{d.p:.3f}")
            for name, d in found.differences.items()
        ),
    )
    show(f"documents all right: {', '.join(f'{n} {side}' for side, n in found.right.items())}")
    for first, second in found.differing[:_DIFFERING]:
        name, wrong = (found.second, second) if first.right else (found.first, first)
        show(f"  {name} alone is wrong: {_shortened(wrong)}")


def _shortened(document: Judged) -> str:
    """Return a text's beginning, and its first error, on one line."""
    error = next(j for j in document.judgements if j.kind != "right")
    sides = (("gold", error.gold), ("found", error.predicted))
    said = ", ".join(f"{side} {f.label} {f.text!r}" if f and f.text else f"{side} {f.label}" for side, f in sides if f)
    return f"{' '.join(document.gold.text.split())[:100]!r} ({error.kind}: {said})"
