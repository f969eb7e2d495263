"""What a task scores on texts told anew: each side on the same documents, and none that was not changed."""

import pytest
from samples import EXAMPLES
from test_explaining import task

from nlpkit import data, engine, probing
from nlpkit.editing.groups import read_groups
from nlpkit.types import Document, Entity, Label

GOLDS = [e.document for e in EXAMPLES]
GROUPS = read_groups()


def knowing(monkeypatch, know):
    """Let texts be read by a rule instead of a model."""
    monkeypatch.setattr(engine, "read", lambda model, heads, documents, reading: [know(d) for d in documents])


def by_capitals(document):
    """Find "X Y" in capitals at the beginning as a person."""
    words = document.text.split()
    name = " ".join(words[:2])
    entities = (Entity(name, 0, len(name), "PER"),) if words[0].istitle() and words[1].istitle() else ()
    return Document(document.text, entities=entities)


def test_a_rule_for_capitals_breaks_in_other_case_and_nowhere_else(monkeypatch):
    knowing(monkeypatch, by_capitals)
    golds = [Document("Ann Lee left now", entities=(Entity("Ann Lee", 0, 7, "PER"),)) for _ in range(4)]
    found = probing.robustness(task("ner"), golds)
    effects = {name: effect.metrics["f1"] for name, effect in found.effects.items()}
    assert effects["lower case"].before == 1.0
    assert effects["lower case"].after == 0.0
    assert effects["upper case"].difference == -1.0
    assert (effects["upper case"].low, effects["upper case"].high) == (-1.0, -1.0)
    assert effects["unseen names"].difference == 0.0
    assert found.skipped == {
        name: "it changes none of these texts" for name in ("typing errors", "punctuation lost") if name not in effects
    }
    assert found.to_dict()["effects"]["lower case"]["metrics"]["f1"]["difference"] == -1.0


def test_case_means_nothing_in_chinese_and_names_nothing_without_gold_ones(monkeypatch):
    knowing(monkeypatch, lambda d: Document(d.text, labels={"classification": Label("Ann Lee")}))
    golds = [Document("他在北京工作。", labels={"classification": Label("Ann Lee")})]
    found = probing.robustness(task("classification"), golds)
    assert set(found.skipped) >= {"lower case", "upper case", "unseen names"}
    assert "names no person" in found.skipped["unseen names"]
    assert found.effects["punctuation lost"].n == 1


def test_only_the_documents_that_change_count(monkeypatch):
    knowing(monkeypatch, lambda d: Document(d.text, labels={"classification": Label("no")}))
    golds = [
        Document(text, labels={"classification": Label("Ann Lee")}) for text in ("down low", "Up", "Up, up", "low")
    ]
    effects = probing.robustness(task("classification"), golds).effects
    assert effects["lower case"].n == 2
    assert effects["upper case"].n == 4
    assert effects["punctuation lost"].n == 1


def test_a_rule_for_he_is_unfair_and_its_decisions_flip(monkeypatch):
    know = lambda d: Document(d.text, labels={"classification": Label("yes" if "He " in d.text else "no")})  # noqa: E731
    knowing(monkeypatch, know)
    texts = ("He left.", "She came.", "It rains.", "She met him.")
    golds = [Document(text, labels={"classification": Label("yes")}) for text in texts]
    found = probing.fairness(task("classification"), golds, GROUPS)
    axis = found.axes["pronouns"]
    assert (found.n, axis.n, axis.flips) == (4, 2, 1.0)
    assert axis.scores["he"]["accuracy"] == 1.0
    assert axis.scores["she"]["accuracy"] == 0.0
    gap = axis.gaps["accuracy"]
    assert (gap.highest, gap.change.difference) == ("he", 1.0)
    assert axis.examples[0] == {"he": "He left.", "she": "She left.", "they": "They left."}
    assert found.skipped == {"origin": "no text can be told of all its groups"}
    assert found.to_dict()["axes"]["pronouns"]["flips"] == 1.0


def test_decisions_are_compared_where_they_stood_before_the_change(monkeypatch):
    def know(document):
        at = document.text.index("Rome")
        return Document(document.text, entities=(Entity("Rome", at, at + 4, "LOC"),))

    knowing(monkeypatch, know)
    text = "She said that Ann Lee left Rome."
    spots = [("Ann Lee", 14, "PER"), ("Rome", 27, "LOC")]
    gold = Document(text, entities=tuple(Entity(n, a, a + len(n), label) for n, a, label in spots))
    found = probing.fairness(task("ner"), [gold], GROUPS)
    assert {name: axis.flips for name, axis in found.axes.items()} == dict.fromkeys(GROUPS.axes, 0.0)


def test_the_real_way_through_a_model_and_its_files(tmp_path, monkeypatch):
    monkeypatch.setitem(data.READERS, "sample", lambda path: iter(EXAMPLES[:4]))
    (tmp_path / "test").touch()
    loaded = task("ner")
    monkeypatch.setitem(data.READERS, "squad", data.READERS["sample"])
    monkeypatch.delitem(data.PART_READERS, "squad")
    chosen, golds = probing.tested(loaded, tmp_path / "test")
    assert [h.kind for h in chosen.heads] == ["ner"]
    found = probing.robustness(chosen, golds)
    assert found.effects["unseen names"].n == 4
    for effect in found.effects.values():
        for change in effect.metrics.values():
            assert change.low <= change.high
    assert found == probing.robustness(chosen, golds)
    assert probing.fairness(chosen, golds, GROUPS).axes["origin"].n == 4


@pytest.mark.slow
def test_the_shipped_tagger_loses_names_that_it_never_saw_less_than_half():
    from nlpkit import checkpoint

    loaded = checkpoint.load(checkpoint.locate("relation/wikipedia"))
    texts = ("Marie Curie was born in Warsaw.", "Ada Lovelace lived in London.", "Nikola Tesla died in New York.")
    golds = []
    for text in texts:
        person, place = text.split(" was ")[0].split(" lived ")[0].split(" died ")[0], text.split(" in ")[1][:-1]
        spots = [(person, 0, "PER"), (place, text.index(place), "LOC")]
        golds.append(Document(text, entities=tuple(Entity(n, a, a + len(n), label) for n, a, label in spots)))
    effect = probing.robustness(loaded, golds).effects["unseen names"]
    assert effect.n == 3
    assert effect.metrics["ner_f1"].after > 0.5
