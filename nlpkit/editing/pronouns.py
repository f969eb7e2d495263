"""Third-person pronouns of one group put in the place of another's: "she ... her book" -> "he ... his book".

"Her" and "his" say two things each. Before a word that can be owned they are determiners ("her book"); at the end of
a clause, or before a word that opens what follows ("saw her in", "told her that", "is his and"), "her" is an object and
"his" a possessive. An adjective after an object ("made her happy") is taken for something owned: "made his happy".

"They" wants verbs in the plural. The verb right after the subject, or after one adverb, and an auxiliary right before
it, are changed with it ("he often walks", "is he"); a verb further on ("he sits and reads") is not.

In Chinese 他 and 她 are exchanged where they are a word of their own: not in 他们, 其他, 他人, 吉他.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nlpkit.editing.edits import Edit


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ROLES = ("subject", "object", "determiner", "possessive", "reflexive")
_OPENS = _words(
    "a an the this that these those and or but nor so yet if because when while where who whom which what why how "
    "whether than as of in on at to for from by with about into onto over under after before until since during "
    "through against between among without within up down off out back away again along around across behind "
    "beside near past toward towards upon via i you he she it we they me him her us them is are was were be been "
    "has have had do does did will would can could shall should may might must not never always often also too "
    "then there here now today yesterday tomorrow tonight once twice soon later earlier ago alone instead anyway "
    "however though although all both each every some any no something anything nothing everything more most"
)
_AFTER = re.compile(r"\s+([^\W\d_]+)")
_ADVERB = _words("also always never often still then now just only ever soon once already sometimes usually")
_PLURALS = {"is": "are", "was": "were", "has": "have", "does": "do", "isn": "aren", "wasn": "weren", "hasn": "haven"}
_PLURALS |= {"doesn": "don", "goes": "go"}
_NO_VERB = _words("as this thus less perhaps besides nevertheless nonetheless afterwards ours yours was is")
_BEFORE = re.compile(r"\b(is|was|has|does)(?:n['’]t)?\s+$", re.IGNORECASE)
_CONTRACTED = re.compile(r"(['’])s\b(?:\s+(been|got|had)\b)?", re.IGNORECASE)
_CHINESE_GUARD = (r"(?<![其吉排维利])", r"(?![们人国乡日处杀方])")


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of a pronoun (see `groups.toml`)."""

    subject: str
    object: str
    determiner: str
    possessive: str
    reflexive: str
    chinese: str = ""
    plural: bool = False
    replaced: bool = True


@dataclass(frozen=True, slots=True)
class Pronoun:
    """A pronoun of a text: its characters, which of the forms it is ("chinese" too), and whose."""

    start: int
    end: int
    role: str
    owner: str


def pronouns_in(text: str, forms: Mapping[str, Forms]) -> list[Pronoun]:
    """Return the pronouns of a text that may be replaced, in its order."""
    owners = {name: own for name, own in forms.items() if own.replaced}
    return sorted((p for name, own in owners.items() for p in _of(text, name, own)), key=lambda p: p.start)


def _of(text: str, name: str, own: Forms) -> Iterator[Pronoun]:
    roles: dict[str, list[str]] = {}
    for role in _ROLES:
        roles.setdefault(getattr(own, role), []).append(role)
    any_form = "|".join(sorted(map(re.escape, roles), key=len, reverse=True))
    for match in re.finditer(rf"\b(?:{any_form})\b", text, re.IGNORECASE):
        said = roles[match[0].casefold()]
        owns = len(said) > 1 and _is_owned(text, match.end())
        yield Pronoun(*match.span(), said[0] if len(said) == 1 else _role(said, owns=owns), name)
    if own.chinese:
        for match in re.finditer(own.chinese.join(_CHINESE_GUARD), text):
            yield Pronoun(*match.span(), "chinese", name)


def _role(said: list[str], *, owns: bool) -> str:
    return "determiner" if owns else next(role for role in said if role != "determiner")


def _is_owned(text: str, at: int) -> bool:
    """Say whether what follows a pronoun is a word that can be owned."""
    after = _AFTER.match(text, at)
    return after is not None and after[1].casefold() not in _OPENS


def swapped(text: str, pronoun: Pronoun, new: Forms) -> list[Edit]:
    """Return the edits that put another pronoun into the place of one; its verb too, where it has a plural."""
    old = text[pronoun.start : pronoun.end]
    edits = [Edit(pronoun.start, pronoun.end, in_case(getattr(new, pronoun.role), old))]
    if pronoun.role == "subject" and new.plural:
        edits += _verbs(text, pronoun)
    return [edit for edit in edits if edit.text != text[edit.start : edit.end]]


def _verbs(text: str, pronoun: Pronoun) -> Iterator[Edit]:
    """Yield what puts the verb of a subject into the plural."""
    if short := _CONTRACTED.match(text, pronoun.end):
        yield Edit(pronoun.end, pronoun.end + 2, short[1] + ("ve" if short[2] else "re"))
        return
    if before := _BEFORE.search(text, 0, pronoun.start):
        yield Edit(before.start(1), before.end(1), in_case(_PLURALS[before[1].casefold()], before[1]))
        return
    after = _AFTER.match(text, pronoun.end)
    if after and (after[1].casefold() in _ADVERB or after[1].endswith("ly")):
        after = _AFTER.match(text, after.end())
    if after and (plural := plural_of(after[1])) != after[1]:
        yield Edit(after.start(1), after.end(1), plural)


def plural_of(verb: str) -> str:
    """Return the plural of a verb in the third person singular, any other word as it is."""
    low = verb.casefold()
    if low in _PLURALS:
        return in_case(_PLURALS[low], verb)
    if low in _NO_VERB or not low.endswith("s") or low.endswith(("ss", "us", "is")) or len(low) < 3:
        return verb
    if low.endswith("ies") and len(low) > 4:
        return verb[:-3] + "y"
    return verb[:-2] if low.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")) else verb[:-1]


def in_case(new: str, old: str) -> str:
    """Return a word in the case of the one it replaces."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new
