"""Texts that a decoder writes: searched or drawn, streamed, in batches, bound to a grammar; with any adapter."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import torch

from nlpkit import checkpoint, writings
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.constraints import Constraint, constraint
from nlpkit.decoding import Decoding
from nlpkit.errors import AdapterError, InputError
from nlpkit.perplexity import perplexity
from nlpkit.prompts import Encoded, Prompt, Prompts
from nlpkit.safety import Filter
from nlpkit.streaming import unobjected, until
from nlpkit.types import Generation, Turn
from nlpkit.writer import Wish, Writer

_LOG = logging.getLogger("nlpkit")


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
        self._writer = Writer(self.adapted, self.prompts)
        self._chats: dict[str, bool | None] = {}

    @classmethod
    def from_pretrained(cls, name: str = "smollm2", *, filters: Sequence[Filter] = ()) -> Generator:
        """Load a decoder by name, folder or GGUF file (see `Backbone.from_pretrained`).

        Raises:
            BackboneError: it is not to be had, or writes no text.

        """
        return cls(Backbone.from_pretrained(name), filters=filters)

    @classmethod
    def for_adapter(cls, adapter: str | Path) -> Generator:
        """Load the decoder that an adapter was trained on; the adapter is not loaded yet.

        Raises:
            AdapterError: the adapter is not there, or is damaged.
            BackboneError: the decoder is not to be had, or writes no text.

        """
        return cls.from_pretrained(checkpoint.account(checkpoint.locate(adapter))["recipe"]["backbone"])

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
        self._chats[task.name] = task.recipe.chat
        return task.name

    def chats(self, adapter: str | None) -> bool | None:
        """Return whether texts are a user's turns to an adapter, as it was trained; None: as the model has it."""
        return self._chats.get(adapter) if adapter else None

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
                `chat`: whether texts are a user's turns; None: as the adapter was trained, else where the model has a
                chat template;
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
            adapter: the name of a loaded adapter to write with, in place of the kind's own.
            progress: called with the number of texts done after each batch.
            settings: of `Decoding`, in place of the kind's own.

        Raises:
            RecipeError: no such kind.
            InputError: a text or an input that cannot be.

        """
        prompts, decoding = self.prompts_of(kind, [text] if isinstance(text, str) else text, inputs or {}, settings)
        _check_single(decoding)
        adapter = adapter or self.adapter_of(kind)
        found = [texts[0] for texts in self._all(prompts, Wish(decoding, adapter=adapter), progress)]
        return found[0] if isinstance(text, str) else found

    def adapter_of(self, kind: str) -> str | None:
        """Return the name of the adapter that a kind of text is written with, loaded now if need be; None: it has none.

        Raises:
            RecipeError: no such kind.
            AdapterError: the adapter cannot be had, or belongs to another backbone.

        """
        wanted = writings.find(kind).adapter
        if not wanted:
            return None
        return wanted if wanted in self.adapted.names else self.load(wanted, name=wanted)

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

    def say(self, turns: Sequence[Turn], *, persona: str = "", **asked: Any) -> Iterator[str]:
        """Yield a reply to a conversation in parts (what `nlpkit.dialogue.Dialogue` takes for `say`).

        Args:
            turns: the conversation, a user's turn last.
            persona: who the model should be, as a system message.
            asked: what a call can be asked for.

        Raises:
            InputError: as `stream` does; or the model has no chat template.

        """
        system = [{"role": "system", "content": persona}] if persona else []
        return self.stream([*system, *({"role": t.role, "content": t.text} for t in turns)], **asked)

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
    ) -> Wish:
        longest = self.adapted.backbone.max_pieces
        default = {"max_new_tokens": min(Decoding().max_new_tokens, longest // 2)}
        decoding = Decoding().changed(default | settings)
        chat = self.chats(adapter) if chat is None else chat
        return Wish(decoding, (constraint(choices, regex, schema),), adapter, chat)

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
        self, prompts: Sequence[Prompt], wish: Wish, progress: Callable[[int], None] | None
    ) -> list[list[Generation]]:
        """Return the candidates for each prompt."""
        if isinstance(prompts, str) or not isinstance(prompts, Sequence):
            raise InputError(f"prompts are {prompts!r}; give a text, a conversation, or a list of them")
        room = self._room(wish.decoding)
        encoded = [self.prompts.encode(prompt, room, chat=wish.chat) for prompt in prompts]
        found: list[list[Generation]] = [[] for _ in encoded]
        for batch in self._writer.batches(encoded, wish.decoding):
            bounds = tuple(wish.bounds[n] for n in batch) if len(wish.bounds) > 1 else wish.bounds
            written = self._writer.written([encoded[n] for n in batch], replace(wish, bounds=bounds))
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

    def _streamed(self, encoded: Encoded, wish: Wish) -> Iterator[str]:
        with closing(self._writer.parts(encoded, wish)) as written:
            parts = until(written, wish.decoding.stop)
            yield from unobjected(parts, self._reasons) if self.filters else parts


def _check_single(decoding: Decoding) -> None:
    if decoding.num_return_sequences > 1:
        raise InputError("num_return_sequences above 1 gives several texts; ask for them with candidates(prompt)")
