"""Texts that a decoder writes: searched or drawn, streamed, in batches, bound to a grammar; with any adapter."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import Any, Literal, overload

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
    TextIteratorStreamer,
)

from nlpkit import checkpoint, writings
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.constraints import Choice, Constraint, Grammar, State, constraint
from nlpkit.decoding import Decoding
from nlpkit.endings import Signs
from nlpkit.errors import AdapterError, InputError
from nlpkit.logits import Bound, Diverse, penalties, warpers
from nlpkit.perplexity import perplexity
from nlpkit.prompts import Encoded, Prompt, Prompts
from nlpkit.safety import Filter
from nlpkit.streaming import Halted, Stops, unobjected, until
from nlpkit.types import Generation

_LOG = logging.getLogger("nlpkit")

BATCH_PIECES = 16_384
"""Pieces of a batch at most, those still to be written included."""
ROWS = 32
"""Texts that are written side by side at most."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a call asks for: how to decode, what each text is bound to, the adapter, and how texts are taken.

    One bound is that of all texts.
    """

    decoding: Decoding
    bounds: tuple[Constraint | None, ...] = (None,)
    adapter: str | None = None
    chat: bool | None = None


class Generator:
    """A decoder that writes. Call it on a prompt to get a Generation, on a list to get a list.

    A prompt is a text to go on with, or a conversation: turns with "role" and "content". Where the model has a chat
    template, a text is taken for a user's turn unless `chat=False`. Settings are those of `nlpkit.decoding.Decoding`.
    Several threads may call one generator.

    Attributes:
        adapted: the backbone with its adapters.
        prompts: how prompts become pieces.
        filters: what may object to a text (see `nlpkit.safety`); it is then withheld, and its reasons given.

    """

    def __init__(self, adapted: Adapted | Backbone, *, filters: Sequence[Filter] = ()) -> None:
        self.filters = tuple(filters)
        self.adapted = adapted if isinstance(adapted, Adapted) else Adapted(adapted)
        backbone = self.adapted.backbone
        self.prompts = Prompts(backbone.tokenizer, specials=backbone.specials)
        self._ends = backbone.ends

    @classmethod
    def from_pretrained(cls, name: str = "smollm2", *, filters: Sequence[Filter] = ()) -> Generator:
        """Load a decoder by name, folder or GGUF file (see `Backbone.from_pretrained`).

        Raises:
            BackboneError: it is not to be had, or writes no text.

        """
        return cls(Backbone.from_pretrained(name), filters=filters)

    def load(self, adapter: str | Path, *, name: str | None = None) -> str:
        """Load an adapter that was trained to write.

        Args:
            adapter: its folder, or the name of a shipped one.
            name: what to call it here; by default its recipe's name.

        Returns:
            The name, to be given as `adapter` of a call.

        Raises:
            AdapterError: it is not there, is damaged, belongs to another backbone, or was not trained to write.

        """
        folder = checkpoint.locate(adapter)
        task = checkpoint.load(folder, self.adapted, name=name)
        if not task.recipe.writes:
            self.adapted.remove(task.name)
            kinds = ", ".join(head.kind for head in task.heads)
            raise AdapterError(
                f"the adapter in {folder} reads texts ({kinds}); load it with nlpkit.load({str(adapter)!r})"
            )
        return task.name

    @overload
    def __call__(self, prompts: str | Sequence[Mapping[str, str]], **settings: Any) -> Generation: ...

    @overload
    def __call__(self, prompts: Sequence[Prompt], **settings: Any) -> list[Generation]: ...

    def __call__(
        self,
        prompts: Prompt | Sequence[Prompt],
        *,
        progress: Callable[[int], None] | None = None,
        **asked: Any,
    ) -> Generation | list[Generation]:
        """Write on from a prompt, or from each of several; prompts of like length share a batch.

        Args:
            prompts: a text or a conversation, or a list of them.
            progress: called with the number of prompts done after each batch.
            asked: settings of `Decoding`, such as `max_new_tokens=50`, and any of

                `adapter`: the name of a loaded adapter to write with;
                `chat`: whether texts are a user's turns; None: where the model has a chat template;
                `choices`: the text is one of these;
                `regex`: the whole text matches this;
                `schema`: the text is JSON of this JSON schema, or of this dataclass; `Generation.value` holds what it
                says.

        Raises:
            InputError: a prompt or a setting that cannot be, or a bound text that was not whole within the length.
            AdapterError: the adapter is not loaded.
            MissingExtraError: a text is to be bound, and llguidance is not installed.

        """
        one = isinstance(prompts, str) or (len(prompts) > 0 and isinstance(prompts[0], Mapping))
        wish = self._asked(**asked)
        _check_single(wish.decoding)
        listed: Any = [prompts] if one else prompts
        found = [texts[0] for texts in self._all(listed, wish, progress)]
        return found[0] if one else found

    def write(
        self,
        kind: str,
        text: str | Sequence[str],
        *,
        inputs: Mapping[str, str] | None = None,
        adapter: str | None = None,
        progress: Callable[[int], None] | None = None,
        **settings: Any,
    ) -> Generation | list[Generation]:
        """Write a text of a kind, such as a summary, from a text or from each of several.

        Args:
            kind: its name ("summary"), or the path of a file such as those in `tasks/generation`.
            text: what to write from; prompts are Chinese where it is, else English.
            inputs: what the prompt asks for beside the text, such as {"style": "formal"}.
            adapter: the name of a loaded adapter to write with.
            progress: called with the number of texts done after each batch.
            settings: of `Decoding`, in place of the kind's own.

        Raises:
            RecipeError: no such kind.
            InputError: a text or an input that cannot be.

        """
        prompts, decoding = self.prompts_of(kind, [text] if isinstance(text, str) else text, inputs or {}, settings)
        _check_single(decoding)
        found = [texts[0] for texts in self._all(prompts, _Wish(decoding, adapter=adapter), progress)]
        return found[0] if isinstance(text, str) else found

    def prompts_of(
        self, kind: str, texts: Sequence[str], inputs: Mapping[str, str], settings: Mapping[str, Any]
    ) -> tuple[list[Prompt], Decoding]:
        """Return what a kind of text asks this model, and how it decodes.

        Raises:
            RecipeError: no such kind.
            InputError: a text or an input that cannot be.

        """
        writing = writings.find(kind)
        prompts: list[Prompt] = [writing.prompt({"text": text, **inputs}, chat=self.prompts.chats) for text in texts]
        return prompts, writing.decoding.changed(settings)

    def candidates(self, prompt: Prompt, **asked: Any) -> list[Generation]:
        """Write several texts for one prompt (`num_return_sequences`): draws, or the best beams, the best first.

        Args:
            prompt: a text or a conversation.
            asked: what a call can be asked for.

        Raises:
            InputError: as a call does.

        """
        wish = self._asked(**asked)
        return self._all([prompt], wish, None)[0]

    def stream(self, prompt: Prompt, **asked: Any) -> Iterator[str]:
        """Yield a text in parts while it is written. To end the iteration ends the writing.

        With filters the parts are sentences, and the text ends before the first that one objects to. What a long prompt
        loses at its beginning is logged.

        Args:
            prompt: a text or a conversation.
            asked: what a call can be asked for.

        Raises:
            InputError: as a call does; or beams are asked for, of which none is sure before the end.

        """
        wish = self._asked(**asked)
        if wish.decoding.num_beams > 1 or wish.decoding.num_return_sequences > 1:
            raise InputError("a stream is one text, written piece by piece; ask for num_beams = 1 and one candidate")
        encoded = self.prompts.encode(prompt, self._room(wish.decoding), chat=wish.chat)
        if encoded.dropped:
            _LOG.warning("the first %d pieces of the prompt were left out; the model reads no more", encoded.dropped)
        return self._streamed(encoded, wish)

    def perplexity(
        self, text: str, *, window: int | None = None, stride: int | None = None, adapter: str | None = None
    ) -> tuple[float, int]:
        """Return a text's perplexity by pieces, and how many pieces were foretold (see `nlpkit.perplexity`).

        Args:
            text: of any length.
            window: pieces read at once; by default 1,024, or what the model reads.
            stride: pieces from one window to the next; by default half a window.
            adapter: the name of a loaded adapter to read with.

        Raises:
            InputError: a text of fewer than two pieces, or a window or stride that cannot be.

        """
        ids = [*self.adapted.backbone.specials[0], *self.prompts.plain(text)]
        most = self.adapted.backbone.max_pieces
        window = min(1024, most) if window is None else window
        stride = max(1, window // 2) if stride is None else stride
        with torch.inference_mode(), self.adapted.using(adapter) as model:
            return perplexity(model.writer(), ids, window=window, stride=stride, most=most)

    def bound(
        self,
        prompts: Sequence[str],
        bounds: Sequence[Constraint],
        *,
        adapter: str | None = None,
        progress: Callable[[int], None] | None = None,
        **settings: Any,
    ) -> list[Generation]:
        """Go on with each of some texts, bound to a constraint of its own (see `nlpkit.constraints`).

        Args:
            prompts: n texts.
            bounds: n constraints: what follows prompts[i] keeps to bounds[i].
            adapter: the name of a loaded adapter to write with.
            progress: called with the number of prompts done after each batch.
            settings: of `nlpkit.decoding.Decoding`.

        Raises:
            InputError: a prompt or a setting that cannot be, or a text that was not whole within the length.

        """
        wish = replace(self._asked(adapter=adapter, chat=False, **settings), bounds=tuple(bounds))
        return [texts[0] for texts in self._all(prompts, wish, progress)]

    def _asked(
        self,
        *,
        adapter: str | None = None,
        chat: bool | None = None,
        choices: Sequence[str] | None = None,
        regex: str | None = None,
        schema: Mapping[str, Any] | type | None = None,
        **settings: Any,
    ) -> _Wish:
        longest = self.adapted.backbone.max_pieces
        default = {"max_new_tokens": min(Decoding().max_new_tokens, longest // 2)}
        decoding = Decoding().changed(default | settings)
        return _Wish(decoding, (constraint(choices, regex, schema),), adapter, chat)

    def _room(self, decoding: Decoding) -> int:
        """Return how many pieces a prompt may have."""
        longest = self.adapted.backbone.max_pieces
        if decoding.max_new_tokens >= longest:
            raise InputError(
                f"max_new_tokens is {decoding.max_new_tokens}; {self.adapted.backbone.name!r} reads and writes "
                f"{longest} pieces at once, so allow fewer than that"
            )
        return longest - decoding.max_new_tokens

    def _all(
        self, prompts: Sequence[Prompt], wish: _Wish, progress: Callable[[int], None] | None
    ) -> list[list[Generation]]:
        """Return the candidates for each prompt."""
        if isinstance(prompts, str) or not isinstance(prompts, Sequence):
            raise InputError(f"prompts are {prompts!r}; give a text, a conversation, or a list of them")
        room = self._room(wish.decoding)
        encoded = [self.prompts.encode(prompt, room, chat=wish.chat) for prompt in prompts]
        found: list[list[Generation]] = [[] for _ in encoded]
        for batch in self._batches(encoded, wish.decoding):
            bounds = tuple(wish.bounds[n] for n in batch) if len(wish.bounds) > 1 else wish.bounds
            written = self._written([encoded[n] for n in batch], replace(wish, bounds=bounds))
            for n, texts in zip(batch, written, strict=True):
                found[n] = self._passed(texts)
            if progress:
                progress(len(batch))
        return found

    def _passed(self, texts: list[Generation]) -> list[Generation]:
        """Return the texts, those withheld that a filter objects to."""
        reasons = self._reasons([g.text for g in texts])
        return [
            Generation("", "withheld", g.n_tokens, g.dropped, reasons=why) if why else g
            for g, why in zip(texts, reasons, strict=True)
        ]

    def _reasons(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        found = [check(texts) for check in self.filters]
        return [tuple(reason for reasons in row for reason in reasons) for row in zip(*found, strict=True)] or [
            ()
        ] * len(texts)

    def _batches(self, encoded: Sequence[Encoded], decoding: Decoding) -> Iterator[list[int]]:
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

    def _written(
        self,
        encoded: Sequence[Encoded],
        wish: _Wish,
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
        self, row: Sequence[int], wish: _Wish, bound: Constraint | None, start: Choice | State | None
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

    def _streamed(self, encoded: Encoded, wish: _Wish) -> Iterator[str]:
        streamer = TextIteratorStreamer(
            self.adapted.backbone.tokenizer,
            skip_prompt=True,
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        halted, faults = Event(), list[BaseException]()

        def write() -> None:
            try:
                self._written([encoded], wish, streamer=streamer, halted=halted)
            except BaseException as fault:
                faults.append(fault)
                streamer.end()

        thread = Thread(target=copy_context().run, args=(write,), daemon=True)
        thread.start()
        try:
            parts = until(streamer, wish.decoding.stop)
            yield from unobjected(parts, self._reasons) if self.filters else parts
        finally:
            halted.set()
            thread.join()
        if faults:
            raise faults[0]


def _check_single(decoding: Decoding) -> None:
    if decoding.num_return_sequences > 1:
        raise InputError("num_return_sequences above 1 gives several texts; ask for them with candidates(prompt)")


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
