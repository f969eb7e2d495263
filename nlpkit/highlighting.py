"""Explanations as one page of HTML that needs nothing else: words shaded by what they add, and attention as a map."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nlpkit.explaining import Explanation, Word
from nlpkit.types import Document

_MOST_IN_MAP = 40
"""Words up to which the attention from every word to every word is drawn."""
_CELL, _MARGIN, _LETTER = 16, 90, 12
"""Pixels of a cell of the map and of its borders; letters of a word that stand there."""
_TOP = 10
_FOR, _AGAINST, _LOOKED = "30, 110, 190", "210, 105, 30", "110, 70, 150"
"""Blue and orange, which readers who confuse red and green tell apart; violet for attention."""


def page(document: Document, explanations: Sequence[Explanation], *, task: str) -> str:
    """Return a page of HTML that shows which words carried decisions.

    Args:
        document: what was read.
        explanations: of what was decided of it.
        task: what the task is called.

    """
    sections = "".join(_section(document, explanation) for explanation in explanations)
    return _PAGE.format(task=escape(task), sections=sections, style=_STYLE)


def _section(document: Document, explanation: Explanation) -> str:
    decision = explanation.decision
    score = "" if decision.score is None else f" <small>score {decision.score:.2f}</small>"
    places = " → ".join(escape(place.text) for place in decision.places)
    sides = [(document.query, [w for w in explanation.words if w.query])] if document.query else []
    sides.append((document.text, [w for w in explanation.words if not w.query]))
    heaviest = max((abs(w.weight) for w in explanation.words), default=0.0) or 1.0
    most = max((w.attention for w in explanation.words), default=0.0) or 1.0
    carried = "".join(f'<p class="text">{_shaded(text, words, heaviest)}</p>' for text, words in sides)
    looked = "".join(f'<p class="text">{_looked(text, words, most)}</p>' for text, words in sides)
    return _SECTION.format(
        kind=escape(explanation.kind),
        label=escape(decision.label),
        places=f": {places}" if places else "",
        score=score,
        carried=carried,
        top=_top(explanation.words),
        output=explanation.output,
        baseline=explanation.baseline,
        delta=explanation.delta,
        looked=looked,
        map=_map(explanation),
    )


def _shaded(text: str, words: Sequence[Word], heaviest: float) -> str:
    """Return the part of a text that was read, each word shaded by its weight."""
    marks = [
        (w, _FOR if w.weight > 0 else _AGAINST, abs(w.weight) / heaviest, f"{w.weight:+.3f} log-odds") for w in words
    ]
    return _marked(text, marks)


def _looked(text: str, words: Sequence[Word], most: float) -> str:
    return _marked(text, [(w, _LOOKED, w.attention / most, f"{w.attention:.1%} of the attention") for w in words])


def _marked(text: str, marks: Sequence[tuple[Word, str, float, str]]) -> str:
    """Return a text with coloured words, from the first to the last of them; `…` stands for what else there is."""
    if not marks:
        return escape(text)
    done = marks[0][0].start
    parts = ["… " if text[:done].strip() else ""]
    for word, colour, share, title in marks:
        if word.start < done:
            continue
        shade = f"background: rgba({colour}, {0.6 * share:.3f})"
        parts.append(
            f'{escape(text[done : word.start])}<span style="{shade}" title="{title}">{escape(word.text)}</span>'
        )
        done = word.end
    return "".join(parts) + (" …" if text[done:].strip() else "")


def _top(words: Sequence[Word]) -> str:
    heaviest = sorted(words, key=lambda w: -abs(w.weight))[:_TOP]
    return "".join(f"<tr><td>{escape(w.text)}</td><td>{w.weight:+.3f}</td></tr>" for w in heaviest)


def _map(explanation: Explanation) -> str:
    """Return the attention from every word (a row) to every word (a column) as SVG; nothing for a long text."""
    words, looks = explanation.words, explanation.looks
    if not 1 < len(words) <= _MOST_IN_MAP:
        return ""
    most = float(looks.max()) or 1.0
    size = _MARGIN + len(words) * _CELL
    parts = []
    for n, word in enumerate(words):
        at, name = _MARGIN + n * _CELL, escape(word.text if len(word.text) <= _LETTER else f"{word.text[:_LETTER]}…")
        parts.append(f'<text x="{_MARGIN - 4}" y="{at + 12}" text-anchor="end">{name}</text>')
        parts.append(f'<text transform="translate({at + 12} {_MARGIN - 4}) rotate(-90)">{name}</text>')
        for m, other in enumerate(words):
            cell = f'x="{_MARGIN + m * _CELL}" y="{at}" width="{_CELL}" height="{_CELL}"'
            told = f"{escape(word.text)} → {escape(other.text)}: {looks[n, m]:.1%}"
            shade = f'fill="rgb({_LOOKED})" fill-opacity="{looks[n, m] / most:.3f}"'
            parts.append(f"<rect {cell} {shade}><title>{told}</title></rect>")
    head = f'<svg viewBox="0 0 {size} {size}" width="{size}" height="{size}" role="img" aria-label="attention">'
    return f"<details><summary>From every word to every word</summary>{head}{''.join(parts)}</svg></details>"


_STYLE = """body {
  font: 16px/1.6 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
}
section { border-top: 1px solid #ccc; margin-top: 2rem; }
.text { font-size: 1.15rem; line-height: 2; white-space: pre-wrap; overflow-wrap: anywhere; }
.text span { border-radius: .2em; padding: .1em 0; }
.note, small { color: #555; }
table { border-collapse: collapse; }
td { padding: .1rem .8rem .1rem 0; }
td + td { text-align: right; font-variant-numeric: tabular-nums; }
svg text { font: 11px system-ui, sans-serif; }"""

_SECTION = """<section>
<h2>{kind}: {label}{places}{score}</h2>
<h3>What the words add</h3>
{carried}
<table>{top}</table>
<p class="note">Log-odds {output:.2f}; with every word hidden {baseline:.2f}. The words' shares add up to the difference
but for {delta:.4f}.</p>
<h3>Where the last layer looks</h3>
{looked}
{map}
</section>
"""

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>What carried the decision: {task}</title>
<style>
{style}
</style>
<h1>What carried the decision</h1>
<p>Task: {task}. Blue words speak for a decision, orange ones against it; the stronger the colour, the more (integrated
gradients, Sundararajan et al. 2017, from a text whose words are all hidden). Point at a word for its number.</p>
<p class="note">Violet shows the attention of the last layer, the mean of its heads, from the words that a decision is
about (from all words where it is about the whole text). Attention is not explanation (Jain and Wallace 2019): it says
where the model looked, not what made it decide.</p>
{sections}</html>
"""
