"""How sure scores and their differences are."""

import time

import numpy as np
import pytest
from sklearn.metrics import f1_score

from nlpkit.metrics import Counts
from nlpkit.resampling import counted, counted_by_label, differences, intervals, means, scores_of


def test_a_tally_scores_a_draw_as_the_documents_drawn_would():
    rng = np.random.default_rng(0)
    gold, found = rng.choice(list("abc"), 50), rng.choice(list("abc"), 50)
    counts = [
        {label: Counts(label == g == p, label == p, label == g) for label in {g, p}}
        for g, p in zip(gold, found, strict=True)
    ]
    tally = counted_by_label(counts, micro="micro_f1")
    drawn = rng.integers(50, size=50)
    scores = tally.scores(np.bincount(drawn, minlength=50)[None].astype(float))
    assert scores["macro_f1"][0] == pytest.approx(f1_score(gold[drawn], found[drawn], average="macro"))
    assert scores["micro_f1"][0] == pytest.approx(f1_score(gold[drawn], found[drawn], average="micro"))


def test_the_interval_of_a_mean_over_labels_holds_the_mean_however_rare_they_are():
    right = {"a": Counts(1, 1, 1)}
    rare = [{"a": Counts(0, 0, 1), f"b{n}": Counts(0, 1, 0)} for n in range(10)]  # each found once, by mistake
    tally = counted_by_label([right] * 90 + rare)
    (low, high), (value,) = intervals([tally])["macro_f1"], scores_of([tally]).values()
    assert value == pytest.approx(2 * 90 / 190 / 11)
    assert low < value < high


def test_few_columns_and_many_are_summed_alike():
    rng = np.random.default_rng(6)
    labels = [str(n) for n in range(12)]
    few, many = labels[:3], labels
    rows = [{str(rng.integers(3)): Counts(1, int(rng.integers(1, 4)), 2)} for _ in range(30)]
    weights = rng.integers(4, size=(5, 30)).astype(float)
    sums = [counted_by_label(rows, names).sums(weights) for names in (few, many)]
    assert sums[0].shape == (5, 9)
    assert sums[1].shape == (5, 36)
    assert np.array_equal(sums[0], sums[1][:, :9])


def test_an_interval_of_a_mean_is_that_of_the_normal_approximation():
    values = (np.random.default_rng(1).random(2000) < 0.3).astype(float).tolist()
    tally = means({"accuracy": values})
    low, high = intervals([tally])["accuracy"]
    mean, error = np.mean(values), np.std(values) / 2000**0.5
    assert (low, high) == pytest.approx((mean - 1.96 * error, mean + 1.96 * error), abs=0.003)
    assert intervals([tally]) == intervals([tally])


def test_documents_that_do_not_count_do_not():
    assert scores_of([means({"a": [1, 0, 1]}, [True, False, True])]) == {"a": 1.0}
    assert scores_of([means({"a": [1, 0]}, [False, False])]) == {"a": 0.0}
    assert intervals([means({"a": []})]) == {}
    assert scores_of([counted([], prefix="slot_", scores=("f1",))]) == {"slot_f1": 0.0}


def test_a_difference_is_sure_where_one_is_better_throughout_and_not_where_it_is_chance():
    rng = np.random.default_rng(2)
    right = (rng.random(400) < 0.7).astype(float)
    better = np.maximum(right, rng.random(400) < 0.4)
    noise = rng.permutation(right)
    sure = differences([means({"accuracy": better.tolist()})], [means({"accuracy": right.tolist()})])["accuracy"]
    assert sure.difference == pytest.approx(better.mean() - right.mean())
    assert sure.interval[0] > 0
    assert sure.p < 0.01
    chance = differences([means({"accuracy": noise.tolist()})], [means({"accuracy": right.tolist()})])["accuracy"]
    assert chance.p == 1.0
    assert chance.interval[0] < 0 < chance.interval[1]
    assert differences([means({"a": [1.0]})], [means({"b": [1.0]})]) == {}


def test_ten_thousand_documents_take_a_moment():
    rng = np.random.default_rng(3)
    tally = counted([Counts(int(h), 3, 3) for h in rng.integers(4, size=10_000)])
    begun = time.process_time()
    intervals([tally])
    assert time.process_time() - begun < 3
