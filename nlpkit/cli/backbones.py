"""`nlpkit backbones`: the pretrained models at hand."""

from __future__ import annotations

import typer

from nlpkit.cli.output import emit, show


def backbones(json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else.")) -> None:
    """List the backbones that need no download. A folder or a Hugging Face name can be one too."""
    from nlpkit import backbone

    for name in backbone.available():
        if json:
            emit({"name": name})
        else:
            show(name)
