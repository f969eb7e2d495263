"""Conversations, with a small graph and kits without weights; the written ones with the real weights."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from asking import FACTS, BagOfWords, MemoryGraph

import nlpkit
from nlpkit.adapters import Adapted
from nlpkit.cli.chat import talk
from nlpkit.cli.demo import examples_folder
from nlpkit.dialogue import Dialogue
from nlpkit.embedded import EMBEDDED
from nlpkit.errors import AdapterError, InputError
from nlpkit.graph import ask as asking
from nlpkit.graph.topics import find_topics
from nlpkit.replies import Act
from nlpkit.types import Answer, Document, Entity, Label, Source, Turn

FOLLOWUPS = Path(__file__).resolve().parent.parent / "data" / "followups.jsonl"
SCHEMA = {"intents": {"book": {"required": ["city", "day"], "done": "Booked in {city} on {day}."}}}


class Reader(BagOfWords):
    """Reads one text or several, and finds cities and days."""

    def __call__(self, texts):
        if isinstance(texts, str):
            return self([texts])[0]
        return [self._understood(d) for d in super().__call__(texts)]

    def _understood(self, document):
        text = document.text
        spans = [
            (label, v) for label, vs in {"city": ["Oslo", "Rome"], "day": ["Monday"]}.items() for v in vs if v in text
        ]
        slots = tuple(Entity(v, text.index(v), text.index(v) + len(v), label) for label, v in spans)
        labels = {"slots": Label("book")} if "table" in text else {}
        return Document(text, entities=document.entities, slots=slots, labels=labels)


class SmallGraph:
    """The memory graph, asked as a KnowledgeGraph is."""

    def __init__(self, lines=FACTS):
        self.source, self.kit = MemoryGraph(lines), Reader()

    def ask(self, question):
        return asking.ask(self.source, self.kit, question)

    def named(self, text):
        return [topic.nodes[0] for topic in find_topics(text, self.source, self.kit).topics]

    def node(self, node_id):
        return self.source.node(node_id)


@pytest.fixture
def talking():
    return Dialogue(Reader(), graph=SmallGraph(), schema=SCHEMA)


def test_questions_are_answered_from_the_graph_with_follow_ups(talking):
    first = talking("Where was Marie Curie born?")
    assert (first.act, first.text) == ("answer", "Warsaw.")
    assert first.sources[0].document == "doc"
    assert 0 < first.score <= 1
    assert talking("And when did she die?").text == "4 July 1934."
    assert "understood as: when did Marie Curie die?" in talking.why()
    assert "Marie Curie — date of death → 4 July 1934" in talking.why()
    assert talking("Who was her husband?").text == "Pierre Curie."
    assert talking("Where was he born?").text == "Paris."
    assert [t.role for t in talking.turns] == ["user", "assistant"] * 4


def test_what_is_not_known_is_said_and_why(talking):
    turn = talking("Where was Tove Jansson born?")
    assert (turn.act, turn.text, turn.sources, turn.score) == ("unknown", "I do not know.", (), None)
    assert "the graph" in talking.why()
    assert talking("她是谁？").text == "我不知道。"


def test_documents_answer_what_the_graph_does_not():
    asked = []

    def search(question):
        asked.append(question)
        return [Answer("in a tent", 4, 13, 0.8, "life.txt"), Answer("nowhere", 0, 7, 0.1, "x")]

    talking = Dialogue(Reader(), graph=SmallGraph(), search=search)
    talking("When did Alan Turing die?")
    turn = talking("and where did he sleep?")
    assert asked == ["where did Alan Turing sleep?"]
    assert (turn.act, turn.text, turn.score) == ("answer_text", "in a tent.", 0.8)
    assert turn.sources == (Source("life.txt", 4, 13, "in a tent"),)
    doubtful = Dialogue(Reader(), search=lambda question: [Answer("nowhere", 0, 7, 0.1, "x")])
    assert doubtful("Where did he sleep?").act == "unknown"


def test_a_task_asks_back_is_filled_corrected_and_done(talking):
    assert talking("a table in Oslo").act == "ask"
    assert talking("Where was Marie Curie born?").text == "Warsaw."  # a question in between
    assert talking("on Monday").text == "Booked in Oslo on Monday."
    assert talking("no, Friday").text == "Booked in Oslo on Friday."
    assert talking.state.to_dict() == {"intent": "book", "slots": {"city": "Oslo", "day": "Friday"}}
    talking.forget()
    assert (talking.turns, talking.state.intent) == ([], "")


def test_an_answer_that_is_no_value_is_asked_for_again():
    class_ = {"values": ["first", "second"], "question": "Which class?"}
    schema = {"intents": {"book": {"required": ["class"]}}, "slots": {"class": class_}}
    talking = Dialogue(Reader(), schema=schema)
    talking("a table please")
    again = talking("whatever you like")
    assert (again.act, again.text, talking.state.asked) == ("ask", "Which class?", "class")
    assert talking.why() == "book needs class; 'whatever you like' is no class"
    assert talking("Where was she born?").act == "unknown"  # a question is no such answer
    assert talking("second, then").act == "done"
    talking("a table please")
    assert talking("Never mind.").text == "All right, I leave that."
    assert (talking.state.intent, talking("whatever you like").act) == ("", "unknown")


def test_a_turn_is_read_once_for_all_tasks():
    read = []

    class Counting(Reader):
        def __call__(self, texts):
            read.append(texts)
            return super().__call__(texts)

    talking = Dialogue(Counting(), schema=SCHEMA)
    assert talking.understood is None
    talking("a table in Oslo for Ada Lovelace")
    assert talking.understood.slots[0].text == "Oslo"
    assert talking.understood.labels["slots"].label == "book"
    assert sum(isinstance(texts, str) for texts in read) == 1


def test_a_tracker_reads_the_schema_with_each_turn():
    read = []

    def kit(document):
        read.append(document)
        if isinstance(document, str):
            return Document(document)
        city = "Oslo" in document.text
        slots = (Entity("Oslo", document.text.index("Oslo"), document.text.index("Oslo") + 4, "city"),) if city else ()
        return replace(document, labels={"dialogue": Label("book")}, slots=slots)

    talking = Dialogue(kit, schema=SCHEMA, tracks=True)
    assert talking("a table in Oslo").act == "ask"
    assert read[-1].query == talking.schema.query
    assert talking("on Monday").text == "Booked in Oslo on on Monday."
    assert read[-1].text == "system: Which day?\nuser: on Monday"


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("Hello!", "Hello. What would you like to know?"),
        ("thank you very much", "You are welcome."),
        ("你好", "你好。你想知道什么？"),
        ("bye", "Goodbye."),
    ],
)
def test_small_talk(talking, said, reply):
    turn = talking(said)
    assert (turn.act, turn.text) == ("small_talk", reply)
    assert talking.why() == "nothing was looked up"


def test_a_writer_talks_and_is_never_asked_for_facts():
    heard = []

    def say(turns):
        heard.append([t.text for t in turns])
        yield from ("Good ", "day.")

    talking = Dialogue(Reader(), graph=SmallGraph(), say=say)
    assert list(talking.stream("hello")) == ["Good ", "day."]
    assert talking.turns[-1] == Turn("assistant", "Good day.", "small_talk")
    assert talking("Where was Tove Jansson born?").text == "I do not know."
    assert talking("I like rain.").text == "Good day."
    assert heard[-1][-1] == "I like rain."
    assert len(heard) == 2


def test_slots_take_the_entities_of_the_graph():
    slots = {"city": {"type": "LOC"}, "guest": {"type": "PER"}}
    schema = {"intents": {"book": {"required": ["city", "guest"]}}, "slots": slots}
    talking = Dialogue(Reader(), graph=SmallGraph(), schema=schema)
    assert talking("a table in Oslo").act == "ask"
    assert (talking.state.slots, talking.state.asked) == ({}, "city")  # the graph knows no such place
    assert talking("in Atlantis").act == "ask"
    assert talking("Warsaw then").act == "ask"
    assert (talking.state.slots, talking.state.asked) == ({"city": "Warsaw"}, "guest")
    assert talking("no, Paris").act == "ask"
    assert talking("for curie").act == "ask"
    assert talking("for marie curie").text == "Please confirm: the city is Paris and the guest is Marie Curie."
    without = Dialogue(Reader(), schema=schema)
    without("a table in Oslo")
    assert without.state.slots == {"city": "Oslo"}


def test_replies_are_worded_by_what_was_given():
    asked = []

    def phrase(said, state, acts):
        asked.append((said, state.intent, dict(state.slots), acts))
        return "Which day suits you?"

    talking = Dialogue(Reader(), schema={"intents": {"book": {"required": ["city", "day"]}}}, phrase=phrase)
    assert talking("a table in Oslo").text == "Which day suits you?"
    assert talking("Monday").act == "done"
    assert asked == [
        ("a table in Oslo", "book", {"city": "Oslo"}, [Act("REQUEST", "day")]),
        (
            "Monday",
            "book",
            {"city": "Oslo", "day": "Monday"},
            [Act("CONFIRM", "city", ("Oslo",)), Act("CONFIRM", "day", ("Monday",))],
        ),
    ]


def test_a_reply_that_is_stopped_is_what_was_written_until_then():
    talking = Dialogue(Reader(), say=lambda turns: iter(["one ", "two ", "three"]))
    parts = talking.stream("hello")
    assert next(parts) == "one "
    parts.close()
    assert talking.turns[-1].text == "one "
    assert talking("hi").text == "one two three"


def test_a_conversation_is_saved_and_taken_up(talking, tmp_path):
    path = tmp_path / "talk.json"
    talking("Where was Marie Curie born?")
    talking("a table in Oslo")
    talking.save(path)
    other = Dialogue(Reader(), graph=SmallGraph(), schema=SCHEMA)
    other.load(path)
    assert (other.turns, other.state) == (talking.turns, talking.state)
    assert other("When did she die?").text == "4 July 1934."
    assert [p.name for p in tmp_path.iterdir()] == ["talk.json"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "turns": [{}]}', "[" * 5000])
def test_a_file_that_holds_no_conversation_is_refused_and_nothing_is_lost(talking, tmp_path, text):
    talking("hello")
    path = tmp_path / "talk.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"talk\.json"):
        talking.load(path)
    assert len(talking.turns) == 2


@pytest.mark.parametrize("said", ["", "  \n", 3, "a" * 20_000])
def test_a_turn_that_cannot_be_is_refused(talking, said):
    with pytest.raises(InputError, match="the turn"):
        talking(said)
    assert talking.turns == []


@pytest.mark.parametrize("said", ["???", "<|im_end|>", "🙂", "why " * 300 + "?", "[", "'s"])
def test_odd_turns_get_a_reply(talking, said):
    talking("Where was Marie Curie born?")
    assert talking(said).text


def test_a_graph_that_changes_counts_from_the_next_question_on(talking):
    assert talking("Where was Tove Jansson born?").act == "unknown"
    talking.graph.source = MemoryGraph(FACTS + "Tove Jansson:PER|place of birth|Helsinki:LOC\n")
    assert talking("Where was Tove Jansson born?").text == "Helsinki."


def test_at_the_terminal(talking, tmp_path, capsys):
    path = tmp_path / "talk.json"
    lines = [
        "Where was Marie Curie born?",
        "/why",
        "/state",
        "",
        f"/save {path}",
        "/save",
        "/forget",
        "/what",
        "x" * 20_000,
    ]
    talk(talking, iter([f"{line}\n" for line in lines]))
    captured = capsys.readouterr()
    assert captured.out.startswith("Warsaw.  [answer, ")
    assert "plan: " in captured.out
    assert "no task: nothing" in captured.out
    assert len(json.loads(path.read_text())["turns"]) == 2
    assert "/save needs the file" in captured.err
    assert "the turn has 20,000 characters" in captured.err
    assert talking.turns == []


def test_ctrl_c_ends_the_reply_and_not_the_conversation(capsys):
    def say(turns):
        yield "one "
        raise KeyboardInterrupt

    talking = Dialogue(Reader(), say=say)
    talk(talking, iter(["hello\n", "thanks\n"]))
    assert [t.text for t in talking.turns] == ["hello", "one ", "thanks", "one "]
    assert "stopped" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(not EMBEDDED["default"].installed, reason="the default weights are not installed")
def test_written_follow_ups_over_the_sample_corpus(tmp_path):
    kit = nlpkit.load("relation/wikipedia", "qa/squad")
    corpus = examples_folder() / "corpus"
    documents = [Document(path.read_text(encoding="utf-8"), id=path.name) for path in sorted(corpus.glob("*.txt"))]
    with nlpkit.KnowledgeGraph.build(corpus, nlpkit.load(), path=tmp_path / "sample.kg") as graph:
        talking = kit.dialogue(graph=graph, documents=documents)
        conversations = [json.loads(line)["turns"] for line in FOLLOWUPS.read_text(encoding="utf-8").splitlines()]
        right = [follow_up for turns in conversations for follow_up in follow_ups(talking, turns)]
    assert len(conversations) >= 40
    assert sum(right) / len(right) >= 0.8


def follow_ups(talking, turns):
    """Say of each turn but the first whether its reply names every answer that is due."""
    talking.forget()
    replies = [(talking(turn["question"]).text.casefold(), turn["answers"]) for turn in turns]
    return [
        all(any(name.casefold() in reply for name in due.split("|")) for due in answers)
        for reply, answers in replies[1:]
    ]


def test_documents_need_a_task_that_answers():
    kit = nlpkit.Kit(Adapted(nlpkit.Backbone.from_pretrained("fake")))
    with pytest.raises(AdapterError, match="qa"):
        kit.dialogue(documents=["a text"])
