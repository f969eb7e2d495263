"""`nlpkit continue`: an adapter trained further on new data."""

from __future__ import annotations

from pathlib import Path

import typer

from nlpkit.cli.output import note, show, show_table
from nlpkit.cli.progress import Bar
from nlpkit.cli.train import drawn, teller


def further(
    adapter: str = typer.Argument(help="The adapter to go on from, by folder or name; it stays as it is."),
    data: str = typer.Option(..., "--data", help="The file of new data to learn from."),
    out: Path = typer.Option(..., "--out", help="The folder to write the new adapter to."),
    dev: Path | None = typer.Option(None, "--dev", help="New data to choose on; else a tenth is held out."),
    test: Path | None = typer.Option(None, "--test", help="New data to report on, before and after."),
    replay: str | None = typer.Option(None, "--replay", help="Old data, of which some is learnt again."),
    share: float = typer.Option(0.5, "--share", min=0.0, help="How much of it, as a share of the new texts."),
    old: Path | None = typer.Option(None, "--old-test", help="Old data to report on, before and after."),
) -> None:
    """Train an adapter further on new data, and say what it lost on the old."""
    from nlpkit import checkpoint
    from nlpkit.continuing import go_on
    from nlpkit.steps import processes

    first = processes().is_main_process
    with Bar(adapter, "steps") as bar:
        path = go_on(
            adapter,
            data=data,
            out=out,
            dev=dev,
            test=test,
            replay=replay,
            share=share,
            old=old,
            progress=teller(bar) if first else None,
        )
    if not first:
        return
    drawn(path)
    if replay is None:
        note("nothing of the old data was learnt again; --replay FILE keeps more of what the adapter knew")
    continued = checkpoint.account(path)["continued"]
    rows = (
        (f"{which}: {metric}", f"{value:.4f}", f"{continued[which]['after'][metric]:.4f}")
        for which in ("old", "new")
        for metric, value in continued.get(which, {}).get("before", {}).items()
    )
    show_table(("data and score", "before", "after"), rows)
    show(str(path))
