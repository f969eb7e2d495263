import pytest

from nlpkit.errors import DataError
from nlpkit.graph.records import FoundAnswer, GraphAnswer
from nlpkit.graph.score import Question, outcome_of, read_questions, score_questions


def answer(*texts: str, abstained: bool = False) -> GraphAnswer:
    found = tuple(FoundAnswer(text, None) for text in texts)
    return GraphAnswer("?", found, abstained, "", (), (), None, 0.0)


@pytest.mark.parametrize(
    ("wanted", "given", "outcome"),
    [
        ([("Warsaw",)], answer("warsaw"), "right"),
        ([("Warsaw", "Warszawa")], answer("Warszawa"), "right"),
        ([("Warsaw", "Warszawa")], answer("Warszawa", "Warsaw"), "right"),
        ([("Warsaw",)], answer("Paris"), "wrong"),
        ([("Warsaw",)], answer("Warsaw", "Paris"), "wrong"),
        ([("Pierre",), ("Irène",)], answer("Irène", "Pierre"), "right"),
        ([("Pierre",), ("Irène",)], answer("Pierre"), "wrong"),
        ([("2",)], answer("2"), "right"),
        ([("2",)], answer("3"), "wrong"),
        ([("Warsaw",)], answer(abstained=True), "left open wrongly"),
        ([("Warsaw",)], answer("Warsaw", abstained=True), "left open wrongly"),
        ([], answer(abstained=True), "left open rightly"),
        ([], answer(), "left open rightly"),
        ([], answer("Warsaw"), "wrong"),
    ],
)
def test_outcome(wanted, given, outcome):
    assert outcome_of(Question("?", tuple(wanted)), given) == outcome


def test_totals_over_all_and_by_kind():
    questions = [
        Question("a", (("x",),), "one hop"),
        Question("b", (("x",),), "one hop"),
        Question("c", (), "no answer"),
    ]
    totals = score_questions(questions, [answer("x"), answer("y"), answer(abstained=True)])
    assert totals.outcomes == {"right": 1, "wrong": 1, "left open rightly": 1, "left open wrongly": 0}
    assert totals.by_kind["one hop"]["wrong"] == 1
    assert list(totals.by_kind) == ["one hop", "no answer"]
    assert totals.share("right") == pytest.approx(1 / 3)
    assert sum(totals.to_dict()["outcomes"].values()) == totals.n == 3


def test_no_questions_have_no_share():
    assert score_questions([], []).share("right") == 0.0


def test_an_answer_for_each_question():
    with pytest.raises(ValueError, match=r"shorter|longer"):
        score_questions([Question("a", ())], [])


def test_read_questions(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text(
        '{"question": "Where?", "answers": ["Warsaw | Warszawa", "Paris"], "kind": "one hop"}\n\n'
        '{"question": "Who?", "answers": []}\n',
        encoding="utf-8",
    )
    assert read_questions(path) == [
        Question("Where?", (("Warsaw", "Warszawa"), ("Paris",)), "one hop"),
        Question("Who?", ()),
    ]


@pytest.mark.parametrize("line", ["{", "[]", '{"answers": []}', '{"question": "a", "answers": "b"}'])
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "q.jsonl"
    path.write_text('{"question": "a"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"q\.jsonl:2"):
        read_questions(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.jsonl"):
        read_questions(tmp_path / "none.jsonl")
