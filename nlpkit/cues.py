"""Relations that a text says in so many words: wordings (`cues.toml`) matched on sentences whose names are masked.

Nothing is trained. In each sentence every mention of a chain, pronouns included, is written as its type and a number,
`<P3>`; a cue is a regular expression over that with a slot for the subject and one for the object. How likely a cue
tells the truth was counted on Re-DocRED's dev file (`benchmarks/cues.py`), and the counts stand beside it.

What a cue may say besides plain regular expressions:

    {S} {O}     a mention of the subject, of the object, of one of the relation's types
    {S+} {O+}   several of them: "A, B and the engineer C"
    {P} {L} {T} any person, place, date, in between
    {~}         anything up to 120 characters but another mention of the type of the slot that comes first
    {-}         up to 60 characters without a mention, a comma or a bracket
    {d}         up to five words before a name: "the small town of"
    {s}         the ending of a possessive
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from nlpkit.types import Chain, Span

TABLE: Final = Path(__file__).with_name("cues.toml")
PRIOR: Final = 4.0
"""How many matches the prior weighs: a cue's is its relation's precision, a relation's that of all cues."""

LEAST: Final = 0.35
"""A cue that is right less often than this is no cue."""

_LETTERS: Final = {"PER": "P", "ORG": "O", "LOC": "L", "TIME": "T", "NUM": "N", "MISC": "M", "DEMONYM": "D"}
_NO_ITEM: Final = r"(?:by|with|in|at|to|from|of|on|for|was|were|is|later|then|[a-z]+ing|[a-z]+ed|written|sung)\b"
"""What may not stand between two names of one list: "directed by A and written by B" is two lists."""
_POSSESSIVE: Final = re.compile(r"(?:his|her|its)$", re.IGNORECASE)
_NOUN_FOLLOWS: Final = re.compile(r"\s+(?!(?:in|on|at|to|for|from|by|with|as|and|or|the|an?|that|into|after|when)\b)\w")
_AND_HIS: Final = re.compile(r"(?: ?\([^()]*\))?,? and $")
_DEMONYM: Final = re.compile(
    r".*(?:ian|ean|ican|ish|ese|nch|tch|aqi|aeli|ani|(?:German|Greek|Swiss|Thai|Roman|Norman|Czech|Moroccan|Afghan))$"
)
_OPENS: Final = re.compile(
    r"(?P<it>It|Its|it|its)\b|The (?P<MISC>film|movie|novel|book|album|song|single|opera|ballet|symphony|play"
    r"|game|series"
    r"|show|poem|story|magazine)\b|The (?P<ORG>band|group|company|firm|university|college|school|club|team|party"
    r"|organi[sz]ation|label|newspaper|network|station)\b|The (?P<LOC>city|town|village|county|country|state"
    r"|river|island"
    r"|district|municipality)\b"
)
_IT: Final = re.compile(
    r"\b(?:directed|wrote|composed|designed|produced|painted|published|invented|founded|developed|created|built) (it)\b"
)
_OPENING: Final = 5
"""A mention this near to a sentence's start opens it: before it stands "The" or a quotation mark."""


@dataclass(frozen=True, slots=True, eq=False)
class Cue:
    """One wording of one relation, itself alone its equal.

    Of the `found` pairs it matched in the file it was counted on, `right` are annotated, and `said` are not but stand
    there; an object's name has to match `like`.
    """

    property: str
    says: str
    subject: tuple[str, ...]
    object: tuple[str, ...]
    found: int
    right: int
    said: int
    score: float
    pattern: re.Pattern[str]
    same_the_other_way: str
    like: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a cue says of two chains (their numbers), how likely it is true, and the sentence that says it."""

    subject: int
    property: str
    object: int
    score: float
    sentence: Span


@lru_cache(maxsize=4)
def cues(path: Path = TABLE) -> tuple[Cue, ...]:
    """Return the cues of a table, each with its smoothed precision."""
    with path.open("rb") as file:
        table: dict[str, dict[str, Any]] = tomllib.load(file)
    overall = _precision([c for entry in table.values() for c in entry["cues"]], 0.5)
    return tuple(_cue(key, entry, c, overall) for key, entry in table.items() for c in entry["cues"])


def properties() -> frozenset[str]:
    """Return the ids of the relations that the table has cues for, those said by turning a cue round included."""
    return frozenset(key for cue in cues() for key in (cue.property, cue.same_the_other_way) if key)


def _precision(counted: Sequence[Mapping[str, Any]], prior: float) -> float:
    found, right, said = (sum(int(c[key]) for c in counted) for key in ("found", "right", "said"))
    return (right + said + PRIOR * prior) / (found + PRIOR)


def _cue(key: str, entry: Mapping[str, Any], counted: Mapping[str, Any], overall: float) -> Cue:
    subject, object_ = tuple(entry["subject"]), tuple(entry["object"])
    score = _precision([counted], _precision(entry["cues"], overall))
    says: str = counted["says"]
    pattern = re.compile(_expanded(says, subject, object_))
    back = key if entry.get("symmetric") else entry.get("inverse", "")
    like = re.compile(entry["object_like"]) if "object_like" in entry else None
    numbers = (counted["found"], counted["right"], counted["said"])
    return Cue(key, says, subject, object_, *numbers, score, pattern, back, like)


def _expanded(says: str, subject: Sequence[str], object_: Sequence[str]) -> str:
    """Return a cue as a regular expression over a masked sentence, with the groups `s` and `o`."""
    letters = {side: "".join(_LETTERS[label] for label in types) for side, types in (("S", subject), ("O", object_))}
    first = min(("S", "O"), key=lambda side: says.index("{" + side))
    slots = {
        "{~}": rf"(?:[^;<]|<(?![{letters[first]}])){{0,120}}?",
        "{-}": r"[^;,()<]{0,60}?",
        "{d}": r"(?:[\w'’.-]+,? ){0,5}?[\"“]?",
        "{s}": r"['’]s?",
        **{f"{{{kind}}}": rf"<{kind}\d+>(?: ?\([^()]*\))?" for kind in ("P", "L", "T")},
    }
    for side, kinds in letters.items():
        one = rf"<[{kinds}]\d+>(?!['’]s)"
        more = r"(?: ?\([^()]*\))?,?(?: (?:and|or|as well as)|(?<=,)) "
        more += rf"(?:<P\d+>['’]s )?(?:(?!{_NO_ITEM})[a-z'’-]+,? ){{0,4}}?[\"“]?"
        slots[f"{{{side}+}}"] = rf"(?P<{side.lower()}>{one}(?:[\"”]?{more}{one})*)[\"”]?"
        slots[f"{{{side}}}"] = rf"(?P<{side.lower()}><[{kinds}]\d+>)[\"”]?"
    for slot, expanded in slots.items():
        says = says.replace(slot, expanded)
    return says


def claims(text: str, chains: Sequence[Chain], sentences: Sequence[Span], wanted: Collection[str]) -> list[Claim]:
    """Return what the sentences say of the chains, of the relations wanted, each claim once, the likeliest first."""
    best: dict[tuple[int, str, int], Claim] = {}
    for cue, subject, object_, sentence in matches(text, chains, sentences, cues()):
        turned = (object_, cue.same_the_other_way, subject)
        for key in ((subject, cue.property, object_), turned):
            if key[1] in wanted and (key not in best or best[key].score < cue.score):
                best[key] = Claim(*key, cue.score, sentence)
    return sorted(best.values(), key=lambda claim: -claim.score)


def matches(
    text: str, chains: Sequence[Chain], sentences: Sequence[Span], table: Sequence[Cue]
) -> Iterator[tuple[Cue, int, int, Span]]:
    """Yield each match: the cue, the numbers of the subject's and the object's chains, the sentence."""
    for sentence, masked, owners in _masked(text, chains, sentences):
        present = frozenset(chains[number].label for number in owners)
        for cue in _fitting(tuple(table), present):
            for match in cue.pattern.finditer(masked):
                for subject in _owners(match["s"], owners):
                    for object_ in _owners(match["o"], owners):
                        if subject != object_ and (not cue.like or cue.like.search(chains[object_].name)):
                            yield cue, subject, object_, sentence


@lru_cache(maxsize=256)
def _fitting(table: tuple[Cue, ...], present: frozenset[str]) -> tuple[Cue, ...]:
    """Return the cues for which mentions of these types are enough."""
    return tuple(cue for cue in table if not (present.isdisjoint(cue.subject) or present.isdisjoint(cue.object)))


def _owners(slot: str, owners: Sequence[int]) -> dict[int, None]:
    return {owners[int(number)]: None for number in re.findall(r"<[A-Z](\d+)>(?!['’]s \w)", slot + " ")}


def _masked(text: str, chains: Sequence[Chain], sentences: Sequence[Span]) -> Iterator[tuple[Span, str, list[int]]]:
    """Yield the sentences that mention two chains, masked, with the chain of each mention by its number."""
    inside: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    starts = [sentence.start for sentence in sentences]
    mentions = sorted((m.start, -m.end, n) for n, chain in enumerate(chains) for m in chain.mentions)
    at, read_to = 0, 0
    for start, minus_end, number in mentions:
        while at + 1 < len(starts) and starts[at + 1] <= start:
            at += 1
        if start >= read_to and sentences and sentences[at].start <= start and -minus_end <= sentences[at].end:
            inside[at].append((start, -minus_end, number))
            read_to = -minus_end
    subject: int | None = None
    for place, sentence in enumerate(sentences):
        found = _opened(text, sentence, inside[place], chains, subject)
        found = _acted_on(text, sentence, found, chains, subject)
        subject = found[0][2] if found and found[0][0] - sentence.start <= _OPENING else None
        if len({number for _, _, number in found}) > 1:
            found = _and_his(text, found, chains)
            yield sentence, _mask(text, sentence, found, chains), [number for _, _, number in found]


def _opened(
    text: str, sentence: Span, found: list[tuple[int, int, int]], chains: Sequence[Chain], subject: int | None
) -> list[tuple[int, int, int]]:
    """Add "It" or "The film" that opens a sentence: it stands for what opened the sentence before."""
    opening = _OPENS.match(text, sentence.start, sentence.end)
    if subject is None or opening is None or (found and found[0][0] < opening.end()):
        return found
    label = chains[subject].label
    if label == "PER" or (opening["it"] is None and opening.lastgroup != label):
        return found
    return [(opening.start(), opening.end(), subject), *found]


def _acted_on(
    text: str, sentence: Span, found: list[tuple[int, int, int]], chains: Sequence[Chain], subject: int | None
) -> list[tuple[int, int, int]]:
    """Add "it" in "A directed it": what the sentence before was about."""
    acted = _IT.search(text, sentence.start, sentence.end) if found and subject is not None else None
    if acted is None or subject is None or chains[subject].label in ("PER", "TIME", "NUM"):
        return found
    start, end = acted.span(1)
    if any((s < end and start < e) or number == subject for s, e, number in found):
        return found
    return sorted([*found, (start, end, subject)])


def _and_his(text: str, found: list[tuple[int, int, int]], chains: Sequence[Chain]) -> list[tuple[int, int, int]]:
    """Give "his" in "A and his wife" to A, whoever the pronoun rule takes it for."""
    settled: list[tuple[int, int, int]] = []
    for start, end, number in found:
        before = settled[-1] if settled else None
        # "Her father was A, and her mother B" goes on with whose father A was.
        again = any(text[s:e].casefold() == text[start:end].casefold() for s, e, _ in settled)
        own = before and not again and _POSSESSIVE.match(text, start, end)
        if before and own and _AND_HIS.fullmatch(text, before[1], start):
            number = before[2] if chains[before[2]].label == "PER" else number
        settled.append((start, end, number))
    return settled


def _mask(text: str, sentence: Span, found: Sequence[tuple[int, int, int]], chains: Sequence[Chain]) -> str:
    pieces, at = [], sentence.start
    for n, (start, end, number) in enumerate(found):
        label = chains[number].label
        if label == "LOC" and _DEMONYM.match(text, start, end) and _NOUN_FOLLOWS.match(text, end):
            label = "DEMONYM"
        token = f"<{_LETTERS.get(label, 'X')}{n}>"
        # "Her" is of her only before a noun: "her father", but "married her in".
        if _POSSESSIVE.match(text, start, end) and _NOUN_FOLLOWS.match(text, end):
            token += "'s"
        pieces += [_plain(text[at:start]), token]
        at = end
    return "".join((*pieces, _plain(text[at : sentence.end])))


def _plain(text: str) -> str:
    return " ".join(f"|{text}|".replace("<", " ").split())[1:-1]
