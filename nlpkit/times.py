"""Times as texts say them: which days "7 November 1867", "the early 1990s", "from 1901 to 1905" or "公元前221年" mean.

Rules for English and Chinese, no model. What has no year of its own ("yesterday", "that spring", "two years") has no
period. A season, a quarter or a feast counts as its year: half the world has it at another time of the year.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

from nlpkit.lexicon import MONTHS

_CYCLE: Final = (400, 146_097)
"""After so many years, of so many days, the Gregorian calendar begins anew."""
_LAST_YEAR: Final = 9999
_THIRDS: Final = {"early": 0, "start": 0, "beginning": 0, "mid": 1, "middle": 1, "late": 2, "end": 2} | {
    "初": 0,
    "中": 1,
    "末": 2,
}
_ORDINALS: Final = {
    word: number
    for number, word in enumerate(
        (
            *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
            *("eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth"),
            *("eighteenth", "nineteenth", "twentieth", "twenty-first"),
        ),
        start=1,
    )
}
_DIGITS: Final = {sign: str(number) for number, signs in enumerate(("〇零○", *"一二三四五六七八九")) for sign in signs}
_BEFORE_REPUBLIC: Final = 1911
"""The first year of the Chinese republic is the next."""

_MONTH: Final = rf"(?:{'|'.join(sorted(MONTHS, key=len, reverse=True))})\b\.?"
_DAY: Final = r"\d{1,2}(?:\s?(?:st|nd|rd|th))?"
_YEAR: Final = r"(?:\d{3,4}|\d{1,2}(?=\s?(?:BC|AD|CE)))"
_LIKELY: Final = r"(?:1\d{3}|2[01]\d{2})"
"""A year that need not be said to be one."""
_DASH: Final = r"\s?[-–—‒/]\s?"
_ERA: Final = r"(?:\s?(?P<era>BCE?|B\.C\.(?:E\.)?|AD|A\.D\.|CE)(?![\w.]))?"
_PART: Final = (
    r"(?:(?:the\s+)?(?P<part>early|start|beginning|mid|middle|late|end)(?:\s+(?:of\s+)?(?:the\s+)?|\s?-\s?))?"
    r"(?:the\s+)?"
)
_BEFORE_ONE: Final = re.compile(
    r"^(?:in the year|in|on|at|during|circa|ca?\.?|about|around)\s+|^ca?\.\s?|^[于在]", re.IGNORECASE
)
_SEASONS: Final = (
    r"(?:spring|summer|autumn|fall|winter|easter|christmas|season|start|beginning|end|middle|year|[1-4](?:st|nd|rd|th)"
    r"\s+quarter|(?:first|second|third|fourth|last)\s+(?:quarter|half))(?:\s+of)?(?:\s+the\s+year)?"
)
_ISO: Final = r"-?\d{4}(?:-\d{2}(?:-\d{2})?)?"
_EDTF: Final = re.compile(rf"(?P<first>{_ISO}|\.\.)(?:/(?P<last>{_ISO}|\.\.))?")
_HANZI: Final = "〇零○一二三四五六七八九十廿卅元"


@dataclass(frozen=True, slots=True)
class Period:
    """The days from `first` to `last`, both included; None is an open end.

    Days are counted as `datetime.date.toordinal` counts them (1 is 1 January of the year 1, proleptic Gregorian), on
    through zero and below for years before Christ. As a string it is an interval of ISO 8601-2 (EDTF): "1905",
    "1905-03", "1905-03-02", "1901/1905", "1905/..", "-0220" (221 BC).
    """

    first: int | None
    last: int | None

    def overlaps(self, other: Period) -> bool:
        """Whether the two have a day in common."""
        return _in_order(self.first, other.last) and _in_order(other.first, self.last)

    def within(self, other: Period) -> bool:
        """Whether the other has all days of this one."""
        begins = other.first is None or (self.first is not None and self.first >= other.first)
        return begins and (other.last is None or (self.last is not None and self.last <= other.last))

    def __str__(self) -> str:
        ends = [None if day is None else _calendar(day) for day in (self.first, self.last)]
        n_parts = max(_n_parts(ends[0], (1, 1)), _n_parts(ends[1], (12, 31)))
        shown = [".." if end is None else _iso(end[:n_parts]) for end in ends]
        return shown[0] if shown[0] == shown[1] else "/".join(shown)


@dataclass(frozen=True, slots=True)
class Said:
    """A time in a text: its characters [start, end), with the words that open or close it ("since"), and its period."""

    start: int
    end: int
    period: Period


def period(text: str) -> Period | None:
    """Return the days that a time means, None where it does not say them.

    Args:
        text: a time and no more: "1905", "the 1990s", "May–June 1940", "since March 1921", "19th century", "1905年3月".

    """
    plain = " ".join(text.split()).strip(" ,.;()（），。-–")
    plain = _BEFORE_ONE.sub("", plain)
    if found := re.fullmatch(rf"(?:{_YEAR}){_ERA}", plain, re.IGNORECASE):
        return _years(*[_year(plain, found["era"])] * 2)
    said = next(_said(plain, lenient=True), None)
    return said.period if said and not plain[: said.start].strip() and not plain[said.end :].strip() else None


def edtf(text: str) -> Period | None:
    """Read what `str` makes of a period: "1905", "1905-03-02", "1901/1905", "1905/..", "-0220"; None for all else."""
    found = _EDTF.fullmatch(text)
    first, last = (_numbers(found[end] or found["first"]) for end in ("first", "last")) if found else (None, None)
    known = first or last
    whole = known and _span(first or known, last or known)
    return Period(whole.first if first else None, whole.last if last else None) if whole else None


def _numbers(date_: str) -> tuple[int, int, int] | None:
    """Read an ISO date, 0 standing for what it leaves out; None where it is an open end."""
    parts = [int(part) for part in re.findall(r"^-?\d+|\d+", date_)]
    year, month, day = (*parts, 0, 0, 0)[:3]
    return (year, month, day) if parts else None


def find(text: str) -> Iterator[Said]:
    """Go through the times that a text says, in order; a number alone is a year where its neighbours make it one."""
    return _said(text, lenient=False)


# Days


def _day(year: int, month: int, day: int) -> int:
    cycles = 0 if year > 0 else -year // _CYCLE[0] + 1
    return date(year + cycles * _CYCLE[0], month, day).toordinal() - cycles * _CYCLE[1]


def _calendar(day: int) -> tuple[int, int, int]:
    cycles = 0 if day > 0 else -day // _CYCLE[1] + 1
    found = date.fromordinal(day + cycles * _CYCLE[1])
    return found.year - cycles * _CYCLE[0], found.month, found.day


def _month_end(year: int, month: int) -> int:
    return monthrange(year % _CYCLE[0] + _CYCLE[0], month)[1]


def _in_order(day: int | None, other: int | None) -> bool:
    return day is None or other is None or day <= other


def _n_parts(end: tuple[int, int, int] | None, edge: tuple[int, int]) -> int:
    """Return how many of year, month and day an end of a period needs to be written."""
    if end is None or end[1:] == edge:
        return 1
    return 2 if end[2] == (1 if edge[1] == 1 else _month_end(*end[:2])) else 3


def _iso(parts: tuple[int, ...]) -> str:
    year = f"-{-parts[0]:04}" if parts[0] < 0 else f"{parts[0]:04}"
    return "-".join([year, *(f"{part:02}" for part in parts[1:])])


def _span(first: tuple[int, int, int], last: tuple[int, int, int]) -> Period | None:
    """Return the period between two dates, 0 standing for a month or a day that is not said; None if there is none."""
    year, month, day = last
    try:
        begin = _day(first[0], first[1] or 1, first[2] or 1)
        end = _day(year, month or 12, day or _month_end(year, month or 12))
    except ValueError:
        return None
    return Period(begin, end) if begin <= end else None


def _years(first: int, last: int) -> Period | None:
    return _span((first, 0, 0), (last, 0, 0)) if max(abs(first), abs(last)) <= _LAST_YEAR else None


def _year(text: str, era: str | None = None) -> int:
    """Return an astronomical year: 1 BC is 0."""
    year = int("".join(filter(str.isdigit, text)))
    return 1 - year if era and era.upper().startswith("B") else year


def _third(first: int, last: int, part: str | None) -> Period | None:
    """Return a part of some years, or all."""
    if part is None:
        return _years(first, last)
    third, n_years = _THIRDS[part.lower()], last - first + 1
    return _years(first + round(third * n_years / 3), first + round((third + 1) * n_years / 3) - 1)


# What a match means


def _month(text: str) -> int:
    return MONTHS[text.rstrip(".").lower()]


def _number(text: str) -> int:
    return int(re.match(r"\d+", text)[0])  # type: ignore[index]  # the pattern has a digit first


def _days_of_month(found: re.Match[str]) -> Period | None:
    month, year = _month(found["month"]), _year(found["year"], found["era"])
    return _span((year, month, _number(found["day"])), (year, month, _number(found["until"] or found["day"])))


def _months(found: re.Match[str]) -> Period | None:
    year = _year(found["year"], found["era"])
    return _span((year, _month(found["month"]), 0), (year, _month(found["until"] or found["month"]), 0))


def _iso_date(found: re.Match[str]) -> Period | None:
    when = (int(found["year"]), int(found["month"]), int(found["day"]))
    return _span(when, when)


def _decade(found: re.Match[str]) -> Period | None:
    first = _year(found["year"])
    return _third(
        first, first + (99 if first % 100 == 0 and found["part"] is None and first < 1800 else 9), found["part"]
    )


def _century(found: re.Match[str]) -> Period | None:
    words = found["number"].lower().replace(" ", "-")
    number = _ORDINALS.get(words) or int("0" + "".join(filter(str.isdigit, words)))
    first = 100 * number - 99
    if (found["era"] or "").upper().startswith("B"):
        first = 1 - 100 * number
    return _third(first, first + 99, found["part"]) if number else None


def _short_range(found: re.Match[str]) -> Period | None:
    first, digits = int(found["year"]), found["until"]
    last = first - first % 10 ** len(digits) + int(digits)
    return _years(first, last) if last > first else None


def _plain_year(found: re.Match[str]) -> Period | None:
    year = _year(found["year"], found["era"])
    return _third(year, year, None)


def _chinese_date(found: re.Match[str]) -> Period | None:
    year = _hanzi(found["year"])
    if year is None:
        return None
    if not (found["before"] or found["christ"] or found["republic"] or year >= 100):
        return None  # "三年": so many years
    year = 1 - year if found["before"] else year + _BEFORE_REPUBLIC if found["republic"] else year
    if found["decade"]:
        return _years(year, year + 9)
    month, day = (_hanzi(found[key]) if found[key] else 0 for key in ("month", "day"))
    return None if month is None or day is None else _span((year, month, day), (year, month, day))


def _chinese_century(found: re.Match[str]) -> Period | None:
    number, decade = _hanzi(found["number"]), found["decade"]
    if not number:
        return None
    first = 1 - 100 * number if found["before"] else 100 * number - 99
    if decade and (tens := _hanzi(decade)) is not None:
        return _third(first - 1 + tens, first + 8 + tens, found["part"])
    return _third(first, first + 99, found["part"])


def _hanzi(text: str) -> int | None:
    """Read a number of digits or Chinese signs: "1905", "一九〇五", "二十六"; "元" is the first year."""
    if text.isdecimal():
        return int(text)
    if text == "元":
        return 1
    plain = text.replace("廿", "二十").replace("卅", "三十")
    if "十" not in plain:
        return int("".join(_DIGITS[sign] for sign in plain)) if all(sign in _DIGITS for sign in plain) else None
    tens, _, ones = plain.partition("十")
    if len(tens) > 1 or len(ones) > 1 or not all(sign in _DIGITS for sign in tens + ones):
        return None
    return 10 * int(_DIGITS[tens] if tens else 1) + int(_DIGITS[ones] if ones else 0)


_Meaning = Callable[[re.Match[str]], Period | None]


def _rule(pattern: str, meaning: _Meaning) -> tuple[re.Pattern[str], _Meaning]:
    return re.compile(pattern, re.IGNORECASE), meaning


_RULES: Final = (
    _rule(r"(?<![\d-])(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?![\d-])", _iso_date),
    _rule(
        rf"(?<!\d)(?:\bthe\s+)?(?P<day>{_DAY})(?:{_DASH}(?P<until>{_DAY}))?\s?(?:of\s+)?(?P<month>{_MONTH})\s?,?\s?"
        rf"(?P<year>{_YEAR})(?!\d){_ERA}",
        _days_of_month,
    ),
    _rule(
        rf"\b(?P<month>{_MONTH})\s(?P<day>{_DAY})(?:{_DASH}(?P<until>{_DAY}))?\s?,?\s(?P<year>{_YEAR})(?!\d){_ERA}",
        _days_of_month,
    ),
    _rule(
        rf"\b(?P<month>{_MONTH})(?:{_DASH}(?P<until>{_MONTH}))?(?:\s+of)?\s?,?\s(?P<year>{_YEAR})(?!\d){_ERA}", _months
    ),
    _rule(rf"\b{_PART}(?P<year>\d{{2,3}}0)\s?['’]?s\b", _decade),
    _rule(rf"\b{_PART}(?P<number>\d{{1,2}}\s?(?:st|nd|rd|th)|{'|'.join(_ORDINALS)})\s?-?\s?century{_ERA}", _century),
    _rule(
        rf"(?<![\d.,-])(?:\bthe\s+)?(?P<year>{_LIKELY}){_DASH}(?P<until>\d{{1,2}})(?![\d,]|[-.]\d)(?:\s+season)?",
        _short_range,
    ),
    _rule(r"(?<![\d.,])\b(?P<year>\d{1,4})\s?(?P<era>BCE?|B\.C\.(?:E\.)?|AD|A\.D\.|CE)(?![\w])", _plain_year),
    _rule(r"\b(?P<era>AD|A\.D\.)\s?(?P<year>\d{1,4})(?!\d)", _plain_year),
    _rule(rf"\b(?:the\s+)?{_SEASONS}\s+(?P<year>{_LIKELY}){_DASH}(?P<until>\d{{1,4}})(?!\d)", _short_range),
    _rule(
        rf"\b(?:{_PART})(?:{_SEASONS}\s+)?(?P<year>{_LIKELY})(?![\d%]|[.,]\d|['’]?s\b){_ERA}(?:\s+season)?",
        _plain_year,
    ),
    _rule(
        rf"(?P<before>公元前|前)?(?P<christ>公元)?(?P<republic>民国)?(?P<year>\d{{1,4}}|[{_HANZI}]{{1,4}})\s?年"
        rf"(?P<decade>代)?(?:\s?(?P<month>\d{{1,2}}|[{_HANZI}]{{1,3}})\s?月(?:\s?(?P<day>\d{{1,2}}|[{_HANZI}]{{1,3}})\s?[日号])?)?",
        _chinese_date,
    ),
    _rule(
        rf"(?P<before>公元前|前)?(?:公元)?(?P<number>\d{{1,2}}|[{_HANZI}]{{1,3}})\s?世纪(?:(?P<decade>\d0|[{_HANZI}]{{1,2}})年代)?"
        r"(?P<part>[初中末])?(?:[叶期])?",
        _chinese_century,
    ),
)

_TO: Final = re.compile(r"\s*(?:[-–—‒/]|\bto\b|\btill\b|\buntil\b|\bthrough\b|至|到)\s*(?:the\s+)?", re.IGNORECASE)
_AND: Final = re.compile(r"\s*(?:\band\b|和)\s*(?:the\s+)?", re.IGNORECASE)
_NOW: Final = re.compile(
    r"\s*(?:[-–—]|\bto\b(?:\s+the)?|至|到)\s*(?:present|now|today|今)|\s*(?:onwards?\b|以来|以后|之后|后|起)", re.I
)
_EARLIER: Final = re.compile(r"\s*(?:以前|之前|前)")
_OPENING: Final = re.compile(
    r"(?:\b(?P<from>since|from|beginning in|starting in)|\b(?P<to>until|till|up to)|\b(?P<before>before|prior to)"
    r"|\b(?P<after>after)|\b(?P<between>between)|(?P<zh>自|从))\s*(?:(?:the|about|around|circa|c\.|ca\.)\s+)?$",
    re.IGNORECASE,
)
_YEARLY: Final = re.compile(
    r"(?:\b(?:in|since|from|until|till|by|before|after|during|of|to|and|between|year|circa|c\.|ca\.|around|about|the|late|"
    r"early|mid|for|released|born|died|b\.|d\.|season)\s*|[(（\[–—,;:/]\s?|^\s*)$",
    re.IGNORECASE,
)
"""What stands before a number that is a year."""
_SPAN: Final = re.compile(rf"\s?[-–—]\s?(?:{_LIKELY}\b|present\b)")
"""What stands after the first year of two."""
_COUNTED: Final = re.compile(
    r"\s?(?:%|[a-z]{1,2}²|(?:k?m|ft|kg|km²|mi|miles|people|persons|men|inhabitants|soldiers|votes|seats)\b)"
)
"""What stands after a number that is none."""


def _said(text: str, *, lenient: bool) -> Iterator[Said]:
    """Go through the times of a text, those that stand for the two ends of one joined."""
    before: Said | None = None
    opening: re.Match[str] | None = None
    for found in _single(text, lenient):
        if before is not None and (joined := _joined(text, before, found, opening)):
            yield joined
            before = None
            continue
        if before is not None:
            yield _opened(text, before, opening)
        opening = _OPENING.search(text, before.end if before else 0, found.start)
        before = found
    if before is not None:
        yield _opened(text, before, opening)


def _single(text: str, lenient: bool) -> list[Said]:
    """Return what the rules find, the first and the longest where they cross."""
    found = sorted(
        (match.start(), -match.end(), number, match)
        for number, (pattern, _) in enumerate(_RULES)
        for match in pattern.finditer(text)
        if lenient or not match[0].isdigit() or _is_year(text, match)
    )
    times: list[Said] = []
    for start, end, number, match in found:
        if (not times or start >= times[-1].end) and (meant := _RULES[number][1](match)):
            times.append(Said(start, -end, meant))
    return times


def _is_year(text: str, number: re.Match[str]) -> bool:
    before, after = _YEARLY.search(text, 0, number.start()), _SPAN.match(text, number.end())
    return bool(before or after) and not _COUNTED.match(text, number.end())


def _joined(text: str, one: Said, other: Said, opening: re.Match[str] | None) -> Said | None:
    """Return the period from one time to another, where the words between and before them make it one."""
    first, last = one.period.first, other.period.last
    between = text[one.end : other.start]
    words = _AND if opening and opening["between"] else _TO
    if words.fullmatch(between) and first is not None and last is not None and first <= last:
        start = opening.start() if opening and (opening["from"] or opening["between"] or opening["zh"]) else one.start
        return Said(start, other.end, Period(first, last))
    return None


def _opened(text: str, said: Said, opening: re.Match[str] | None) -> Said:
    """Return a time as the words around it have it: "since" leaves the end open, "until" the beginning."""
    first, last = said.period.first, said.period.last
    start, end = said.start, said.end
    if found := _NOW.match(text, said.end):
        return Said(opening.start() if opening else start, found.end(), Period(first, None))
    if found := _EARLIER.match(text, said.end):
        return Said(start, found.end(), Period(None, None if first is None else first - 1))
    if opening is None or opening["between"]:
        return said
    if opening["from"] or opening["zh"]:
        return Said(opening.start(), end, Period(first, None))
    if opening["after"]:
        return Said(opening.start(), end, Period(None if last is None else last + 1, None))
    day = last if opening["to"] or first is None else first - 1
    return Said(opening.start(), end, Period(None, day))
