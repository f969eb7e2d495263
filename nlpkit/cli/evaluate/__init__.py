"""`nlpkit evaluate`: an adapter's scores on a test file, or those of what a decoder writes."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.evaluate.reading import evaluate_read
from nlpkit.cli.evaluate.writing import BARE, evaluate_written
from nlpkit.errors import InputError


def evaluate(
    target: str = typer.Argument(
        help="An adapter (its name or folder), or a kind of text that a decoder writes, such as summary."
    ),
    data: Path = typer.Option(..., "--data", help="The test file; for what is written, JSON lines of pairs."),
    against: list[str] = typer.Option(
        [],
        "--against",
        help="Another adapter on the same documents; for what is written: settings, or 'bare', without the adapter.",
    ),
    report: Path | None = typer.Option(None, "--report", help="A page to write: scores, and every error in its text."),
    threshold_from: Path | None = typer.Option(
        None, "--threshold-from", help="Choose the least score to report on this file, by F1."
    ),
    precision: float | None = typer.Option(None, "--precision", help="Choose it for this precision instead of by F1."),
    robustness: bool = typer.Option(False, "--robustness", help="Scores under typing errors, other case, new names..."),
    fairness: bool = typer.Option(False, "--fairness", help="Scores where the texts tell of other groups of people."),
    groups: Path | None = typer.Option(None, "--groups", help="Groups of your own for --fairness, as TOML."),
    backbone: str = typer.Option("smollm2", "--backbone", "-b", help="The decoder that writes a kind of text."),
    chosen: list[str] = typer.Option(
        [], "--set", "-s", help="A setting of the decoding, as KEY=VALUE; again for more."
    ),
    html: Path | None = typer.Option(None, "--html", help="A page to show what was written, side by side."),
    json: bool = typer.Option(False, "--json", help="One JSON object, and nothing else."),
) -> None:
    """Measure an adapter, or what a decoder writes, on data with known answers."""
    from nlpkit import writings

    if groups is not None and not fairness:
        raise InputError("--groups says between whom --fairness compares; give both")
    if target in writings.names() or _writes(target):
        if report or threshold_from or precision is not None or robustness or fairness or groups:
            options = "--report, --threshold-from, --precision, --robustness and --fairness"
            raise InputError(f"{target!r} writes texts; {options} are for what reads")
        evaluate_written(target, data, backbone=backbone, settings=chosen, against=against, html=html, json=json)
        return
    if chosen or html:
        raise InputError(f"{target!r} reads texts; --set and --html are for what is written")
    if len(against) > 1 or BARE in against:
        raise InputError(f"{target!r} reads texts; --against takes one adapter, by its name or folder")
    other = against[0] if against else None
    probed = {"robustness": robustness, "fairness": fairness, "groups": groups}
    evaluate_read(target, data, other, report, probed, threshold_from=threshold_from, precision=precision, json=json)


def _writes(target: str) -> bool:
    from nlpkit import checkpoint
    from nlpkit.recipes import GENERATION

    heads: list[str] = checkpoint.account(checkpoint.locate(target))["recipe"]["heads"]
    return heads == [GENERATION]
