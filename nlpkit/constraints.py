"""What a generated text is bound to: choices, a regular expression, or a JSON schema. What comes out parses.

Which pieces may come next is computed by llguidance (docs/decisions.md says why that one).
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any

import torch
from torch import Tensor

from nlpkit import endings
from nlpkit.errors import InputError, MissingExtraError

_COMPACT: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""JSON as `json.dumps` writes it: a model that may write blanks may write them for ever."""

_SLACK = 8
"""Pieces beside those of the shortest whole text that are left when a text is brought to its end."""

_EVERY = 16
"""After so many pieces it is looked up what an ending would take."""


@dataclass(frozen=True, slots=True, eq=False)
class Constraint:
    """Choices or a grammar, and what is made of a text that keeps to it: a string, JSON's values, or a dataclass."""

    choices: tuple[str, ...] = ()
    grammar: str = ""
    is_json: bool = False
    target: Any = None

    def value(self, text: str) -> Any:
        """Return what a text says."""
        if not self.is_json:
            return text
        return json.loads(text) if self.target is None else self.target.validate_json(text)


def constraint(
    choices: Sequence[str] | None = None, regex: str | None = None, schema: Mapping[str, Any] | type | None = None
) -> Constraint | None:
    """Return what a text is to be bound to; None where nothing is asked for.

    Args:
        choices: the text is one of these.
        regex: the whole text matches this (the syntax of Rust's regex crate; no look-around).
        schema: the text is JSON of this JSON schema, or of this dataclass.

    Raises:
        InputError: more than one of them, no choice, one twice or an empty one, or a grammar that cannot be met.
        MissingExtraError: llguidance, or for a dataclass pydantic, is not installed.

    """
    asked = {"choices": choices, "regex": regex, "schema": schema}
    given = [name for name, value in asked.items() if value is not None]
    if not given:
        return None
    if len(given) > 1:
        raise InputError(f"a text cannot be bound to {' and '.join(given)} at once; give one of them")
    if choices is not None:
        return Constraint(choices=_distinct(choices))
    if importlib.util.find_spec("llguidance") is None:
        raise MissingExtraError("llguidance", "decoder")
    from llguidance import LLMatcher

    if regex is not None:
        return _checked(Constraint(grammar=LLMatcher.grammar_from_regex(regex)), f"regex {regex[:60]!r}")
    target = None
    if isinstance(schema, type):
        target = _adapter(schema)
        schema = target.json_schema()
    if not isinstance(schema, Mapping):
        raise InputError(f"schema is {schema!r}; it is a JSON schema (a mapping) or a dataclass")
    return _checked(Constraint(grammar=_json(schema), is_json=True, target=target), "schema")


def from_lark(grammar: str, *, is_json: bool = False) -> Constraint:
    """Return what a text is bound to by a grammar, in the Lark syntax of llguidance.

    Raises:
        InputError: the grammar is none, or no text can meet it.
        MissingExtraError: llguidance is not installed.

    """
    if importlib.util.find_spec("llguidance") is None:
        raise MissingExtraError("llguidance", "decoder")
    from llguidance import LLMatcher

    return _checked(Constraint(grammar=LLMatcher.grammar_from_lark(grammar), is_json=is_json), "grammar")


def _distinct(choices: Sequence[str]) -> tuple[str, ...]:
    if isinstance(choices, str) or not choices:
        raise InputError(f"choices are {choices!r}; give a list of one string or more")
    for n, choice in enumerate(choices):
        if not isinstance(choice, str) or not choice:
            raise InputError(f"choice {n} is {choice!r}; allowed: strings that are not empty")
        if choice in choices[:n]:
            raise InputError(f"{choice!r} is among the choices twice; give each once")
    return tuple(choices)


def _json(schema: Mapping[str, Any]) -> str:
    from llguidance import LLMatcher

    try:
        made: str = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_COMPACT)
    except (TypeError, ValueError) as e:
        raise InputError(f"the schema is no JSON ({e}); give a JSON schema, or a dataclass") from e
    return made


def _adapter(kind: type) -> Any:
    if not is_dataclass(kind):
        raise InputError(f"schema is the class {kind.__name__}; allowed: a dataclass, or a JSON schema as a mapping")
    try:
        from pydantic import TypeAdapter
    except ImportError as e:
        raise MissingExtraError("pydantic", "decoder") from e
    return TypeAdapter(kind)


def _checked(made: Constraint, what: str) -> Constraint:
    from llguidance import LLMatcher

    fault = LLMatcher.validate_grammar(made.grammar)
    if fault:
        reason = re.sub(r"\s+", " ", fault)[:200]
        raise InputError(f"no text can be bound to this {what}: {reason}")
    return made


class Choice:
    """Where a text stands that is one of some rows of pieces; see `nlpkit.logits.Matcher`."""

    def __init__(self, rows: Sequence[Sequence[int]], n_pieces: int, ends: Sequence[int]) -> None:
        self._rows, self._n_pieces, self._ends = rows, n_pieces, ends

    @property
    def whole(self) -> bool:
        """Whether the text may end here."""
        return not all(self._rows)

    def allowed(self) -> Tensor:
        """Return whether each piece may come next. *Shape:* (n_vocabulary,), bool."""
        mask = torch.zeros(self._n_pieces, dtype=torch.bool)
        mask[[row[0] for row in self._rows if row]] = True
        if self.whole:
            mask[list(self._ends)] = True
        return mask

    def after(self, piece: int) -> Choice:
        """Return where the text stands with one more piece."""
        rows = [row[1:] for row in self._rows if row and row[0] == piece]
        return Choice(rows or [[]], self._n_pieces, self._ends)


class Grammar:
    """A grammar over a tokenizer's pieces."""

    def __init__(self, signs: endings.Signs, made: Constraint) -> None:
        from llguidance import LLMatcher

        self.signs = signs
        self.is_json = made.is_json
        self._matcher = LLMatcher(signs.tokenizer, made.grammar)
        if self._matcher.is_error():
            raise InputError(f"no text can be bound to this: {self._matcher.get_error()[:200]}")

    def start(self, room: int) -> State:
        """Return where a text stands that has not begun and may have `room` pieces.

        Raises:
            InputError: no text of so many pieces was found that is whole.

        """
        found = self.ending(self._matcher, (), room)
        if found is None:
            raise InputError(
                f"no whole text was found within {room} pieces; allow more of them (max_new_tokens), or bind it more "
                "loosely"
            )
        return State(self, self._matcher, room, len(found) + _SLACK)

    def ending(self, matcher: Any, written: Sequence[int], room: int) -> list[int] | None:
        """Return few pieces that make a text whole, None where `room` of them do not."""
        if self.is_json:
            return endings.closed(matcher, self.signs, written, room)
        return endings.shortest(matcher, self.signs, room)


class State:
    """Where a bound text stands; see `nlpkit.logits.Matcher`.

    While there is room any piece may come that the grammar allows. When the room left comes near to the longest ending
    that was met (one more item of a list may need it again), the present ending is written: a bound text is whole at
    its last piece. What an ending takes is looked up now and then, and at every piece once the room is small.
    """

    def __init__(
        self,
        grammar: Grammar,
        matcher: Any,
        room: int,
        slack: int,
        written: Sequence[int] = (),
        plan: Sequence[int] = (),
        longest: int = 0,
    ) -> None:
        self._grammar, self._matcher, self._room, self._slack = grammar, matcher, room, slack
        self._written, self._plan, self._longest = written, list(plan), longest
        if not plan and (room <= longest + slack + _EVERY or room % _EVERY == 0) and not self.whole:
            ending = grammar.ending(matcher, written, room)
            if ending is not None:
                self._longest = max(longest, len(ending))
                if room <= self._longest + slack:
                    self._plan = ending

    @property
    def whole(self) -> bool:
        """Whether the text may end here."""
        return bool(self._matcher.is_accepting() or self._matcher.is_stopped())

    def allowed(self) -> Tensor:
        """Return whether each piece may come next. *Shape:* (n_vocabulary,), bool."""
        signs = self._grammar.signs
        mask = torch.zeros(signs.n_pieces, dtype=torch.bool)
        if self._plan:
            mask[self._plan[0]] = True
        elif self._matcher.is_stopped() or (self.whole and self._room <= self._slack):
            mask[signs.ends] = True
        else:
            mask = torch.from_numpy(endings.able(self._matcher, signs))
        return mask

    def after(self, piece: int) -> State:
        """Return where the text stands with one more piece."""
        plan = self._plan[1:] if self._plan[:1] == [piece] else ()
        moved = endings.moved(self._matcher, piece)
        return State(self._grammar, moved, self._room - 1, self._slack, (*self._written, piece), plan, self._longest)
