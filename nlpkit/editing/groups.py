"""Groups of people whose names, pronouns and words are put in each other's place in a text (counterfactuals).

A text counts for an axis ("gender") if it can be told of every group of it: it has pronouns or words of exactly one of
the groups, or names of persons, and each group has something to put there. A text that speaks of a woman and a man
would come to speak of two women, so one with pronouns or words of several groups is left out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from random import Random

from nlpkit import tables
from nlpkit.editing.edits import Edit
from nlpkit.editing.pronouns import Forms, in_case, pronouns_in, swapped
from nlpkit.editing.renaming import PERSON, Name, names_in, renamed, script_of
from nlpkit.errors import RecipeError
from nlpkit.text import unspaced
from nlpkit.types import Document

_FORMS = "forms"


@dataclass(frozen=True, slots=True)
class Group:
    """What tells a group from the others of its axis (see `groups.toml`)."""

    pronouns: str = ""
    given: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Groups:
    """Axes with their groups, and the pronouns that those have."""

    axes: Mapping[str, Mapping[str, Group]]
    forms: Mapping[str, Forms]


@dataclass(frozen=True, slots=True)
class Told:
    """A document as told of a group: the edits of its text and of its query."""

    text: Sequence[Edit]
    query: Sequence[Edit]


def read_groups(path: str | Path | None = None) -> Groups:
    """Read a file of groups; by default the one that travels with nlpkit.

    Raises:
        RecipeError: the file cannot be read, or something in it is not as `groups.toml` explains.

    """
    source = "groups.toml" if path is None else str(path)
    try:
        own = files("nlpkit.editing").joinpath("groups.toml")
        table = tomllib.loads((own if path is None else Path(path)).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise RecipeError(f"cannot read the groups of {source}: {e}; give a TOML file of groups") from e
    forms = {
        name: tables.read(Forms, form, source, f"{_FORMS}.{name}.")
        for name, form in _table(table.pop(_FORMS, {}), source, _FORMS).items()
    }
    axes = {
        axis: {
            name: tables.read(Group, group, source, f"{axis}.{name}.")
            for name, group in _table(groups, source, axis).items()
        }
        for axis, groups in table.items()
    }
    for axis, groups in axes.items():
        _check(axis, groups, forms, source)
    return Groups(axes, forms)


def _table(value: object, source: str, key: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise tables.wrong(source, key, value, "a table of groups")
    return value


def _check(axis: str, groups: Mapping[str, Group], forms: Mapping[str, Forms], source: str) -> None:
    if len(groups) < 2:
        raise tables.wrong(source, axis, list(groups), "two groups or more, as [AXIS.GROUP] tables")
    for name, group in groups.items():
        if group.pronouns and group.pronouns not in forms:
            raise tables.wrong(
                source, f"{axis}.{name}.pronouns", group.pronouns, f"one of {', '.join(forms) or 'none'}"
            )
        if group == Group():
            raise RecipeError(f"{source}: {axis}.{name} is empty; give it pronouns, given names, family names or words")
        if any(not word.strip() for word in (*group.given, *group.family, *group.words)):
            raise RecipeError(f"{source}: {axis}.{name} has an empty name or word; take it out")
    if len({len(group.words) for group in groups.values()}) > 1:
        counts = ", ".join(f"{name} {len(group.words)}" for name, group in groups.items())
        raise RecipeError(f"{source}: the groups of {axis} have words that do not stand side by side ({counts})")


def told(document: Document, groups: Mapping[str, Group], forms: Mapping[str, Forms], seed: str) -> dict[str, Told]:
    """Return the document told of each group of an axis; empty where it cannot be told of all of them."""
    owners = {group.pronouns: name for name, group in groups.items() if group.pronouns}
    marks = [_Marks(text, groups, {name: forms[name] for name in owners}) for text in (document.text, document.query)]
    spoken_of = {owners[p.owner] for own in marks for p in own.pronouns} | {
        g for own in marks for _, _, _, g in own.words
    }
    names = [span for span in names_in(document) if span[2] == PERSON]
    inside = [(start, end) for start, end, _ in names]
    marks[0] = marks[0].outside(inside)
    if len(spoken_of) > 1:
        return {}
    found: dict[str, Told] = {}
    for name, group in groups.items():
        edits = [own.told(groups, name, forms) for own in marks]
        if edits[0] is None or edits[1] is None:
            return {}
        found[name] = Told(edits[0] + _named(document.text, names, group, seed), edits[1])
    return found if len({(tuple(t.text), tuple(t.query)) for t in found.values()}) == len(groups) else {}


def _named(text: str, names: Sequence[tuple[int, int, str]], group: Group, seed: str) -> list[Edit]:
    """Return what gives persons names of a group, those of the same number in each group's lists."""
    start = Random(f"{seed}:{text}").randrange(1 << 16)

    def choose(kind: str, script: str, number: int) -> Name | None:
        parts = [[n for n in own if script_of(n) == script] for own in (group.given, group.family)]
        given, family = (own[(start + number) % len(own)] if own else "" for own in parts)
        return Name(given, family) if given or family else None

    return renamed(text, names, choose)


class _Marks:
    """The pronouns and words by which a text speaks of groups."""

    def __init__(self, text: str, groups: Mapping[str, Group], forms: Mapping[str, Forms]) -> None:
        self.text = text
        self.pronouns = pronouns_in(text, forms) if text else []
        table = {w.casefold(): (number, name) for name, g in groups.items() for number, w in enumerate(g.words)}
        pattern = _any_of(tuple(sorted(table, key=lambda w: (-len(w), w)))) if table and text else None
        matches = pattern.finditer(text) if pattern else ()
        self.words = [(*m.span(), *table[m[0].casefold()]) for m in matches]

    def outside(self, spans: Sequence[tuple[int, int]]) -> _Marks:
        """Take away what stands inside a name, which is replaced as a whole."""
        self.pronouns = [p for p in self.pronouns if _is_free(p.start, p.end, spans)]
        self.words = [w for w in self.words if _is_free(w[0], w[1], spans)]
        return self

    def told(self, groups: Mapping[str, Group], name: str, forms: Mapping[str, Forms]) -> list[Edit] | None:
        """Return the edits that speak of a group; None where it lacks a form."""
        group = groups[name]
        edits = [
            Edit(start, end, in_case(group.words[number], self.text[start:end]))
            for start, end, number, owner in self.words
            if owner != name
        ]
        for pronoun in self.pronouns:
            own = forms.get(group.pronouns)
            if own is None or not getattr(own, pronoun.role):
                return None
            if pronoun.owner != group.pronouns:
                edits += swapped(self.text, pronoun, own)
        return edits


def _is_free(start: int, end: int, spans: Sequence[tuple[int, int]]) -> bool:
    return all(end <= first or start >= last for first, last in spans)


@cache
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of any of these words, whole where their script has spaces."""
    parts = [re.escape(word) if unspaced(word[0]) else rf"\b{re.escape(word)}\b" for word in words]
    return re.compile("|".join(parts), re.IGNORECASE)
