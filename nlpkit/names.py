"""Names: how one is written, and whether two of them look like one entity.

Rules, no model: they cost microseconds and every merge can say why it was made. A match of at least
`FULL` stands on its own; a weaker one (a bare surname, an acronym) also needs its surroundings to agree,
which is for the caller to judge.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from nlpkit.lexicon import (
    BODY_HEADS,
    FEMALE_NAMES,
    FEMALE_TITLES,
    JUNIOR,
    LEGAL_FORMS,
    MALE_NAMES,
    MALE_TITLES,
    MONTHS,
    ORGANISATION_HEADS,
    PARTICLES,
    PLACE_HEADS,
    PLACE_OPENINGS,
    SMALL_WORDS,
    TITLES,
)

_TITLE_GENDERS = {**dict.fromkeys(MALE_TITLES, "m"), **dict.fromkeys(FEMALE_TITLES, "f")}
_GIVEN_NAMES = MALE_NAMES | FEMALE_NAMES

FULL = 0.85
"""From this score up, a match of two names is enough to take them for one entity."""

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"})
_LEGAL_UNSPACED = re.compile(r"(?:股份|控股)?(?:有限)?(?:责任)?公司$|集团$")
_ROMAN = re.compile(r"(?=[ivx])x{0,3}(?:ix|iv|v?i{0,3})$")
_DAY_FIRST = re.compile(r"(\d{1,2})(?:st|nd|rd|th)? (?:of )?([a-z]{3,9}) (\d{3,4})$")
_MONTH_FIRST = re.compile(r"([a-z]{3,9})(?: (\d{1,2})(?:st|nd|rd|th)?)? (\d{3,4})$")
_NUMERIC_DATE = re.compile(r"(\d{4})(?:年| )(\d{1,2})(?:月| |$)(?:(\d{1,2})日?)?$")
_POSSESSIVE = re.compile(r"(?<=\w)\s?['’`]s?$", re.IGNORECASE)
_DOTTED = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.\s?){2,}")
_APOSTROPHE = re.compile(r"(?<=\w)(?:['’ʼ`](?=\w)|\s['’](?=s\b))")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# Signs that tell names apart ("C++", "C#", "AT&T", "-5", "3.5") stay; every other sign is a space.
_SIGNS = re.compile(r"((?<=\d)\.(?=\d)|(?<=[^\W_])[+#]+|(?<=\w)&(?=\w)|(?<![\w)])-(?=\d)|[%$€£°])|[^\w\s]|_")
_ACRONYM = re.compile(r"(?:[^\W\d_]\.?){2,8}s?$")


class Match(NamedTuple):
    """Why two names look like one entity, and how surely, in (0, 1]."""

    score: float
    reason: str


@lru_cache(maxsize=1 << 13)
def normalise(name: str) -> str:
    """Return what stays of a name in any spelling of it: no case, accents, signs, possessive or leading "the".

    Any language; a name made of nothing but signs stays as it is.
    """
    text = name.strip()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", name).strip()
        text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    plain = _DOTTED.sub(lambda m: re.sub(r"[.\s]", "", m[0]) + " ", _POSSESSIVE.sub("", text))
    plain = _THOUSANDS.sub("", _APOSTROPHE.sub("", plain)).replace(" & ", " and ")
    plain = _SIGNS.sub(lambda m: m[1] or " ", plain)
    words = _unaccented(plain.casefold()).split()
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    return " ".join(words) or text.casefold()


def _unaccented(text: str) -> str:
    if text.isascii():
        return text
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


class Person(NamedTuple):
    """A person's name taken apart: "Dr. Martin Luther King, Jr." -> "", ("martin", "luther", "king"), "ii".

    `joined` are the later parts of hyphenated given names.
    """

    gender: str
    titled: bool
    core: tuple[str, ...]
    suffix: str
    joined: frozenset[str] = frozenset()


@lru_cache(maxsize=1 << 13)
def person(name: str) -> Person:
    """Take a person's name apart."""
    # Initials written together ("J.R.R.") are as many names; a hyphenated surname is one.
    name = _DOTTED.sub(lambda m: m[0].replace(".", " ") + " ", name)
    *front, last = re.split(r"\s+(?=\S+$)", name.strip())
    if "-" in last:
        words = [*normalise(" ".join(front)).split(), normalise(last).replace(" ", "-")]
    else:
        words = normalise(name).split()
    n_titles = 0
    while n_titles < len(words) - 1 and words[n_titles] in TITLES and words[n_titles + 1] != "of":
        n_titles += 1
    genders = [_TITLE_GENDERS[word] for word in words[:n_titles] if word in _TITLE_GENDERS]
    words, suffix = words[n_titles:], ""
    if len(words) > 1 and words[0] in ("elder", "younger"):
        return Person(genders[0] if genders else "", n_titles > 0, tuple(words[1:]), JUNIOR[words[0]])
    if len(words) > 1 and (words[-1] in JUNIOR or _ROMAN.match(words[-1])):
        suffix = JUNIOR.get(words[-1], words[-1])
        words = words[: -2 if words[-2] == "the" and len(words) > 2 else -1]
    joined = frozenset(_unaccented(part.casefold()) for word in " ".join(front).split() for part in word.split("-")[1:])
    return Person(genders[0] if genders else "", n_titles > 0, tuple(words), suffix, joined)


def gender_of(name: str) -> str:
    """Return "m" or "f" where a person's title tells it ("Sir", "Queen", "Mrs"), else ""."""
    return person(name).gender


def epithet_of(name: str) -> str:
    """Return what tells a person from others of the name, as a numeral: "i" for "Sr.", "ii" for "Jr.", else ""."""
    return person(name).suffix


def untitled(name: str) -> tuple[str, ...]:
    """Return the words of a person's name, normalised, without titles and "Jr."-like endings."""
    return person(name).core


def match_names(a: str, b: str, label: str) -> Match | None:
    """Tell whether two names of the same entity type look like one entity, and why; None if they do not.

    Symmetric. Names with other numbers in them ("World War I" and "World War II"), persons with
    other first names, initials, titles' genders or "Jr."-like endings never match.
    """
    one, other = normalise(a), normalise(b)
    if one == other:
        return Match(1.0, "same name")
    if not one or not other:
        return None
    if label == "TIME":
        day = _date(one)
        return Match(0.99, "same date") if day and day == _date(other) else None
    if label == "NUM" or _numbers(one, label) != _numbers(other, label):
        return None
    if label == "PER":
        return _match_persons(person(a), person(b)) or _near(one, other, person=True)
    if one.replace(" ", "") == other.replace(" ", ""):
        return Match(0.97, "same letters")
    long, short = (a, b) if len(one) >= len(other) else (b, a)
    return _match_acronym(long, short) or _match_parts(normalise(long), normalise(short), label) or _near(one, other)


def _match_persons(a: Person, b: Person) -> Match | None:
    if {a.gender, b.gender} == {"m", "f"} or (a.suffix and b.suffix and a.suffix != b.suffix):
        return None
    long, short = (a, b) if len(a.core) >= len(b.core) else (b, a)
    if a.core == b.core:
        if a.suffix != b.suffix:
            return None
        return Match(0.97 if len(a.core) > 1 else 0.7, "same name but for the title")
    if len(short.core) > 1 and short.core[0] in long.joined:
        return None  # Thomas-Alexandre Dumas is not Alexandre Dumas
    if len(short.core) > 1 and not _is_surname(short.core, long.core):
        return _match_full_names(long, short)
    if _is_surname(short.core, long.core):
        surer = short.titled or (short.suffix != "" and short.suffix == long.suffix)
        return Match(0.75 if surer else 0.7, "title and surname" if short.titled else "surname")
    if short.core[0] == long.core[0] and short.core[0] not in SMALL_WORDS:
        return Match(0.6, "given name")
    # "Gregorio Pacheco Leyes" is called Pacheco: of two surnames the first is in use.
    if len(long.core) > 2 and short.core == long.core[-2:-1]:
        return Match(0.5, "first of two surnames")
    return None


def _is_surname(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    """Tell "García Márquez" (of Gabriel) from "Albert Einstein" (whose son is Hans Albert Einstein)."""
    if short != long[-len(short) :]:
        return False
    return len(short) == 1 or short[0] in PARTICLES or not (short[0] in _GIVEN_NAMES or len(short[0]) == 1)


def _match_full_names(long: Person, short: Person) -> Match | None:
    """Compare first, middle and last names: middle names may be left out or be initials, none may differ."""
    if long.suffix != short.suffix or not _given(long.core[0], short.core[0]):
        return None
    ours, theirs = long.core[-1].split("-"), short.core[-1].split("-")
    if ours != theirs and not (set(ours) > set(theirs) or set(theirs) > set(ours)):
        return None
    # Of "George W." and "George H. W." both name the second name: it must be the same.
    if not all(_given(a, b) for a, b in zip(long.core[1:-1], short.core[1:-1], strict=False)):
        return None
    if len(long.core[0]) == 1 or len(short.core[0]) == 1:
        return Match(0.85, "same surname and initial")
    if ours != theirs:
        return Match(0.85, "same first name, surname part of a double one")
    return Match(0.95, "same first and last name")


def _given(a: str, b: str) -> bool:
    return a == b or (min(len(a), len(b)) == 1 and a[0] == b[0])


def initials(name: str) -> set[str]:
    """Return the acronyms a name of several words may have: of all its words, and of all but the small ones."""
    words = normalise(name.replace("-", " ").replace("–", " ")).split()
    big = [word for word in words if word not in SMALL_WORDS]
    return {"".join(word[0] for word in chosen) for chosen in (words, big) if len(chosen) > 1}


def acronym_of(name: str) -> str:
    """Return an acronym's letters ("U.N." -> "un", "MSAs" -> "msa"), or "" where a name is not one."""
    bare = re.sub(r"^[Tt]he\s+", "", name.strip())
    if not _ACRONYM.match(bare) or sum(c.isupper() for c in bare) < 2 or bare.rstrip("s") != bare.rstrip("s").upper():
        return ""
    return normalise(bare.rstrip("s"))


def spells(short: str, long: str) -> bool:
    """Tell whether the letters of an acronym stand in this order in a name, from its first ("Sonar", "LKAB").

    Weak evidence, for where a text says "Long Name (ACR)" itself.
    """
    letters, text = normalise(short).replace(" ", ""), normalise(long)
    rest = iter(text)
    return bool(letters) and text[:1] == letters[0] and len(text) > len(letters) and all(c in rest for c in letters)


def _match_acronym(long: str, short: str) -> Match | None:
    letters = acronym_of(short)
    if not letters or letters not in initials(long):
        return None
    return Match(0.8 if len(letters) > 2 else 0.75, "acronym")


@lru_cache(maxsize=1 << 13)
def stripped(name: str) -> str:
    """Return a normalised name without its legal form: "taito corporation" -> "taito"."""
    words = name.split()
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words = words[:-1]
    return _LEGAL_UNSPACED.sub("", " ".join(words)) or name


def _match_parts(long: str, short: str, label: str) -> Match | None:
    """Compare names of things by what one leaves out: a legal form, a head, a plural, a subtitle."""
    if label == "LOC":
        return Match(0.7, "name without its kind") if _place(long) == _place(short) else None
    if stripped(long) == stripped(short):
        return Match(0.92, "same name but for the legal form")
    if long.endswith("s") and long[:-1] == short:
        return Match(0.8, "plural")
    words, fewer = long.split(), short.split()
    # "Harvard University" has its head: Harvard University Press is another.
    if (
        words[: len(fewer)] == fewer
        and fewer[-1] not in ORGANISATION_HEADS
        and all(word in ORGANISATION_HEADS or word in SMALL_WORDS for word in words[len(fewer) :])
    ):
        return Match(0.7, "name without its head")
    if words[-len(fewer) :] == fewer and (len(fewer) > 1 or short in BODY_HEADS):
        return Match(0.6, "head of the name")
    return None


def _place(name: str) -> str:
    for opening in PLACE_OPENINGS:
        if name.startswith(opening):
            return name[len(opening) :]
    words = name.split()
    return " ".join(words[:-1]) if len(words) > 1 and words[-1] in PLACE_HEADS else name


def _near(one: str, other: str, person: bool = False) -> Match | None:
    """Compare spellings: at most one letter in eight may differ, none of the first letters, no whole word."""
    size = max(len(one), len(other))
    ours, theirs = one.split(), other.split()
    if size < 10 or len(ours) != len(theirs) or one[0] != other[0]:
        return None
    allowed = size // 8
    if Levenshtein.distance(one, other, score_cutoff=allowed) > allowed:
        return None
    pairs = [(x, y) for x, y in zip(ours, theirs, strict=True) if x != y]
    if not all(_near_words(x, y) for x, y in pairs):
        return None
    # Given names one letter apart are other persons ("Marie", "Maria"; "Jean", "Joan"), surnames rarely.
    if person and (len(ours) < 2 or ours[0] != theirs[0]):
        return None
    return Match(0.85, "near spelling")


def _near_words(a: str, b: str) -> bool:
    # A longer ending is another word ("Australia", "Australian"), not another spelling.
    if a[0] != b[0] or min(len(a), len(b)) < 5 or a.startswith(b) or b.startswith(a):
        return False
    return Levenshtein.distance(a, b) <= max(len(a), len(b)) // 5


@lru_cache(maxsize=1 << 13)
def _numbers(name: str, label: str) -> tuple[str, ...]:
    """Return the numbers in a normalised name; a person's "II" is judged with the rest of the name."""
    roman = () if label == "PER" else tuple(word for word in name.split()[1:] if _ROMAN.match(word))
    return (*re.findall(r"\d+", name), *roman)


@lru_cache(maxsize=1 << 12)
def _date(name: str) -> tuple[int, int, int] | None:
    """Read a normalised date as (year, month, day), 0 where it leaves one out."""
    if found := _DAY_FIRST.match(name):
        day, month, year = found[1], MONTHS.get(found[2]), found[3]
    elif found := _MONTH_FIRST.match(name):
        day, month, year = found[2] or "0", MONTHS.get(found[1]), found[3]
    elif found := _NUMERIC_DATE.match(name):
        day, month, year = found[3] or "0", int(found[2]), found[1]
    else:
        return None
    return (int(year), month, int(day)) if month else None


def blocking_keys(name: str) -> set[str]:
    """Return short keys of which two names that may match share at least one, whatever their type.

    For an index: entities that share no key with a name need not be compared with it.
    """
    plain = normalise(name)
    keys = {plain, stripped(plain), _place(plain), *(f"a:{letters}" for letters in initials(name))}
    if letters := acronym_of(name):
        keys.add(f"a:{letters}")
    if core := untitled(name):
        keys |= {" ".join(core), *(part for part in (core[-1], *core[-1].split("-")) if len(part) > 1)}
    if day := _date(plain):
        keys.add("d:{}-{}-{}".format(*day))
    if len(plain) >= 10:
        # A slip of the pen leaves the front or the back of a name whole.
        joined = plain.replace(" ", "")
        keys |= {f"f:{joined[:6]}", f"b:{joined[-6:]}"}
    return keys - {""}
