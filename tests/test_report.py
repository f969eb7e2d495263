"""The page of an evaluation, and two evaluations held against each other."""

import re
from html.parser import HTMLParser

import pytest

from nlpkit import report
from nlpkit.analysis import analysed
from nlpkit.contrast import contrast
from nlpkit.errors import InputError
from nlpkit.evaluation import Evaluation, Judged
from nlpkit.judging import judge_labels, judge_relations, judge_spans
from nlpkit.report import page
from nlpkit.report.marking import marked
from nlpkit.resampling import intervals, means
from nlpkit.types import Chain, Document, Entity, Label, Mention, Relation

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Collects the text of each kind of element, and checks that all are closed in their order."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.names = [], [], set()
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        assert not {"src", "href"} & dict(attributes).keys()
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append((tag, dict(attributes)))

    handle_startendtag = handle_starttag

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, text):
        self.texts.append((text, [tag for tag, _ in self.open], [a.get("class") for _, a in self.open]))

    def marked(self, side):
        return [text for text, tags, classes in self.texts if "article" in tags and side in (classes[-1] or "").split()]


def entity(text, name, label, score=None):
    start = text.index(name)
    return Entity(name, start, start + len(name), label, score)


def evaluation(*documents, name="ner/x"):
    judged = [Judged(g, p, tuple(judge_spans("entities", p.entities, g.entities))) for p, g in documents]
    tally = means({"all_right": [float(d.right) for d in judged]})
    found = analysed([j for d in judged for j in d.judgements])
    scores = {key: values[0] for key, values in tally.scores().items()}
    return Evaluation(
        name, "test", len(judged), scores, {}, intervals([tally]), **found, documents=tuple(judged), tallies=(tally,)
    )


def pair(text, found, gold):
    spans = [tuple(entity(text, *one) for one in side) for side in (found, gold)]
    return Document(text, entities=spans[0]), Document(text, "doc", entities=spans[1])


ENGLISH = pair("Ann Lee met Bo.", [("Ann", "PER", 0.9)], [("Ann Lee", "PER"), ("Bo", "PER")])
CHINESE = pair("居里夫人生于华沙。", [("华沙", "ORG", 0.7)], [("华沙", "LOC")])
HEBREW = pair("אן נולדה באוסלו", [], [("אן", "PER")])
TRAP = pair("<script>alert(1)</script> & %%SCORES%% met Ann", [("Ann", "<b>", 0.5)], [])


def test_every_error_stands_in_its_text_with_both_sides_marked():
    html = page(evaluation(ENGLISH, CHINESE, HEBREW, TRAP))
    found = Page(html)
    assert "".join(found.marked("gold")).count("Ann Lee") == 1
    assert html.count("<article") == 5
    assert re.findall(r'data-kind="([^"]+)"', html) == ["boundary", "type", "missed", "missed", "invented"]
    assert '<span class="found gold">Ann</span><span class="gold"> Lee</span>' in html
    assert '<sup class="gold">LOC</sup><sup class="found">ORG</sup><span class="found gold">华沙</span>' in html
    assert html.count('dir="auto"') == 5
    assert "אן" in html


def test_nothing_of_the_data_runs_and_nothing_is_loaded():
    html = page(evaluation(TRAP))
    assert html.count("<script") == 1
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; %%SCORES%% met" in html
    assert "&lt;b&gt;" in html
    assert not re.search(r"https?://|@import|url\(", html)


def test_filters_offer_what_there_is_and_the_page_is_whole_without_them():
    html = page(evaluation(ENGLISH, CHINESE))
    assert "<form hidden>" in html
    assert re.findall(r'<option value="([^"]+)">', html) == ["boundary", "type", "missed", "LOC", "ORG", "PER"]
    assert 'data-labels="LOC\tORG"' in html
    assert "<article hidden" not in html


def test_calibration_is_drawn_and_scores_have_their_intervals():
    html = page(evaluation(ENGLISH, CHINESE))
    assert html.count("<circle") == 2
    assert "expected calibration error 0.800" in html
    assert "0.000 to 0.000" in html
    assert "<svg" not in page(evaluation(HEBREW))


def test_what_is_left_out_is_counted(monkeypatch):
    monkeypatch.setattr(report, "MOST", 2)
    html = page(evaluation(*[HEBREW] * 5))
    assert html.count("<article") == 2
    assert "3 more are left out" in html


def test_far_from_marks_a_text_is_cut_and_one_without_marks_is_shown_from_its_beginning():
    text = "a " * 1000 + "Ann" + " b" * 1000 + " Bo" + " c" * 1000
    ends = [entity(text, name, "PER") for name in ("Ann", "Bo")]
    chains = tuple(Chain(e.text, "PER", (Mention(e.text, e.start, e.end),)) for e in ends)
    gold = Document(text, chains=chains, relations=(Relation(ends[0], "knows", ends[1]),))
    html = marked(text, judge_relations(Document(text), gold))
    assert html.count(" … ") == 3
    assert '<sup class="gold">knows subject</sup><span class="gold">Ann</span>' in html
    assert len(html) < 1000
    label = judge_labels("label", Label("a", 0.4), Label("b"))
    assert marked("x" * 1000, label).count("x") == 400
    assert marked("", label) == ""


def test_two_are_held_against_each_other_document_by_document():
    right, wrong = evaluation(*[(g, g) for _, g in (ENGLISH, CHINESE)]), evaluation(ENGLISH, CHINESE, name="ner/y")
    found = contrast(right, wrong)
    assert found.right == {"both": 0, "first": 2, "second": 0, "neither": 0}
    assert found.differences["all_right"].difference == 1.0
    assert found.to_dict()["differences"]["all_right"]["second"] == 0.0
    html = page(right, found)
    Page(html)
    assert "Against ner/y" in html
    assert html.count("ner/y is wrong") == 2
    with pytest.raises(InputError, match="on the same documents"):
        contrast(right, evaluation(ENGLISH))
    other = Evaluation("qa/z", "test", 2, {"exact": 1.0}, {}, documents=right.documents)
    with pytest.raises(InputError, match="none in common"):
        contrast(right, other)
