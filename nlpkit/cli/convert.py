"""`nlpkit convert`: a data file in another format, and what that has no place for."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.check import note_losses
from nlpkit.cli.output import note


def convert(
    source: Path = typer.Argument(help="The data file or folder to read (FILE or FILE#PART)."),
    out: Path = typer.Argument(help="The file to write; for brat and slots a folder."),
    read_as: str = typer.Option(
        "auto", "--from", help="The format of what is read; by default it is found by looking."
    ),
    to: str = typer.Option("", "--to", help="The format to write; by default what the name's end says."),
    scheme: str = typer.Option("bio", "--scheme", help="The tags of conll: bio, bioes, bmes or iob1."),
) -> None:
    """Write a data file in another format; what is lost is counted and said."""
    from nlpkit import data
    from nlpkit.data.writing import format_for, spare, write

    spare([out], [source])
    documents = [example.document for example in data.read(source, read_as)]
    format = to or format_for(out, documents)
    losses = write(out, documents, format, scheme=scheme)
    note_losses(losses)
    note(f"wrote {out}: {len(documents):,} texts as {format}{'' if losses else ', nothing was lost'}")
