"""`nlpkit chat`: a conversation at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nlpkit.cli.output import note, show
from nlpkit.errors import InputError, NlpkitError

if TYPE_CHECKING:
    from nlpkit.dialogue import Dialogue
    from nlpkit.types import Turn

_COMMANDS = {
    "/why": "what the last answer leans on",
    "/state": "what the task in hand has settled, and what was read in the last turn",
    "/save FILE": "write the conversation",
    "/forget": "begin anew",
    "/help": "these lines",
    "/quit": "end (so does an empty end of input)",
}
_PIECES = 120
"""Pieces of a reply that a decoder writes at most."""


def chat(
    graph: Path | None = typer.Option(None, "--graph", "-g", help="A graph to answer from."),
    documents: Path | None = typer.Option(None, "--documents", "-d", help="Texts to answer from: a file or a folder."),
    schema: Path | None = typer.Option(None, "--schema", help="Tasks with slots, as TOML or JSON; see --task."),
    task: list[str] = typer.Option([], "--task", "-t", help="An adapter to understand turns with (slots/snips)."),
    decoder: str | None = typer.Option(None, "--decoder", help="A decoder for small talk, such as smollm2."),
    persona: str = typer.Option("", "--persona", help="Who speaks, where a decoder does."),
    replies: str | None = typer.Option(None, "--replies", help="An adapter that words what a task asks and confirms."),
    load: Path | None = typer.Option(None, "--load", help="Go on with a conversation that was saved."),
) -> None:
    """Talk: questions to a graph and to documents, follow-ups, tasks, small talk."""
    import nlpkit
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.loading import DEFAULT_PACK
    from nlpkit.phrasing import Phrasing

    names = [DEFAULT_PACK, *(["qa/squad"] if documents else []), *task]
    kit = nlpkit.load(*names)
    kg = KnowledgeGraph.open(graph, kit=kit) if graph else None
    try:
        conversation = kit.dialogue(
            graph=kg,
            documents=_read(documents) if documents else None,
            schema=_table(schema) if schema else None,
            say=_writer(decoder, persona) if decoder else None,
            phrase=Phrasing(replies, persona=persona) if replies else None,
        )
        if load:
            conversation.load(load)
        talk(conversation, sys.stdin)
    finally:
        if kg:
            kg.close()


def talk(conversation: Dialogue, lines: Iterator[str]) -> None:
    """Read turns and commands, and show the replies, until the input ends."""
    shown = sys.stdin.isatty()
    if shown:
        note("ask; /help lists what else there is")
    while True:
        if shown:
            typer.echo("> ", nl=False)
        try:
            line = next(lines, None)
        except KeyboardInterrupt:
            show()
            return
        if line is None or line.strip() in ("/quit", "/exit"):
            return
        try:
            _turn(conversation, line.strip())
        except NlpkitError as e:
            note(f"error: {e}")


def _turn(conversation: Dialogue, line: str) -> None:
    if not line:
        return
    command, _, rest = line.partition(" ")
    if command == "/why":
        show(conversation.why())
    elif command == "/state":
        state = conversation.state.to_dict()
        show(
            f"{state['intent'] or 'no task'}: {', '.join(f'{k} = {v}' for k, v in state['slots'].items()) or 'nothing'}"
        )
        if turn := conversation.understood:
            found = [f"{task}: {label.label}" for task, label in turn.labels.items()]
            found += [f"{span.label} {span.text}" for span in (*turn.entities, *turn.slots)]
            show(f"the last turn: {', '.join(found) or 'nothing found'}")
    elif command == "/forget":
        conversation.forget()
        show("forgotten")
    elif command == "/save":
        if not rest:
            raise InputError("/save needs the file to write: /save talk.json")
        conversation.save(Path(rest).expanduser())
        show(f"wrote {rest}")
    elif command.startswith("/"):
        for name, does in _COMMANDS.items():
            show(f"{name:12} {does}")
    else:
        _say(conversation, line)


def _say(conversation: Dialogue, line: str) -> None:
    """Show a reply while it is written; Ctrl-C ends the reply, and the conversation goes on."""
    parts = conversation.stream(line)
    try:
        for part in parts:
            typer.echo(part, nl=False)
            sys.stdout.flush()
    except KeyboardInterrupt:
        note("stopped")
    finally:
        parts.close()
    turn = conversation.turns[-1]
    where = next((source.document for source in turn.sources), "")
    show(f"  [{turn.act}, {turn.score:.2f}{f', {where}' if where else ''}]" if turn.score is not None else "")


def _writer(decoder: str, persona: str) -> Callable[[Sequence[Turn]], Iterator[str]]:
    from nlpkit.generate import Generator

    return partial(Generator.from_pretrained(decoder).say, persona=persona, max_new_tokens=_PIECES)


def _read(path: Path) -> list[Any]:
    from nlpkit.graph import sources

    found, _ = sources.read(path, lambda name, reason: note(f"{name} was left out: {reason}"))
    documents = list(found)
    if not documents:
        raise InputError(f"{path} holds no text; give a .txt, .md or .jsonl file, or a folder of them")
    return documents


def _table(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        table: dict[str, Any] = tomllib.loads(text) if path.suffix == ".toml" else loads(text)
    except OSError as e:
        raise InputError(f"cannot read the schema {path}: {e.strerror or e}") from e
    except (ValueError, RecursionError) as e:
        raise InputError(f"the schema {path} is neither TOML nor JSON in UTF-8 ({e})") from e
    return table
