"""What tells persons of one name apart in a text: epithets ("the Elder"), and being each other's relatives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from nlpkit.lexicon import JUNIOR
from nlpkit.names import match_names, person, untitled
from nlpkit.types import Entity

_AFTER: Final = re.compile(
    r"\s+(?:the (?:Elder|Younger)|père|fils|II|III|IV)\b(?!['’]\w{2})|,?\s+(?:[SJ]r\b\.?|Senior\b|Junior\b)"
)
_BEFORE: Final = re.compile(r"\b(?:[Tt]he )?(?:[Ee]lder|[Yy]ounger) $")
_LONGEST: Final = 14

_KIN: Final = (
    r"(?:(?:great-)?grand)?(?:father|mother|son|daughter|parents?|child|nephew|niece)|grandchild|brother|sister|uncle"
    r"|aunt|cousin|namesake|wife|husband"
)
_OF: Final = r"(?: of| was| is|,| and)? ?(?:an? |the )?(?:[a-z][\w-]*,? ){0,5}(?:[A-Z][a-z]+ ){0,1}$"
_RELATIVE: Final = re.compile(rf"\b(?:(?P<his>[Hh]is|[Hh]er)(?: [a-z]+)?|an?|the) (?:{_KIN}){_OF}")
_STRETCH: Final = 90


def extended(text: str, entities: Sequence[Entity]) -> list[Entity]:
    """Return the entities, in order, a person's name taken with the epithet that stands beside it.

    "William Pitt" in "William Pitt the Younger" becomes all of it, "Dumas" in "the elder Dumas" likewise. An entity
    that is no more than part of an epithet is left out.
    """
    found: list[Entity] = []
    last = 0
    for number, entity in enumerate(entities):
        if found and entity.end <= found[-1].end and found[-1].end > last:
            continue
        start, end = entity.start, entity.end
        last = end
        if entity.label == "PER":
            after = _AFTER.match(text, end)
            if after and not any(e.start < after.end() < e.end for e in entities[number + 1 : number + 3]):
                end = after.end()
            if before := _BEFORE.search(text, max(found[-1].end if found else 0, start - _LONGEST), start):
                start = before.start()
        changed = (start, end) != (entity.start, entity.end)
        found.append(replace(entity, text=text[start:end], start=start, end=end) if changed else entity)
    return found


def relatives(text: str, entities: Sequence[Entity]) -> Iterator[int]:
    """Yield the numbers of persons said to be a relative of somebody whose name they bear.

    "His father was the novelist Jean Valmont" in a text about Jean Valmont names another. Whose relative it is: the
    first person of the same sentence, or for a sentence without one, the first person of the text.
    """
    persons = [number for number, entity in enumerate(entities) if entity.label == "PER"]
    for place, number in enumerate(persons):
        entity = entities[number]
        said = _RELATIVE.search(text, max(0, entity.start - _STRETCH), entity.start)
        if not place or said is None or len(untitled(entity.text)) < 2:
            continue
        before = [entities[n] for n in persons[:place] if entities[n].end <= said.start()]
        inside = [e for e in before if not re.search(r"[.!?]\s", text[e.end : said.start()])]
        owner = (inside or before)[:1]
        if owner and len(untitled(owner[0].text)) > 1 and match_names(owner[0].text, entity.text, "PER"):
            yield number


def other_spellings(name: str) -> list[str]:
    """Return other spellings of a person's name with an epithet: "A. Dumas the Younger" is "A. Dumas II", "fils"."""
    one = person(name)
    if not one.suffix:
        return []
    plain = " ".join(one.core)
    words = [word for word, numeral in JUNIOR.items() if numeral == one.suffix]
    spelt = [f"{plain} {word}" for word in (one.suffix, *words)]
    spelt += [f"{plain} the {word}" for word in words] + [f"{word} {plain}" for word in words]
    return [other for other in spelt if person(other).suffix == one.suffix]


def born_apart(a: str, b: str) -> bool:
    """Tell whether two dates of birth, more than a year apart, are those of two persons."""
    one, other = (re.search(r"\b\d{3,4}\b", date) for date in (a, b))
    return one is not None and other is not None and abs(int(one[0]) - int(other[0])) > 1
