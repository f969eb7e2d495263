"""One contract for every head; then what is particular to each."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from samples import EXAMPLES, QUESTIONS
from torch import nn

from nlpkit import engine
from nlpkit.backbone import Hidden
from nlpkit.engine import Reading
from nlpkit.errors import RecipeError
from nlpkit.heads import HEADS, head_class, in_order
from nlpkit.heads.base import Decision, Explainable, Head, platt
from nlpkit.heads.localised import LocalisedScorer, Sides, adaptive_threshold_loss
from nlpkit.heads.tagging import viterbi
from nlpkit.judging import KINDS, MISSED, RIGHT
from nlpkit.resampling import scores_of
from nlpkit.schemas import as_query
from nlpkit.testing import fake_backbone
from nlpkit.types import Choice, Document, Entity, Label

GOLDS = [e.document for e in EXAMPLES[:6]]
SCHEMA = as_query({"go": "", "eat": ""}, {"to": "", "on": ""}, {"on": ["sun", "mon"]})
TURNS = [
    Document(text, query=SCHEMA, labels={k: Label(v) for k, v in labels.items()}, slots=slots)
    for text, labels, slots in (
        ("go to oslo", {"dialogue": "go"}, (Entity("oslo", 6, 10, "to"),)),
        ("eat on sun", {"dialogue": "eat", "dialogue.on": "sun"}, ()),
        ("on mon", {"dialogue": "eat", "dialogue.on": "mon"}, ()),
        ("where to", {"dialogue": "go", "dialogue.requested": "to"}, ()),
        ("any day", {"dialogue": "go", "dialogue.on": "dontcare"}, ()),
        ("hello", {"dialogue": "no intent"}, ()),
    )
]
MEANT = {
    "where is it from": {"+born": 1.0, "+date": 0.2},
    "its author": {"-wrote": 1.0, "+born": 0.1},
    "when was it": {"+date": 1.0},
    "what does it cost": {"+price": 1.0},
    "who lives in it": {"-home": 1.0},
    "a thing like it": {"+kind / -kind": 1.0},
}
ASKED = [
    Document(text, metadata={"choices": tuple(Choice(plan, (plan, plan), worth) for plan, worth in plans.items())})
    for text, plans in MEANT.items()
]
GOLDS_OF = {"qa": [e.document for e in QUESTIONS[:6]], "dialogue": TURNS, "kgqa": ASKED}
"""What a head is tried on, where it is not `GOLDS`."""
READING = Reading(64, 16, 512)


@pytest.fixture(params=sorted(HEADS))
def head(request):
    torch.manual_seed(0)
    return head_class(request.param).fit(golds_of(request.param), 16, {})


@pytest.fixture(params=["bert", "llama"])
def backbone(request):
    return fake_backbone(kind=request.param)


def golds_of(kind):
    return GOLDS_OF.get(kind, GOLDS)


def bare_of(kind):
    """Return the documents with no more than a head of this kind is given."""
    return [Document(d.text, d.id, chains=d.chains, query=d.query) for d in golds_of(kind)]


def test_a_head_has_the_verbs_and_is_a_module(head):
    assert isinstance(head, Head)
    assert isinstance(head, nn.Module)
    assert head.kind in HEADS
    assert set(head.needs) < set(HEADS)


def test_its_config_is_plain_and_makes_the_same_head(head):
    config = json.loads(json.dumps(head.config()))
    assert config == head.config()
    other = type(head).from_config(config)
    assert other.config() == head.config()
    other.load_state_dict(head.state_dict())


def test_its_loss_falls_when_it_learns(head, backbone):
    golds = golds_of(head.kind)
    cut = [w for n, d in enumerate(golds) for w in READING.windows(backbone, d, n)]
    hidden = backbone.hidden(cut, attention=head.reads_attention)
    targets = [head.targets(w, head.gold(golds[w.document])) for w in cut]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    losses = []
    for _ in range(100):
        loss = head.loss(hidden, cut, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_it_decodes_each_window_and_scores_the_gold_as_perfect(head, backbone):
    head.eval()
    golds = golds_of(head.kind)
    found = engine.read(backbone, [head], bare_of(head.kind), READING)
    assert [d.text for d in found] == [d.text for d in golds]
    perfect, scores = head.score(golds, golds), head.score(found, golds)
    assert perfect
    assert all(value == 1.0 for value in perfect.values())
    assert perfect.keys() == scores.keys()
    assert all(0.0 <= value <= 1.0 for value in scores.values())
    for counts in head.per_label(golds, golds).values():
        assert all(value == 1.0 for value in counts.values())


def test_its_tallies_are_its_scores_and_the_gold_is_judged_right(head, backbone):
    head.eval()
    golds = golds_of(head.kind)
    found = engine.read(backbone, [head], bare_of(head.kind), READING)
    tallied = scores_of(head.tallies(found, golds))
    assert tallied
    assert tallied == {name: head.score(found, golds)[name] for name in tallied}
    assert all(t.n_documents == len(golds) for t in head.tallies(found, golds))
    judged = [head.judge(gold, gold) for gold in golds]
    assert any(judged)
    assert all(j.kind == RIGHT for one in judged for j in one)
    assert all(j.kind in (RIGHT, *KINDS) for p, g in zip(found, golds, strict=True) for j in head.judge(p, g))
    missed = [j for gold in golds for j in head.judge(Document(gold.text), gold)]
    assert [j.gold for j in missed] == [j.gold for one in judged for j in one]
    assert {j.kind for j in missed} == {MISSED}


def test_calibration_keeps_the_head_usable(head, backbone):
    head.eval()
    bare = bare_of(head.kind)
    head.calibrate(lambda: engine.read(backbone, [head], bare, READING), golds_of(head.kind))
    assert type(head).from_config(head.config()).config() == head.config()
    again = engine.read(backbone, [head], bare, READING)
    assert all(d.text == b.text for d, b in zip(again, bare, strict=True))


def test_a_text_without_words_gives_a_sound_document(head, backbone):
    head.eval()
    for text in ("", " ", "\n"):
        (found,) = engine.read(backbone, [head], [Document(text)], READING)
        assert found.text == text


def test_a_decision_has_a_margin_that_the_states_have_a_part_in(head, backbone):
    if not isinstance(head, Explainable):
        assert head.kind == "dialogue"
        return
    head.eval()
    documents = [replace(d, query="") if not head.reads_query else d for d in golds_of(head.kind)]
    decided = [(document, decision) for document in documents for decision in head.decisions(document)]
    assert decided
    for document, decision in decided:
        assert head.decisions(document, decision.label)
        assert not head.decisions(document, "unheard of")
        (window,) = READING.windows(backbone, document)
        states = backbone.hidden([window] * 2, attention=head.reads_attention).states.detach().requires_grad_()
        read = backbone.hidden([window] * 2, attention=head.reads_attention)
        margin = head.margin(replace(read, states=states), window, document, decision)
        assert margin.shape == (2,)
        torch.testing.assert_close(margin[0], margin[1])
        (gradient,) = torch.autograd.grad(margin.sum(), states)
        assert float(gradient.abs().sum()) > 0


def test_the_margin_of_a_label_is_its_log_odds(backbone):
    head = head_class("classification").fit(GOLDS, 16, {}).eval()
    (found,) = engine.read(backbone, [head], [Document("Ann Lee")], READING)
    (window,) = READING.windows(backbone, found)
    (decision,) = head.decisions(found)
    with torch.no_grad():
        margin = head.margin(backbone.hidden([window]), window, found, decision)
    torch.testing.assert_close(float(torch.sigmoid(margin)), decision.score)
    other = next(label for label in head.labels if label != decision.label)
    assert head.decisions(found, other) == [Decision(other)]


@pytest.mark.slow
def test_a_text_of_a_million_characters_is_read_to_its_end(head):
    head.eval()
    backbone = fake_backbone(max_pieces=512)
    text = ("Ada left Oslo. In the north she met nobody who had heard of her work there. " * 14_000)[:1_000_000]
    document = Document(text, query="Who left?" if head.kind == "qa" else "")
    (found,) = engine.read(backbone, [head], [document], Reading(512, 64))
    assert found.text == text
    if found.entities:
        assert found.entities[-1].end > len(text) - 1000


def test_a_label_never_seen_in_training_is_missed_and_nothing_breaks(head, backbone):
    head.eval()
    known = golds_of(head.kind)
    golds = [*known, *(strange(d) for d in known)]
    bare = [*bare_of(head.kind), *bare_of(head.kind)]
    predict = lambda: engine.read(backbone, [head], bare, READING)  # noqa: E731
    head.calibrate(predict, golds)
    scores = head.score(predict(), golds)
    assert all(0.0 <= value <= 1.0 for value in scores.values())
    if head.kind != "qa":  # answers have no labels
        assert any(value < 1.0 for value in head.score([*known, *known], golds).values())
    assert all(0.0 <= v <= 1.0 for counts in head.per_label(predict(), golds).values() for v in counts.values())


def strange(document):
    """Return a document with other labels at the same places."""
    renamed = {e: replace(e, label=f"strange {e.label}") for e in document.entities}
    chains = {
        c: replace(c, label=f"strange {c.label}", mentions=tuple(renamed.get(m, m) for m in c.mentions))
        for c in document.chains
    }
    return replace(
        document,
        entities=tuple(renamed.values()),
        slots=tuple(replace(s, label=f"strange {s.label}") for s in document.slots),
        labels={key: replace(label, label=f"strange {label.label}") for key, label in document.labels.items()},
        chains=tuple(chains.values()),
        relations=tuple(
            replace(
                r,
                subject=renamed.get(r.subject, r.subject),
                object=renamed.get(r.object, r.object),
                label=f"strange {r.label}",
                property=None,
            )
            for r in document.relations
        ),
        metadata={k: tuple(replace(c, name=f"strange {c.name}") for c in v) for k, v in document.metadata.items()},
    )


def test_the_order_of_the_data_on_disk_does_not_change_what_a_head_calls_its_labels(head):
    turned = type(head).fit(golds_of(head.kind)[::-1], 16, {})
    assert turned.config() == head.config()


def test_an_unknown_kind_is_named_and_kinds_come_in_the_order_of_their_needs():
    with pytest.raises(RecipeError, match=r"'nre'.*ner"):
        head_class("nre")
    assert in_order(["relation", "ner"]) == ["ner", "relation"]


def test_viterbi_never_starts_or_changes_inside_an_entity():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(n, 7)).astype(np.float32) for n in (1, 5, 40, 0)]
    for path, row in zip(viterbi(rows), rows, strict=True):
        assert len(path) == len(row)
        for before, tag in zip([0, *path], path, strict=False):
            assert tag == 0 or tag % 2 == 1 or before in (tag - 1, tag)


def test_viterbi_finds_the_best_valid_path_of_all():
    import itertools

    rng = np.random.default_rng(1)
    rows = [rng.normal(size=(5, 5)).astype(np.float32) for _ in range(20)]
    valid = [
        p
        for p in itertools.product(range(5), repeat=5)
        if all(t == 0 or t % 2 == 1 or b in (t - 1, t) for b, t in zip((0, *p[:-1]), p, strict=True))
    ]
    best = [max(valid, key=lambda p, row=row: sum(row[i, t] for i, t in enumerate(p))) for row in rows]
    assert [tuple(path) for path in viterbi(rows)] == best
    # Some of them are what the best tag of each word gives, some are not.
    assert 0 < sum(tuple(row.argmax(1)) == path for row, path in zip(rows, best, strict=True)) < len(rows)


def test_ner_targets_follow_the_words_and_overlaps_give_way_to_the_longer():
    backbone = fake_backbone()
    head = head_class("ner").fit(GOLDS, 16, {})
    (window,) = READING.windows(backbone, GOLDS[0])
    inner = replace(GOLDS[0].entities[0], end=3, text="Ann", label="LOC")
    gold = head.gold(replace(GOLDS[0], entities=(inner, *GOLDS[0].entities)))
    tags = head.targets(window, gold)
    person = 2 * head.labels.index("PER") + 1
    assert list(tags[:2]) == [person, person + 1]


def test_entities_in_a_script_never_trained_on_are_not_reported():
    head = head_class("ner").fit(GOLDS, 16, {})
    assert head.scripts == ("LATIN",)
    with torch.no_grad():
        head.tagger[-1].bias[1] = 50.0
    (found,) = engine.read(fake_backbone(), [head.eval()], [Document("华沙 Warsaw 居里")], READING)
    assert [e.text for e in found.entities] == ["Warsaw"]


def test_a_tagger_that_begins_from_words_tells_what_is_like_them():
    backbone = fake_backbone()
    head = head_class("ner").fit(GOLDS, backbone.hidden_width, {"width": 0, "words": {"PER": "a person"}}).eval()
    assert head.begins_with == ["loc", "a person"]
    vectors = torch.from_numpy(backbone.embed(head.begins_with))
    head.begin_from(vectors)
    (window,) = READING.windows(backbone, GOLDS[0])
    states = torch.zeros(1, len(window), backbone.hidden_width)
    for number, label in enumerate(head.labels):
        states[:] = vectors[number]
        logits = head.logits(Hidden(states, torch.ones(1, len(window), dtype=torch.bool)), [window])
        begin = 2 * head.labels.index(label) + 1
        assert logits.argmax(1).tolist() == [begin] * len(window.word_pieces)
        assert torch.equal(logits[:, begin], logits[:, begin + 1])  # the words say nothing of where a name begins
    again = head_class("ner").from_config(json.loads(json.dumps(head.config())))
    again.load_state_dict(head.state_dict())
    assert again.begins_with == head.begins_with


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": {}}, "needs options.ner.width = 0"),
        ({"width": 0, "words": {"DOG": "a dog"}}, "'DOG'; the data has: LOC, PER"),
        ({"wordz": {}}, "unknown key 'options.ner.wordz'"),
    ],
)
def test_words_that_cannot_be_begun_from_are_refused(options, message):
    with pytest.raises(RecipeError, match=message):
        head_class("ner").fit(GOLDS, 16, options)


def test_the_adaptive_threshold_loss_is_that_of_the_paper():
    logits = torch.tensor([[0.0, 2.0, -1.0], [1.0, 0.5, 0.0]])
    labels = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    first = -(torch.tensor([2.0, 0.0]).log_softmax(0)[0] + torch.tensor([0.0, -1.0]).log_softmax(0)[0])
    second = -logits[1].log_softmax(0)[0]
    torch.testing.assert_close(adaptive_threshold_loss(logits, labels), (first + second) / 2)


def test_platt_recovers_the_logistic_that_made_the_data():
    rng = np.random.default_rng(0)
    margins = rng.normal(0, 2, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * margins - 0.5)))
    slope, offset = platt(margins.tolist(), right.tolist())
    assert slope == pytest.approx(0.7, abs=0.05)
    assert offset == pytest.approx(-0.5, abs=0.05)
    assert platt([], []) == (1.0, 0.0)
    assert platt([1.0], [True]) == (1.0, 0.0)


def test_pairs_score_the_same_whether_many_or_few_are_scored_at_once_and_with_the_relations_of_their_kind_alone():
    torch.manual_seed(0)
    scorer = LocalisedScorer(16, 2, 5, width=16, block=4, dropout=0.0).eval()
    left, right = torch.randn(600, 16), torch.randn(600, 16)
    together = scorer(Sides(left, right, [], []))
    alone = torch.cat([scorer(Sides(left[n : n + 1], right[n : n + 1], [], [])) for n in range(600)])
    torch.testing.assert_close(together, alone)
    products = (left.view(600, 4, 4, 1) * right.view(600, 4, 1, 4)).flatten(1)
    torch.testing.assert_close(together, products @ scorer.bilinear.weight.T + scorer.bilinear.bias)
    kinds, of_kind = np.arange(600) % 3, {0: torch.tensor([1, 4]), 1: torch.arange(5), 2: torch.tensor([3])}
    rows, numbers, margins = scorer.margins(Sides(left, right, [], []), kinds, of_kind)
    assert len(margins) == 200 * (2 + 5 + 1)
    torch.testing.assert_close(margins, together[rows, numbers + 1] - together[rows, 0])


def test_a_relation_is_found_only_between_types_that_had_it_in_training():
    head = head_class("relation").fit(GOLDS, 16, {}).eval()
    with torch.no_grad():
        head.localised.bilinear.bias[1:] = 50.0
    typed = {tuple(names) for names in head.seen["typed"]}
    found = engine.read(fake_backbone(), [head], [Document(d.text, chains=d.chains) for d in GOLDS], READING)
    said = {(r.subject.label, r.property or r.label, r.object.label) for d in found for r in d.relations}
    assert said
    assert said <= typed
