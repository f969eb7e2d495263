"""The little grammar that reading a question needs: words, stems, question words. English, as closed lists.

In a text of another language nothing here matches, and the graph abstains.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

_TOKEN = re.compile(r"[^\W_]+(?:[.&][^\W_]+)*|['’]s\b|[^\s\w]|_")


class Token(NamedTuple):
    """A word or sign of a question, with its character offsets."""

    text: str
    start: int
    end: int

    @property
    def lower(self) -> str:
        """The word in lower case."""
        return self.text.lower()


def tokens(text: str) -> list[Token]:
    """Split into words, possessive 's and single signs."""
    return [Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PREPOSITIONS: Final = _words(
    "of by in for with from to about at on into under between as than during through after before"
)
AUXILIARIES: Final = _words(
    "is are was were be been being am do does did done has have had having "
    "can could will would shall should may might must"
)
NEGATIONS: Final = _words("not never without except neither nor cannot")
WH_WORDS: Final = _words("who whom whose where when which what how why")
SHARING: Final = _words(
    "share shares shared sharing same common together also else another others fellow co alongside both"
)
"""Words that say two things have something in common: a relation walked there and back."""

FILLERS: Final = _words(
    "a an the this that these those it its he she him her his hers they them their theirs i me my we us our you your "
    "and or but not no so if then there here any some all each every one ones many few several "
    "much more most very just only "
    "ever still yet up out off over down please tell give show name list find know get got let say said call called "
    "different various main primary etc often thing things something "
    "someone anyone everybody anybody somebody full real exactly exact currently now actually listed considered "
    "first second third fourth last former late eldest oldest youngest earliest latest newest recent "
    "earlier later newer largest biggest smallest longest shortest larger bigger smaller longer shorter "
    "credited named known mentioned following ' ’ 's ’s"
)
KINDS: Final = _words("kind kinds type types sort sorts style styles")
"""Words that ask for a class of things: they mean something, but little."""
STOP_WORDS: Final = (FILLERS | PREPOSITIONS | AUXILIARIES | WH_WORDS) - {"about"}

_IRREGULAR: Final = {
    word: base
    for base, forms in {
        "write": "wrote written",
        "make": "made",
        "birth": "born births",
        "die": "died dies dead death deaths dying",
        "win": "won",
        "lead": "led",
        "sing": "sang sung",
        "build": "built",
        "speak": "spoke spoken",
        "hold": "held",
        "teach": "taught",
        "grow": "grew grown",
        "begin": "began begun",
        "fight": "fought",
        "buy": "bought",
        "sell": "sold",
        "run": "ran",
        "rise": "rose",
        "draw": "drew drawn",
        "know": "knew known",
        "marry": "marriage marriages",
        "act": "actress actresses",
        "wife": "wives",
        "child": "children",
        "person": "people persons",
        "man": "men",
        "woman": "women",
        "country": "countries",
        "produce": "production",
        "study": "studies studied studying",
        "company": "companies",
        "city": "cities",
        "movie": "movies",
        "party": "parties",
        "bear": "bore",
        "choose": "chose chosen",
        "come": "came",
        "leave": "left",
        "lie": "lay lies",
        "follow": "followed follows",
        "succeed": "successor",
        "creator": "created creates creation",
        "genus": "genera",
    }.items()
    for word in forms.split()
}
_SUFFIXES: Final = ("ing", "ed", "er", "or", "ion", "ment")


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return what the forms of an English word have in common: writer, wrote and written give "writ".

    Plurals, irregular past forms, agent nouns (-er, -or) and -ing, -ed, -ion, -ment; no dictionary.
    """
    word = word.lower()
    word = _IRREGULAR.get(word, word)
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-3] + "y" if word.endswith("ies") else word[:-1]
    word = _IRREGULAR.get(word, word)
    stripped = True
    while stripped:
        stripped = False
        for suffix in _SUFFIXES:
            if word.endswith(suffix) and len(word) - len(suffix) >= 3:
                word = word[: -len(suffix)]
                stripped = True
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 2 and word.endswith("y") else word


def content_stems(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, in order."""
    return [stem(t.text) for t in tokens(text.replace("_", " ")) if t.text[0].isalnum() and t.lower not in STOP_WORDS]
