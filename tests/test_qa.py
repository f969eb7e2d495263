"""Answers: spans, windows, no answer, calibration, and the kit's `answer`."""

import math
from dataclasses import replace

import pytest
import torch
from reading_tasks import READING, kit_with, told
from samples import QUESTIONS, asked

from nlpkit import data, engine
from nlpkit.backbone import Hidden
from nlpkit.errors import AdapterError, DataError, InputError, RecipeError
from nlpkit.heads.qa import QaHead, best_threshold
from nlpkit.recipes import from_dict
from nlpkit.testing import fake_backbone
from nlpkit.training import Run
from nlpkit.types import Answer, Document

GOLDS = [e.document for e in QUESTIONS]


@pytest.fixture(scope="module")
def backbone():
    return fake_backbone()


def head_of(**options):
    torch.manual_seed(0)
    return QaHead.fit(GOLDS, 16, options).eval()


def one_window(backbone, text, query="who?"):
    (window,) = READING.windows(backbone, Document(text, query=query))
    return window


def test_targets_are_the_pieces_of_the_answer(backbone):
    gold = GOLDS[1]
    window = one_window(backbone, gold.text, gold.query)
    first, last = head_of().targets(window, gold)
    assert gold.text[window.offsets[first, 0] : window.offsets[last, 1]] == gold.answers[0].text
    assert first >= window.n_query


def test_a_window_without_the_whole_answer_has_none_and_an_unplaced_answer_is_passed_over(backbone):
    gold = asked("Ann Lee", "Rome", 1).document
    long = replace(gold, text="so it goes on, and on and on. " * 9 + gold.text)
    shift = len(long.text) - len(gold.text)
    long = replace(long, answers=tuple(replace(a, start=a.start + shift, end=a.end + shift) for a in gold.answers))
    head, cut = head_of(), list(READING.windows(backbone, long))
    targets = [head.targets(w, long) for w in cut]
    assert len(cut) > 2
    assert targets[0] == (-1, -1)
    assert max(targets) > (0, 0)
    unplaced = replace(gold, answers=(Answer("Roma", -1, -1),))
    assert {head.targets(w, unplaced) for w in cut} == {(-2, -2)}
    hidden = backbone.hidden(cut)
    with torch.no_grad():
        assert float(head.loss(hidden, cut, [(-2, -2)] * len(cut))) == 0.0
        known = head.loss(hidden, cut, targets)
        assert float(head.loss(hidden, [*cut], [*targets])) == pytest.approx(float(known))


def test_null_share_leaves_out_windows_without_the_answer_but_no_unanswerable_question(backbone):
    head, gold = head_of(null_share=0.25), GOLDS[0]
    window, elsewhere = one_window(backbone, gold.text), replace(gold, answers=(Answer("Ann", 900, 903),))
    assert head.worth(window, gold, 0.9)
    assert not head.worth(window, elsewhere, 0.9)
    assert head.worth(window, elsewhere, 0.1)
    assert head.worth(window, replace(gold, answers=()), 0.9)
    assert not head.worth(window, replace(gold, answers=(Answer("Ann", -1, -1),)), 0.0)
    assert not head.worth(window, replace(gold, query=""), 0.0)


def test_training_builds_only_the_windows_worth_it(monkeypatch, tmp_path):
    gold = asked("Ann Lee", "Rome", 0).document
    long = replace(gold, text=gold.text + " so it goes on, and on and on." * 20)
    examples = [replace(QUESTIONS[0], document=replace(long, id=str(n), query=f"who {n}?")) for n in range(30)]
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(examples))
    table = {
        "title": "t", "heads": ["qa"], "licence": "none", "backbone": "fake",
        "data": {"format": "sample", "train": "train"},
        "training": {"window": 64, "stride": 48},
    }  # fmt: skip
    (tmp_path / "train").touch()
    counts = {}
    for share in (0.0, 0.3, 1.0):
        run = Run(from_dict({**table, "options": {"qa": {"null_share": share}}}), tmp_path, tmp_path / "out")
        (windows,) = run.windows
        counts[share] = len(windows)
        again = Run(from_dict({**table, "options": {"qa": {"null_share": share}}}), tmp_path, tmp_path / "out")
        assert [(w.document, w.core) for w in again.windows[0]] == [(w.document, w.core) for w in windows]
        assert all(w.text is long.text for w in windows), "windows hold the text by reference"
    assert counts[0.0] == 30
    assert counts[1.0] > 200
    assert 0.15 < (counts[0.3] - 30) / (counts[1.0] - 30) < 0.45


def test_spans_are_whole_words_within_the_length_and_the_text(backbone):
    text = "Ann Lee was born in Reykjavik, they say; Ann Lee left."
    window = one_window(backbone, text)
    head = head_of(max_answer=4, n_best=8)
    with torch.inference_mode():
        (part,) = head.decode(backbone.hidden([window]), [window], [Document(text, query="who?")])
    borders = {(int(a), int(b)) for a, b in window.word_offsets}
    for answer in part.answers:
        assert text[answer.start : answer.end] == answer.text
        assert answer.start in {a for a, _ in borders}
        assert answer.end in {b for _, b in borders}
        assert len(answer.text.split()) <= 4
    assert len({(a.start, a.end) for a in part.answers}) == len(part.answers) <= 8
    assert [a.score for a in part.answers] == sorted((a.score for a in part.answers), reverse=True)


def test_the_best_span_is_that_of_a_search_over_all(backbone):
    text = "Bo Ray left Oslo."
    window = one_window(backbone, text)
    head, hidden = head_of(max_answer=3, n_best=1), backbone.hidden([window])
    with torch.inference_mode():
        start, end, null = (t[0] for t in head.logits(hidden, [window]))
        (part,) = head.decode(hidden, [window], [Document(text, query="who?")])
    pieces = range(window.n_query, len(window) - 1)
    best = max(float(start[a] + end[b]) for a in pieces for b in pieces if a <= b < a + 3)
    assert part.answers[0].score == pytest.approx(best - 2 * float(null[0]), abs=1e-4)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("昨天，李安离开了奥斯陆。", "奥斯陆"),
        ("🙂 Ann 👩‍🚀 left 🚀 Oslo today 🎉", "Oslo"),
        ("李安🙂在Oslo出生。", "Oslo"),
        ("Αθήνα and Ünsal's naïve café.", "naïve café"),
    ],
)
def test_offsets_are_exact_in_every_script(backbone, text, wanted):
    (found,) = engine.read(backbone, [told(wanted)], [Document(text, query="where?")], READING)
    best = found.answers[0]
    assert (best.text, best.start, best.end) == (wanted, text.index(wanted), text.index(wanted) + len(wanted))


def test_a_part_of_a_word_is_widened_to_the_word(backbone):
    (found,) = engine.read(backbone, [told("slo")], [Document("Oslo is far", query="where?")], READING)
    assert found.answers[0].text == "Oslo"


def test_the_best_answer_of_a_long_text_comes_from_any_window_once(backbone):
    text = "so it goes on, and on and on. " * 15 + "Ann left Oslo. " + "and so on, and on and on. " * 15
    document = Document(text, query="where?")
    assert len(list(READING.windows(backbone, document))) > 8
    (found,) = engine.read(backbone, [told("Oslo", n_best=3)], [document], READING)
    assert found.answers[0].start == text.index("Oslo")
    assert 1 <= len(found.answers) <= 3
    assert len({a.text.casefold() for a in found.answers}) == len(found.answers)
    scores = [a.score for a in found.answers]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= s <= 1 for s in scores)
    assert scores[0] > 0.99


def test_each_window_is_measured_against_its_own_null():
    head = head_of(n_best=2)
    here, there = Answer("Oslo", 0, 4, 3.0), Answer("Rome", 9, 13, 2.0)
    parts = [(None, Document("", answers=(there,))), (None, Document("", answers=(here, replace(here, score=1.0))))]
    merged = head.merge(parts, Document("Oslo and Rome"))
    assert [a.text for a in merged.answers] == ["Oslo", "Rome"]
    total = 1 + math.exp(3) + math.exp(2)
    assert [a.score for a in merged.answers] == pytest.approx([math.exp(3) / total, math.exp(2) / total])


def test_below_the_threshold_there_is_no_answer(backbone):
    document = Document("Ann left Oslo.", query="where?")
    for strength, answered in ((10.0, True), (-4.9, False)):
        head = told("Oslo", threshold=0.5)
        head.strength = strength
        (found,) = engine.read(backbone, [head], [document], READING)
        assert bool(found.answers) is answered


def test_without_a_query_or_a_text_there_is_no_answer(backbone):
    documents = [Document("Ann left Oslo."), Document("", query="where?"), Document(" \n", query="where?")]
    for found in engine.read(backbone, [told("Oslo")], documents, READING):
        assert found.answers == ()


def test_the_threshold_gives_the_best_sum():
    assert best_threshold([(0.9, 1.0), (0.6, 1.0), (0.3, -1.0), (0.1, 0.5)]) == pytest.approx(0.45)
    assert best_threshold([(0.9, 1.0), (0.2, 1.0)]) == 0.0
    assert best_threshold([(0.9, -1.0)]) == best_threshold([]) == 1.0
    assert best_threshold([(0.5, 1.0), (0.5, -1.0)]) == 1.0  # equal scores fall on one side


def test_calibration_sets_a_threshold_only_where_some_question_has_no_answer(backbone):
    head = head_of()
    bare = [Document(d.text, query=d.query) for d in GOLDS]
    head.calibrate(lambda: engine.read(backbone, [head], bare, READING), GOLDS)
    assert 0 < head.threshold <= 1
    all_answered = [d for d in GOLDS if d.answers]
    bare = [Document(d.text, query=d.query) for d in all_answered]
    head.calibrate(lambda: engine.read(backbone, [head], bare, READING), all_answered)
    assert head.threshold == 0.0
    assert head.calibration[0] >= 0
    assert QaHead.from_config(head.config()).config() == head.config()


def test_it_learns_the_sample_questions(backbone):
    torch.manual_seed(1)
    head = QaHead.fit(GOLDS, 16, {"width": 32, "dropout": 0.0})
    cut = [w for n, d in enumerate(GOLDS) for w in READING.windows(backbone, d, n)]
    hidden, targets = backbone.hidden(cut), [head.targets(w, GOLDS[w.document]) for w in cut]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    for _ in range(150):
        optimizer.zero_grad()
        head.loss(hidden, cut, targets).backward()
        optimizer.step()
    head.eval()
    bare = [Document(d.text, query=d.query) for d in GOLDS]
    head.calibrate(lambda: engine.read(backbone, [head], bare, READING), GOLDS)
    scores = head.score(engine.read(backbone, [head], bare, READING), GOLDS)
    assert scores["f1"] > 0.8
    per_label = head.per_label(engine.read(backbone, [head], bare, READING), GOLDS)
    assert set(per_label) == {"answer", "no answer"}


def test_a_decoder_reads_no_answer_off_its_last_piece():
    decoder = fake_backbone(kind="llama")
    window = one_window(decoder, "Ann left.")
    hidden = decoder.hidden([window, one_window(decoder, "Ann left Oslo and Rome.")])
    head = head_of()
    last = int(hidden.mask[0].sum()) - 1
    with torch.inference_mode():
        _, _, null = head.logits(hidden, [window, window])
        assert hidden.causal
        torch.testing.assert_close(null[0, 0], head.scorer(hidden.states)[0, last, 2])
        first = head.logits(Hidden(hidden.states, hidden.mask), [window, window])[2]
        torch.testing.assert_close(first[0, 0], head.scorer(hidden.states)[0, 0, 2])


def test_what_it_cannot_learn_from_or_be_is_said():
    with pytest.raises(DataError, match="question"):
        QaHead.fit([Document("Ann left.")], 16, {})
    with pytest.raises(RecipeError, match=r"null_share = 2.*0 to 1"):
        head_of(null_share=2)
    with pytest.raises(RecipeError, match=r"n_best = 0.*1 or above"):
        head_of(n_best=0)
    with pytest.raises(RecipeError, match=r"options\.qa\.nbest.*n_best"):
        head_of(nbest=3)


def test_the_kit_answers_from_one_text():
    kit = kit_with(told("Oslo"))
    answer = kit.answer("where?", "Ann left Oslo.")
    assert (answer.text, answer.start, answer.end, answer.document) == ("Oslo", 9, 13, "")
    assert kit.answer("where?", "") is None
    several = kit.answer("where?", "Ann left Oslo.", n=3)
    assert several[0] == answer
    assert len(several) == 3
    assert kit.answer("where?", "", n=3) == []


def test_the_kit_answers_from_the_best_of_several_texts(backbone):
    kit = kit_with(told("Oslo"))
    texts = ["Bo left.", "Ann left Oslo.", ""]
    assert kit.answer("where?", texts).document == "1"
    documents = [Document("Bo left.", id="b"), Document("Ann left Oslo.", id="a"), Document("Cy left.")]
    assert kit.answer("where?", documents).document == "a"
    ranked = kit.answer("where?", documents, n=4)
    assert ranked[0].document == "a"
    assert "2" in {a.document for a in kit.answer("where?", documents, n=15)}
    assert [a.score for a in ranked] == sorted((a.score for a in ranked), reverse=True)
    assert kit.answer("where?", []) is None


def test_the_kit_says_what_it_cannot_answer(backbone):
    kit = kit_with(told("Oslo"))
    with pytest.raises(InputError, match="empty"):
        kit.answer("  ", "Ann left Oslo.")
    with pytest.raises(InputError, match="int"):
        kit.answer("where?", 3)
    with pytest.raises(InputError, match=r"contexts\[1\] is NoneType"):
        kit.answer("where?", ["Ann", None])
    with pytest.raises(InputError, match="n is 0"):
        kit.answer("where?", "Ann left Oslo.", n=0)
    with pytest.raises(AdapterError, match=r'load one.*nlpkit\.load\("qa/squad"\)'):
        kit_with().answer("where?", "Ann left Oslo.")
