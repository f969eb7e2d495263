"""`nlpkit generate`: texts that a decoder writes."""

from __future__ import annotations

import json as json_
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nlpkit.cli.output import emit, note, show
from nlpkit.cli.settings import pairs, parsed
from nlpkit.cli.texts import read_texts
from nlpkit.errors import InputError

if TYPE_CHECKING:
    from nlpkit.generate import Generator
    from nlpkit.prompts import Prompt
    from nlpkit.types import Generation


def generate(
    prompt: str = typer.Argument("-", help="What to write from; - reads prompts from standard input, one a line."),
    file: str | None = typer.Option(None, "--file", "-f", help='Prompts, one a line, or .jsonl with a "text".'),
    kind: str | None = typer.Option(
        None, "--kind", "-k", help="A kind of text (summary, poem, ...), or its .toml file."
    ),
    given: list[str] = typer.Option([], "--input", "-i", help="What the kind asks for, as KEY=VALUE; again for more."),
    backbone: str = typer.Option("smollm2", "--backbone", "-b", help="The decoder: a name, a folder, a .gguf file."),
    adapter: str | None = typer.Option(None, "--adapter", "-a", help="An adapter that was trained to write."),
    chosen: list[str] = typer.Option(
        [], "--set", "-s", help="A setting of the decoding, as KEY=VALUE (max_new_tokens=50); again for more."
    ),
    choice: list[str] = typer.Option([], "--choice", "-c", help="The text is one of these; again for more."),
    regex: str | None = typer.Option(None, "--regex", help="The whole text matches this."),
    schema: Path | None = typer.Option(None, "--schema", help="The text is JSON of the JSON schema in this file."),
    raw: bool = typer.Option(False, "--raw", help="Go on with the prompt, instead of answering it as a user's turn."),
    json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else."),
) -> None:
    """Write texts: answers, continuations, summaries, poems, values of a schema."""
    from nlpkit.generate import Generator

    settings = {key: parsed(value) for key, value in pairs(chosen, "--set")}
    inputs = dict(pairs(given, "--input"))
    bound = {"choices": choice or None, "regex": regex, "schema": _schema(schema)}
    texts: Sequence[str] = [d.text for d in read_texts(file or "-")] if file or prompt == "-" else [prompt]
    writer = Generator.from_pretrained(backbone)
    prompts: Sequence[Prompt] = texts
    loaded = writer.load(adapter) if adapter else None
    if kind is not None:
        prompts, decoding = writer.prompts_of(kind, texts, inputs, settings)
        settings = decoding.to_dict()
        loaded = loaded or writer.adapter_of(kind)
    elif inputs:
        raise InputError("--input fills the places of a kind of text; name one with --kind")
    wanted = {**settings, **bound, "chat": False if raw else None, "adapter": loaded}
    if json:
        for text, found in zip(texts, writer(prompts, **wanted), strict=True):
            emit({"prompt": text, **found.to_dict()})
    elif len(prompts) == 1 and settings.get("num_beams", 1) == 1:
        _stream(writer.stream(prompts[0], **wanted))
    else:
        _show(writer, prompts, wanted)


def _stream(parts: Iterator[str]) -> None:
    for part in parts:
        typer.echo(part, nl=False)
    typer.echo()


def _show(writer: Generator, prompts: Sequence[Prompt], wanted: dict[str, Any]) -> None:
    found: list[Generation] = writer(prompts, **wanted)
    for number, generation in enumerate(found, 1):
        if generation.dropped:
            note(
                f"prompt {number}: its first {generation.dropped} pieces were left out; the model reads no more at once"
            )
        show(generation.text)


def _schema(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        return json_.loads(path.read_text(encoding="utf-8"))
    except OSError as e:
        raise InputError(f"cannot read the schema {path}: {e.strerror or e}") from e
    except (ValueError, RecursionError) as e:
        raise InputError(f"the schema {path} is no JSON in UTF-8 ({e}); give a file with a JSON schema") from e
