"""Follow-up questions made whole: "and when did she die?" after a question on Marie Curie.

What a pronoun, "the film" or a missing part stands for is looked up among what was spoken of: first what was answered
last, then what was asked about, then what came before. Closed rules for English and Chinese; no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nlpkit.graph.chinese import ASKS, asking
from nlpkit.lexicon import FEMALE_NAMES, FEMALE_WORDS, MALE_NAMES, MALE_WORDS, NOMINALS, ROLES
from nlpkit.names import gender_of, normalise

REACH: Final = 4
"""How many exchanges back a follow-up looks."""
FAR: Final = 8
"""How many in Chinese, where each thing spoken of is tried until one has what is asked for."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something that was spoken of: its name, its type ("PER"), and a person's gender, "" where it is not known."""

    name: str
    type: str
    gender: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question as it was understood, what it was about, and what was answered."""

    question: str
    topics: tuple[Spoken, ...] = ()
    answers: tuple[Spoken, ...] = ()


def gender(name: str, said: str = "") -> str:
    """Return "m" or "f" where a person's title or first name tells it, or what was said of him or her; else "".

    Args:
        name: the person's name.
        said: words that describe the person: "wife", "father".

    """
    words = normalise(name).split()
    described = set(re.findall(r"\w+", said.casefold()))
    if described & MALE_WORDS and not described & FEMALE_WORDS:
        return "m"
    if described & FEMALE_WORDS and not described & MALE_WORDS:
        return "f"
    first = words[0] if words else ""
    return gender_of(name) or ("m" if first in MALE_NAMES else "f" if first in FEMALE_NAMES else "")


def readings(text: str, history: Sequence[Exchange], known: Callable[[str], Sequence[Spoken]]) -> list[str]:
    """Return the questions that a text may mean, the likeliest first, each to be asked without what came before.

    Chinese leaves out what is spoken of, and its pronouns say little: there may be several.

    Args:
        text: what the user said.
        history: the exchanges before, the oldest first.
        known: finds what a text names.

    """
    question = " ".join(text.split())
    if not history:
        return [question]
    if re.search(r"[\u4e00-\u9fff]", question):
        return _chinese(question, history, known)
    return [_english(question, history, known)]


def _english(question: str, history: Sequence[Exchange], known: Callable[[str], Sequence[Spoken]]) -> str:
    bare = _JOINING.sub("", question).strip()
    if turned := _TURNED.match(bare):
        # "What about Paul, where was he born?"
        return _replaced(turned[2], [*history, Exchange("", tuple(known(turned[1])))], known)
    whole = _asked_again(bare, history[-1]) or _of_another(bare, history, known) or _phrase(bare, history)
    return _replaced(whole or bare, history, known)


_JOINING = re.compile(
    r"^(?:(?:and|but|so|then|also|okay|ok|well|now|yes|no|hm+|oh|alright|great|thanks|cool)\b[,.! ]*)+", re.IGNORECASE
)
_ABOUT = re.compile(r"^(?:(?:what|how) about|and for|for)\s+(.+?)\s*\?*$", re.IGNORECASE)
_TURNED = re.compile(r"^(?:what|how) about ([^,;:?]+)[,;:?]\s*(\w.*)$", re.IGNORECASE)
_AUXILIARY = "is|was|are|were|did|does|do|has|have|had|can|could|will|would|shall|should|may|might|be"
_WH = (
    r"(?:(?:in|at|on|from|to|by|of|for)\s+)?(?:which|what|whose)"
    rf"(?:\s+(?!(?:{_AUXILIARY})\b)\w+)?|who|whom|where|when|why|how(?:\s+(?:many|much|old|long))?"
)
_THEN = r"(?:\s+(?:exactly|then|(?:was|is) (?:that|it)|did (?:that|it) happen))?"
_BARE_WH = re.compile(rf"^({_WH}){_THEN}\s*\?*$", re.IGNORECASE)
_FIRST_WH = re.compile(rf"^({_WH})\b(?!['’])", re.IGNORECASE)
_VERBS = re.compile(rf"\b(?:{_AUXILIARY})\b", re.IGNORECASE)
_POSSESSIVE = re.compile(r"^(his|her|its|their)\s+(.+?)\s*\?*$", re.IGNORECASE)
_ROLE = re.compile(r"^the\s+([\w -]+?)\s*\?*$", re.IGNORECASE)
_PEOPLE: Final = MALE_WORDS | FEMALE_WORDS | ROLES
_HE = re.compile(r"\b(he|him|his|himself)\b", re.IGNORECASE)
_SHE = re.compile(r"\b(she|her|hers|herself)\b", re.IGNORECASE)
_IT = re.compile(r"\b(it|its|itself)\b", re.IGNORECASE)
_THEY = re.compile(r"\b(they|them|their|theirs)\b", re.IGNORECASE)
_THERE = re.compile(r"(?<!is )(?<!are )(?<!was )(?<!were )\bthere\b(?! (?:is|are|was|were)\b)", re.IGNORECASE)
_HEADS = "|".join(sorted((h for h in NOMINALS if h.isascii()), key=len, reverse=True))
_PART = re.compile(r"\bthe (\w+)(?=\s*[?.!]*$|\s+(?:for|to) (?:it|that)\b)", re.IGNORECASE)
_MORE_HEADS: Final = {
    **dict.fromkeys(("country", "place", "state"), "LOC"),
    **dict.fromkeys(("man", "woman", "person"), "PER"),
    **dict.fromkeys(("play", "opera", "story", "work"), "MISC"),
}
_NOMINAL = re.compile(rf"\b(?:the|this|that) (?P<head>{_HEADS}|{'|'.join(_MORE_HEADS)})\b(?! of\b)", re.IGNORECASE)
_ENDS_NOUN_PHRASE = re.compile(
    r"\s*(?:[?.!,;]|$|(?:in|on|at|to|for|from|by|with|as|and|or|was|is|did|be|die|born|live|work|study|marry)\b)",
    re.IGNORECASE,
)


def _spoken(history: Sequence[Exchange], reach: int = REACH) -> Iterator[Spoken]:
    """Yield what was spoken of, the latest first: of an exchange its only answer, what it was about, other answers."""
    for exchange in reversed(history[-reach:]):
        few = exchange.answers if len(exchange.answers) == 1 else ()
        yield from (*few, *exchange.topics, *(exchange.answers if not few else ()))


def _person(history: Sequence[Exchange], gender: str) -> Spoken | None:
    """Return the person last spoken of who can be meant: one known to be so, before one of whom it is not known."""
    people = [spoken for spoken in _spoken(history) if spoken.type == "PER"]
    sure = next((p for p in people if p.gender == gender), None)
    open_ = next((p for p in people if not p.gender), None)
    if sure is None or open_ is None:
        return sure or open_
    # A man or woman two exchanges back does not go before someone of unknown gender just named.
    return sure if people.index(sure) - people.index(open_) <= 1 else open_


def _thing(history: Sequence[Exchange], types: Sequence[str]) -> Spoken | None:
    return next((spoken for spoken in _spoken(history) if spoken.type in types), None)


def _asked_again(bare: str, last: Exchange) -> str:
    """Return the last question with another question word ("when?"), "" where the text is no such thing."""
    asked, first = _BARE_WH.match(bare), _FIRST_WH.match(last.question)
    if not asked or not first:
        return ""
    word = asked[1]
    rest = last.question[first.end() :]
    if not _VERBS.match(rest.strip()):  # "Who founded Google?" -> "When was Google founded?"
        verb, _, thing = rest.strip(" ?").partition(" ")
        rest = f" was {thing} {verb}?"
    return f"{word[0].upper()}{word[1:]}{rest}"


def _of_another(bare: str, history: Sequence[Exchange], known: Callable[[str], Sequence[Spoken]]) -> str:
    """Return the last question asked of something else ("what about Pierre?"), "" where the text is no such thing."""
    about = _ABOUT.match(bare)
    name = about[1] if about else re.sub(r"^(?:of|for|in|at|from|by|to)\s+", "", bare.rstrip(" ?"), flags=re.IGNORECASE)
    if not about and (_VERBS.search(name) or _FIRST_WH.match(name) or not name[:1].isupper() or len(name.split()) > 6):
        return ""
    if _POSSESSIVE.match(name) or (_ROLE.match(name) and not known(name)):
        return _phrase(name, history)
    pointed = _replaced(name, history, known)
    found = known(pointed)
    other = found[0] if found else Spoken(pointed, "")
    for exchange in reversed(history[-REACH:]):
        topics = [t for t in exchange.topics if t.name != other.name and _places(t.name, exchange.question)]
        alike = [t for t in topics if not other.type or t.type == other.type] or topics
        if alike:
            start, end = _places(alike[0].name, exchange.question)[0]
            return exchange.question[:start] + pointed + exchange.question[end:]
    return ""


def _phrase(bare: str, history: Sequence[Exchange]) -> str:
    """Return a question for a bare noun phrase ("his wife?", "the director?"), "" where the text is no such thing."""
    owned, role = _POSSESSIVE.match(bare), _ROLE.match(bare)
    if owned:
        noun = owned[2]
        return f"{_asks(noun)} {owned[1].lower()} {noun}?"
    if role and len(role[1].split()) <= 3 and not _NOMINAL.fullmatch(f"the {role[1]}"):
        last = next(_spoken(history), None)
        about = history[-1].topics[0] if history[-1].topics else last
        return f"{_asks(role[1])} the {role[1]} of {about.name}?" if about else ""
    return ""


def _asks(noun: str) -> str:
    return "Who was" if set(noun.casefold().split()) & _PEOPLE else "What is"


def _replaced(question: str, history: Sequence[Exchange], known: Callable[[str], Sequence[Spoken]]) -> str:
    """Return a question with names in place of what points back."""
    for pattern, sex in ((_HE, "m"), (_SHE, "f")):
        if pattern.search(question) and (person := _person(history, sex)):
            question = _put(pattern, question, person.name)
    if _IT.search(question) and (thing := _thing(history, ("MISC", "ORG", "LOC"))):
        question = _put(_IT, question, thing.name)
    if _THEY.search(question):
        group = _thing(history, ("ORG",)) or next(_spoken(history), None)
        question = _put(_THEY, question, group.name) if group else question
    if _THERE.search(question) and (place := _thing(history, ("LOC", "ORG"))):
        question = _THERE.sub(f"in {place.name}", question, count=1)
    nominal = _NOMINAL.search(question)
    if nominal and not _named_beside(question, nominal, known):
        head = nominal["head"].casefold()
        label = _MORE_HEADS.get(head) or NOMINALS[head][0]
        if meant := _thing(history, (label,)):
            question = question[: nominal.start()] + meant.name + question[nominal.end() :]
    part = _PART.search(question)
    if part and not known(question) and (whole := _whole_of(part[1], history)):
        question = f"{question[: part.end()]} of {whole.name}{question[part.end() :]}"
    return question


def _whole_of(part: str, history: Sequence[Exchange]) -> Spoken | None:
    """Return what "the music" or "the director" is of: a work or an organisation before a place or a person."""
    return _thing(history, ("MISC", "ORG")) or (None if part.casefold() in _PEOPLE else next(_spoken(history), None))


def _named_beside(question: str, nominal: re.Match[str], known: Callable[[str], Sequence[Spoken]]) -> bool:
    """Say whether "the film" stands before its own name: "the film Frankenstein"."""
    return question[nominal.end() :].lstrip()[:1].isupper() or bool(known(question[nominal.end() :] or "-"))


def _put(pattern: re.Pattern[str], question: str, name: str) -> str:
    """Return a question with a name for each pronoun, in the possessive where the pronoun is."""

    def named(match: re.Match[str]) -> str:
        word = match[1].casefold()
        if word in ("himself", "herself", "itself"):
            return match[0]
        owns = word in ("his", "its", "their", "hers", "theirs") or (
            word == "her" and not _ENDS_NOUN_PHRASE.match(question, match.end())
        )
        return f"{name}'s" if owns else name

    return pattern.sub(named, question)


def _places(name: str, question: str) -> list[tuple[int, int]]:
    """Return where a name stands in a question; its last word alone where the whole does not."""
    for part in (name, name.split()[-1]):
        found = [(m.start(), m.end()) for m in re.finditer(rf"\b{re.escape(part)}\b", question, re.IGNORECASE)]
        if found:
            return found
    return []


_ZH_OTHER = re.compile(r"^(?:那么?|还有)?(.+?)呢[？?]?$")
_ZH_POINTS = (
    (re.compile("她"), ("PER",), "f"),
    (re.compile("他(?!们)"), ("PER",), "m"),
    (
        re.compile("它|[这那该](?:部|首|张|本|家|座|个)?(?:电影|影片|片子?|歌曲?|专辑|书|公司|乐队|景点)"),
        ("MISC", "ORG", "LOC"),
        "",
    ),
    (re.compile("[这那](?:里|儿|个地方)|该地"), ("LOC", "ORG"), ""),
)


def _chinese(question: str, history: Sequence[Exchange], known: Callable[[str], Sequence[Spoken]]) -> list[str]:
    """Return a Chinese question with names in place of what points back, or the last one asked of something else."""
    other = _ZH_OTHER.match(question)
    if other and not ASKS.search(other[1]):
        found = known(other[1])
        for exchange in reversed(history[-REACH:]):
            topics = [t for t in exchange.topics if t.name in exchange.question]
            alike = [t for t in topics if not found or t.type == found[0].type] or topics
            if alike:
                again = [exchange.question.replace(alike[0].name, other[1], 1)]
                # "导演呢？" may be a part of what was spoken of.
                return again if found else [*again, *(f"{one.name}，{question}" for one in alike)]
    first, last = asking(question)
    clause = question[first:last]
    # What stands before the clause that asks is talk, but may be what is asked about.
    before = known(question[:first]) if first else ()
    spoken = list(dict.fromkeys([*before, *_spoken(history, FAR)]))
    for pattern, types, sex in _ZH_POINTS:
        if pattern.search(clause):
            meant = _person(history, sex) if sex else _thing(history, types)
            # A graph read from a table may not tell persons from things.
            open_ = [one for one in spoken if one != meant and (not one.type or one.type in types)]
            return [pattern.sub(one.name, clause) for one in ([meant] if meant else []) + open_] or [question]
    if not ASKS.search(question):
        return [question]
    # What is asked of, when nothing is named: what was asked about before, then what was answered.
    asked = [topic for exchange in reversed(history[-FAR:]) for topic in exchange.topics]
    left_out = [f"{one.name}，{clause}" for one in dict.fromkeys([*before, *asked, *spoken])]
    return [question, *left_out] if known(clause) or not left_out else left_out
