"""Passages, the index and its folder, and the kit's `search`."""

import json
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from reading_tasks import kit_with, told

from nlpkit import answering, search
from nlpkit.answering import read_passages
from nlpkit.errors import AdapterError, DataError, InputError, MissingExtraError
from nlpkit.search import Index, Passage, passages
from nlpkit.text import words
from nlpkit.types import Answer, Document

LONG = " ".join(f"Sentence number {n} says that the river is long and the night is short." for n in range(60))
TEXTS = ["Ann left Oslo by boat.", "Rome is an old town.", "昨天，李安离开了奥斯陆。🙂 然后回家。"]


def embed(texts):
    """Return vectors that tell texts apart by their letters."""
    vectors = np.zeros((len(texts), 64), dtype=np.float32)
    for row, text in enumerate(texts):
        for sign in text.lower():
            vectors[row, ord(sign) % 64] += 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def test_passages_are_whole_sentences_that_overlap_and_cover_the_text():
    cut = passages(LONG, size=100, overlap=25)
    assert all(LONG[p.start : p.end] == p.text for p in cut)
    assert all(p.text.startswith("Sentence") and p.text.endswith("short.") for p in cut)
    assert all(len(words(p.text)) <= 100 for p in cut)
    for before, after in pairwise(cut):
        assert before.start < after.start < before.end < after.end
        assert len(words(LONG[after.start : before.end])) <= 25
    assert (cut[0].start, cut[-1].end) == (0, len(LONG))


@pytest.mark.parametrize(
    "text", ["word " * 1000, "字" * 1000, "a. " * 500, "🙂" * 300, "Short. " + "long " * 300 + "."]
)
def test_a_text_of_any_shape_is_covered(text):
    cut = passages(text, size=100, overlap=25)
    covered = np.zeros(len(text), dtype=bool)
    for passage in cut:
        assert text[passage.start : passage.end] == passage.text
        assert len(words(passage.text)) <= 100
        covered[passage.start : passage.end] = True
    assert all(covered[n] or c.isspace() for n, c in enumerate(text))


def test_a_short_text_is_one_passage_and_an_empty_one_none():
    assert [p.text for p in passages("One. Two.")] == ["One. Two."]
    assert passages("") == passages(" \n\n ") == []


def test_the_nearest_are_those_with_the_highest_cosine():
    index = Index.build([LONG, *TEXTS], embed)
    vector = embed(["an old town: Rome"])[0]
    near = index.nearest(vector, 4)
    expected = sorted((float(c) for c in index.vectors @ vector), reverse=True)[:4]
    assert [cosine for _, cosine in near] == pytest.approx(expected)
    assert near[0][0] == Passage("2", TEXTS[1], 0, len(TEXTS[1]))
    assert len(index.nearest(vector, 1000)) == len(index)


def test_documents_keep_their_ids_and_places():
    index = Index.build([Document("", id="empty"), Document(LONG, id="river"), Document(TEXTS[2])], embed)
    assert {p.document for p in index.passages} == {"river", "2"}
    texts = {"river": LONG, "2": TEXTS[2]}
    assert all(texts[p.document][p.start : p.end] == p.text for p in index.passages)


def test_what_cannot_be_indexed_or_asked_is_said():
    with pytest.raises(InputError, match=r"documents is str"):
        Index.build("one text", embed)
    with pytest.raises(InputError, match=r"documents\[1\] is int"):
        Index.build(["a", 1], embed)
    with pytest.raises(InputError, match=r"documents\[1\].*'x'"):
        Index.build([Document("a", id="x"), Document("b", id="x")], embed)
    index = Index.build(TEXTS, embed)
    with pytest.raises(InputError, match=r"\(3,\).*64"):
        index.nearest(np.ones(3, dtype=np.float32))
    with pytest.raises(InputError, match="k is 0"):
        index.nearest(index.vectors[0], 0)
    assert Index.build([], lambda texts: np.zeros((0, 64))).nearest(np.zeros(64, dtype=np.float32)) == []


def test_an_index_comes_back_as_it_was_saved(tmp_path):
    odd = [*TEXTS, "a \u2028 line\u0085 break \ud800 half\nnext. \x00"]
    index = Index.build(odd, embed, model="abc")
    folder = tmp_path / "index"
    index.save(folder)
    index.save(folder)  # replaces
    again = Index.load(folder)
    assert again.passages == index.passages
    assert again.model == "abc"
    np.testing.assert_array_equal(again.vectors, index.vectors)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index"]


def test_saving_replaces_nothing_else(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(InputError, match="no index"):
        Index.build(TEXTS, embed).save(tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text(encoding="utf-8") == "dear"


def test_a_save_that_breaks_off_leaves_the_index_that_was_there(tmp_path, monkeypatch):
    index = Index.build(TEXTS, embed)
    index.save(tmp_path / "index")

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(OSError, match="No space"):
        Index.build([LONG], embed).save(tmp_path / "index")
    monkeypatch.undo()
    assert Index.load(tmp_path / "index").passages == index.passages
    index.save(tmp_path / "index")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index"]


@pytest.mark.parametrize("harm", ["missing", "meta", "vectors", "lines", "short", "newer"])
def test_a_damaged_index_is_told(tmp_path, harm):
    folder = tmp_path / "index"
    Index.build(TEXTS, embed).save(folder)
    if harm == "missing":
        (folder / search.VECTORS).unlink()
    elif harm == "meta":
        (folder / search.META).write_text("{}", encoding="utf-8")
    elif harm == "vectors":
        (folder / search.VECTORS).write_bytes(b"\x93NUMPY")
    elif harm == "lines":
        (folder / search.PASSAGES).write_text('{"document": 1}\n', encoding="utf-8")
    elif harm == "short":
        lines = (folder / search.PASSAGES).read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / search.PASSAGES).write_text("".join(lines[1:]), encoding="utf-8")
    else:
        meta = json.loads((folder / search.META).read_text(encoding="utf-8"))
        (folder / search.META).write_text(json.dumps({**meta, "format": 99}), encoding="utf-8")
    with pytest.raises(DataError, match=r"99|no whole index"):
        Index.load(folder)


def test_beyond_the_exact_size_faiss_is_asked_for_before_anything_is_embedded(monkeypatch):
    monkeypatch.setattr(search, "EXACT_UP_TO", 2)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"nlpkit\[search\]"):
        Index.build(TEXTS, lambda texts: pytest.fail("embedded in vain"))


def test_faiss_finds_what_comparing_all_finds(monkeypatch, tmp_path):
    pytest.importorskip("faiss")
    exact = Index.build([LONG, *TEXTS], embed)
    monkeypatch.setattr(search, "EXACT_UP_TO", 2)
    linked = Index.build([LONG, *TEXTS], embed)
    linked.save(tmp_path / "index")
    vector = embed(["an old town: Rome"])[0]
    for index in (linked, Index.load(tmp_path / "index")):
        assert index._graph is not None
        assert [p for p, _ in index.nearest(vector, 3)] == [p for p, _ in exact.nearest(vector, 3)]


def test_the_kit_searches_and_places_answers_in_their_documents():
    kit = kit_with(told("Oslo", threshold=0.5))
    documents = [Document(LONG, id="river"), Document(f"{LONG} Ann left Oslo.", id="town")]
    found = kit.search("where?", documents, k=100)
    assert found
    assert {a.document for a in found} == {"town"}
    best = found[0]
    assert (best.text, best.start) == ("Oslo", documents[1].text.index("Oslo"))
    assert best.score is None  # this backbone's cosines were never measured
    assert kit.search("where?", documents, k=100, n=1) == found[:1]
    assert kit.search("where?", []) == kit.search("where?", [""]) == []
    assert kit.search("where?", kit.index(documents), k=100) == found


def test_search_in_chinese_and_around_emoji_keeps_offsets():
    kit = kit_with(told("奥斯陆", threshold=0.5))
    (best,) = kit.search("哪里？", TEXTS, k=3, n=1)
    assert best.document == "2"
    assert TEXTS[2][best.start : best.end] == best.text == "奥斯陆"


def test_search_says_what_it_needs():
    with pytest.raises(AdapterError, match=r'load one.*nlpkit\.load\("qa/squad"\)'):
        kit_with().search("where?", TEXTS)
    kit = kit_with(told("Oslo"))
    with pytest.raises(InputError, match="empty"):
        kit.search("", TEXTS)
    with pytest.raises(InputError, match="k is 0"):
        kit.search("where?", TEXTS, k=0)
    with pytest.raises(InputError, match="n is 0"):
        kit.search("where?", TEXTS, n=0)
    with pytest.raises(InputError, match=r"kit\.index"):
        kit.search("where?", Index.build(TEXTS, embed, model="0" * 64))
    index = kit_with().index(TEXTS)  # no task is needed to build one, or to look into it
    assert index.nearest(kit.embed(["where?"])[0], 2)


def test_what_overlapping_passages_say_adds_up_and_retrieval_counts():
    one, other = Passage("d", "Ann left Oslo.", 100, 114), Passage("d", "Oslo.", 109, 114)
    far = Passage("e", "Rome.", 0, 5)
    near = [(one, 0.6), (other, 0.6), (far, 0.5)]
    weights = answering._weights([0.6, 0.6, 0.5])

    def read(documents):
        assert all(d.query == "where?" for d in documents)
        spans = [Answer("Oslo", 9, 13, 0.8), Answer("Oslo", 0, 4, 0.6), Answer("Rome", 0, 4, 0.9)]
        return [replace(d, answers=(span,)) for d, span in zip(documents, spans, strict=False)]

    best, second = read_passages("where?", near, 3, 5, read)
    assert (best.document, best.start, best.end) == ("d", 109, 113)
    assert best.score == pytest.approx(weights[0] * 0.8 + weights[1] * 0.6)
    assert second == Answer("Rome", 0, 4, pytest.approx(weights[2] * 0.9), "e")
    assert sum(weights) == pytest.approx(1.0)
    assert weights[0] > weights[2]
    assert read_passages("where?", [], 3, 5, read) == []
