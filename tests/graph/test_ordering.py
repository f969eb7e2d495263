"""The oldest, the longest, the earlier of two."""

import pytest
from asking import BagOfWords, MemoryGraph

from nlpkit.graph.ask import ask

GRAPH = MemoryGraph("""
Heat:MISC|director|Michael Mann:PER
Ali:MISC|director|Michael Mann:PER
Thief:MISC|director|Michael Mann:PER
Heat:MISC|publication date|15 December 1995:TIME
Ali:MISC|publication date|2001:TIME
Thief:MISC|publication date|March 1981:TIME
Heat:MISC|length|170 min:NUM
Ali:MISC|length|157 min:NUM
Thief:MISC|length|123 min:NUM
Serpico:MISC|director|Sidney Lumet:PER
Network:MISC|director|Sidney Lumet:PER
Network:MISC|publication date|1976:TIME
Ann Lee:PER|spouse|Bo Ray:PER
Ann Lee:PER|spouse|Cy Orr:PER
Bo Ray:PER|date of birth|1901:TIME
Cy Orr:PER|date of birth|1890:TIME
Bo Ray:PER|date of death|1950:TIME
Cy Orr:PER|date of death|1960:TIME
""")
KIT = BagOfWords()


def asked(question):
    return ask(GRAPH, KIT, question)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What is the oldest film directed by Michael Mann?", ["Thief"]),
        ("What is the latest film directed by Michael Mann?", ["Ali"]),
        ("What is the longest film directed by Michael Mann?", ["Heat"]),
        ("Which film directed by Michael Mann is the shortest?", ["Thief"]),
        ("Which film is older, Heat or Ali?", ["Heat"]),
        ("Which film is newer, Heat or Ali?", ["Ali"]),
        ("Which is longer, Heat, Ali or Thief?", ["Heat"]),
        ("Who was born first, Bo Ray or Cy Orr?", ["Cy Orr"]),
        ("Who died later, Bo Ray or Cy Orr?", ["Cy Orr"]),
    ],
)
def test_what_comes_first_is_given(question, expected):
    answer = asked(question)
    assert [one.text for one in answer.answers] == expected, answer.note


def test_the_values_of_all_stand_in_the_path_of_a_comparison():
    path = asked("Who was born first, Bo Ray or Cy Orr?").path
    assert ("Bo Ray", "date of birth", "1901") in path
    assert ("Cy Orr", "date of birth", "1890") in path


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("What is the oldest film directed by Sidney Lumet?", "no date of Serpico"),
        ("Who was the first spouse of Ann Lee?", "no date of"),
        ("Which is longer, Heat or Network?", "no number of Network"),
        ("Who was first, Bo Ray or Cy Orr?", "say which"),
    ],
)
def test_what_has_no_order_is_left_open_with_the_reason(question, reason):
    answer = asked(question)
    assert answer.abstained
    assert reason in answer.note
