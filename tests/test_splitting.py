"""Parts of a data set: alike in labels, nothing in two of them, the seed decides."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpkit.data.relations import joined
from nlpkit.data.splitting import counted, same_text, shares_of, split
from nlpkit.errors import DataError
from nlpkit.types import Document, Entity, Label

SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}


def labelled(n, label):
    return [Document(f"{label} text {k}", f"d{k // 5}#{k}", labels={"classification": Label(label)}) for k in range(n)]


TEXTS = [*labelled(400, "often"), *labelled(50, "seldom"), *labelled(10, "rare")]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc"), st.integers(0, 5)), min_size=3, max_size=60),
    st.integers(0, 9),
)
def test_every_document_is_in_one_part_and_equal_texts_are_together(drawn, seed):
    documents = [Document(f"Text {n}", f"{d}#{k}", labels={"t": Label(name)}) for k, (n, name, d) in enumerate(drawn)]
    # Three texts more, each of a document of its own, so that there are groups enough.
    documents += [Document(f"Own {k}", f"own{k}#0") for k in range(3)]
    parts = split(documents, SHARES, by="document", seed=seed)
    assert sorted(d.id for part in parts.values() for d in part) == sorted(d.id for d in documents)
    assert all(parts.values())
    for key in (same_text, lambda d: d.id.partition("#")[0]):
        held = [{key(d) for d in part} for part in parts.values()]
        assert sum(map(len, held)) == len(set().union(*held))


def test_each_part_has_its_share_of_every_label():
    parts = split(TEXTS, SHARES)
    counts = {name: Counter(d.labels["classification"].label for d in part) for name, part in parts.items()}
    assert counts["train"] == {"often": 320, "seldom": 40, "rare": 8}
    assert counts["dev"] == counts["test"] == {"often": 40, "seldom": 5, "rare": 1}


def test_entities_are_spread_by_the_rarest():
    documents = []
    for n in range(100):
        entities = [Entity("Ada", 0, 3, "PER")] + ([Entity("Oslo", 4, 8, "LOC")] if n % 10 == 0 else [])
        documents.append(joined(f"Ada Oslo {n}", f"{n}", entities, []))
    table = {label: held for _, label, held in counted(split(documents, SHARES))}
    assert table == {"PER": {"train": 80, "dev": 10, "test": 10}, "LOC": {"train": 8, "dev": 1, "test": 1}}


def test_the_seed_decides():
    assert split(TEXTS, SHARES) == split(TEXTS, SHARES)
    assert split(TEXTS, SHARES) != split(TEXTS, SHARES, seed=14)


def test_parts_keep_the_order_of_the_file():
    numbers = [TEXTS.index(d) for d in split(TEXTS, SHARES)["train"]]
    assert numbers == sorted(numbers)


def test_a_field_of_the_metadata_keeps_together():
    documents = [replace(d, metadata={"author": n % 7}) for n, d in enumerate(TEXTS)]
    parts = split(documents, {"a": 1, "b": 1}, by="author")
    assert not {d.metadata["author"] for d in parts["a"]} & {d.metadata["author"] for d in parts["b"]}


@pytest.mark.parametrize(
    ("documents", "shares", "by", "said"),
    [
        (TEXTS, SHARES, "author", "has no 'author'"),
        (TEXTS[:5], SHARES, "document", "make no 3 parts"),
        (TEXTS, {"train": 1, "dev": 0}, "text", "above 0"),
        ([], {"train": 1.0}, "text", "0 texts"),
    ],
)
def test_what_cannot_be_parted_is_said(documents, shares, by, said):
    with pytest.raises(DataError, match=said):
        split(documents, shares, by=by)


def test_shares_are_read():
    assert shares_of("train=0.9, test=0.1") == {"train": 0.9, "test": 0.1}
    for wrong in ("train", "train=x", "=1", "../a=1"):
        with pytest.raises(DataError, match="is no part"):
            shares_of(wrong)
