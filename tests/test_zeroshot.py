import sys

import numpy as np
import pytest

from nlpkit import zeroshot
from nlpkit.adapters import Adapted
from nlpkit.errors import InputError, MissingExtraError
from nlpkit.kit import Kit
from nlpkit.testing import fake_backbone
from nlpkit.types import Label, Similar

MEANINGS = {"ball": 0, "goal": 0, "sport": 0, "bank": 1, "money": 1, "trade": 1, "rain": 2, "sun": 2, "weather": 2}


def embed(texts):
    """Return how often a text speaks of each of three meanings, and a little of a fourth that all share."""
    rows = np.full((len(texts), 4), 0.1, dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().replace(".", "").split():
            if word in MEANINGS:
                row[MEANINGS[word]] += 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


TEXTS = ["The goal and the ball", "money in the bank", "sun after rain", "a goal"]


def test_a_text_gets_the_label_nearest_in_meaning():
    found = zeroshot.classify(embed, TEXTS, ["sport", "trade", "weather"])
    assert [label.label for label in found] == ["sport", "trade", "weather", "sport"]
    assert all(1 / 3 < label.score <= 1 for label in found)


def test_one_text_gives_one_label_and_none_gives_none():
    label = zeroshot.classify(embed, TEXTS[0], ["sport", "trade"])
    assert label == zeroshot.classify(embed, TEXTS, ["sport", "trade"])[0]
    assert zeroshot.classify(embed, [], ["sport", "trade"]) == []


def test_scores_are_a_softmax_at_the_temperature_and_none_without_one():
    cosines = zeroshot.similarities(embed, TEXTS, ["sport", "trade", "weather"])
    powers = np.exp(cosines / 0.2)
    expected = powers.max(1) / powers.sum(1)
    found = zeroshot.classify(embed, TEXTS, ["sport", "trade", "weather"], temperature=0.2)
    assert [label.score for label in found] == pytest.approx(expected)
    assert zeroshot.classify(embed, "a goal", ["sport", "trade"], temperature=None) == Label("sport")


def test_descriptions_say_what_words_do_not():
    labels = {"A": "ball and goal", "B": "bank and money", "C": ""}
    assert [label.label for label in zeroshot.classify(embed, TEXTS[:2], labels)] == ["A", "B"]


def test_labels_in_chinese_stand_in_chinese_sentences():
    read = []
    zeroshot.similarities(lambda texts: read.extend(texts) or embed(texts), TEXTS, ["体育", "天气"])
    assert read[:4] == [template.replace("{}", "体育") for template in zeroshot.UNSPACED_TEMPLATES]
    read.clear()
    zeroshot.similarities(lambda texts: read.extend(texts) or embed(texts), TEXTS, ["sport", "rain"])
    assert read[:4] == [template.replace("{}", "sport") for template in zeroshot.TEMPLATES]


def test_templates_are_averaged_and_a_label_may_hold_braces():
    single = zeroshot.similarities(embed, TEXTS, ["{sport}", "rain"], templates=["{} money"])
    both = zeroshot.similarities(embed, TEXTS, ["{sport}", "rain"], templates=["{} money", "{} sun"])
    assert not np.allclose(single, both)


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        ("sport", {}),
        (["sport"], {}),
        ([], {}),
        (["sport", "sport"], {}),
        (["sport", " "], {}),
        (["sport", 3], {}),
        (["sport", "trade"], {"templates": []}),
        (["sport", "trade"], {"templates": ["no place"]}),
    ],
)
def test_labels_and_templates_that_say_nothing_are_told(labels, options):
    with pytest.raises(InputError):
        zeroshot.classify(embed, TEXTS, labels, **options)


def test_what_is_no_text_is_named():
    for call in (
        lambda: zeroshot.classify(embed, ["a", None], ["sport", "trade"]),
        lambda: zeroshot.similar(embed, "a", ["a", None]),
        lambda: zeroshot.cluster(embed, ["a", None]),
    ):
        with pytest.raises(InputError, match=r"texts\[1\] is NoneType"):
            call()


def test_similar_gives_the_nearest_first():
    found = zeroshot.similar(embed, "ball", TEXTS, k=2)
    assert [one.number for one in found] == [3, 0]
    assert found[0] == Similar(TEXTS[3], 3, pytest.approx(1.0))
    assert found[0].similarity >= found[1].similarity
    assert found[0].to_dict()["text"] == TEXTS[3]
    assert zeroshot.similar(embed, ["ball", "money"], TEXTS, k=1)[1][0].number == 1
    assert len(zeroshot.similar(embed, "ball", TEXTS, k=9)) == 4
    assert zeroshot.similar(embed, "ball", []) == []
    with pytest.raises(InputError, match="k is 0"):
        zeroshot.similar(embed, "ball", TEXTS, k=0)
    with pytest.raises(InputError, match="one string"):
        zeroshot.similar(embed, "ball", "text")


def test_clusters_are_found_and_numbered_by_size():
    texts = ["goal ball", "ball goal", "money bank", "goal", "sport sun", "rain sun", "sun", "sport goal goal goal"]
    assert zeroshot.cluster(embed, texts, k=3) == [0, 0, 2, 0, 1, 1, 1, 0]
    several = ["goal ball", "goal", "goal goal rain", "money bank", "money", "bank bank rain", "bank bank bank sun"]
    assert zeroshot.cluster(embed, several) == [1, 1, 1, 0, 0, 0, 0]
    assert zeroshot.cluster(embed, []) == []
    assert zeroshot.cluster(embed, ["a", "a"]) == [0, 0]
    with pytest.raises(InputError, match="k is 2; allowed: 1 to 1"):
        zeroshot.cluster(embed, ["a", "a"], k=2)


def test_clusters_without_scikit_learn_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(MissingExtraError, match=r"nlpkit\[cluster\]"):
        zeroshot.cluster(embed, TEXTS, k=2)


def test_a_kit_does_all_three_on_its_bare_backbone():
    kit = Kit(Adapted(fake_backbone()))
    label = kit.classify("ann was born in rome", ["sport", "trade"])
    assert label.score is None  # the temperature was measured on another backbone
    assert kit.classify(["ann", "bo"], {"sport": "games", "trade": ""})[0].label in ("sport", "trade")
    assert kit.similar("ann was here", ["bo left", "ann was here"], k=1)[0].number == 1
    assert sorted(kit.cluster(["ann was here", "bo left", "oslo 12345"], k=3)) == [0, 1, 2]
    assert kit.classify("", ["sport", "trade"]).label == "sport"
