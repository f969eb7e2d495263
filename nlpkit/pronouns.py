"""What a document calls its entities by without naming them: third-person pronouns, "the company".

Pronouns. "He", "him", "his", "himself" and "she", "her", "hers", "herself" (他, 她) stand for a person named,
or meant, earlier in the same sentence or in the two before it. Persons of the other gender are out. Those
whose gender is known go first, then the nearer sentence, then the person it names first, which is mostly its
subject; a reflexive is the other way about and takes the last one. A person's gender is known from a title
("Mrs"), a common given name, or what the text says he or she is ("a French actress"), and from the first
pronoun linked. "Him" and "her" at the end of a clause do not mean that clause's own subject. "They" and "it"
are left alone.

Where a paragraph begins and names nobody before the pronoun, it is the person most spoken of so far.

Nominals. "The" or "this" with a head noun of `nlpkit.lexicon.NOMINALS`, not itself part of a longer phrase
("the city council"), stands for an entity of that head's type within the same reach: one whose name has a word
of that kind ("University"), else, for the heads in `UNMARKED`, one that opens its sentence and has no word of
another kind.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nlpkit.lexicon import FEMALE_NAMES, FEMALE_WORDS, MALE_NAMES, MALE_WORDS, NOMINALS, UNMARKED
from nlpkit.names import gender_of, normalise, untitled
from nlpkit.types import Mention, Span

REACH = 2
"""How many sentences back a pronoun or a nominal looks."""

_OPENING = 4
"""Characters that may stand before a subject that opens its sentence: a quotation mark, "The"."""

_PRONOUN = re.compile(
    r"\b(?P<m>he|him|his|himself)\b|\b(?P<f>she|her|hers|herself)\b|(?<![其吉])(?P<zm>他)(?!们|人)|(?P<zf>她)(?!们)",
    re.IGNORECASE,
)
_HEADS = "|".join(sorted((head for head in NOMINALS if head.isascii()), key=len, reverse=True))
_UNSPACED_HEADS = "|".join(head for head in NOMINALS if not head.isascii())
# What may follow a nominal that ends there; another noun after it would make a longer phrase of it.
_AFTER = (
    r"(?=\s*(?:[.,;:!?)’'\"]|$)|\s+(?:is|was|were|are|has|had|have|will|would|can|could|and|or|but|in|on|at|to|for|from|"
    r"by|with|as|that|which|who|when|where|after|before|until|since|during|into|also|then|now|still|soon|became|began|"
    r"went|won|made|grew|lies|stands|takes|took|sold|sells|makes|lost|built|employs|employed|is|[a-z]{2,}ed)\b)"
)
_NOMINAL = re.compile(rf"\b(?:[Tt]he|[Tt]his)\s+(?P<head>{_HEADS})\b{_AFTER}|(?P<unspaced>{_UNSPACED_HEADS})")
_ANY = re.compile(f"{_PRONOUN.pattern}|{_NOMINAL.pattern}", re.IGNORECASE)
_DESCRIBED = re.compile(r"(?:\s*\([^)]{0,80}\))?\s*(?:,|is|was)\s*(?:an?|the)\s+((?:[\w-]+\s+){0,5}?[\w-]+)\b")
_PARAGRAPH = re.compile(r"\n\s*\n\s*$")
_CLAUSE = re.compile(r"[,;:—–(]|\b(?:and|but|that|who|which|when|where|while|because|after|before|if|as)\b")
_OBJECT = re.compile(r"\s*(?:[.,;:!?)]|$|(?:in|on|at|to|for|from|by|with|as|and|or|the|a|an|that|into)\b)")


@dataclass(frozen=True, slots=True)
class Referent:
    """What a pronoun or a nominal may stand for: an entity's type and its named mentions, in the order of the text."""

    label: str
    mentions: tuple[Mention, ...]


def anaphora(text: str, referents: Sequence[Referent], sentences: Sequence[Span]) -> Iterator[tuple[int, Mention]]:
    """Yield the pronouns and nominals of some sentences with the number of the referent each stands for, in order."""
    if not sentences:
        return
    named = sorted((m.start, m.end, number) for number, r in enumerate(referents) for m in r.mentions)
    reader = _Reader(text, referents, [sentence.start for sentence in sentences])
    at = 0
    for match in _ANY.finditer(text, sentences[0].start, sentences[-1].end):
        while at < len(named) and named[at][0] < match.end():
            reader.see(*named[at])
            at += 1
        if match.start() < reader.read_to:
            continue  # inside a name: "The Company", "Her Majesty"
        number = reader.resolve(match)
        if number is not None:
            reader.see(match.start(), match.end(), number)
            pronoun = match["head"] is None and match["unspaced"] is None
            yield number, Mention(match[0], match.start(), match.end(), "pronoun" if pronoun else "nominal")


class _Reader:
    """What has been read so far: the mentions of the last sentences, and what is known of each person's gender."""

    def __init__(self, text: str, referents: Sequence[Referent], starts: Sequence[int]) -> None:
        self.text = text
        self.starts = starts
        self.referents = referents
        self.recent: deque[tuple[int, list[tuple[int, int]]]] = deque(maxlen=REACH + 1)
        self.genders: dict[int, str] = defaultdict(str)
        self.described: set[int] = set()
        self.counts: Counter[int] = Counter()
        self.read_to = 0

    def sentence(self, position: int) -> int:
        """Return the number of the sentence that holds a character."""
        return max(bisect_right(self.starts, position) - 1, 0)

    def see(self, start: int, end: int, number: int) -> None:
        """Take note of a mention."""
        sentence = self.sentence(start)
        if not self.recent or self.recent[-1][0] != sentence:
            self.recent.append((sentence, []))
        self.recent[-1][1].append((start, number))
        self.counts[number] += 1
        self.read_to = max(self.read_to, end)
        if self.referents[number].label == "PER" and number not in self.described:
            self.described.add(number)
            self.genders[number] = self.genders[number] or _gender(self.text, self.referents[number])

    def resolve(self, match: re.Match[str]) -> int | None:
        """Return the number of the referent that a pronoun or a nominal stands for, None if none surely does."""
        sentence = self.sentence(match.start())
        if head := match["head"] or match["unspaced"]:
            return self._nominal(sentence, head.casefold())
        gender = "m" if match["m"] or match["zm"] else "f"
        number = self._topic(sentence, gender)
        number = self._person(sentence, match, gender) if number is None else number
        if number is not None:
            self.genders[number] = gender
        return number

    def _within_reach(self, sentence: int) -> Iterator[list[tuple[int, int]]]:
        for read, mentions in reversed(self.recent):
            if read >= sentence - REACH:
                yield mentions

    def _topic(self, sentence: int, gender: str) -> int | None:
        """Return the person most spoken of, where a new paragraph names nobody before the pronoun."""
        start = self.starts[sentence] if self.starts else 0
        if not _PARAGRAPH.search(self.text, max(0, start - 4), start) and self.text[start : start + 1] != "\n":
            return None
        if self.recent and self.recent[-1][0] == sentence:
            return None
        fitting = [n for n in self.counts if self.referents[n].label == "PER" and self.genders[n] in (gender, "")]
        return max(fitting, key=lambda n: self.counts[n], default=None)

    def _person(self, sentence: int, match: re.Match[str], gender: str) -> int | None:
        known, unknown = None, None
        own = self._own_subject(sentence, match)
        reflexive = match[0].casefold().endswith("self")
        for mentions in self._within_reach(sentence):
            for _, number in reversed(mentions) if reflexive else mentions:
                if self.referents[number].label != "PER" or number == own:
                    continue
                if self.genders[number] == gender:
                    known = number if known is None else known
                elif not self.genders[number]:
                    unknown = number if unknown is None else unknown
        return unknown if known is None else known

    def _own_subject(self, sentence: int, match: re.Match[str]) -> int | None:
        """Return the person named in the clause of which an object pronoun ("him") is a part, if any."""
        word = match[0].casefold()
        if word != "him" and not (word == "her" and _OBJECT.match(self.text, match.end())):
            return None
        if not self.recent or self.recent[-1][0] != sentence:
            return None
        persons = [(s, n) for s, n in self.recent[-1][1] if self.referents[n].label == "PER"]
        if not persons or _CLAUSE.search(self.text, persons[-1][0], match.start()):
            return None
        return persons[-1][1]

    def _nominal(self, sentence: int, head: str) -> int | None:
        label, own_words = NOMINALS[head]
        for mentions in self._within_reach(sentence):
            for _, number in reversed(mentions):
                if self.referents[number].label == label and _kind(self.referents[number]) & own_words:
                    return number
        if head not in UNMARKED:
            return None
        for mentions in self._within_reach(sentence):
            start, number = mentions[0]
            subject = self.referents[number]
            opens = not self.starts or start - self.starts[self.sentence(start)] <= _OPENING
            if opens and subject.label == label and not _kind(subject):
                return number
        return None


_KIND_WORDS = frozenset(word for _, words in NOMINALS.values() for word in words)
_UNSPACED_KINDS = tuple(word for word in _KIND_WORDS if not word.isascii())


def _kind(referent: Referent) -> set[str]:
    """Return the words in an entity's names that tell what kind of thing it is."""
    kinds = set()
    for name in {mention.text for mention in referent.mentions[:8]}:
        plain = normalise(name)
        kinds |= {word for word in plain.split() if word in _KIND_WORDS}
        kinds |= {word for word in _UNSPACED_KINDS if plain.endswith(word)}
    return kinds


def _gender(text: str, referent: Referent) -> str:
    for mention in referent.mentions[:8]:
        words = untitled(mention.text)
        first = words[0] if words else ""
        found = gender_of(mention.text) or ("m" if first in MALE_NAMES else "f" if first in FEMALE_NAMES else "")
        if found := found or _described(text, mention):
            return found
    return ""


def _described(text: str, mention: Mention) -> str:
    before = re.search(r"([\w-]+)\s+$", text[max(0, mention.start - 24) : mention.start])
    after = _DESCRIBED.match(text, mention.end, mention.end + 200)
    words = [before[1].casefold()] if before else []
    words += after[1].casefold().split() if after else []
    for word in words:
        if word in MALE_WORDS or word in FEMALE_WORDS:
            return "m" if word in MALE_WORDS else "f"
    return ""
