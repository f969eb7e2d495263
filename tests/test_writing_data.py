"""One contract for every writer; then what is lossless, and what is said where it is not."""

import string
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlpkit import data
from nlpkit.data.conll import TAG, spans
from nlpkit.data.relations import joined
from nlpkit.data.writing import WRITERS, format_for, same_as, write
from nlpkit.data.writing.columns import SCHEMES, tags
from nlpkit.errors import DataError
from nlpkit.types import Answer, Chain, Document, Entity, Label, Mention, Relation, Turn

TEXT = "Ada Byron met Bo in Oslo."
ADA, BO, OSLO = Entity("Ada Byron", 0, 9, "PER"), Entity("Bo", 14, 16, "PER"), Entity("Oslo", 20, 24, "LOC")
FULL = replace(
    joined(TEXT, "full", [ADA, BO, OSLO], [Relation(ADA, "met", BO)]),
    labels={"classification": Label("meeting", others=(Label("travel"),))},
)
CHINESE = joined("李明在北京大学工作。", "zh", [Entity("李明", 0, 2, "PER"), Entity("北京大学", 3, 7, "ORG")], [])
PAIR = Document("It rains.", "pair", labels={"classification": Label("yes")}, query="Is it wet?")
SAMPLES = {
    "squad": [Document(TEXT, "q1", query="Who?", answers=(Answer("Bo", 14, 16),)), Document(TEXT, "q2", query="Why?")],
    "pairs": [Document("Hello.", query="Say hello"), Document("Bye.", history=(Turn("user", "Say bye"),))],
    "slots": [Document(TEXT, labels={"slots": Label("meet")}, slots=(replace(OSLO, label="where"),))],
    **{format: [PAIR, replace(FULL, query="What?")] for format in ("csv", "tsv")},
}
"""What each format is tried on, where it is not `FULL`."""
OF_SPANS = ("spans", "label-studio", "brat", "docbin", "conll", "spert")
KEPT = ("entities", "slots", "relations", "labels", "query", "answers", "history")


def back(path, format):
    return [e.document for e in data.read(path, format)]


def named(path, format):
    return path / f"out{WRITERS[format].suffix}"


def bare(document):
    return {key: getattr(document, key) for key in ("text", *KEPT)}


@pytest.mark.parametrize("format", WRITERS)
def test_what_is_written_is_read_back(format, tmp_path):
    path = named(tmp_path, format)
    documents = SAMPLES.get(format, [FULL, replace(CHINESE, labels=FULL.labels)])
    losses = write(path, documents, format)
    found = back(path, format)
    assert [d.text for d in found] == [d.text for d in documents]
    for key in WRITERS[format].keeps & {"entities", "relations", "slots", "query", "answers", "history"}:
        assert [getattr(d, key) for d in found] == [getattr(d, key) for d in documents]
    if "labels" in WRITERS[format].keeps:
        assert [label.label for d in found for label in d.labels.values()] == [
            label.label for d in documents for label in d.labels.values()
        ]
    assert all(losses.values())
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format", WRITERS)
def test_the_format_is_found_again(format, tmp_path):
    path = named(tmp_path, format)
    write(path, SAMPLES.get(format, [FULL, CHINESE]), format)
    assert data.format_of(path) == format


@pytest.mark.parametrize("format", WRITERS)
def test_what_has_no_place_is_counted(format, tmp_path):
    whole = replace(
        FULL,
        query="Who?",
        answers=(Answer("Bo", 14, 16),),
        slots=(replace(OSLO, label="where"),),
        history=(Turn("user", "Hm"),),
    )
    losses = write(named(tmp_path, format), [whole], format)
    keeps = WRITERS[format].keeps
    assert ("relations" in losses) == ("relations" not in keeps)
    assert ("slots" in losses) == ("slots" not in keeps)
    assert losses.get("entities", 0) == (0 if "entities" in keeps else 3)
    assert ("answers" in losses) == ("answers" not in keeps)


@pytest.mark.parametrize(("first", "second"), list(product(OF_SPANS, OF_SPANS)))
def test_entities_go_from_any_format_of_spans_to_any_other(first, second, tmp_path):
    documents = [replace(FULL, labels={}), CHINESE]
    write(tmp_path / "a", documents, first)
    read = back(tmp_path / "a", first)
    write(tmp_path / "b", read, second)
    assert [(d.text, d.entities) for d in back(tmp_path / "b", second)] == [(d.text, d.entities) for d in documents]


NAMES = st.text(string.ascii_letters + "李明北京", min_size=1, max_size=6)
WORDS = st.text(string.ascii_letters + "0123456789.,!?'\"-/()#@我在去了。，", min_size=1, max_size=8)


@st.composite
def texts(draw):
    """Texts of both scripts in which no entity holds or cuts another."""
    text, entities = "", []
    for word in draw(st.lists(WORDS, min_size=1, max_size=5)):
        text += word + draw(st.sampled_from(["", " ", "  ", "\n"]))
        if draw(st.booleans()):
            name = draw(NAMES)
            entities.append(Entity(name, len(text), len(text) + len(name), draw(st.sampled_from(["PER", "LOC"]))))
            text += name
    relations = [Relation(entities[0], "knows", entities[-1])] if len(entities) > 1 else []
    return joined(text, "", entities, relations)


SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(document=texts())
@pytest.mark.parametrize("format", ["spans", "label-studio", "brat", "docbin"])
def test_spans_by_characters_are_lossless(format, document, tmp_path):
    path = tmp_path / "new"
    losses = write(path.with_suffix(WRITERS[format].suffix), [document], format)
    found = back(path.with_suffix(WRITERS[format].suffix), format)[0]
    for file in path.iterdir() if path.is_dir() else ():
        file.unlink()
    assert (found.text, found.entities) == (document.text, document.entities)
    if format == "docbin":
        assert set(losses) <= {"relations"}
    else:
        assert found.relations == document.relations
        assert not losses


@SETTINGS
@given(document=texts(), scheme=st.sampled_from(sorted(SCHEMES)))
def test_columns_keep_the_entities_and_say_when_blanks_change(document, scheme, tmp_path):
    losses = write(tmp_path / "a.conll", [document], "conll", scheme=scheme)
    (found,) = back(tmp_path / "a.conll", "conll")
    assert [(e.text.replace(" ", ""), e.label) for e in found.entities] == [
        (e.text, e.label) for e in document.entities
    ]
    assert "".join(found.text.split()) == "".join(document.text.split())
    assert (found.text != document.text) == bool(losses["texts whose blanks change"])


@SETTINGS
@given(
    runs=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["PER", "LOC"])), max_size=5),
    scheme=st.sampled_from(sorted(SCHEMES)),
)
def test_tags_of_every_scheme_say_the_spans(runs, scheme):
    at, wanted = 0, []
    for gap, length, label in runs:
        wanted.append((at + gap, at + gap + length, label))
        at += gap + length
    found = tags(at, wanted, scheme)
    assert all(TAG.fullmatch(tag) for tag in found)
    assert [(first, last + 1, label) for first, last, label in spans(found)] == wanted


@SETTINGS
@given(st.lists(st.tuples(st.text("ab ,\"\t\n'李", min_size=1), st.sampled_from(["x", "y z"])), min_size=1, max_size=4))
def test_labelled_texts_are_lossless_up_to_blanks(tmp_path_factory, pairs):
    folder = tmp_path_factory.mktemp("labels")
    documents = [Document(text, labels={"classification": Label(label)}) for text, label in pairs]
    write(folder / "a.jsonl", documents, "json-lines")
    assert [bare(d) for d in back(folder / "a.jsonl", "json-lines")] == [bare(d) for d in documents]
    losses = write(folder / "a.csv", documents, "csv")
    assert [d.text for d in back(folder / "a.csv", "csv")] == [d.text.strip() for d in documents]
    assert losses["texts whose blanks at the ends are gone"] == sum(d.text != d.text.strip() for d in documents)


def test_of_overlapping_spans_the_longest_stays(tmp_path):
    nested = joined("New York Times", "", [Entity("New York", 0, 8, "LOC"), Entity("New York Times", 0, 14, "ORG")], [])
    assert write(tmp_path / "a.conll", [nested]) == {"overlapping spans": 1}
    assert [e.label for e in back(tmp_path / "a.conll", "conll")[0].entities] == ["ORG"]
    assert not write(tmp_path / "a.jsonl", [nested])


def test_chains_of_several_mentions_are_kept_by_brat_alone(tmp_path):
    she = Entity("She", 26, 29, "PER")
    chain = Chain("Ada Byron", "PER", (Mention("Ada Byron", 0, 9), Mention("She", 26, 29)))
    document = Document(f"{TEXT} She left.", "d", (ADA, she), (chain,))
    assert not write(tmp_path / "brat", [document])
    (found,) = back(tmp_path / "brat", "brat")
    assert found.chains == (chain,)
    assert write(tmp_path / "a.jsonl", [document], "spans") == {"chains of several mentions": 1}


def test_iob1_marks_only_what_follows_its_like():
    assert tags(4, [(0, 2, "PER"), (2, 3, "PER")], "iob1") == ["I-PER", "I-PER", "B-PER", "O"]


def test_a_sentence_of_columns_keeps_its_tokens(tmp_path):
    (tmp_path / "a.conll").write_text("It\tO\n's\tO\n@bo\tB-PER\nin\tO\nOslo-West\tB-LOC\n!\tO\n\n", encoding="utf-8")
    (document,) = back(tmp_path / "a.conll", "conll")
    write(tmp_path / "b.conll", [document])
    assert back(tmp_path / "b.conll", "conll")[0].text == document.text


@pytest.mark.parametrize(
    ("path", "format", "said"),
    [("a.xml", "", "what format"), ("a.txt", "excel", "no writer"), ("a.csv", "csv", "no text has a label")],
)
def test_what_cannot_be_written_is_said(path, format, said, tmp_path):
    with pytest.raises(DataError, match=said):
        write(tmp_path / path, [Document("x")], format)
    assert not list(tmp_path.iterdir())


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="not empty"):
        write(tmp_path / "brat", [FULL], "brat")
    assert (tmp_path / "brat" / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_the_format_is_that_of_the_name_and_of_what_is_held(tmp_path):
    assert format_for(tmp_path / "a.jsonl", [FULL]) == "spans"
    assert format_for(tmp_path / "a.jsonl", [replace(PAIR, query="")]) == "json-lines"
    assert format_for(tmp_path / "a.json", SAMPLES["squad"]) == "squad"
    assert [same_as(f, [FULL]) for f in ("conll", "weibo", "cluener", "redocred")] == [
        "conll",
        "conll",
        "spans",
        "spans",
    ]
