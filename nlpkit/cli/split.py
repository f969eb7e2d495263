"""`nlpkit split`: a data file in parts for training, choosing and testing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import typer

from nlpkit.cli.check import note_losses
from nlpkit.cli.output import note, show_table


def split(
    source: Path = typer.Argument(help="The data file or folder to part (FILE or FILE#PART)."),
    out: Path = typer.Option(..., "--out", help="The folder to write the parts to."),
    parts: str = typer.Option("train=0.8,dev=0.1,test=0.1", "--parts", help="The parts and their shares."),
    by: str = typer.Option("text", "--by", help="What stays together: text, document, or a field of the metadata."),
    seed: int = typer.Option(13, "--seed", help="What is drawn with."),
    format: str = typer.Option("auto", "--format", help="The file's format; by default it is found by looking."),
) -> None:
    """Part a data set so that labels are spread evenly and no text is in two parts."""
    from nlpkit import data
    from nlpkit.data import splitting
    from nlpkit.data.writing import WRITERS, same_as, spare, write

    read_as = data.format_of(source) if format == data.AUTO else format
    documents = [example.document for example in data.read(source, read_as)]
    found = splitting.split(documents, splitting.shares_of(parts), by=by, seed=seed)
    to = same_as(read_as, documents)
    bare = Path(source.name.partition("#")[0].removesuffix(".gz"))
    suffix = bare.suffix if to == read_as and not source.is_dir() else WRITERS[to].suffix
    paths = {name: out / f"{name}{suffix}" for name in found}
    spare(list(paths.values()), [source])
    losses: Counter[str] = Counter()
    for name, part in found.items():
        losses += write(paths[name], part, to)
    rows = ((of, label, *counts.values()) for of, label, counts in splitting.counted(found))
    show_table(("of", "label", *found), [("", "texts", *map(len, found.values())), *rows])
    note_losses(losses)
    note(f"wrote {', '.join(map(str, paths.values()))} as {to}")
