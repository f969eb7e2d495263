"""Times in words: what they mean, where texts say them, and what is no time."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.times import Period, edtf, find, period


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1905", "1905"),
        ("589", "0589"),
        ("7 November 1867", "1867-11-07"),
        ("November 7, 1867", "1867-11-07"),
        ("Nov. 7 1867", "1867-11-07"),
        ("August 20 , 1920", "1920-08-20"),
        ("the 7th of November, 1867", "1867-11-07"),
        ("1867-11-07", "1867-11-07"),
        ("July 2012", "2012-07"),
        ("May–June 1940", "1940-05/1940-06"),
        ("4–5 June 1942", "1942-06-04/1942-06-05"),
        ("April 17–23, 2013", "2013-04-17/2013-04-23"),
        ("29 February 2000", "2000-02-29"),
        ("the 1960s", "1960/1969"),
        ("the early 1990s", "1990/1992"),
        ("the end of the 1990s", "1997/1999"),
        ("the 1700s", "1700/1799"),
        ("the 18th century", "1701/1800"),
        ("the late nineteenth century", "1868/1900"),
        ("twenty-first century", "2001/2100"),
        ("16th century BCE", "-1599/-1500"),
        ("44 BC", "-0043"),
        ("1 BC", "0000"),
        ("March 44 BC", "-0043-03"),
        ("AD 79", "0079"),
        ("1983–84", "1983/1984"),
        ("the 2016–17 season", "2016/2017"),
        ("1901–1905", "1901/1905"),
        ("from March 1901 to 1905", "1901-03/1905-12"),
        ("between 1901 and 1905", "1901/1905"),
        ("since 1905", "1905/.."),
        ("1905–present", "1905/.."),
        ("until 3 March 1921", "../1921-03-03"),
        ("before 1905", "../1904"),
        ("after March 1905", "1905-04/.."),
        ("c. 1680", "1680"),
        ("in the summer of 2009", "2009"),
        ("first quarter of 2009", "2009"),
        ("1905年", "1905"),
        ("1905年3月2日", "1905-03-02"),
        ("二〇〇八年八月八日", "2008-08-08"),
        ("一九四九年十月二十一日", "1949-10-21"),
        ("民国二十六年", "1937"),
        ("公元前221年", "-0220"),
        ("20世纪", "1901/2000"),
        ("二十世纪九十年代", "1990/1999"),
        ("19世纪末", "1868/1900"),
        ("1990年代", "1990/1999"),
        ("1901年至1905年", "1901/1905"),
        ("自1905年", "1905/.."),
        ("1905年以来", "1905/.."),
        ("1905年以前", "../1904"),
    ],
)
def test_what_a_time_means(text: str, meant: str) -> None:
    assert str(period(text)) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "May",
        "Tuesday",
        "two years",
        "三年",
        "十年",
        "30 February 1999",
        "15 August",
        "88",
        "yesterday",
        "1.5",
        "0世纪",
    ],
)
def test_what_has_no_year_has_no_period(text: str) -> None:
    assert period(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "From 1919 to 1933 she led the mill; in 1905 it had 1500 people and $2000.",
            [("From 1919 to 1933", "1919/1933"), ("1905", "1905")],
        ),
        ("He (1867–1934) stayed until May 1921.", [("1867–1934", "1867/1934"), ("until May 1921", "../1921-05")]),
        ("It is 1905 m high and lies 1200 km off.", []),
        (
            "Born in 1867, moved in 1891 and again in July 1934.",
            [("1867",) * 2, ("1891",) * 2, ("July 1934", "1934-07")],
        ),
        ("她1998年毕业，2001年至2005年任市长。", [("1998年", "1998"), ("2001年至2005年", "2001/2005")]),
        ("Call 1905-2231 or 12.1905.", []),
    ],
)
def test_where_a_text_says_times(text: str, said: list[tuple[str, str]]) -> None:
    assert [(text[s.start : s.end], str(s.period)) for s in find(text)] == said


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    period(text)
    ends = [0, *(end for said in find(text) for end in (said.start, said.end))]
    assert ends == sorted(ends)
    assert ends[-1] <= len(text)


@given(st.dates())
def test_days_are_numbered_as_the_calendar_does(day: date) -> None:
    number = day.toordinal()
    assert str(Period(number, number)) == day.isoformat()
    assert period(day.isoformat()) == Period(number, number)


def test_periods_lie_in_each_other() -> None:
    year, march, before, since = (period(text) for text in ("1905", "March 1905", "until 1904", "since 1905"))
    assert year is not None
    assert march is not None
    assert before is not None
    assert since is not None
    assert march.within(year)
    assert not year.within(march)
    assert year.overlaps(march)
    assert not year.overlaps(before)
    assert year.within(since)
    assert not since.within(year)
    assert not since.overlaps(before)


@pytest.mark.parametrize(
    "text", ["1905", "1905-03", "1905-03-02", "1901/1905", "1905-03/1905-05", "1905/..", "../1905", "-0220"]
)
def test_edtf_comes_back(text: str) -> None:
    assert str(edtf(text)) == text


@pytest.mark.parametrize(
    "text", ["", "..", "../..", "1905/", "/1905", "19", "1905-13", "1905/1901", "1905-02-30", "in 1905"]
)
def test_what_is_no_edtf(text: str) -> None:
    assert edtf(text) is None
