"""Which plan a question means: what to walk on a knowledge graph, chosen by words, learnt from answers alone.

The question, its topic masked, is encoded by the adapted backbone; plans are told by the bare backbone's vectors of
their words, so that plans never seen in training can be compared too: the mean of the question with the whole plan, and
with each step what one attention for that step reads out of the question (as TransferNet's, Shi et al. 2021). Nobody
says which plan is right: the loss is the likelihood of the answers given, summed over all plans (as in weakly
supervised semantic parsing: Berant et al. 2013; Liang et al. 2017). Of plans that give the right answers by accident,
those that other questions of like words do not bear out lose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlpkit.backbone import Hidden
from nlpkit.errors import DataError
from nlpkit.heads.base import Decision, above_others, check_options
from nlpkit.heads.labelling import Pool, averaged, with_scores
from nlpkit.judging import MISSED, RIGHT, WRONG, Finding, Judgement
from nlpkit.resampling import Tally, means, scores_of
from nlpkit.text import Window
from nlpkit.types import Choice, Document

CHOICES = "choices"
"""Where `Document.metadata` holds what a question may mean."""
N_STEPS = 3
"""Steps of a plan at most."""
_LEAST_WORTH = 1e-6
_UNLIKE = 0.02
"""Of known questions, so many are less like their best plan than what is taken to ask for something else."""
_SLOPES = np.logspace(-1.0, 0.5, 31)


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What an adapter has learnt to choose from.

    Attributes:
        names: the plans that were seen in training.
        plans: the vectors of their words: the whole's, and each step's, 0 behind the last.
            *Shape:* (n_plans, (1 + N_STEPS) * width)
        outside: the log-odds of a question that asks for none of them.
        read: turns questions, their topics masked, into vectors whose products with those of plans are log-odds.

    """

    names: tuple[str, ...]
    plans: NDArray[np.float32]
    outside: float
    read: Callable[[Sequence[str]], NDArray[np.float32]]

    def vectors(self, questions: Sequence[str], /) -> NDArray[np.float32]:
        """Return a vector for each question. *Shape:* (n_questions, (1 + N_STEPS) * width)."""
        return self.read(questions)


class KgqaHead(nn.Module):
    """Chooses among plans by the likeness of a question to their words.

    Args:
        hidden_width: width of the backbone's states.
        names: the plans seen in training.
        words: what each says in plain words: the whole, and each step.
        pool: how a window becomes one vector (see `labelling.Pool`).
        sharpness: what makes probabilities of the products: their softmax over all plans is calibrated.
        outside: the log-odds of asking for something else: what the best plan of hardly any known question falls below.

    """

    kind: ClassVar[str] = "kgqa"
    needs: ClassVar[tuple[str, ...]] = ()
    reads_attention: ClassVar[bool] = False
    reads_query: ClassVar[bool] = False
    plans: Tensor

    def __init__(
        self,
        hidden_width: int,
        names: Sequence[str],
        words: Sequence[Sequence[str]],
        *,
        pool: str = "auto",
        sharpness: float = 1.0,
        outside: float = 0.0,
    ) -> None:
        super().__init__()
        self.hidden_width, self.names, self.words = hidden_width, tuple(names), tuple(map(tuple, words))
        self.sharpness, self.outside = sharpness, outside
        self.pool = Pool(pool, hidden_width)
        self.turn = nn.Linear(hidden_width, hidden_width, bias=False)
        nn.init.eye_(self.turn.weight)
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.steps = nn.Linear(hidden_width, N_STEPS, bias=False)
        self.turns = nn.ModuleList(nn.Linear(hidden_width, hidden_width, bias=False) for _ in range(N_STEPS))
        for turn in self.turns:
            nn.init.zeros_(cast(nn.Linear, turn).weight)
        plans = torch.randn(len(self.names), (1 + N_STEPS) * hidden_width) / hidden_width**0.5
        self.register_buffer("plans", plans)

    @classmethod
    def fit(cls, golds: Sequence[Document], hidden_width: int, options: Mapping[str, Any]) -> KgqaHead:
        """Make a fresh head for the plans among the gold documents' choices.

        Options: `pool`.

        Raises:
            DataError: there are fewer than two plans; the questions were not yet answered on a graph.
            RecipeError: an unknown option or value.

        """
        check_options(cls.kind, options, ("pool",))
        words = dict(sorted({choice.name: choice.words for d in golds for choice in choices(d)}.items()))
        if len(words) < 2:
            raise DataError(
                f"the training questions have {len(words)} plans to choose from; kgqa learns on a graph: give it with "
                "--graph (graph=...), and questions whose answers it holds"
            )
        return cls(hidden_width, list(words), list(words.values()), **options)

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs, as plain JSON types."""
        return {
            "hidden_width": self.hidden_width,
            "names": list(self.names),
            "words": [list(parts) for parts in self.words],
            "pool": self.pool.how,
            "sharpness": self.sharpness,
            "outside": self.outside,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> KgqaHead:
        """Make a head of the same shape."""
        return cls(**config)

    @property
    def begins_with(self) -> Sequence[str]:
        """What plans and their steps say in plain words, each text once."""
        return list(dict.fromkeys(text for parts in self.words for text in parts))

    def begin_from(self, vectors: Tensor) -> None:
        """Tell plans by the backbone's vectors of these words. *Shape:* (n_texts, hidden_width)."""
        of = dict(zip(self.begins_with, nn.functional.normalize(vectors.float(), dim=-1), strict=True))
        nothing = torch.zeros(self.hidden_width)
        rows = [[*(of[text] for text in parts), *[nothing] * (1 + N_STEPS - len(parts))] for parts in self.words]
        self.plans = torch.stack([torch.cat(row) for row in rows])

    def gold(self, document: Document) -> Document:
        """Return the document with its choices alone."""
        return Document(document.text, document.id, metadata={CHOICES: choices(document)})

    def targets(self, window: Window, gold: Document) -> NDArray[np.float32]:
        """Return what each plan is worth. *Shape:* (n_plans,)."""
        return self._worths(gold)

    def vectors(self, hidden: Hidden) -> Tensor:
        """Return what plans are compared with. *Shape:* (n_windows, (1 + N_STEPS) * hidden_width)."""
        whole = self.turn(nn.functional.normalize(self.pool(hidden).float(), dim=-1)) * self.scale.exp()
        states = hidden.states.float()
        weights = self.steps(states).masked_fill(~hidden.mask.unsqueeze(-1), torch.finfo(states.dtype).min).softmax(1)
        read = nn.functional.normalize(weights.transpose(1, 2) @ states, dim=-1)
        parts = [turn(read[:, n]) * self.scale.exp() for n, turn in enumerate(self.turns)]
        return torch.cat([whole, *parts], dim=-1)

    def loss(self, hidden: Hidden, windows: Sequence[Window], targets: Sequence[Any]) -> Tensor:
        """Return minus the log of the worth that is expected, averaged over questions that have any."""
        logits = self.vectors(hidden) @ self.plans.T
        worth = torch.from_numpy(np.stack(targets)).to(logits.device)
        known = worth.sum(-1) > 0
        if not known.any():
            return logits.sum() * 0.0
        expected = (logits[known].log_softmax(-1) + worth[known].clamp_min(_LEAST_WORTH).log()).logsumexp(-1)
        return -expected.mean()

    def decode(self, hidden: Hidden, windows: Sequence[Window], found: Sequence[Document]) -> list[Document]:
        """Return each window's document with its vector, calibrated, in `metadata`."""
        vectors = self.vectors(hidden) * self.sharpness
        return [with_scores(document, self.kind, row) for document, row in zip(found, vectors, strict=True)]

    def merge(self, parts: Sequence[tuple[Window, Document]], merged: Document) -> Document:
        """Return the document with its vector in `metadata`, of several windows their mean."""
        if not parts:
            return merged
        return replace(merged, metadata={**merged.metadata, self.kind: averaged(parts, self.kind)})

    def decisions(self, document: Document, label: str | None = None) -> list[Decision]:
        """Return the plan ranked first, or the plan asked for, whether it was or not."""
        first = self._first(document)
        if label is None:
            return [Decision(first)] * bool(first)
        return [Decision(label)] * (label in self.names)

    def margin(self, hidden: Hidden, window: Window, document: Document, decision: Decision) -> Tensor:
        """Return the log-odds of a plan against all others. *Shape:* (n_rows,)."""
        return above_others(self.vectors(hidden) @ self.plans.T, self.names.index(decision.label))

    def score(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, float]:
        """Return `set_f1`: what the plans ranked first are worth, on average over the questions."""
        return scores_of(self.tallies(predicted, golds))

    def tallies(self, predicted: Sequence[Document], golds: Sequence[Document]) -> list[Tally]:
        """Return the worth of the plans ranked first, as sums over documents."""
        worths = [_worth(g, self._first(p)) for p, g in zip(predicted, golds, strict=True)]
        return [means({"set_f1": worths}, [True] * len(worths))]

    def judge(self, predicted: Document, gold: Document) -> list[Judgement]:
        """Return whether the plan ranked first is one of those worth most."""
        best, name = max(choices(gold), key=lambda c: c.worth, default=None), self._first(predicted)
        if best is None:
            return []
        wanted = Finding(best.name)
        if not name:
            return [Judgement("plan", MISSED, wanted)]
        return [Judgement("plan", RIGHT if _worth(gold, name) >= best.worth else WRONG, wanted, Finding(name))]

    def per_label(self, predicted: Sequence[Document], golds: Sequence[Document]) -> dict[str, dict[str, float]]:
        """Return what is got of the questions whose answers one plan gives best, by plan."""
        got: dict[str, list[float]] = {}
        for p, g in zip(predicted, golds, strict=True):
            if best := max(choices(g), key=lambda c: c.worth, default=None):
                got.setdefault(best.name, []).append(_worth(g, self._first(p)))
        return {name: {"set_f1": sum(worths) / len(worths)} for name, worths in got.items()}

    def calibrate(self, predict: Callable[[], list[Document]], golds: Sequence[Document]) -> None:
        """Make the plans worth most likeliest on questions not trained on, and say which likeness is too low."""
        self.sharpness = 1.0
        tables = []
        for found, gold in zip(predict(), golds, strict=True):
            worth = self._worths(gold)
            if self.kind in found.metadata and worth.max(initial=0.0) > 0.0:
                tables.append((self._logits(found), worth >= worth.max()))
        if tables:
            losses = [sum(_surprise(slope * logits, right) for logits, right in tables) for slope in _SLOPES]
            self.sharpness = float(_SLOPES[int(np.argmin(losses))])
            self.outside = self.sharpness * float(np.quantile([logits.max() for logits, _ in tables], _UNLIKE))

    def learned(self, read: Callable[[Sequence[str]], NDArray[np.float32]]) -> Learned:
        """Return what was learnt, for a graph to choose by; `read` reads questions with this head."""
        return Learned(self.names, self.plans.cpu().numpy(), self.outside, read)

    def _worths(self, gold: Document) -> NDArray[np.float32]:
        worth = {choice.name: choice.worth for choice in choices(gold)}
        return np.array([worth.get(name, 0.0) for name in self.names], dtype=np.float32)

    def _logits(self, document: Document) -> NDArray[np.float64]:
        logits: NDArray[np.float64] = self.plans.cpu().double().numpy() @ document.metadata[self.kind]
        return logits

    def _first(self, document: Document) -> str:
        if self.kind in document.metadata:
            return self.names[int(np.argmax(self._logits(document)))]
        best = max(choices(document), key=lambda c: c.worth, default=None)
        return best.name if best else ""


def choices(document: Document) -> tuple[Choice, ...]:
    """Return what a question may mean."""
    found: tuple[Choice, ...] = tuple(document.metadata.get(CHOICES, ()))
    return found


def _worth(gold: Document, name: str) -> float:
    return next((choice.worth for choice in choices(gold) if choice.name == name), 0.0)


def _surprise(logits: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Return minus the log of the probability of what is right."""
    top = logits.max()
    everything = top + math.log(np.exp(logits - top).sum())
    best = logits[right].max()
    return float(everything - best - math.log(np.exp(logits[right] - best).sum()))
