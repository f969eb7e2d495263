"""One batch of texts, written by transformers' `generate`: padding, searches and draws, bounds, what is read off it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import cached_property
from threading import Event, Thread
from typing import Literal

import torch
from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList, TextIteratorStreamer

from nlpkit.adapters import Adapted
from nlpkit.constraints import Choice, Constraint, Grammar, State
from nlpkit.decoding import Decoding
from nlpkit.endings import Signs
from nlpkit.errors import InputError
from nlpkit.logits import Bound, Diverse, penalties, warpers
from nlpkit.prompts import Encoded, Prompts
from nlpkit.streaming import Halted, Stops
from nlpkit.types import Generation

BATCH_PIECES = 16_384
"""Pieces of a batch at most, those still to be written included."""
ROWS = 32
"""Texts that are written side by side at most."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a call asks for: how to decode, what each text is bound to, the adapter, and how texts are taken.

    One bound is that of all texts.
    """

    decoding: Decoding
    bounds: tuple[Constraint | None, ...] = (None,)
    adapter: str | None = None
    chat: bool | None = None


class Writer:
    """Writes on from prompts in batches, with one decoder and its adapters."""

    def __init__(self, adapted: Adapted, prompts: Prompts) -> None:
        self.adapted, self.prompts = adapted, prompts
        self._ends = adapted.backbone.ends

    def batches(self, encoded: Sequence[Encoded], decoding: Decoding) -> Iterator[list[int]]:
        """Yield the numbers of prompts that are written side by side: of like length, within the budget."""
        rows = max(decoding.num_beams, decoding.num_return_sequences)
        batch: list[int] = []
        for n in sorted(range(len(encoded)), key=lambda n: -len(encoded[n].ids)):
            longest = len(encoded[(batch or [n])[0]].ids) + decoding.max_new_tokens
            together = rows * (len(batch) + 1)
            if batch and (together > ROWS or together * longest > BATCH_PIECES):
                yield batch
                batch = []
            batch.append(n)
        if batch:
            yield batch

    def parts(self, encoded: Encoded, wish: Wish) -> Generator[str, None, None]:
        """Yield a text in parts while a thread writes it. To close the generator ends the writing."""
        streamer = TextIteratorStreamer(
            self.adapted.backbone.tokenizer,
            skip_prompt=True,
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        halted, faults = Event(), list[BaseException]()

        def write() -> None:
            try:
                self.written([encoded], wish, streamer=streamer, halted=halted)
            except BaseException as fault:
                faults.append(fault)
                streamer.end()

        thread = Thread(target=copy_context().run, args=(write,), daemon=True)
        thread.start()
        try:
            yield from streamer
        finally:
            halted.set()
            thread.join()
        if faults:
            raise faults[0]

    def written(
        self,
        encoded: Sequence[Encoded],
        wish: Wish,
        *,
        streamer: TextIteratorStreamer | None = None,
        halted: Event | None = None,
    ) -> list[list[Generation]]:
        """Write on from the prompts of one batch."""
        decoding = wish.decoding
        drawn = decoding.num_return_sequences if decoding.do_sample else decoding.num_beam_groups
        rows = [e.ids for e in encoded for _ in range(drawn)]
        length = max(map(len, rows))
        ids = torch.full((len(rows), length), self.adapted.backbone.pad_id)
        mask = torch.zeros((len(rows), length), dtype=torch.long)
        for row, pieces in enumerate(rows):
            ids[row, length - len(pieces) :] = torch.tensor(pieces)
            mask[row, length - len(pieces) :] = 1
        per_row = 1 if decoding.do_sample else math.ceil(decoding.num_return_sequences / decoding.num_beam_groups)
        stopping = StoppingCriteriaList([Halted(halted)] if halted else [])
        if decoding.stop:
            stopping.append(Stops(decoding.stop, self.adapted.backbone.tokenizer, length))
        bounds = wish.bounds * len(encoded) if len(wish.bounds) == 1 else wish.bounds
        begun = {id(bound): self._start(bound, decoding) for bound in bounds}
        starts = [begun[id(bound)] for bound in bounds]
        with torch.inference_mode(), self.adapted.using(wish.adapter) as model:
            written = model.writer().generate(
                input_ids=ids,
                attention_mask=mask,
                generation_config=self._config(decoding, per_row),
                logits_processor=self._processors(decoding, [start for start in starts for _ in range(drawn)], rows),
                stopping_criteria=stopping,
                streamer=streamer,
            )
        texts = [
            self._read(row, wish, bounds[n // (drawn * per_row)], starts[n // (drawn * per_row)])
            for n, row in enumerate(written[:, length:].tolist())
        ]
        shares = [texts[n * drawn * per_row : (n + 1) * drawn * per_row] for n in range(len(encoded))]
        # The best of each group come first, then the second best.
        ranked = [[share[g * per_row + k] for k in range(per_row) for g in range(drawn)] for share in shares]
        return [
            [replace(text, dropped=e.dropped) for text in share[: decoding.num_return_sequences]]
            for e, share in zip(encoded, ranked, strict=True)
        ]

    def _config(self, decoding: Decoding, per_row: int) -> GenerationConfig:
        return GenerationConfig(
            max_new_tokens=decoding.max_new_tokens,
            min_new_tokens=decoding.min_new_tokens or None,
            do_sample=False,  # draws are made by `nlpkit.logits.Draws`
            num_beams=decoding.num_beams // decoding.num_beam_groups,
            num_return_sequences=per_row,
            length_penalty=decoding.length_penalty,
            pad_token_id=self.adapted.backbone.pad_id,
            eos_token_id=self._ends,
        )

    def _processors(
        self, decoding: Decoding, starts: Sequence[Choice | State | None], rows: Sequence[Sequence[int]]
    ) -> LogitsProcessorList:
        beams, length = decoding.num_beams // decoding.num_beam_groups, max(map(len, rows))
        chain = penalties(decoding, [length - len(row) for row in rows for _ in range(beams)])
        if bound := [start for start in starts if start]:
            chain.append(Bound(bound, length, beams))
        if decoding.num_beam_groups > 1:
            chain.append(Diverse(decoding.num_beam_groups, beams, decoding.diversity_penalty, self._ends))
        n = decoding.num_return_sequences
        chain += warpers(decoding, [_seed(decoding.seed, row % n, ids) for row, ids in enumerate(rows)])
        return chain

    @cached_property
    def _signs(self) -> Signs:
        """The tokenizer as llguidance knows it, with its single signs."""
        from llguidance import hf

        backbone = self.adapted.backbone
        return Signs(hf.from_tokenizer(backbone.tokenizer, n_vocab=backbone.n_pieces, eos_token=self._ends))

    def _start(self, bound: Constraint | None, decoding: Decoding) -> Choice | State | None:
        """Return where a bound text stands that has not begun."""
        if bound is None:
            return None
        if bound.choices:
            rows = [self.prompts.plain(choice) for choice in bound.choices]
            return Choice(rows, self.adapted.backbone.n_pieces, self._ends)
        return Grammar(self._signs, bound).start(decoding.max_new_tokens)

    def _read(
        self, row: Sequence[int], wish: Wish, bound: Constraint | None, start: Choice | State | None
    ) -> Generation:
        """Return what was written, without what ends it."""
        end = next((n for n, piece in enumerate(row) if piece in self._ends), None)
        pieces = list(row if end is None else row[:end])
        text: str = self.adapted.backbone.tokenizer.decode(
            pieces, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        at = min((place for stop in wish.decoding.stop if (place := text.find(stop)) >= 0), default=None)
        if at is not None:
            return Generation(text[:at], "stop", len(pieces))
        finish: Literal["end", "length"] = "length" if end is None else "end"
        if start is None or bound is None:
            return Generation(text, finish, len(pieces))
        if end is None:
            _check_whole(text, pieces, start)
        return Generation(text, finish, len(pieces), value=bound.value(text))


def _seed(seed: int, candidate: int, ids: Sequence[int]) -> int:
    """Return what a text is drawn with: the same for the same prompt, whatever else is in the batch."""
    digest = hashlib.blake2b(repr((seed, candidate, list(ids))).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _check_whole(text: str, pieces: Sequence[int], state: Choice | State) -> None:
    """Check that a bound text which ended for its length is whole.

    Raises:
        InputError: it is not.

    """
    for piece in pieces:
        state = state.after(piece)
    if not state.whole:
        raise InputError(
            f"the text was not whole after {len(pieces)} pieces (it ends with {text[-30:]!r}); allow more of them "
            "(max_new_tokens), or bind it more tightly (maxLength, maxItems, fewer keys)"
        )
