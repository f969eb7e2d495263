"""Prompts into pieces: plain texts and conversations, in which what a user wrote is text and never a control piece."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tokenizers import Tokenizer

from nlpkit.errors import InputError
from nlpkit.types import ROLES, Document

Message = Mapping[str, str]
"""A turn of a conversation: {"role": "system", "user" or "assistant", "content": text}."""

Prompt = str | Sequence[Message]
"""A text to go on with, or a conversation to answer."""

_MARK = "\ue000{}\ue001"
"""Stands for a message's text while the template is filled: signs of private use, which no tokenizer joins."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A prompt's pieces, and how many were left out at its beginning."""

    ids: list[int]
    dropped: int = 0


def prompt_of(document: Document) -> Prompt:
    """Return the prompt that a document's text answers: its history, else its query, a text to go on with."""
    return [turn.to_dict() for turn in document.history] or document.query


class Prompts:
    """Turns prompts into pieces for one tokenizer."""

    def __init__(self, tokenizer: Any, *, specials: tuple[Sequence[int], Sequence[int]] = ((), ())) -> None:
        self._tokenizer = tokenizer
        self._before = list(specials[0])

    @property
    def chats(self) -> bool:
        """Whether the model has a template for conversations."""
        return bool(self._tokenizer.chat_template)

    def encode(self, prompt: Prompt, room: int, *, chat: bool | None = None) -> Encoded:
        """Return a prompt's pieces, the last `room` of a text, the last turns of a conversation that fit.

        Of a conversation the system message and the last turn stay. A text is taken for a user's turn where the model
        has a template, unless `chat` is False.

        Raises:
            InputError: something that is no prompt, an empty one, a model without a template, or a last turn too long.

        """
        if isinstance(prompt, str) and not prompt.strip():
            raise InputError(f"the prompt {prompt!r} is empty; give a text to go on with")
        if chat and not self.chats:
            raise InputError(
                "this model has no chat template: it goes on with texts and answers none; "
                "give a text (chat=False), or choose an instruction-tuned model"
            )
        if isinstance(prompt, str) and not (self.chats if chat is None else chat):
            ids = [*self._before, *self.plain(prompt)]
            kept = ids if len(ids) <= room else [*self._before, *ids[len(ids) - room + len(self._before) :]]
            return Encoded(kept, len(ids) - len(kept))
        return self._fitting([{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt), room)

    def plain(self, text: str) -> list[int]:
        """Return a text's pieces; what looks like a control piece in it is spelt out."""
        return list(self._literal.encode(text, add_special_tokens=False).ids)

    @cached_property
    def _literal(self) -> Tokenizer:
        """The tokenizer's own machinery, without an eye for control pieces."""
        tokenizer: Tokenizer = Tokenizer.from_str(self._tokenizer.backend_tokenizer.to_str())
        tokenizer.encode_special_tokens = True
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    def _fitting(self, messages: list[Message], room: int) -> Encoded:
        _check(messages)
        if not self.chats:
            raise InputError(
                "this model has no chat template and cannot answer a conversation; give a text to go on with, "
                "or choose an instruction-tuned model"
            )
        system = [m for m in messages[:1] if m["role"] == "system"]
        turns = messages[len(system) :]
        whole = ids = self._chat([*system, *turns])
        while len(ids) > room and len(turns) > 1:
            turns = turns[1:]
            ids = self._chat([*system, *turns])
        if len(ids) > room:
            raise InputError(
                f"the last turn {turns[-1]['content'][:40]!r}... makes a prompt of {len(ids)} pieces, and there is "
                f"room for {room}; shorten it, or allow fewer new pieces (max_new_tokens)"
            )
        return Encoded(ids, len(whole) - len(ids))

    def _chat(self, messages: Sequence[Message]) -> list[int]:
        marked = [{**m, "content": _MARK.format(n)} for n, m in enumerate(messages)]
        filled: str = self._tokenizer.apply_chat_template(marked, tokenize=False, add_generation_prompt=True)
        ids: list[int] = []
        for n, message in enumerate(messages):
            before, mark, filled = filled.partition(_MARK.format(n))
            if not mark:
                raise InputError(
                    f"the model's chat template leaves out turn {n} (role {message['role']!r}); "
                    "give a conversation in the order that the template knows"
                )
            ids += [*self._controls(before), *self.plain(message["content"])]
        return ids + self._controls(filled)

    def _controls(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
        return ids


def _check(messages: Sequence[Message]) -> None:
    for n, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("content"), str):
            raise InputError(f'turn {n} of the conversation is {message!r}; allowed: {{"role": ..., "content": text}}')
        if message.get("role") not in ROLES:
            raise InputError(f"turn {n} has the role {message.get('role')!r}; allowed: {', '.join(ROLES)}")
    if not messages or messages[-1]["role"] != "user" or not messages[-1]["content"].strip():
        raise InputError("a conversation ends with a turn of the user that is not empty; add one")
