"""Names of persons, places and organisations in a document replaced by others, alike throughout the document."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

from nlpkit.editing.edits import Edit
from nlpkit.lexicon import FEMALE_NAMES, MALE_NAMES, TITLES
from nlpkit.text import unspaced
from nlpkit.types import Document

PERSON = "person"
_COMPOUND = ("欧阳", "司马", "上官", "诸葛", "司徒", "东方", "皇甫", "尉迟", "公孙", "慕容", "夏侯", "端木")
"""The commoner Chinese surnames of two characters."""
_LONGEST_HAN = 4
"""Characters of a Chinese name at most; a longer one is foreign, and its parts are not told apart."""


@dataclass(frozen=True, slots=True)
class Name:
    """A new name. Of a person an empty part stays as it is; all others have a `family` alone."""

    given: str
    family: str


Choose = Callable[[str, str, int], Name | None]
"""The kind of a name, its script ("latin", "han") and its number in the document -> its new name, or None: it stays."""


def kind_of(label: str) -> str | None:
    """Return what kind of name a label stands for: "person", "place", "organisation"; None for other things."""
    return _kinds().get(label.casefold().replace("_", "-"))


def names_in(document: Document) -> list[tuple[int, int, str]]:
    """Return the names among what is found in a document: characters and kind, the longer of two that overlap."""
    found = {(e.start, e.end, e.label) for e in (*document.entities, *document.slots)}
    found |= {(m.start, m.end, c.label) for c in document.chains for m in c.mentions if m.kind == "name"}
    kept: list[tuple[int, int, str]] = []
    for start, end, label in sorted(found, key=lambda sel: (sel[0] - sel[1], sel)):
        kind = kind_of(label)
        if kind and all(end <= other[0] or start >= other[1] for other in kept):
            kept.append((start, end, kind))
    return sorted(kept)


def renamed(text: str, names: Sequence[tuple[int, int, str]], choose: Choose) -> list[Edit]:
    """Return the edits that give names new ones: the same name the same one, and its parts the parts of that.

    "Marie Curie ... Curie" becomes "Tavira Brenwick ... Brenwick". Titles stay, and so does a name in a script that
    `choose` has no name for.
    """
    new: dict[tuple[str, str], str] = {}
    by_length = sorted({(text[start:end], kind) for start, end, kind in names}, key=lambda sk: (-len(sk[0]), sk))
    parts: dict[str, str] = {}
    for number, (surface, kind) in enumerate(by_length):
        script = script_of(surface)
        if kind == PERSON and surface in parts:
            new[surface, kind] = parts[surface]
        elif script and (name := choose(kind, script, number)):
            made = _person(surface, name, script, parts) if kind == PERSON else name.family
            new[surface, kind] = _in_case(made, surface)
    edits = [Edit(start, end, new.get((text[start:end], kind), text[start:end])) for start, end, kind in names]
    return [edit for edit in edits if edit.text != text[edit.start : edit.end]]


def script_of(name: str) -> str | None:
    """Return "latin" or "han" where all letters of a name are of that script."""
    letters = [sign for sign in name if sign.isalpha()]
    if letters and all(unicodedata.name(sign, "").startswith("LATIN") for sign in letters):
        return "latin"
    return "han" if letters and all(unspaced(sign) for sign in letters) else None


def _person(surface: str, name: Name, script: str, parts: dict[str, str]) -> str:
    """Return a person's new name, and remember what its parts become."""
    if script == "han":
        return _chinese(surface, name, parts)
    words = surface.split()
    titles = 0
    while titles < len(words) - 1 and words[titles].rstrip(".").casefold() in TITLES:
        titles += 1
    own = words[titles:]
    if len(own) == 1:
        alone = name.family or (name.given if _is_given(own[0]) else own[0])
        return " ".join([*words[:titles], alone])
    given, family = name.given or own[0], name.family or own[-1]
    parts[own[0]], parts[own[-1]] = _in_case(given, own[0]), _in_case(family, own[-1])
    between = own[1:-1] if not name.family else []
    return " ".join([*words[:titles], given, *between, family])


def _chinese(surface: str, name: Name, parts: dict[str, str]) -> str:
    if not 2 <= len(surface) <= _LONGEST_HAN:
        whole = name.family + name.given
        return whole if name.family and len(surface) > 1 else name.family or surface
    n_family = 2 if surface.startswith(_COMPOUND) and len(surface) > 2 else 1
    family, given = name.family or surface[:n_family], name.given or surface[n_family:]
    parts[surface[n_family:]] = given
    return family + given


def _is_given(word: str) -> bool:
    return word.casefold() in MALE_NAMES | FEMALE_NAMES


def _in_case(new: str, old: str) -> str:
    """Return a name in the case of the one it replaces: all capitals, all small, or as it is."""
    letters = [sign for sign in old if sign.isalpha()]
    if len(letters) > 1 and old.isupper():
        return new.upper()
    return new.lower() if old.islower() else new


class Unseen:
    """Invented names that do not occur in some texts, to be given to what those texts name.

    Args:
        texts: all texts of the data.

    """

    def __init__(self, texts: Sequence[str]) -> None:
        known = "\n".join(texts).casefold()
        words = set(re.findall(r"\w+", known))
        self._names = {
            script: {part: [n for n in names if not _occurs(n.casefold(), known, words)] for part, names in own.items()}
            for script, own in _invented().items()
        }

    def edits(self, document: Document, seed: str) -> list[Edit]:
        """Return what gives the names in a document unseen ones."""
        start = Random(f"{seed}:{document.text}").randrange(1 << 16)

        def choose(kind: str, script: str, number: int) -> Name | None:
            own = self._names[script]
            given, family, other = (_one_of(own.get(part, ()), start + number) for part in ("given", "family", kind))
            name = Name(given, family) if kind == PERSON else Name("", other)
            return name if name.family else None

        return renamed(document.text, names_in(document), choose)


def _one_of(names: Sequence[str], number: int) -> str:
    return names[number % len(names)] if names else ""


def _occurs(name: str, known: str, words: set[str]) -> bool:
    """Say whether a name stands in a text, or one of its words does."""
    return name in known if unspaced(name[0]) else not words.isdisjoint(re.findall(r"\w+", name))


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("nlpkit.editing").joinpath("invented.toml").read_text(encoding="utf-8"))


def _invented() -> Mapping[str, Mapping[str, list[str]]]:
    table = _table()
    return {script: table[script] for script in ("latin", "han")}


@cache
def _kinds() -> dict[str, str]:
    return {label: kind for kind, labels in _table()["labels"].items() for label in labels}
