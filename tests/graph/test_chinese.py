"""Chinese questions on a graph: names and relations are found in a text without spaces, or the graph abstains."""

import pytest

from nlpkit.dialogue import Dialogue
from nlpkit.errors import QuestionError
from nlpkit.graph import chinese
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.types import Document

FACTS = """\
静水（2011年电影）|导演|林河
静水（2011年电影）|主演|周青
静水（2011年电影）|主演|何岸
静水（2011年电影）|上映时间|2011年3月4日
静水（2011年电影）|制片人|方远
静水（2011年电影）|制片地区|中国
林河|国籍|中国
林河|出生地|苏州
林河|出生日期|1970年5月2日
林河|妻子|白露
白露|职业|编剧
周青|职业|演员
周青|职业|制片
石桥博物馆|门票|20元
石桥博物馆|开放时间|9:00-17:00
石桥博物馆|地址|石桥路8号
"""


class NoKit:
    """Chinese is asked without a model."""

    def __call__(self, texts):
        return Document(texts) if isinstance(texts, str) else [Document(text) for text in texts]

    def embed(self, texts):
        raise AssertionError("a Chinese question was embedded")


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    path = tmp_path_factory.mktemp("zh") / "facts.txt"
    path.write_text(FACTS, encoding="utf-8")
    with KnowledgeGraph.load_file(path, kit=NoKit()) as made:
        yield made


def answers(graph, question):
    return [answer.text for answer in graph.ask(question).answers]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("林河是哪国人？", ["中国"]),
        ("请问林河是哪年出生的呀？", ["1970年5月2日"]),
        ("你知道林河的老家吗？", ["苏州"]),
        ("静水（2011年电影）是谁导演的？", ["林河"]),
        ("静水（2011年电影）的主演都有谁？", ["何岸", "周青"]),
        ("静水（2011年电影）的制片人是谁？", ["方远"]),
        ("林河的妻子是做什么的？", ["编剧"]),
        ("静水（2011年电影）的导演的出生地是哪里？", ["苏州"]),
        ("何岸主演过什么电影？", ["静水（2011年电影）"]),
        ("静水（2011年电影）有几位主演？", ["2"]),
        ("听说石桥博物馆不错，门票多少钱？", ["20元"]),
        ("石桥博物馆几点开门？", ["9:00-17:00"]),
        ("石桥博物馆在哪里？", ["石桥路8号"]),
    ],
)
def test_a_chinese_question_is_answered(graph, question, expected):
    assert sorted(answers(graph, question)) == sorted(expected)


@pytest.mark.parametrize(
    "question",
    ["林河的身高是多少？", "林河知道吗？", "月亮在哪里？", "林河的父亲是哪国人？", "石桥博物馆的馆长叫什么？"],
)
def test_the_graph_abstains_from_what_it_does_not_hold(graph, question):
    found = graph.ask(question)
    assert found.abstained
    assert found.note


def test_a_question_in_marks_and_one_too_long(graph):
    assert answers(graph, "[林河]是哪国人？") == ["中国"]
    with pytest.raises(QuestionError, match="500 characters; up to 400"):
        graph.ask("林" * 499 + "？")


def test_names_are_the_longest_and_no_parts_of_relations(graph):
    found = chinese.names("静水（2011年电影）的制片人和何岸", graph.store)
    assert [nodes[0].name for _, _, nodes in found] == ["静水（2011年电影）", "何岸"]


def test_a_match_is_stronger_for_a_name_than_for_a_way_of_asking_or_a_part():
    said = (("导演", "导演是谁"), ("出生日期", "哪年出生"), ("注册资本", "资本多少"))
    assert [chinese.match(*one).strength for one in said] == [chinese.NAMED, chinese.ASKED, chinese.PART]
    assert chinese.match("身高", "导演是谁") is None


def test_every_relation_of_the_table_is_found_by_its_own_names():
    for names, _ in chinese._table():
        for name in names:
            said = chinese.match(name, f"它的{name}是")
            assert said is not None
            assert (said.start, said.strength) == (2, chinese.NAMED)


def test_a_conversation_leaves_out_what_was_spoken_of(graph):
    talk = Dialogue(NoKit(), graph=graph)
    said = [
        ("静水（2011年电影）是哪年上映的？", "2011年3月4日。"),
        ("导演是谁呢？", "林河。"),
        ("他是哪里人啊？", "苏州。"),
        ("这部电影是在哪里制片的？", "中国。"),
        ("那石桥博物馆呢？开放时间是几点？", "9:00-17:00。"),
        ("好的，要门票吗？", "20元。"),
        ("身高多少？", "我不知道。"),
    ]
    assert [talk(text).text for text, _ in said] == [reply for _, reply in said]
