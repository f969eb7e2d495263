"""What every command shares: JSON lines and tables on standard output, all else on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from nlpkit.errors import NlpkitError

BROKEN_PIPE = 141
"""The exit status of a program whose reader went away: 128 + SIGPIPE."""
INTERRUPTED = 130
"""The exit status of a program the user stopped: 128 + SIGINT."""

_BREAKING = re.compile("[\x85\u2028\u2029\ud800-\udfff]")
"""What cannot be written as UTF-8, or what some readers take for the end of a line."""


class Guarded(TyperGroup):
    """A group of commands that ends with one line and an exit status where nlpkit raises on purpose."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except NlpkitError as e:
            fail(str(e))
        except KeyboardInterrupt:
            note("stopped; graph build and train go on from where they were when run again")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Python flushes standard output once more at exit: let that go nowhere.
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        except OSError as e:
            fail(f"{e.strerror or e}{f': {e.filename}' if e.filename else ''}")


def fail(message: str) -> NoReturn:
    """End with exit status 1 and one line on standard error.

    Raises:
        typer.Exit: always.

    """
    note(f"error: {message}")
    raise typer.Exit(1)


def note(message: str) -> None:
    """Tell the user something, in one line on standard error."""
    typer.echo(f"nlpkit: {' '.join(message.split())}", err=True)


def emit(record: dict[str, Any]) -> None:
    """Print one JSON object on one line of standard output."""
    line = json.dumps(record, ensure_ascii=False, allow_nan=False)
    if _BREAKING.search(line):
        line = json.dumps(record, allow_nan=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def write_page(path: Path, html: str) -> None:
    """Write a page, whole or not at all, and say so."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(html, encoding="utf-8", errors="replace")
    part.replace(path)
    note(f"wrote {path}")


def show(text: str = "") -> None:
    """Print text as it is, without colours or wrapping."""
    typer.echo(text)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table whose cells are shown whole where standard output is no terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console.print(table, crop=False)


def _cell(value: object) -> Text:
    # Text, not str: rich would read square brackets in a string as its markup.
    return Text("" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value))
