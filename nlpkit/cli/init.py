"""`nlpkit init`: a recipe for one's own data, to edit."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.output import note, show
from nlpkit.errors import InputError


def init(
    data: str = typer.Option(..., "--data", help="The file to learn from, in any format that nlpkit reads."),
    kind: str | None = typer.Option(None, "--as", help="The kind of task (ner); by default what the file holds."),
    dev: Path | None = typer.Option(None, "--dev", help="A file to choose on; else a tenth of the data is held out."),
    test: Path | None = typer.Option(None, "--test", help="A file to report on."),
    backbone: str | None = typer.Option(None, "--backbone", "-b", help="The backbone; by default for the language."),
    out: Path | None = typer.Option(None, "--out", help="The .toml file to write; else the recipe is printed."),
) -> None:
    """Write a recipe for data files, to edit and to train with."""
    from nlpkit.data import home
    from nlpkit.drafting import draft, written

    if out is not None and out.exists():
        raise InputError(f"{out} is there already; give another --out, or remove it")
    text = written(draft(data, kind=kind, dev=dev, test=test, backbone=backbone))
    if out is None:
        show(text.rstrip("\n"))
        return
    part = out.with_name(f".{out.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(out)
    note(f"wrote {out}; next: nlpkit train {out} --data {home(data)} --out ADAPTER")
