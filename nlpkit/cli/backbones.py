"""`nlpkit backbones`: the pretrained models at hand."""

from __future__ import annotations

import typer

from nlpkit.cli.output import emit, show


def backbones(json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else.")) -> None:
    """List the backbones that need no download. A folder, a GGUF file or a Hugging Face name can be one too."""
    from nlpkit.embedded import EMBEDDED, available

    for name in available():
        if json:
            emit({"name": name, "about": EMBEDDED[name].about})
        else:
            show(f"{name}: {EMBEDDED[name].about}")
    for name, embedded in EMBEDDED.items():
        if not json and not embedded.installed:
            show(f"{name}: {embedded.about}; not installed, run: {embedded.install}")
