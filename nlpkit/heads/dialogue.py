"""What a turn of a conversation adds to its state: the intent, the slots asked for, and the values given.

Guided by a schema that is read before the turn (Rastogi et al. 2020): each intent, slot and value of it is scored from
the states of its own words, so that services never seen in training can be followed. One pass a turn reads them all,
where one pass for each slot is common. The text is the system's turn and the user's; values of free slots are spans of
it, those of closed ones are chosen among their list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.errors import DataError
from nlpkit.heads.base import check_options, feed_forward, in_core
from nlpkit.judging import Judgement, judge_labels, judge_values
from nlpkit.metrics import Counts, label_names, total
from nlpkit.resampling import Tally, counted, means, scores_of
from nlpkit.schemas import DONT_CARE, Item, items_of
from nlpkit.text import Window
from nlpkit.types import Document, Entity, Label

REQUESTED = "dialogue.requested"
"""The key of `Document.labels` under which the slots stand that a turn asks about."""
STATE = "state"
"""The key of `Document.metadata` under which a gold document may hold the whole state after the turn."""
_NONE, _GIVEN, _ANY = range(3)
_NEVER = -1e4
_LONGEST = 24
"""Pieces of a value at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """What a window's items should come to: numbers of items, by kind, and the answers for each.

    `places` are the pieces that stand for items; `intent` is the number of an item or -1; `requested` and `status` are
    for each slot; `values` maps slots (by number) to that of their value; `spans` to first and last piece.
    """

    items: list[Item]
    places: list[int]
    intent: int
    requested: list[float]
    status: list[int]
    values: dict[int, int]
    spans: dict[int, tuple[int, int]]


def key_of(slot: str) -> str:
    """Return the key of `Document.labels` for the value of a slot."""
    return f"dialogue.{slot}"


class DialogueHead(nn.Module):
    """Scores the items of a schema against a turn.

    Args:
        hidden_width: width of the backbone's states.
        width: width of what is made of an item.
        dropout: share of the inputs dropped in training.
        threshold: least probability at which a slot counts as asked for.

    """

    kind: ClassVar[str] = "dialogue"
    needs: ClassVar[tuple[str, ...]] = ()
    reads_attention: ClassVar[bool] = False
    reads_query: ClassVar[bool] = True

    def __init__(self, hidden_width: int, *, width: int = 256, dropout: float = 0.1, threshold: float = 0.5) -> None:
        super().__init__()
        self.hidden_width, self.width, self.dropout, self.threshold = hidden_width, width, dropout, threshold
        self.item = feed_forward(2 * hidden_width, width, width, dropout)
        self.intent, self.requested, self.status = nn.Linear(width, 1), nn.Linear(width, 1), nn.Linear(width, 3)
        self.of_slot, self.of_value = nn.Linear(width, width), nn.Linear(width, width)
        self.pointers, self.pieces = nn.Linear(width, 2 * width), nn.Linear(hidden_width, 2 * width)

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> DialogueHead:
        """Make a fresh head.

        Raises:
            DataError: no document has a schema as its query.
            RecipeError: an unknown option.

        """
        check_options(cls.kind, options, ("width", "dropout"))
        if not any(any(True for _ in items_of(d.query)) for d in golds):
            raise DataError(
                "no document has a schema (see nlpkit.schemas) as its query; dialogue learns from turns with one"
            )
        return cls(hidden_width, **options)

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types."""
        return {name: getattr(self, name) for name in ("hidden_width", "width", "dropout", "threshold")}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> DialogueHead:
        """Make a head of the same shape."""
        return cls(**config)

    def gold(self, document: Document) -> Document:
        """Return the document with its labels and slots."""
        return document

    def targets(self, window: Window, gold: Document) -> Targets:
        """Return what each item of the schema should come to."""
        items, places = _placed(window, gold.query)
        slots = [n for n, item in enumerate(items) if item.kind == "slot"]
        intent = gold.labels.get(self.kind)
        asked = label_names(gold, REQUESTED)
        status, values, spans = [_NONE] * len(slots), dict[int, int](), dict[int, tuple[int, int]]()
        for row, number in enumerate(slots):
            name = items[number].name
            label = gold.labels.get(key_of(name))
            span = next((s for s in gold.slots if s.label == name), None)
            if label is not None and label.label == DONT_CARE:
                status[row] = _ANY
            elif label is not None:
                value = _number(items, "value", label.label, name)
                if value >= 0:
                    status[row], values[row] = _GIVEN, value
            elif span is not None:
                first, stop = window.pieces(span.start, span.end)
                if stop > first:
                    status[row], spans[row] = _GIVEN, (first, stop - 1)
        return Targets(
            items,
            places,
            _number(items, "intent", intent.label) if intent else -1,
            [float(items[n].name in asked) for n in slots],
            status,
            values,
            spans,
        )

    def _scores(self, hidden: Hidden, row: int, places: Sequence[int], items: Sequence[Item]) -> _Scores:
        """Score a window's items."""
        states = hidden.states[row]
        own = states[list(places)]
        made = nn.functional.gelu(self.item(torch.cat([own, hidden.pooled[row].expand_as(own)], 1)))
        kinds = {kind: [n for n, item in enumerate(items) if item.kind == kind] for kind in ("intent", "slot", "value")}
        slots = made[kinds["slot"]]
        scale = self.width**0.5
        pointers = self.pointers(slots).view(len(slots), 2, self.width)
        pieces = self.pieces(states).view(len(states), 2, self.width)
        return _Scores(
            kinds,
            self.intent(made[kinds["intent"]])[:, 0],
            self.requested(slots)[:, 0],
            self.status(slots),
            self.of_slot(slots) @ self.of_value(made[kinds["value"]]).T / scale,
            torch.einsum("skw,pkw->skp", pointers, pieces) / scale,
        )

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[Targets]) -> Tensor:
        """Return the sum of the cross-entropies of intents, requests, statuses, values and spans, over windows."""
        losses = [hidden.states.sum() * 0.0]
        for row, (window, target) in enumerate(zip(windows, targets, strict=True)):
            if target.items:
                losses += self._losses(self._scores(hidden, row, target.places, target.items), window, target)
        return torch.stack(losses).sum() / len(windows)

    def _losses(self, scores: _Scores, window: Window, target: Targets) -> list[Tensor]:
        entropy = nn.functional.cross_entropy
        losses = []
        if target.intent >= 0:
            losses.append(entropy(scores.intents[None], torch.tensor([scores.kinds["intent"].index(target.intent)])))
        if target.status:
            requested = torch.tensor(target.requested)
            losses.append(nn.functional.binary_cross_entropy_with_logits(scores.requested, requested, reduction="sum"))
            losses.append(entropy(scores.status, torch.tensor(target.status), reduction="sum"))
        for slot, value in target.values.items():
            among = self._values_of(target.items, scores, slot)
            wanted = [number for number, _ in among].index(value)
            losses.append(
                entropy(torch.stack([scores.values[slot, place] for _, place in among])[None], torch.tensor([wanted]))
            )
        outside = torch.from_numpy(window.offsets[:, 0] < 0)
        for slot, ends in target.spans.items():
            pointed = scores.pointers[slot, :, : len(window)].masked_fill(outside, _NEVER)
            losses.append(entropy(pointed, torch.tensor(ends), reduction="sum"))
        return losses

    @staticmethod
    def _values_of(items: Sequence[Item], scores: _Scores, slot: int) -> list[tuple[int, int]]:
        """Return the values of a slot (by its place among the slots): numbers of items, places among the values."""
        name = items[scores.kinds["slot"][slot]].name
        return [(number, place) for place, number in enumerate(scores.kinds["value"]) if items[number].slot == name]

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with the intent, the requests and the values that its turn gives."""
        results = []
        for row, (window, document) in enumerate(zip(windows, found, strict=True)):
            items, places = _placed(window, document.query)
            if not any(item.kind == "intent" for item in items):
                results.append(document)
                continue
            scores = self._scores(hidden, row, places, items)
            shares = scores.intents.softmax(0)
            best = int(shares.argmax())
            labels = {
                **document.labels,
                self.kind: Label(items[scores.kinds["intent"][best]].name, float(shares[best])),
            }
            spans = self._given(scores, window, items, labels)
            results.append(replace(document, labels=labels, slots=tuple(spans)))
        return results

    def _given(self, scores: _Scores, window: Window, items: Sequence[Item], labels: dict[str, Label]) -> list[Entity]:
        """Note the requests and the chosen values among the labels, and return the spans."""
        spans, asked = list[Entity](), list[Label]()
        outside = torch.from_numpy(window.offsets[:, 0] < 0)
        sure = scores.requested.sigmoid().tolist()
        for slot, number in enumerate(scores.kinds["slot"]):
            name = items[number].name
            if sure[slot] >= self.threshold:
                asked.append(Label(name, sure[slot]))
            shares = scores.status[slot].softmax(0)
            status = int(shares.argmax())
            among = self._values_of(items, scores, slot)
            if status == _ANY:
                labels[key_of(name)] = Label(DONT_CARE, float(shares[_ANY]))
            elif status == _GIVEN and among:
                chosen = torch.stack([scores.values[slot, place] for _, place in among]).softmax(0)
                value = int(chosen.argmax())
                labels[key_of(name)] = Label(items[among[value][0]].name, float(shares[_GIVEN] * chosen[value]))
            elif status == _GIVEN:
                span = _best_span(scores.pointers[slot, :, : len(window)].masked_fill(outside, _NEVER), window)
                if span:
                    spans.append(Entity(window.text[slice(*span)], *span, name, float(shares[_GIVEN])))
        if asked:
            best, *others = sorted(asked, key=lambda one: -(one.score or 0.0))
            labels[REQUESTED] = replace(best, others=tuple(others))
        return spans

    def merge(self, parts: Sequence[tuple[Window, Document]], merged: Document) -> Document:
        """Return the document with the slots of all its windows, and the labels of the last, where the user speaks."""
        if not parts:
            return merged
        return replace(merged, slots=in_core(parts, lambda d: d.slots), labels={**merged.labels, **parts[-1][1].labels})

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return the accuracy of intents, F1 of requests and of values given, and the joint goal accuracy.

        The latter is the share of turns after which the whole state, kept over the turns of a conversation, is right;
        the gold state is that of `metadata["state"]` (names -> acceptable values), else what the gold turns give.
        Turns are those of a conversation where `metadata["conversation"]` is the same, in the order given.
        """
        return scores_of(self.tallies(predicted, golds))

    def tallies(self, predicted: Sequence[Document], golds: Sequence[Document]) -> list[Tally]:
        """Return the metrics of turns as sums over turns."""
        pairs = list(zip(predicted, golds, strict=True))
        intents = [label_names(p, self.kind) == label_names(g, self.kind) for p, g in pairs]
        requests = [_counts(label_names(p, REQUESTED), label_names(g, REQUESTED)) for p, g in pairs]
        values = [_counts(frozenset(given(p).items()), frozenset(given(g).items())) for p, g in pairs]
        return [
            means({"intent_accuracy": intents}, [self.kind in g.labels for g in golds]),
            counted(requests, prefix="requested_", scores=("f1",)),
            counted(values, prefix="value_", scores=("f1",)),
            means({"joint_goal_accuracy": joint_goals(predicted, golds)}),
        ]

    def judge(self, predicted: Document, gold: Document) -> list[Judgement]:
        """Return whether the intent is right, and which requests and values are."""
        found, true = predicted.labels, gold.labels
        return [
            *judge_labels("intent", found.get(self.kind), true.get(self.kind)),
            *judge_labels("requests", found.get(REQUESTED), true.get(REQUESTED), multi=True),
            *judge_values("values", given(predicted), given(gold)),
        ]

    def report_from(self, least: float) -> None:
        """Report requests of this probability or more, in place of the threshold chosen in training."""
        self.threshold = least

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return precision, recall and F1 of the values of each slot."""
        counts: dict[str, list[Counts]] = defaultdict(list)
        for p, g in zip(predicted, golds, strict=True):
            found, true = given(p), given(g)
            for name in found.keys() | true.keys():
                sides = (frozenset({d[name]} if name in d else ()) for d in (found, true))
                counts[name].append(_counts(*sides))
        return {name: total(of_slot).to_dict() for name, of_slot in sorted(counts.items())}

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Choose the least probability of a request by the F1 on these documents."""
        self.threshold = 0.05
        found = [
            (label.score or 0.0, label.label in label_names(g, REQUESTED))
            for p, g in zip(predict(), golds, strict=True)
            for label in _requests(p)
        ]
        n_gold = sum(len(label_names(g, REQUESTED)) for g in golds)
        best, hits, self.threshold = 0.0, 0, 0.5
        for n, (score, right) in enumerate(sorted(found, reverse=True), 1):
            hits += right
            f1 = 2 * hits / (n + n_gold)
            if f1 > best:
                best, self.threshold = f1, score


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """The scores of a window's items; `kinds` numbers the items of each kind.

    *Shapes:* intents (n_intents,), requested (n_slots,), status (n_slots, 3), values (n_slots, n_values),
    pointers (n_slots, 2, n_pieces).
    """

    kinds: dict[str, list[int]]
    intents: Tensor
    requested: Tensor
    status: Tensor
    values: Tensor
    pointers: Tensor


def given(document: Document) -> dict[str, str]:
    """Return the values that a turn gives, by slot, folded."""
    chosen = {
        key.removeprefix("dialogue."): label.label.casefold()
        for key, label in document.labels.items()
        if key.startswith("dialogue.") and key != REQUESTED
    }
    return chosen | {s.label: " ".join(s.text.casefold().split()) for s in document.slots}


def joint_goals(predicted: Sequence[Document], golds: Sequence[Document]) -> list[bool]:
    """Say of each turn whether the state after it, kept over the turns of its conversation, is right."""
    found: dict[Any, dict[str, str]] = defaultdict(dict)
    true: dict[Any, dict[str, str]] = defaultdict(dict)
    right = []
    for n, (p, g) in enumerate(zip(predicted, golds, strict=True)):
        key = g.metadata.get("conversation", n)
        found[key] |= given(p)
        true[key] |= given(g)
        state = g.metadata.get(STATE)
        wanted = state if state is not None else {name: [value] for name, value in true[key].items()}
        same = found[key].keys() == wanted.keys()
        right.append(same and all(value in wanted[name] for name, value in found[key].items()))
    return right


def _requests(document: Document) -> list[Label]:
    first = document.labels.get(REQUESTED)
    return [first, *first.others] if first else []


def _counts(found: frozenset[Any], true: frozenset[Any]) -> Counts:
    return Counts(len(found & true), len(found), len(true))


def _placed(window: Window, query: str) -> tuple[list[Item], list[int]]:
    """Return the schema's items whose pieces are in the window, and the last piece of each."""
    items, places = list[Item](), list[int]()
    if window.query_offsets is None:
        return items, places
    ends = window.query_offsets[:, 1]
    for item in items_of(query):
        inside = ((ends > item.start) & (ends <= item.end)).nonzero()[0]
        if len(inside):
            items.append(item)
            places.append(int(inside[-1]))
    return items, places


def _number(items: Sequence[Item], kind: str, name: str, slot: str = "") -> int:
    """Return the number of an item, -1 where it is not there."""
    folded = name.casefold()
    return next(
        (n for n, i in enumerate(items) if i.kind == kind and i.slot == slot and i.name.casefold() == folded), -1
    )


def _best_span(pointed: Tensor, window: Window) -> tuple[int, int] | None:
    """Return the characters of the best span of whole words; None where the window has no text."""
    n = pointed.shape[1]
    both = pointed[0][:, None] + pointed[1][None, :]
    allowed = torch.ones(n, n, dtype=torch.bool).triu().tril(_LONGEST - 1)
    first, last = divmod(int(both.masked_fill(~allowed, 2 * _NEVER).argmax()), n)
    if window.offsets[first, 0] < 0 or window.offsets[last, 0] < 0:
        return None
    start, end = int(window.offsets[first, 0]), int(window.offsets[last, 1])
    words = window.word_offsets
    inside = words[(words[:, 0] < end) & (words[:, 1] > start)]
    return (int(inside[0, 0]), int(inside[-1, 1])) if len(inside) else None
