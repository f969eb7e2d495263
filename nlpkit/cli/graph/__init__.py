"""The commands `nlpkit graph ...`."""

from __future__ import annotations

import typer

from nlpkit.cli.graph import ask, build, check, edit, link, query, show, suggest, transfer

app = typer.Typer(help="Build a knowledge graph from texts, ask it, show it, move it.", no_args_is_help=True)
app.command("build")(build.build)
app.command("add")(build.add)
app.command("re-extract")(build.re_extract)
app.command("ask")(ask.ask)
app.command("evaluate")(ask.evaluate)
app.command("check")(check.check)
app.command("link")(link.link)
app.command("suggest")(suggest.suggest)
app.command("query")(query.query)
app.command("show")(show.show)
app.command("export")(transfer.export)
app.command("import")(transfer.import_)
app.command("merge")(edit.merge)
app.command("diff")(edit.diff)
app.command("verify")(edit.verify)
app.command("remove")(edit.remove)
app.command("merges")(edit.merges)
app.command("undo")(edit.undo)
