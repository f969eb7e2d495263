"""Texts rewritten: what is found in them moves along, whatever the change."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import EXAMPLES, QUESTIONS

from nlpkit.editing.edits import Edit, applied, edited, spans_of, undone
from nlpkit.editing.noise import NOISES, noisy, sparing, typing_errors, without_punctuation
from nlpkit.editing.renaming import Unseen, kind_of, names_in
from nlpkit.schemas import as_query
from nlpkit.types import Answer, Chain, Document, Entity, Mention, Relation, Span

TEXT = "Ann Lee met Bo Ray in Oslo."


def document(text=TEXT, *names):
    """Return a document with these names as entities, alone and in a chain."""
    spans = [(text.index(name), text.index(name) + len(name), name) for name in names]
    entities = tuple(Entity(name, a, b, "PER") for a, b, name in spans)
    chains = tuple(Chain(e.text, "PER", (Mention(e.text, e.start, e.end),)) for e in entities)
    return Document(text, entities=entities, chains=chains)


@st.composite
def texts_with_edits(draw):
    text = draw(st.text(alphabet="ab 北京。", min_size=1, max_size=30))
    borders = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = zip(borders[::2], borders[1::2], strict=False)
    return text, [Edit(a, b, draw(st.text(alphabet="xy京", max_size=3))) for a, b in pairs]


def placed(document):
    """Return every span of a document with the text that it says it has."""
    spans = [*document.entities, *document.slots, *(a for a in document.answers if a.start >= 0)]
    spans += [m for c in document.chains for m in c.mentions]
    for relation in document.relations:
        spans += [relation.subject, relation.object, *relation.evidence]
    return spans


@given(texts_with_edits())
def test_edits_can_be_undone(case):
    text, edits = case
    new = applied(text, edits)
    assert applied(new, undone(text, edits)) == text


@given(texts_with_edits(), st.data())
def test_a_span_says_what_stands_at_its_place_and_keeps_what_is_not_edited(case, data):
    text, edits = case
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    new = edited(Document(text, entities=(Entity(text[start:end], start, end, "X"),)), edits)
    (entity,) = new.entities
    assert new.text[entity.start : entity.end] == entity.text
    inner = [Edit(e.start - start, e.end - start, e.text) for e in edits if e.start < end and e.end > start]
    if all(start <= e.start + start and e.end + start <= end for e in inner):
        assert entity.text == applied(text[start:end], [e for e in inner if e.end > 0])


def test_a_span_takes_an_edit_that_cuts_it_and_leaves_insertions_at_its_borders_outside():
    assert edited(document(TEXT, "Bo Ray"), [Edit(10, 14, "--")]).entities[0].text == "-- Ray"
    assert edited(document(TEXT, "Bo Ray"), [Edit(12, 12, "<"), Edit(18, 18, ">")]).entities[0].text == "Bo Ray"
    assert edited(document(TEXT, "Bo Ray"), [Edit(14, 14, "b")]).entities[0].text == "Bob Ray"


def test_edits_that_overlap_are_refused():
    with pytest.raises(ValueError, match="overlap"):
        applied(TEXT, [Edit(0, 4, ""), Edit(3, 5, "")])


def test_everything_in_a_document_moves_along():
    spans = (Span("Oslo", 22, 26),)
    ann, bo = (Entity(name, TEXT.index(name), TEXT.index(name) + len(name), "PER") for name in ("Ann Lee", "Bo Ray"))
    whole = Document(
        TEXT,
        entities=(ann, bo),
        slots=(bo,),
        chains=(Chain("Ann Lee", "PER", (Mention("Ann Lee", 0, 7),)),),
        relations=(Relation(ann, "met", bo, evidence=spans),),
        answers=(Answer("Oslo", 22, 26), Answer("nowhere", -1, -1), Answer("else", 0, 4, document="d")),
        query="Who met Bo?",
    )
    new = edited(whole, [Edit(0, 3, "Anneliese"), Edit(12, 14, "B")], [Edit(8, 10, "B")])
    assert new.text == "Anneliese Lee met B Ray in Oslo."
    assert new.query == "Who met B?"
    assert all(new.text[s.start : s.end] == s.text for s in placed(new) if not getattr(s, "document", ""))
    assert new.chains[0].name == new.entities[0].text == "Anneliese Lee"
    assert new.answers[1:] == whole.answers[1:]


CHINESE = document("王丽娜在北京大学工作，李伟也在那里。", "王丽娜", "李伟", "北京大学")
DOCUMENTS = [*(e.document for e in (*EXAMPLES, *QUESTIONS)), CHINESE]


@pytest.mark.parametrize("name", NOISES)
@settings(max_examples=30, deadline=None)
@given(seed=st.text(max_size=4), number=st.integers(0, len(DOCUMENTS) - 1))
def test_noise_keeps_every_span_whole_and_in_its_place(name, seed, number):
    old = DOCUMENTS[number]
    new = noisy(old, NOISES[name], seed)
    assert noisy(old, NOISES[name], seed) == new
    assert all(new.text[s.start : s.end] == s.text and s.text.strip() for s in placed(new))
    assert len(spans_of(new)) == len(spans_of(old))
    for before, after in zip(placed(old), placed(new), strict=True):
        if name.endswith("case"):
            assert after.text.casefold() == before.text.casefold()
        if name == "punctuation lost":
            assert after.text == before.text


def test_typing_errors_leave_the_ends_of_words_and_short_words_alone():
    text = "the quick onlookers were hardly surprised"
    for seed in range(50):
        words = applied(text, typing_errors(text, Random(seed), rate=1.0)).split()
        assert words[0] == "the"
        for old, new in zip(text.split()[1:], words[1:], strict=True):
            assert new != old
            assert (new[0], new[-1]) == (old[0], old[-1])
            assert abs(len(new) - len(old)) <= 1


def test_chinese_characters_are_dropped_doubled_or_exchanged():
    text = "我们明天早上去火车站"
    kinds = set()
    for seed in range(60):
        for edit in typing_errors(text, Random(seed), rate=1.0):
            old = text[edit.start : edit.end]
            assert edit.text in ("", 2 * old, old[::-1])
            kinds.add(len(edit.text) - len(old) if edit.text != old[::-1] else "exchanged")
    assert kinds == {-1, 1, "exchanged"}


def test_punctuation_within_words_and_numbers_stays():
    lost = lambda text: applied(text, without_punctuation(text, Random(0)))  # noqa: E731
    assert lost("Don't pay 3.5, she said - well-known (U.S.)!") == "Don't pay 3.5 she said well-known U.S"
    assert lost("他说：“好，走。”") == "他说好走"
    assert lost("玛丽·居里打“擦边球”了") == "玛丽·居里打擦边球了"


def test_a_span_of_signs_alone_is_spared_and_so_is_a_text():
    text = "see C++ ... now!"
    assert sparing(text, without_punctuation(text, Random(0)), [(8, 11)]) == [Edit(15, 16, "")]
    assert noisy(Document("?!"), without_punctuation, "0").text == "?!"


def test_a_schema_is_no_text_to_make_errors_in():
    query = as_query({"find restaurants": ""}, {"city": ""}, {})
    assert noisy(Document("Something in Oslo, please.", query=query), NOISES["upper case"], "0").query == query
    assert noisy(Document("In Oslo.", query="Where?"), NOISES["upper case"], "0").query == "WHERE?"


def test_unseen_names_are_alike_throughout_a_document_and_in_the_case_of_the_old_ones():
    text = "Dr Marie Curie left. CURIE met oslo. Curie stayed."
    spots = [("Marie Curie", 3), ("CURIE", 21), ("Curie", 37)]
    people = tuple(Entity(name, at, at + len(name), "PER") for name, at in spots)
    old = Document(text, entities=(*people, Entity("oslo", 31, 35, "GPE")))
    new = edited(old, Unseen([text]).edits(old, "0"))
    first, loud, last, place = (e.text for e in new.entities)
    assert first.split()[-1] == last
    assert loud.isupper()
    assert place.islower()
    assert new.text.startswith("Dr ")
    assert not {"Marie", "Curie", "CURIE", "oslo"} & set(new.text.replace(".", "").split())


def test_chinese_names_get_chinese_names_and_parts_go_with_the_whole():
    text = "王丽娜来了，丽娜很高兴。欧阳明走了。"
    spots = [("王丽娜", 0), ("丽娜", 6), ("欧阳明", 12)]
    old = Document(text, entities=tuple(Entity(n, a, a + len(n), "PER") for n, a in spots))
    new = edited(old, Unseen([text]).edits(old, "0"))
    whole, given, other = (e.text for e in new.entities)
    assert whole.endswith(given)
    assert all(name not in new.text for name in ("丽娜", "欧阳明"))
    assert other != whole


def test_names_of_the_data_are_not_unseen():
    seen = Unseen(["Tavira met Mr Brenwick in Kestervale."])
    old = document("Ann Lee came.", "Ann Lee")
    news = {edited(old, seen.edits(old, str(seed))).entities[0].text for seed in range(100)}
    assert len(news) > 10
    assert not any("Tavira" in name or "Brenwick" in name for name in news)


def test_labels_of_other_things_are_no_names():
    assert [kind_of(label) for label in ("PER", "Geo_Loc", "company", "Disease")] == [
        *("person", "place", "organisation"),
        None,
    ]
    longer = Document(
        "New York Times", entities=(Entity("New York", 0, 8, "LOC"), Entity("New York Times", 0, 14, "ORG"))
    )
    assert names_in(longer) == [(0, 14, "organisation")]
