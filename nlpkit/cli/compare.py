"""`nlpkit compare`: labels without training, with examples in a prompt, and by trained adapters, on the same texts."""

from __future__ import annotations

import random
from pathlib import Path

import typer

from nlpkit.cli.output import emit, note, show, show_table
from nlpkit.cli.settings import pairs
from nlpkit.errors import InputError


def compare(
    train: Path = typer.Option(..., "--train", help="Labelled texts to draw examples from (FILE or FILE#PART)."),
    test: Path = typer.Option(..., "--test", help="Labelled texts to measure on."),
    format: str = typer.Option("csv", "--format", help="The files' format: csv, tsv, intents, trec."),
    word: list[str] = typer.Option([], "--word", "-w", help="A label in words, as LABEL=WORDS; again for more."),
    encoder: str = typer.Option("default", "--encoder", help="What is asked zero-shot, and adapted."),
    decoder: str = typer.Option("smollm2", "--decoder", help="What is shown examples; none leaves it out."),
    shots: str = typer.Option("0,4,16", "--shots", help="Numbers of examples in a prompt."),
    sizes: str = typer.Option("8,64,512,all", "--sizes", help="Numbers of examples that an adapter learns from."),
    items: int = typer.Option(500, "--items", min=1, help="Test texts at most, drawn with the seed."),
    seed: int = typer.Option(13, "--seed", help="What examples are drawn with."),
    plot: Path | None = typer.Option(None, "--plot", help="A chart of it: an .svg, .png or .pdf file."),
    json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else."),
) -> None:
    """Measure which way your labels need: none, a few examples in a prompt, or an adapter trained on more."""
    from nlpkit import comparing
    from nlpkit.data import read

    words = dict(pairs(word, "--word"))
    golds = [e.document for e in read(test, format)]
    chosen = random.Random(seed).sample(golds, items) if items < len(golds) else golds
    note(f"{len(chosen)} of {len(golds)} test texts")
    found = []
    comparison = comparing.Comparison(
        [e.document for e in read(train, format)],
        chosen,
        words=words,
        encoder=encoder,
        decoder=None if decoder == "none" else decoder,
        seed=seed,
    )
    shown = [number for number in _numbers(shots, "--shots") if number is not None]
    for point in comparison.points(shown, _numbers(sizes, "--sizes")):
        found.append(point)
        note(f"{point.way}, {point.examples} examples: {point.accuracy:.3f} in {point.seconds:.0f} s")
        if json:
            emit(point.to_dict())
    if plot is not None:
        comparing.plot({test.name: found}, plot)
        note(f"wrote {plot}")
    if not json:
        rows = [
            (p.way, p.model, p.examples, f"{p.accuracy:.3f}", f"{p.seconds:.0f}", f"{1000 * p.seconds_per_text:.0f}")
            for p in found
        ]
        show(f"{test.name}, {len(chosen)} texts")
        show_table(("way", "model", "examples", "accuracy", "seconds", "ms a text"), rows)


def _numbers(given: str, option: str) -> list[int | None]:
    """Return the numbers of a list; "all" is None."""
    found: list[int | None] = []
    for part in given.split(","):
        if part.strip() == "all" and option == "--sizes":
            found.append(None)
        elif part.strip().isdigit():
            found.append(int(part))
        else:
            allowed = "numbers, such as 0,4,16" if option == "--shots" else "numbers above 1 or all, such as 8,64,all"
            raise InputError(f"{option} {given!r}: {part!r} is no such number; allowed: {allowed}")
    return found
