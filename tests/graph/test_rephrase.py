"""Questions in plainer words."""

import pytest

from nlpkit.graph.rephrase import ORDINAL, rephrased


@pytest.mark.parametrize(
    ("question", "plain"),
    [
        ("Who was Ann's grandfather on her father's side?", "Who was Ann's father's father?"),
        ("Who was Ann's maternal grandmother?", "Who was Ann's mother's mother?"),
        ("How many times was Per Lund married?", "how many spouses did Per Lund have?"),
        ("How often did Per Lund marry?", "how many spouses did Per Lund have?"),
        ("Who was Ann's grandfather?", "Who was Ann's grandfather?"),
        ("How many times did Per Lund win?", "How many times did Per Lund win?"),
    ],
)
def test_plainer(question, plain):
    assert rephrased(question) == plain
    assert rephrased(plain) == plain


def test_ordinals():
    assert ORDINAL.search("Who was her second husband?")
    assert not ORDINAL.search("Who was her husband?")
