"""Libraries that bind a text to a grammar, on the same tokenizer and texts: those of four that are installed.

    pip install --no-deps xgrammar apache-tvm-ffi outlines-core lm-format-enforcer interegular
    python constrained.py

For each of a date, 77 choices and a JSON schema: the time to prepare it, and the time a piece to say what may come next
and to take the piece, along a text that keeps to it.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from _report import Row, options, show, write

from nlpkit.backbone import Backbone

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "year": {"type": "integer"},
        "kind": {"enum": ["novel", "poem", "play"]},
        "people": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
                "required": ["name", "age"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["name", "year", "kind", "people"],
    "additionalProperties": False,
}
CHOICES = [f"{verb} {thing}" for verb in ("open", "close", "lend", "find", "count", "weigh", "mend") for thing in
           ("a card", "a loan", "the door", "my money", "a branch", "an account", "the rate", "a fee", "a cheque",
            "the till", "a safe")]  # fmt: skip
DATE = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
BOOK = {
    "name": "The lamp on the quay",
    "year": 1911,
    "kind": "novel",
    "people": [{"name": "Ada Quist", "age": 34}, {"name": "Old Brand", "age": 71}],
}
TEXTS = {"date": "1911-03-28", "choices": "weigh my money", "schema": json.dumps(BOOK)}


class Library(Protocol):
    """What is asked of a library."""

    def prepare(self, what: str) -> Any:
        """Return a bound text that has not begun: what is "date", "choices" or "schema"."""
        ...

    def step(self, state: Any, piece: int) -> bool:
        """Say whether a piece may come, by the mask of all pieces, and take it."""
        ...


def regex_of_choices() -> str:
    """Return the choices as a regular expression."""
    return "(" + "|".join(CHOICES) + ")"


class LLGuidance:
    """llguidance."""

    def __init__(self, tokenizer: Any, n_pieces: int) -> None:
        from llguidance import LLMatcher, hf

        self.tokenizer, self.matcher = hf.from_tokenizer(tokenizer, n_vocab=n_pieces), LLMatcher

    def prepare(self, what: str) -> Any:
        """Return a matcher."""
        grammars = {
            "date": lambda: self.matcher.grammar_from_regex(DATE),
            "choices": lambda: self.matcher.grammar_from_regex(regex_of_choices()),
            "schema": lambda: self.matcher.grammar_from_json_schema(json.dumps(SCHEMA)),
        }
        matcher = self.matcher(self.tokenizer, grammars[what]())
        matcher.compute_bitmask()
        return matcher

    def step(self, state: Any, piece: int) -> bool:
        """Look and move."""
        mask = state.compute_bitmask()
        return bool(mask[piece // 8] >> piece % 8 & 1) and bool(state.consume_token(piece))


class XGrammar:
    """xgrammar."""

    def __init__(self, tokenizer: Any, n_pieces: int) -> None:
        import xgrammar

        self.lib = xgrammar
        info = xgrammar.TokenizerInfo.from_huggingface(tokenizer, vocab_size=n_pieces)
        self.compiler = xgrammar.GrammarCompiler(info, max_threads=1)
        self.mask = xgrammar.allocate_token_bitmask(1, n_pieces)

    def prepare(self, what: str) -> Any:
        """Return a matcher."""
        makers: dict[str, Callable[[], Any]] = {
            "date": lambda: self.compiler.compile_regex(DATE),
            "choices": lambda: self.compiler.compile_regex(regex_of_choices()),
            "schema": lambda: self.compiler.compile_json_schema(json.dumps(SCHEMA)),
        }
        matcher = self.lib.GrammarMatcher(makers[what]())
        matcher.fill_next_token_bitmask(self.mask)
        return matcher

    def step(self, state: Any, piece: int) -> bool:
        """Look and move."""
        state.fill_next_token_bitmask(self.mask)
        return bool(int(self.mask[0, piece // 32]) >> piece % 32 & 1) and bool(state.accept_token(piece))


class Outlines:
    """outlines-core."""

    def __init__(self, tokenizer: Any, n_pieces: int) -> None:
        from outlines_core import Guide, Index, Vocabulary, json_schema

        self.guide, self.index, self.schema = Guide, Index, json_schema
        end = int(tokenizer.eos_token_id)
        ids: dict[bytes, list[int]] = {}
        for piece in range(n_pieces):
            text = tokenizer.decode([piece], skip_special_tokens=False)
            if piece not in tokenizer.all_special_ids and text and "�" not in text:
                ids.setdefault(text.encode(), []).append(piece)
        self.vocabulary = Vocabulary(end, ids)

    def prepare(self, what: str) -> Any:
        """Return a guide."""
        regex: dict[str, Callable[[], object]] = {
            "date": lambda: DATE,
            "choices": regex_of_choices,
            "schema": lambda: self.schema.build_regex_from_schema(json.dumps(SCHEMA)),
        }
        return self.guide(self.index(str(regex[what]()), self.vocabulary))

    def step(self, state: Any, piece: int) -> bool:
        """Look and move."""
        if piece not in state.get_tokens():
            return False
        state.advance(piece)
        return True


class FormatEnforcer:
    """lm-format-enforcer."""

    def __init__(self, tokenizer: Any, n_pieces: int) -> None:
        from lmformatenforcer import JsonSchemaParser, RegexParser, TokenEnforcer, TokenEnforcerTokenizerData

        self.parsers, self.enforcer = (JsonSchemaParser, RegexParser), TokenEnforcer
        regular = [
            (piece, text, False)
            for piece in range(n_pieces)
            if piece not in tokenizer.all_special_ids and "�" not in (text := tokenizer.decode([piece]))
        ]
        self.data = TokenEnforcerTokenizerData(regular, tokenizer.decode, int(tokenizer.eos_token_id), False, n_pieces)

    def prepare(self, what: str) -> Any:
        """Return an enforcer with the pieces written so far."""
        schema, regex = self.parsers
        parser = schema(SCHEMA) if what == "schema" else regex(DATE if what == "date" else regex_of_choices())
        enforcer = self.enforcer(self.data, parser)
        enforcer.get_allowed_tokens([])
        return enforcer, []

    def step(self, state: Any, piece: int) -> bool:
        """Look and move."""
        enforcer, written = state
        allowed = piece in enforcer.get_allowed_tokens(list(written)).allowed_tokens
        written.append(piece)
        return bool(allowed)


LIBRARIES: dict[str, tuple[str, Callable[[Any, int], Library]]] = {
    "llguidance": ("llguidance", LLGuidance),
    "xgrammar": ("xgrammar", XGrammar),
    "outlines-core": ("outlines_core", Outlines),
    "lm-format-enforcer": ("lmformatenforcer", FormatEnforcer),
}


def along(library: Library, what: str, pieces: Sequence[int]) -> tuple[float, float]:
    """Return the seconds to prepare, and those a piece of walking along a text.

    Raises:
        SystemExit: the library refuses a piece of the text.

    """
    began = time.process_time()
    state = library.prepare(what)
    prepared = time.process_time() - began
    began = time.process_time()
    for number, piece in enumerate(pieces):
        if not library.step(state, piece):
            raise SystemExit(f"{type(library).__name__} refuses piece {number} of the {what}")
    return prepared, (time.process_time() - began) / len(pieces)


def main() -> None:
    """Measure and write benchmarks/results/constrained.json."""
    parser = options(__doc__, "one round")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    backbone = Backbone.from_pretrained("smollm2")
    n_pieces = int(backbone.writer().config.vocab_size)
    rows = []
    for name, (package, kind) in LIBRARIES.items():
        if importlib.util.find_spec(package) is None:
            continue
        began = time.process_time()
        library = kind(backbone.tokenizer, n_pieces)
        rows.append(Row(f"{name}: tokenizer", time.process_time() - began, "s"))
        for what, text in TEXTS.items():
            pieces = backbone.tokenizer(text)["input_ids"]
            found = [along(library, what, pieces) for _ in range(1 if arguments.quick else 5)]
            rows.append(Row(f"{name}: {what}, to prepare", found[0][0] * 1e3, "ms"))
            rows.append(Row(f"{name}: {what}, a piece", statistics.median(f[1] for f in found) * 1e3, "ms"))
    show("Bound texts", rows)
    if not arguments.quick:
        write("constrained", rows, "SmolLM2's tokenizer; a date, 77 choices, a JSON schema with a list of objects")


if __name__ == "__main__":
    main()
