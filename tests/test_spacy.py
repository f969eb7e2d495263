"""nlpkit inside spaCy: every tokenizer, one pass for all tasks, Docs that are saved, and relations drawn."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import spacy
from samples import EXAMPLES, passes
from spacy import displacy
from spacy.tokens import Doc, DocBin
from spacy.util import filter_spans
from test_packing import saved

import nlpkit
from nlpkit import spacy_component
from nlpkit.errors import AdapterError, InputError
from nlpkit.spacy_component import Component, displacy_relations
from nlpkit.spacydoc import annotate
from nlpkit.types import Answer, Chain, Document, Entity, Label, Mention, Relation, Span

TEXT = "Ann Lee was born in  Rome.\nShe left the Anglo-Saxon  Bank (ASB) in 2019!"


def entity(text, name, label="PER", score=0.9):
    at = text.index(name)
    return Entity(name, at, at + len(name), label, score)


def document(text=TEXT):
    """Return a document with everything that there can be, one entity inside another and one inside a token."""
    ann, rome = entity(text, "Ann Lee"), entity(text, "Rome", "LOC")
    bank, saxon = entity(text, "Anglo-Saxon  Bank", "ORG"), entity(text, "Saxon", "MISC", None)
    return Document(
        text,
        id="one",
        entities=(ann, rome, bank, saxon),
        chains=(Chain("Ann Lee", "PER", (Mention("Ann Lee", ann.start, ann.end), Mention("She", 27, 30, "pronoun"))),),
        relations=(
            Relation(ann, "place of birth", rome, 0.8, "P19", (Span(text[:26], 0, 26),)),
            Relation(bank, "employee", ann, None),
        ),
        labels={"topic": Label("life", 0.7, (Label("money", 0.6),)), "mood": Label("calm")},
        metadata={"source": "x"},
        slots=(replace(rome, label="where"),),
        answers=(Answer("Rome", rome.start, rome.end, 0.5),),
    )


def whitespace(vocab):
    """Return a tokenizer that knows words and what stands between them, and nothing else."""

    def tokenize(text):
        words = re.findall(r"\S+|\s+", text)
        return Doc(vocab, words=words, spaces=[False] * len(words))

    return tokenize


def pipeline(lang):
    if lang != "whitespace":
        return spacy.blank(lang)
    nlp = spacy.blank("en")
    nlp.tokenizer = whitespace(nlp.vocab)
    return nlp


@pytest.mark.parametrize("lang", ["xx", "en", "de", "zh"])
def test_there_and_back(lang):
    doc = document().to_spacy(spacy.blank(lang))
    assert doc.text == TEXT
    assert Document.from_spacy(doc) == document()
    assert doc.cats == {"life": 0.7, "money": 0.6, "calm": 1.0}
    assert "Ann Lee" in doc.spans["nlpkit"][0].text
    assert doc.spans["slots"][0].label_ == "where"
    doc_bin = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (again,) = DocBin().from_bytes(doc_bin).get_docs(spacy.blank("xx").vocab)
    assert Document.from_spacy(again) == document()
    assert Document.from_spacy(Doc(doc.vocab).from_bytes(doc.to_bytes())) == document()


def test_the_default_pipeline_is_multilingual():
    doc = document().to_spacy()
    assert doc.lang_ == "xx"
    assert [(e.text, e.label_) for e in doc.ents] == [
        ("Ann Lee", "PER"),
        ("Rome", "LOC"),
        ("Anglo-Saxon  Bank", "ORG"),
    ]


def test_a_doc_of_another_pipeline_gives_its_entities_and_categories():
    doc = spacy.blank("en")("Ann Lee left Rome.")
    doc.ents = [doc.char_span(0, 7, label="PERSON")]
    doc.cats = {"news": 0.8, "sport": 0.2, "life": 0.9}
    found = Document.from_spacy(doc)
    assert found == Document(
        doc.text,
        entities=(Entity("Ann Lee", 0, 7, "PERSON"),),
        labels={"classification": Label("life", None, (Label("news"),))},
    )
    changed = document().to_spacy()
    changed.ents = changed.ents[:1]
    assert [e.text for e in Document.from_spacy(changed).entities] == ["Ann Lee"]
    assert Document.from_spacy(changed).relations == document().relations


def test_a_tokenizer_that_changes_the_text_is_refused():
    nlp = spacy.blank("en")
    nlp.tokenizer = lambda text: Doc(nlp.vocab, words=text.split())
    with pytest.raises(InputError, match="tokenizer makes another text"):
        document().to_spacy(nlp)


def test_entities_of_others_stay_on_demand():
    doc = spacy.blank("en")(TEXT)
    doc.ents = [doc.char_span(0, 3, label="MINE")]
    annotate(doc, document(), overwrite=False)
    assert [(e.text, e.label_) for e in doc.ents][:2] == [("Ann", "MINE"), ("Rome", "LOC")]


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_texts_without_words(text):
    assert Document.from_spacy(Document(text).to_spacy()) == Document(text)


# The component


@pytest.fixture(scope="module")
def adapter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapters") / "births"
    saved(folder)
    return folder


def added(nlp, adapter, **settings):
    nlp.add_pipe("nlpkit", config={"tasks": [str(adapter)], "backbone": "fake", **settings})
    return nlp


CHINESE = "玛丽在ann lee工作。"


@pytest.mark.parametrize("lang", ["en", "xx", "zh", "whitespace"])
def test_entities_stand_where_the_kit_finds_them_with_any_tokenizer(adapter, lang):
    texts = [*(e.document.text for e in EXAMPLES[:3]), "Ann  Lee\twas born in\n\nRome. ", CHINESE, "", "née «Ann-Lee»…"]
    kit = nlpkit.load(str(adapter), backbone="fake")
    nlp = added(pipeline(lang), adapter)
    for doc, found, text in zip(nlp.pipe(texts), kit(texts), texts, strict=True):
        assert doc.text == text
        widened = [doc.char_span(e.start, e.end, label=e.label, alignment_mode="expand") for e in found.entities]
        assert list(doc.ents) == filter_spans(widened)
        assert doc._.nlpkit.entities == found.entities
        assert all(
            s.start_char <= e.start and s.end_char >= e.end for s, e in zip(widened, found.entities, strict=True)
        )
    assert any(nlp(text).ents for text in texts)


def test_pipe_is_what_single_calls_are(adapter):
    nlp = added(spacy.blank("en"), adapter)
    texts = [e.document.text for e in EXAMPLES[:7]]
    together = [[(e.text, e.label_) for e in doc.ents] for doc in nlp.pipe(texts, batch_size=3)]
    assert together == [[(e.text, e.label_) for e in nlp(text).ents] for text in texts]


def test_pipe_reads_no_further_than_it_must(adapter):
    read = []
    texts = (read.append(n) or "Ann Lee" for n in range(100))
    nlp = added(spacy.blank("en"), adapter)
    next(nlp.pipe(texts, batch_size=4))
    assert len(read) <= 8


def test_a_batch_is_one_pass_for_each_adapter(adapter, monkeypatch):
    nlp = added(spacy.blank("en"), adapter)
    nlp("warm")
    calls = passes(monkeypatch)
    list(nlp.pipe(["Ann Lee left."] * 4))
    assert calls == [4]


def test_saved_with_its_adapter_and_loaded_elsewhere(adapter, tmp_path):
    nlp = added(spacy.blank("en"), adapter)
    text = EXAMPLES[0].document.text
    nlp.to_disk(tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    again = spacy.load(tmp_path / "after")
    component = again.get_pipe("nlpkit")
    assert component.tasks == [str(tmp_path / "after" / "nlpkit" / "0-births")]
    assert [(e.text, e.label_) for e in again(text).ents] == [(e.text, e.label_) for e in nlp(text).ents]
    (tmp_path / "after" / "nlpkit" / "nlpkit.json").write_text("{")
    with pytest.raises(InputError, match="missing or damaged"):
        spacy.load(tmp_path / "after")


def test_bytes_hold_the_settings(adapter):
    nlp = added(spacy.blank("en"), adapter)
    fresh = spacy.blank("en")
    fresh.add_pipe("nlpkit")
    fresh.from_bytes(nlp.to_bytes())
    assert fresh.get_pipe("nlpkit").tasks == [str(adapter)]
    assert fresh("Ann Lee left.").text


def test_a_wrong_task_is_named():
    nlp = spacy.blank("en")
    nlp.add_pipe("nlpkit", config={"tasks": ["nre"], "backbone": "fake"})
    with pytest.raises(AdapterError, match=r"'nre'.*relation/wikipedia"):
        nlp("x")
    with pytest.raises(InputError, match="each must be a folder"):
        spacy.blank("en").add_pipe("nlpkit", config={"tasks": [" "]})


class Reader:
    """Stands for a kit that finds a whole document."""

    def __call__(self, texts):
        return [document(text) for text in texts]


@pytest.fixture
def doc(monkeypatch):
    monkeypatch.setattr(spacy_component, "load", lambda *names, **settings: Reader())
    nlp = spacy.blank("en")
    nlp.add_pipe("nlpkit")
    return nlp(TEXT)


def test_relations_are_between_spans(doc):
    born, employee = doc._.relations
    assert (born.subject.text, born.label, born.object.text) == ("Ann Lee", "place of birth", "Rome")
    assert (born.score, born.property, born.subject.label_) == (0.8, "P19", "PER")
    assert doc[employee.subject.start : employee.subject.end].text == "Anglo-Saxon  Bank"
    assert spacy.blank("en")("x")._.relations == ()
    assert doc._.nlpkit == document()


def test_displacy_draws_entities_and_relations(doc):
    drawn = displacy_relations(doc)
    words = [word["text"] for word in drawn["words"]]
    assert "".join(words).replace(" ", "") == TEXT.replace(" ", "")
    born, employee = drawn["arcs"]
    assert (words[born["start"]], born["label"], words[born["end"]], born["dir"]) == (
        "Ann Lee",
        "place of birth",
        "Rome",
        "right",
    )
    assert (words[employee["start"]], employee["dir"]) == ("Ann Lee", "left")
    page = displacy.render(drawn, style="dep", manual=True)
    assert "place of birth" in page
    assert page.count("displacy-arrow") >= 2
    assert 'class="entity"' in displacy.render(doc, style="ent")
    assert not displacy_relations(doc[5:])["arcs"]
    assert len(displacy_relations(doc[:8])["arcs"]) == 1


ENTRY = """
import sys, spacy
assert "nlpkit" not in sys.modules
nlp = spacy.blank("en")
nlp.add_pipe("nlpkit", config={"tasks": ["ner"]})
assert nlp.pipe_names == ["nlpkit"]
"""


def test_spacy_finds_the_component_by_itself(tmp_path):
    """The entry point of pyproject.toml, as an installer writes it."""
    root = Path(nlpkit.__file__).parent.parent
    lines = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    entry = lines[lines.index("[project.entry-points.spacy_factories]") + 1].replace('"', "")
    info = tmp_path / "nlpkit_here-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nlpkit-here\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[spacy_factories]\n{entry}\n")
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]\n{ENTRY}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_component_says_what_it_sets():
    found = spacy.blank("en").get_factory_meta("nlpkit")
    assert set(found.assigns) == {"doc.ents", "doc.cats", "doc.spans", "doc._.relations"}
    assert Component().tasks == []
