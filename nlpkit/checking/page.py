"""The report of a check as one page of HTML that needs nothing else, with bars for labels and lengths."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nlpkit.checking.findings import FileReport, Finding, Report

_LABELS = 40
"""So many labels of a file are drawn."""
_FINDINGS = 200
"""So many findings of a kind are shown."""
_WIDTH, _HEIGHT, _NAME, _COUNT = 720, 18, 220, 80
"""Pixels: of a chart, of a bar, of the names before the bars, of the counts behind them."""


def page(report: Report) -> str:
    """Return the page: what each file holds, then the findings by kind."""
    counts = "".join(
        f"<tr class={found[0].severity}><td>{found[0].severity}</td><td><a href='#{n}'>{escape(kind)}</a></td>"
        f"<td>{len(found):,}</td></tr>"
        for n, (kind, found) in enumerate(report.by_kind().items())
    )
    files = "".join(map(_file, report.files))
    kinds = "".join(_kind(n, kind, found) for n, (kind, found) in enumerate(report.by_kind().items()))
    return _PAGE.format(counts=counts or "<tr><td>nothing was found</td></tr>", files=files, kinds=kinds)


def _file(file: FileReport) -> str:
    lengths = file.lengths
    told = f"{file.texts:,} texts, format {escape(file.format)}"
    if file.texts:
        told += f"; {lengths.unit}: median {lengths.median:,}, 90 % up to {lengths.most:,}, at most {lengths.longest:,}"
    if lengths.windows is not None:
        told += f"; {lengths.windows:,} windows cover them"
    labels = bars([(f"{held.of}: {held.label}", held.count, held.example) for held in file.labels[:_LABELS]])
    left = f"<p>and {len(file.labels) - _LABELS:,} labels more</p>" if len(file.labels) > _LABELS else ""
    texts = bars([(f"{a:,} to {b:,} {lengths.unit}", n, "") for a, b, n in lengths.bars])
    return f"<h2>{escape(file.file)}</h2><p>{told}</p><h3>Labels</h3>{labels}{left}<h3>Lengths</h3>{texts}"


def bars(rows: Sequence[tuple[str, int, str]]) -> str:
    """Return a chart of horizontal bars as SVG: a name, a number, and what is shown when pointed at."""
    if not rows:
        return "<p>none</p>"
    most = max(n for _, n, _ in rows)
    room = _WIDTH - _NAME - _COUNT
    drawn = []
    for k, (name, n, hint) in enumerate(rows):
        y, width = k * (_HEIGHT + 4), max(1, round(room * n / max(most, 1)))
        drawn.append(
            f"<g><title>{escape(hint or name)}</title>"
            f"<text x='{_NAME - 8}' y='{y + 13}' text-anchor='end'>{escape(name[:34])}</text>"
            f"<rect x='{_NAME}' y='{y}' width='{width}' height='{_HEIGHT}'/>"
            f"<text x='{_NAME + width + 6}' y='{y + 13}'>{n:,}</text></g>"
        )
    height = len(rows) * (_HEIGHT + 4)
    return f"<svg width='{_WIDTH}' height='{height}' role='img'>{''.join(drawn)}</svg>"


def _kind(number: int, kind: str, found: Sequence[Finding]) -> str:
    rows = "".join(
        f"<tr><td>{escape(f.where)}</td><td>{escape(f.message)}</td><td>{escape(f.example)}</td></tr>"
        for f in found[:_FINDINGS]
    )
    left = f"<p>and {len(found) - _FINDINGS:,} more</p>" if len(found) > _FINDINGS else ""
    head = "<tr><th>where</th><th>what</th><th>text</th></tr>"
    return (
        f"<h2 id='{number}'>{escape(kind)} ({len(found):,}, {found[0].severity})</h2><table>{head}{rows}</table>{left}"
    )


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Data check</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }}
table {{ border-collapse: collapse; margin-bottom: 1rem; }}
th, td {{ border: 1px solid #ccc; padding: .2rem .6rem; text-align: left; vertical-align: top; }}
.error {{ background: #fbe3e4; }} .warning {{ background: #fff6d5; }} .note {{ background: #eef3fa; }}
svg {{ font-size: 12px; max-width: 100%; }} rect {{ fill: #4a78b5; }} text {{ fill: #222; }}
</style>
<h1>Data check</h1>
<table>{counts}</table>
{files}
{kinds}
</html>
"""
