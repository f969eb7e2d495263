"""Sentence-level relations: two known entities, one directed relation or none; and chains of single mentions."""

import pytest
import torch

from nlpkit import engine
from nlpkit.engine import Reading
from nlpkit.errors import InputError, RecipeError
from nlpkit.heads.directed import best_directed
from nlpkit.heads.relation import RelationHead
from nlpkit.testing import fake_backbone
from nlpkit.types import Chain, Document, Entity, Mention, Relation

READING = Reading(64, 16, 512)
WORDS = ("cup", "tea", "box", "tin")


def marked(first, second, link):
    """Return "FIRST LINK SECOND": `in` goes forth, `of` goes back, `and` is no relation."""
    text = f"the {first} {link} the {second}."
    entities = [Entity(first, 4, 4 + len(first), "thing")]
    entities.append(Entity(second, text.index(second, 5), text.index(second, 5) + len(second), "thing"))
    chains = tuple(Chain(e.text, e.label, (Mention(e.text, e.start, e.end),)) for e in entities)
    ends = {"in": entities, "of": entities[::-1]}.get(link)
    relations = (Relation(ends[0], "inside", ends[1]),) if ends else ()
    return Document(text, text, tuple(entities), chains, relations)


GOLDS = [marked(a, b, link) for a in WORDS for b in WORDS if a != b for link in ("in", "of", "and")]


def bare(document):
    return Document(document.text, chains=document.chains)


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    backbone = fake_backbone()
    head = RelationHead.fit(GOLDS, 16, {"exclusive": True, "width": 32, "dropout": 0.0})
    cut = [w for n, d in enumerate(GOLDS) for w in READING.windows(backbone, d, n)]
    hidden = backbone.hidden(cut)
    targets = [head.targets(w, head.gold(GOLDS[w.document])) for w in cut]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.005)
    for _ in range(60):
        loss = head.loss(hidden, cut, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return head.eval()


def test_direction_and_none_are_learnt_from_one_pass(trained):
    assert not trained.reads_attention
    found = engine.read(fake_backbone(), [trained], [bare(d) for d in GOLDS], READING)
    scores = trained.score(found, GOLDS)
    assert scores["macro_f1"] > 0.9
    relation = found[1].relations[0]
    assert (relation.subject.start, relation.object.start) == (GOLDS[1].relations[0].subject.start, 4)
    assert relation.evidence[0].text == GOLDS[1].text
    assert 0 <= relation.score <= 1


def test_a_wrong_direction_is_wrong(trained):
    turned = [
        Document(d.text, chains=d.chains, relations=tuple(Relation(r.object, r.label, r.subject) for r in d.relations))
        for d in GOLDS
    ]
    assert trained.score(turned, GOLDS)["macro_f1"] == 0.0
    assert trained.score(GOLDS, GOLDS)["macro_f1"] == 1.0


def test_calibration_gives_probabilities_and_the_config_keeps_them(trained):
    golds = [bare(d) for d in GOLDS]
    trained.calibrate(lambda: engine.read(fake_backbone(), [trained], golds, READING), GOLDS)
    other = RelationHead.from_config(trained.config())
    assert other.config() == trained.config()
    other.load_state_dict(trained.state_dict())


def test_padding_changes_nothing(trained):
    backbone = fake_backbone()
    documents = [bare(GOLDS[0]), Document("x" * 50, chains=())]
    (alone,) = engine.read(backbone, [trained], documents[:1], READING)
    beside, other = engine.read(backbone, [trained], documents, READING)
    assert other.relations == ()
    assert [r.label for r in alone.relations] == [r.label for r in beside.relations]
    for a, b in zip(alone.relations, beside.relations, strict=True):
        assert a.score == pytest.approx(b.score, abs=1e-4)


def test_the_best_class_has_its_relation_direction_and_log_odds():
    logits = torch.tensor([[0.0, 3.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 2.0]])
    margins, numbers, back = best_directed(logits)
    assert (numbers, back) == ([0, 1], [False, True])
    torch.testing.assert_close(torch.sigmoid(margins), logits.softmax(-1).amax(-1))


def test_mentions_stay_apart_where_the_data_knows_no_coreference():
    text = "Ann Lee met Ann Lee."
    entities = (Entity("Ann Lee", 0, 7, "PER"), Entity("Ann Lee", 12, 19, "PER"))
    golds = [Document(text, "", entities, relations=(Relation(entities[0], "met", entities[1]),))]
    golds[0] = Document(
        text,
        "",
        entities,
        tuple(Chain(e.text, e.label, (Mention(e.text, e.start, e.end),)) for e in entities),
        golds[0].relations,
    )
    for chains, n in (("mentions", 2), ("coreference", 1)):
        head = RelationHead.fit(golds, 16, {"chains": chains}).eval()
        (found,) = engine.read(fake_backbone(), [head], [Document(text, entities=entities)], READING)
        assert len(found.chains) == n


@pytest.mark.parametrize("options", [{"chains": "words"}, {"markers": True}])
def test_an_unknown_option_is_named(options):
    with pytest.raises(RecipeError, match="allowed"):
        RelationHead.fit(GOLDS, 16, options)


def test_a_marked_text_is_read_without_naming_the_only_type(trained):
    told = GOLDS[1]
    a, b = (chain.name for chain in told.chains)
    text = told.text.replace(a, f"<e1>{a}</e1>").replace(b, f"<e2>{b}</e2>")
    document = Document.marked(text)
    assert document.text == told.text
    assert [c.mentions for c in document.chains] == [c.mentions for c in told.chains]
    (found,) = engine.read(fake_backbone(), [trained], [document], READING)
    assert [(r.subject.text, r.label, r.object.text) for r in found.relations] == [(b, "inside", a)]
    turned = Document.marked("A <e2>tin</e2>, a <e1>box</e1>.", label="thing")
    assert [(c.name, c.label, c.mentions[0].start) for c in turned.chains] == [("tin", "thing", 2), ("box", "thing", 9)]


@pytest.mark.parametrize(
    "text", ["no marks", "<e1>a</e1> b", "<e1>a</e1> <e1>b</e1> <e2>c</e2>", "<e1>a <e2>b</e2></e1>"]
)
def test_a_text_without_its_two_marks_is_refused(text):
    with pytest.raises(InputError, match=r"needs <e1>\.\.\.</e1> and <e2>\.\.\.</e2>, each once"):
        Document.marked(text)
