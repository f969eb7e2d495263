"""Learning to write: an adapter on a decoder, from prompts with responses, by the loss of the responses alone."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.data.batches import BATCH_PIECES, token_budget
from nlpkit.data.splits import split, tests
from nlpkit.engine import Reading
from nlpkit.errors import DataError, RecipeError
from nlpkit.heads.base import Head, check_options
from nlpkit.objectives import Scores, Teacher
from nlpkit.prompts import Prompt, Prompts, prompt_of
from nlpkit.quick import rounded
from nlpkit.recipes import GENERATION, Recipe
from nlpkit.text import Window
from nlpkit.trunks import Trunks
from nlpkit.types import Document

_LOG = logging.getLogger("nlpkit")
_IGNORED = -100
_LEAST_PROMPT = 8
"""Pieces of the prompt that must fit beside a response."""
_ALONE = ("prompt", "ptuning")
"""Methods whose virtual pieces stand before a window, where only its first text could see them."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A prompt's pieces with those of its response, and the piece that ends it."""

    document: int
    ids: list[int]
    n_prompt: int

    @property
    def foretold(self) -> list[int]:
        """Return, for each piece, the one after it where that belongs to the response."""
        after = [*self.ids[1:], _IGNORED]
        return [_IGNORED] * (self.n_prompt - 1) + after[self.n_prompt - 1 :]


class Pairs:
    """Documents with prompts, as windows in which a decoder foretells their texts.

    Args:
        backbone: the decoder.
        size: pieces of a window at most.
        chat: whether prompts that are texts are a user's turns; None: where the model has a chat template.
        together: whether short pairs are packed into one window.

    Raises:
        BackboneError: this backbone writes no text.

    """

    def __init__(self, backbone: Backbone, size: int, *, chat: bool | None = None, together: bool = True) -> None:
        self._end = backbone.ends[0]
        self._prompts = Prompts(backbone.tokenizer, specials=backbone.specials)
        self.size, self.chat, self.together = size, chat, together

    def windows(self, documents: Sequence[Document], prompts: Sequence[Prompt]) -> list[tuple[Window, list[int]]]:
        """Return the windows that hold the pairs, and for each piece of a window the one it foretells (-100: none).

        Raises:
            DataError: a response is too long for a window.
            InputError: something that is no prompt for this model.

        """
        pairs = list(self._encoded(documents, prompts))
        packs = packed(pairs, self.size) if self.together else [[pair] for pair in pairs]
        return [
            (_window(pack, documents[pack[0].document].text), [piece for pair in pack for piece in pair.foretold])
            for pack in packs
        ]

    def scores(self, model: Backbone, documents: Sequence[Document], prompts: Sequence[Prompt]) -> Scores:
        """Return the perplexity of the texts by pieces, and the share of pieces that were the likeliest.

        Raises:
            DataError, InputError: as `windows` does.

        """
        nats, right, n = 0.0, 0, 0
        pairs = self.windows(documents, prompts)
        wanted_of = {id(window): wanted for window, wanted in pairs}
        with torch.inference_mode():
            for batch in token_budget([window for window, _ in pairs], BATCH_PIECES):
                logits, wanted = foretold(model, batch, [wanted_of[id(w)] for w in batch])
                nats += float(nn.functional.cross_entropy(logits, wanted, reduction="sum"))
                right += int((logits.argmax(-1) == wanted).sum())
                n += len(wanted)
        return {"perplexity": round(math.exp(nats / n), 4), "accuracy": round(right / n, 4)}

    def _encoded(self, documents: Sequence[Document], prompts: Sequence[Prompt]) -> Iterator[Pair]:
        """Yield the pieces of prompts and responses; a long conversation loses its oldest turns, and that is logged."""
        cut = 0
        for number, (document, asked) in enumerate(zip(documents, prompts, strict=True)):
            response = [*self._prompts.plain(document.text), self._end]
            room = self.size - len(response)
            if room < _LEAST_PROMPT:
                raise DataError(
                    f"the response of {document.id or document.text[:40]!r} has {len(response)} pieces; windows of "
                    f"{self.size} hold {self.size - _LEAST_PROMPT} beside a prompt: raise training.window, or part it"
                )
            prompt = self._prompts.encode(asked, room, chat=self.chat)
            cut += prompt.dropped > 0
            yield Pair(number, prompt.ids + response, len(prompt.ids))
        if cut:
            _LOG.warning(
                "%d of %d prompts lost their beginning; windows hold %d pieces", cut, len(documents), self.size
            )


class Responses:
    """What a decoder should write: the responses of a recipe's pairs, given their prompts.

    Short pairs are packed into one window, each blind to the others, with the positions that it has alone (the loss is
    the same, without padding); adapters that put virtual pieces before a text read each pair by itself.
    """

    heads: list[Head]

    def __init__(self, recipe: Recipe, folder: Path, adapted: Adapted, graph: Teacher | None = None) -> None:
        if graph is not None:
            raise RecipeError(f"{recipe.name}: a graph was given, and {GENERATION!r} learns from texts alone")
        if len(recipe.sets) > 1 or recipe.training.hide:
            raise RecipeError(f"{recipe.name}: a recipe for {GENERATION!r} has one data set, and training.hide = 0")
        check_options(GENERATION, recipe.options.get(GENERATION, {}), ("chat",))
        size = min(recipe.training.window, adapted.backbone.max_pieces)
        together = recipe.adapter.method not in _ALONE
        self.recipe, self.folder, self.adapted = recipe, folder, adapted
        self.pairs = Pairs(adapted.backbone, size, chat=recipe.chat, together=together)
        self.train_docs, self.dev_docs = split(recipe.sets[0], folder)
        self.sizes = {"train": len(self.train_docs), "dev": len(self.dev_docs)}
        self.heads, self.reading = [], Reading(size, 0)
        found = self.pairs.windows(self.train_docs, [prompt_of(d) for d in self.train_docs])
        if not found:
            raise DataError(f"no pair to train on in {folder / recipe.data.train}")
        self.windows, self.dev_windows = [[window for window, _ in found]], list[Window]()
        self.targets = {id(window): wanted for window, wanted in found}

    @property
    def modules(self) -> list[nn.Module]:
        """Nothing is trained beside the adapter."""
        return []

    def loss(self, model: Backbone, batch: Sequence[Window], trunks: Trunks | None) -> Tensor:
        """Return the cross-entropy of the responses' pieces, averaged over them."""
        with rounded(self.recipe.training.bf16, model.device):
            logits, wanted = foretold(model, batch, [self.targets[id(w)] for w in batch], trunks)
        return nn.functional.cross_entropy(logits, wanted)

    def names(self, batch: Sequence[Window]) -> list[str]:
        """Return the ids of the first documents of a batch's windows."""
        return sorted({self.train_docs[w.document].id for w in batch})

    def dev_scores(self, model: Backbone, trunks: Trunks | None) -> Scores:
        """Return how well the dev responses are foretold."""
        return self._scores(model, self.dev_docs) if self.dev_docs else {}

    def merit(self, scores: Scores) -> float:
        """Return the less the perplexity, the more."""
        return -scores.get("perplexity", 0.0)

    def final_scores(self, model: Backbone, trunks: Trunks | None, *, test: bool) -> dict[str, Scores]:
        """Return how well the responses are foretold, `bare_perplexity` by the backbone without the adapter."""
        parts = {"dev": self.dev_docs, "test": tests(self.recipe.sets[0], self.folder) if test else []}
        return {
            part: {
                **self._scores(model, documents),
                "bare_perplexity": self._scores(self.adapted.backbone, documents)["perplexity"],
            }
            for part, documents in parts.items()
            if documents
        }

    def _scores(self, model: Backbone, documents: Sequence[Document]) -> Scores:
        return self.pairs.scores(model, documents, [prompt_of(d) for d in documents])


def packed(pairs: Sequence[Pair], size: int) -> list[list[Pair]]:
    """Return pairs in packs of at most `size` pieces: the longest first, each into the first pack that has room."""
    packs: list[list[Pair]] = []
    rooms: list[int] = []
    for pair in sorted(pairs, key=lambda pair: -len(pair.ids)):
        place = next((n for n, room in enumerate(rooms) if room >= len(pair.ids)), None)
        if place is None:
            place = len(packs)
            packs.append([])
            rooms.append(size)
        packs[place].append(pair)
        rooms[place] -= len(pair.ids)
    return packs


def _window(pack: Sequence[Pair], text: str) -> Window:
    ids = np.array([piece for pair in pack for piece in pair.ids], dtype=np.int32)
    nowhere = np.zeros((0, 2), np.int32)
    starts = np.cumsum([0, *(len(pair.ids) for pair in pack[:-1])]).tolist() if len(pack) > 1 else ()
    return Window(
        document=pack[0].document,
        text=text,
        input_ids=ids,
        offsets=np.full((len(ids), 2), -1, np.int32),
        word_offsets=nowhere,
        word_pieces=nowhere[:, 0],
        core=(0, 0),
        starts=tuple(starts),
    )


def foretold(
    model: Backbone, batch: Sequence[Window], targets: Sequence[Sequence[int]], trunks: Trunks | None = None
) -> tuple[Tensor, Tensor]:
    """Return the scores *(n, n_pieces)* of the pieces that should be foretold, and which those are *(n,)*."""
    longest = max(map(len, batch))
    wanted = torch.tensor([[*row, *[_IGNORED] * (longest - len(row))] for row in targets])
    places = (wanted != _IGNORED).any(0).nonzero()[:, 0]
    logits = model.foretell(batch, places, given=trunks.of(batch) if trunks else None)
    wanted = wanted[:, places]
    return logits[wanted != _IGNORED], wanted[wanted != _IGNORED]
