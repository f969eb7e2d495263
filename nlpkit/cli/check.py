"""`nlpkit check`: what a data set holds, what is wrong with it and where, and a repaired copy."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from nlpkit.cli.output import emit, note, show, show_table

if TYPE_CHECKING:
    from nlpkit.checking import Measure, Report


def check(
    data: list[Path] = typer.Argument(help="Data files, or a folder with files called train, dev and test."),
    kind: str | None = typer.Option(None, "--as", help="What it is for: ner, relation, slots, classification or qa."),
    format: str = typer.Option("auto", "--format", help="The files' format; by default it is found by looking."),
    backbone: str | None = typer.Option(None, "--backbone", "-b", help="Count lengths in its pieces, and windows."),
    window: int = typer.Option(256, "--window", min=16, help="Pieces that are read at once."),
    least: int = typer.Option(5, "--least", min=1, help="A label with fewer examples is rare."),
    shown: int = typer.Option(3, "--show", min=0, help="Findings of each kind to show; the page and JSON have more."),
    strict: bool = typer.Option(False, "--strict", help="End with exit status 1 for warnings too."),
    html: Path | None = typer.Option(None, "--html", help="A page with it all, and charts."),
    fix: Path | None = typer.Option(None, "--fix", help="Write a repaired copy: a file, of several files a folder."),
    json: bool = typer.Option(False, "--json", help="One JSON object, and nothing else."),
) -> None:
    """Look for what is wrong in data before training; exit status 1 where there is an error."""
    from nlpkit import checking
    from nlpkit.checking.page import page
    from nlpkit.checking.repair import fix as repair

    sources = checking.load(data, format)
    report = checking.check(sources, kind=kind, measure=_measure(backbone, window), least=least)
    if html is not None:
        part = html.with_name(f".{html.name}.part")
        part.write_text(page(report), encoding="utf-8")
        part.replace(html)
        note(f"wrote {html}")
    if json:
        emit(report.to_dict())
    else:
        _show(report, shown)
    if fix is not None:
        written, repairs, losses = repair([source for source in sources if source.examples], fix)
        note(f"repaired: {said(repairs)}")
        note_losses(losses)
        note(f"wrote {', '.join(map(str, written))}; conflicting labels are left to you")
    if report.failed(strict=strict):
        raise typer.Exit(1)


def _measure(backbone: str | None, window: int) -> Measure | None:
    if backbone is None:
        return None
    from nlpkit.backbone import Backbone
    from nlpkit.checking import Measure

    loaded = Backbone.from_pretrained(backbone)
    size = min(window, loaded.max_pieces)
    return Measure(loaded.encode, size, size * 3 // 4)


def _show(report: Report, shown: int) -> None:
    for file in report.files:
        lengths = file.lengths
        windows = "" if lengths.windows is None else f", {lengths.windows:,} windows"
        measured = f"median {lengths.median:,}, 90 % up to {lengths.most:,}, at most {lengths.longest:,}{windows}"
        show(f"{file.file}: {file.texts:,} texts ({file.format}), {lengths.unit} {measured}")
        if file.labels:
            show_table(
                ("of", "label", "count", "example"), ((h.of, h.label, h.count, h.example[:60]) for h in file.labels)
            )
        show()
    for kind, found in report.by_kind().items():
        show(f"{found[0].severity}: {kind}, {len(found):,}")
        for finding in found[:shown]:
            show(f"  {finding.where}: {finding.message}")
    severities = Counter(finding.severity for finding in report.findings)
    show(", ".join(f"{severities[s]:,} {s}{'s' * (severities[s] != 1)}" for s in ("error", "warning", "note")))


def said(counts: Counter[str]) -> str:
    """Return counts in words."""
    return ", ".join(f"{what} {n:,}" for what, n in counts.items()) or "nothing"


def note_losses(losses: Counter[str]) -> None:
    """Tell what a format could not hold, if anything."""
    if losses:
        note(f"lost, for the format has no place for them: {said(losses)}")
