"""`nlpkit evaluate`: an adapter's scores on a test file, or those of what a decoder writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from nlpkit.cli.output import emit, note, show, show_table
from nlpkit.cli.settings import pairs, parsed
from nlpkit.errors import InputError

BARE = "bare"
"""What `--against` calls the decoder without the adapter."""


def evaluate(
    target: str = typer.Argument(
        help="An adapter (its name or folder), or a kind of text that a decoder writes, such as summary."
    ),
    data: Path = typer.Option(..., "--data", help="The test file; for what is written, JSON lines of pairs."),
    backbone: str = typer.Option("smollm2", "--backbone", "-b", help="The decoder that writes a kind of text."),
    chosen: list[str] = typer.Option(
        [], "--set", "-s", help="A setting of the decoding, as KEY=VALUE; again for more."
    ),
    against: list[str] = typer.Option(
        [], "--against", help="Write once more, with these settings, or 'bare': without the adapter."
    ),
    html: Path | None = typer.Option(None, "--html", help="A page to show what was written, side by side."),
    robustness: bool = typer.Option(False, "--robustness", help="Scores under typing errors, other case, new names..."),
    fairness: bool = typer.Option(False, "--fairness", help="Scores where the texts tell of other groups of people."),
    groups: Path | None = typer.Option(None, "--groups", help="Groups of your own for --fairness, as TOML."),
    json: bool = typer.Option(False, "--json", help="One JSON object, and nothing else."),
) -> None:
    """Measure an adapter, or what a decoder writes, on data with known answers."""
    from nlpkit import checkpoint, writings

    if groups is not None and not fairness:
        raise InputError("--groups says between whom --fairness compares; give both")
    if target in writings.names() or _writes(target):
        if robustness or fairness:
            raise InputError(f"{target!r} writes texts; --robustness and --fairness are for what reads")
        settings = {key: parsed(value) for key, value in pairs(chosen, "--set")}
        other = None
        if against:
            changes = [change for change in against if change != BARE]
            other = {key: parsed(value) for key, value in pairs(changes, "--against")}
        _written(target, data, backbone, settings, other, html, json=json, bare=BARE in against)
        return
    if chosen or against or html:
        checkpoint.locate(target)
        raise InputError(f"{target!r} reads texts; --set, --against and --html are for what is written")
    _read(target, data, {"robustness": robustness, "fairness": fairness, "groups": groups}, json=json)


def _writes(target: str) -> bool:
    from nlpkit import checkpoint
    from nlpkit.recipes import GENERATION

    heads: list[str] = checkpoint.account(checkpoint.locate(target))["recipe"]["heads"]
    return heads == [GENERATION]


def _read(adapter: str, data: Path, wanted: dict[str, Any], *, json: bool) -> None:
    import nlpkit
    from nlpkit.cli.probes import probes, show_fairness, show_robustness

    probed = probes(adapter, data, **wanted)
    evaluation = nlpkit.evaluate(adapter, data=data).to_dict()
    if json:
        emit({**evaluation, **{key: found.to_dict() for key, found in probed.items()}})
        return
    show(f"{evaluation['task']} on {evaluation['data']}, {evaluation['n']} documents")
    show_table(("score", "value"), ((name, f"{value:.4f}") for name, value in evaluation["scores"].items()))
    if "robustness" in probed:
        show_robustness(probed["robustness"])
    if "fairness" in probed:
        show_fairness(probed["fairness"])


def _written(
    target: str,
    data: Path,
    backbone: str,
    settings: dict[str, Any],
    other: dict[str, Any] | None,
    html: Path | None,
    *,
    json: bool,
    bare: bool,
) -> None:
    """Write to the prompts once, or twice to compare."""
    from nlpkit import checkpoint, recipes, writings
    from nlpkit.data import located, read
    from nlpkit.generate import Generator
    from nlpkit.written import page, write

    kind = target if target in writings.names() else None
    if kind is not None:
        generator, adapter, name, form = Generator.from_pretrained(backbone), None, "", "pairs"
    else:
        asked = recipes.from_dict(checkpoint.account(checkpoint.locate(target))["recipe"], strict=False).data
        generator = Generator.for_adapter(target)
        adapter, name, form = generator.load(target), asked.test or asked.train, asked.format
    path = located(data, name, form)
    documents = [e.document for e in read(path, form)]
    given = {"chat": generator.chats(adapter)} | settings  # the bare decoder is asked as the adapter is
    columns = {_called(target, settings): write(generator, documents, adapter=adapter, kind=kind, **given)}
    if other is not None:
        with_adapter = None if bare else adapter
        label = _called(BARE if bare else target, other)
        columns[label] = write(generator, documents, adapter=with_adapter, kind=kind, **given | other)
    if html is not None:
        part = html.with_name(f".{html.name}.part")
        part.write_text(page(documents, columns), encoding="utf-8")
        part.replace(html)
        note(f"wrote {html}")
    if json:
        first, *rest = columns.values()
        compared = {"against": rest[0].scores} if rest else {}
        emit(
            {
                "task": target,
                "data": path.name,
                "n": len(documents),
                "scores": first.scores,
                "per_label": {},
                **compared,
            }
        )
        return
    show(f"{target} on {path.name}, {len(documents)} prompts")
    metrics = dict.fromkeys(metric for written in columns.values() for metric in written.scores)
    values = ((m, *(f"{w.scores[m]:.4f}" if m in w.scores else "" for w in columns.values())) for m in metrics)
    show_table(("score", *columns), values)


def _called(name: str, settings: dict[str, Any]) -> str:
    return ", ".join([name, *(f"{key}={value}" for key, value in settings.items())])
