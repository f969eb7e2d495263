import numpy as np
import pytest

from nlpkit.testing import fake_backbone
from nlpkit.text import sentences, windows, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        (
            "Dr. Who met J. R. Smith in the U.S. last year. He left.",
            ["Dr. Who met J. R. Smith in the U.S. last year.", "He left."],
        ),
        ("他出生在华沙。她也是。", ["他出生在华沙。", "她也是。"]),
        ('He said "no." Then he left.', ['He said "no."', "Then he left."]),
        ("A title\n\nA text", ["A title", "A text"]),
        ("", []),
        (" \n ", []),
        ("3.5 million of it. Yes", ["3.5 million of it.", "Yes"]),
    ],
)
def test_sentences(text, expected):
    found = sentences(text)
    assert [s.text for s in found] == expected
    assert all(text[s.start : s.end] == s.text for s in found)


def test_words_split_signs_and_single_han_characters():
    text = "Marie's 2nd café, 华沙 🙂"
    assert [text[a:b] for a, b in words(text)] == ["Marie", "'", "s", "2nd", "café", ",", "华", "沙", "🙂"]


def test_a_decomposed_accent_stays_in_its_word():
    text = "cafe\u0301 noir"
    assert [text[a:b] for a, b in words(text)] == ["cafe\u0301", "noir"]


TEXTS = [
    "Marie Curie was born in Warsaw. " * 12,
    "居里夫人出生于华沙，" * 30,
    ("a" * 90 + " ") * 9,
    "mixed 混合 текст 🙂 \u200b\x00 " * 15,
]


@pytest.mark.parametrize("text", TEXTS)
def test_windows_cover_every_word_once_by_their_cores(text):
    backbone = fake_backbone()
    whole = next(iter(windows(text, backbone.encode, size=10_000, overlap=0, specials=backbone.specials)))
    cut = list(windows(text, backbone.encode, size=40, overlap=10, specials=backbone.specials))
    assert len(cut) > 1
    assert all(len(w) <= 40 for w in cut)
    owned = [tuple(o) for w in cut for o in w.word_offsets if w.core[0] <= o[0] < w.core[1]]
    assert sorted(owned) == sorted(map(tuple, whole.word_offsets))
    assert len(owned) == len(set(owned))


def test_windows_know_their_words_pieces():
    backbone = fake_backbone()
    text = "Warsaw is old."
    window = next(iter(windows(text, backbone.encode, size=64, overlap=0, specials=backbone.specials)))
    for (start, _), piece in zip(window.word_offsets, window.word_pieces, strict=True):
        assert window.offsets[piece][0] == start
    first, last = window.pieces(0, 6)
    assert text[window.offsets[first][0] : window.offsets[last - 1][1]] == "Warsaw"
    assert window.pieces(14, 20) == (0, 0)


def test_a_text_without_words_has_no_window():
    backbone = fake_backbone()
    assert list(windows(" \n\t ", backbone.encode, size=64, overlap=0)) == []


def test_an_overlap_as_large_as_the_window_is_refused():
    with pytest.raises(ValueError, match="overlap"):
        list(windows("a b", fake_backbone().encode, size=10, overlap=10))


def test_long_texts_are_tokenised_in_chunks_without_a_seam():
    backbone = fake_backbone()
    text = "one two three four five. " * 2000
    seen = np.concatenate([w.word_offsets for w in windows(text, backbone.encode, size=64, overlap=0)])
    assert len(np.unique(seen[:, 0])) == len(words(text))
