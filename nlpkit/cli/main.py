"""The command `nlpkit`: its commands, and what each ends with.

Exit status: 0 done, 1 the input or data is at fault, 2 wrong usage, 130 stopped by the user.
Commands import what they need when they run, so that `nlpkit --help` loads no model code.
"""

from __future__ import annotations

import typer

from nlpkit.cli import (
    adapters,
    backbones,
    chat,
    check,
    compare,
    convert,
    demo,
    evaluate,
    explain,
    further,
    generate,
    init,
    predict,
    split,
    tasks,
    train,
)
from nlpkit.cli.graph import app as graph_app
from nlpkit.cli.output import Guarded
from nlpkit.cli.pack import app as pack_app

app = typer.Typer(
    name="nlpkit",
    cls=Guarded,
    help="Text to entities, relations, a knowledge graph and answered questions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("predict")(predict.predict)
app.command("init")(init.init)
app.command("train")(train.train)
app.command("continue")(further.further)
app.command("evaluate")(evaluate.evaluate)
app.command("explain")(explain.explain)
app.command("tasks")(tasks.tasks)
app.command("adapters")(adapters.adapters)
app.command("generate")(generate.generate)
app.command("chat")(chat.chat)
app.command("compare")(compare.compare)
app.command("check")(check.check)
app.command("split")(split.split)
app.command("convert")(convert.convert)
app.command("backbones")(backbones.backbones)
app.add_typer(graph_app, name="graph")
app.add_typer(pack_app, name="pack")
app.command("demo")(demo.demo)


@app.callback(invoke_without_command=True)
def nlpkit(
    version: bool = typer.Option(False, "--version", help="Print the version and end.", is_eager=True),
) -> None:
    """Text to entities, relations, a knowledge graph and answered questions."""
    if version:
        from nlpkit import __version__

        typer.echo(__version__)
        raise typer.Exit
