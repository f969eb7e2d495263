"""An evaluation as one page of HTML that needs nothing else: the scores, and every error in its text.

Without JavaScript the page shows everything; with it errors are filtered by kind, label and words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from nlpkit.analysis import confused
from nlpkit.contrast import Contrast
from nlpkit.evaluation import Evaluation, Judged
from nlpkit.judging import KINDS, RIGHT, Finding, Judgement
from nlpkit.report.marking import marked

MOST = 300
"""Errors shown of each kind, those the system was surest of first; the page counts those left out."""
_CONFUSED = 12
_SIDE = 220
"""Width and height of a reliability plot, in pixels."""
_QUERY = 300


def page(evaluation: Evaluation, against: Contrast | None = None) -> str:
    """Return a page that shows an evaluation, and how another adapter differs.

    Args:
        evaluation: what `nlpkit.evaluate` returned.
        against: the same evaluation held against another one.

    """
    errors = [(d, j) for d in evaluation.documents for j in d.judgements if j.kind != RIGHT]
    labels = sorted({label for _, j in errors for label in j.labels if label})
    filled = {
        "TITLE": escape(f"{evaluation.task} on {evaluation.data}"),
        "SCORES": _scores(evaluation),
        "MATCHING": "".join(_matching(what, table) for what, table in evaluation.matching.items()),
        "THRESHOLDS": _thresholds(evaluation),
        "CALIBRATION": "".join(_reliability(what, found) for what, found in evaluation.calibration.items()),
        "CONFUSION": "".join(_confusion(what, table) for what, table in evaluation.confusion.items()),
        "LABELS": _per_label(evaluation.per_label),
        "AGAINST": _against(against) if against else "",
        "KINDS": _options(kind for kind in KINDS if any(j.kind == kind for _, j in errors)),
        "LABEL_OPTIONS": _options(labels),
        "ERRORS": "".join(_group(what, kind, own) for what, kind, own in _grouped(errors)),
    }
    html = (files("nlpkit.report") / "page.html").read_text("utf-8")
    parts = html.split("%%")  # every second one is the name of what goes there, so that nothing filled in is read
    return "".join(filled[part] if n % 2 else part for n, part in enumerate(parts))


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table of HTML; the cells are escaped."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else escape(str(value))


def _options(values: Iterable[str]) -> str:
    return "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in values)


def _scores(evaluation: Evaluation) -> str:
    rows = [(name, value, _between(evaluation.intervals.get(name))) for name, value in evaluation.scores.items()]
    return f"<p>{evaluation.n} documents.</p>" + table(("score", "value", "95 % interval"), rows)


def _between(ends: tuple[float, float] | None) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if ends else ""


def _matching(what: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (scheme, average, *own[average].values()) for scheme, own in found.items() for average in ("micro", "macro")
    ]
    return f"<h3>{escape(what)}, strict and in part</h3>" + table(
        ("match", "average", "precision", "recall", "F1"), rows
    )


def _thresholds(evaluation: Evaluation) -> str:
    if not evaluation.thresholds:
        return ""
    rows = []
    for what, chosen in evaluation.thresholds.items():
        least = "none reaches it" if chosen.least is None else f"{chosen.least:.3f}"
        on = (("dev", chosen.dev), ("test", chosen.test), ("test, as trained", chosen.trained))
        rows += [(what, least if "trained" not in name else "", name, *values.values()) for name, values in on]
    headings = ("", "least score", "on", "precision", "recall", "F1", "coverage")
    return "<h2>Threshold chosen on dev</h2>" + table(headings, rows)


def _per_label(per_label: Mapping[str, Mapping[str, float]]) -> str:
    metrics = list(dict.fromkeys(name for own in per_label.values() for name in own))
    rows = [(label, *(own.get(name) for name in metrics)) for label, own in per_label.items()]
    return (
        f"<details><summary>Scores of each label</summary>{table(('label', *metrics), rows)}</details>" if rows else ""
    )


def _confusion(what: str, found: Mapping[str, Mapping[str, int]]) -> str:
    rows = confused(found, _CONFUSED)
    if not rows:
        return ""
    return f"<h3>{escape(what)}: taken for each other most</h3>" + table(("gold", "found", "times"), rows)


def _reliability(what: str, found: Mapping[str, Any]) -> str:
    """Return a reliability plot: the share right by score, a bar for each bin, the diagonal for perfect scores."""
    bars = "".join(
        f'<rect x="{_SIDE * b["low"]:.1f}" y="{_SIDE * (1 - b["right"]):.1f}" width="{_SIDE / 10:.1f}" '
        f'height="{_SIDE * b["right"]:.1f}"><title>{b["n"]} with a mean score of {b["score"]:.2f}: '
        f"{b['right']:.0%} right</title></rect>"
        f'<circle cx="{_SIDE * b["score"]:.1f}" cy="{_SIDE * (1 - b["right"]):.1f}" r="3"/>'
        for b in found["bins"]
    )
    return (
        f"<figure><figcaption>{escape(what)}: expected calibration error {found['ece']:.3f} "
        f"over {found['n']} scores</figcaption>"
        f'<svg role="img" aria-label="share right by score" width="{_SIDE + 50}" height="{_SIDE + 40}" '
        f'viewBox="-40 -5 {_SIDE + 50} {_SIDE + 40}"><rect class="frame" width="{_SIDE}" height="{_SIDE}"/>{bars}'
        f'<line x1="0" y1="{_SIDE}" x2="{_SIDE}" y2="0"/>'
        f'<text x="{_SIDE / 2}" y="{_SIDE + 28}">score</text><text x="0" y="{_SIDE + 14}">0</text>'
        f'<text x="{_SIDE}" y="{_SIDE + 14}">1</text><text x="-22" y="{_SIDE / 2}">right</text></svg></figure>'
    )


def _grouped(errors: Sequence[tuple[Judged, Judgement]]) -> Iterator[tuple[str, str, list[tuple[Judged, Judgement]]]]:
    """Yield errors by what was to be found and by kind, the surest first."""
    for what in dict.fromkeys(j.what for _, j in errors):
        for kind in KINDS:
            own = [(d, j) for d, j in errors if (j.what, j.kind) == (what, kind)]
            if own:
                yield what, kind, sorted(own, key=lambda one: -_score(one[1]))


def _score(judgement: Judgement) -> float:
    score = judgement.predicted.score if judgement.predicted else None
    return score or 0.0


def _group(what: str, kind: str, errors: Sequence[tuple[Judged, Judgement]]) -> str:
    left = len(errors) - MOST
    note = f"<p>{left} more are left out; the {MOST} with the highest scores are shown.</p>" if left > 0 else ""
    cards = "".join(_card(document, judgement) for document, judgement in errors[:MOST])
    return f"<section><h3>{escape(what)}: {escape(kind)} ({len(errors)})</h3>{note}{cards}</section>"


def _card(document: Judged, judgement: Judgement) -> str:
    labels = escape("\t".join(judgement.labels))
    return (
        f'<article data-kind="{judgement.kind}" data-labels="{labels}"><p class="what">{_said(judgement)}'
        f'<span class="id">{escape(document.gold.id)}</span></p>{_query(document)}'
        f'<p class="text" dir="auto">{marked(document.gold.text, [judgement])}</p></article>'
    )


def _query(document: Judged) -> str:
    query = document.gold.query
    cut = " …" if len(query) > _QUERY else ""
    return f'<p class="query" dir="auto">{escape(query[:_QUERY])}{cut}</p>' if query else ""


def _said(judgement: Judgement) -> str:
    """Return both sides of a judgement in words."""
    sides = (("gold", judgement.gold), ("found", judgement.predicted))
    return " ".join(f'<b class="{side}">{side}</b> {_words(finding)}' for side, finding in sides)


def _words(finding: Finding | None) -> str:
    if finding is None:
        return "nothing"
    score = f" ({finding.score:.2f})" if finding.score is not None else ""
    parts = [f"<bdi>{escape(part)}</bdi>" for part in (finding.label, finding.text) if part]
    return ": ".join(parts) + score


def _against(found: Contrast) -> str:
    """Return where two adapters differ."""
    rows = [
        (name, d.first, d.second, f"{d.difference:+.3f}", f"{d.interval[0]:+.3f} to {d.interval[1]:+.3f}", d.p)
        for name, d in found.differences.items()
    ]
    headings = ("score", found.first, found.second, "difference", "95 % interval", "p")
    right = [(side, n) for side, n in found.right.items()]
    left = len(found.differing) - MOST
    note = f"<p>{left} more documents are left out.</p>" if left > 0 else ""
    cards = "".join(_differing(found, *pair) for pair in found.differing[:MOST])
    return (
        f"<h2>Against {escape(found.second)}</h2>{table(headings, rows)}"
        f"<p>Documents in which all is right, by whom (first: {escape(found.first)}):</p>"
        f"{table(('right', 'documents'), right)}<details><summary>The {len(found.differing)} documents in which one "
        f"alone is right</summary>{note}{cards}</details>"
    )


def _differing(found: Contrast, first: Judged, second: Judged) -> str:
    winner, loser, name = (first, second, found.second) if first.right else (second, first, found.first)
    wrong = [j for j in loser.judgements if j.kind != RIGHT]
    said = "<br>".join(f"{escape(j.kind)}: {_said(j)}" for j in wrong)
    return (
        f'<article><p class="what">{escape(name)} is wrong: {said}</p>{_query(winner)}'
        f'<p class="text" dir="auto">{marked(winner.gold.text, wrong)}</p></article>'
    )
