"""`nlpkit evaluate` for what a decoder writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlpkit.cli.output import emit, show, show_table, write_page
from nlpkit.cli.settings import pairs, parsed

BARE = "bare"
"""What `--against` calls the decoder without the adapter."""


def evaluate_written(
    target: str,
    data: Path,
    *,
    backbone: str,
    settings: Sequence[str],
    against: Sequence[str],
    html: Path | None,
    json: bool,
) -> None:
    """Write to the prompts once, or twice to compare."""
    given = {key: parsed(value) for key, value in pairs(settings, "--set")}
    changes = [change for change in against if change != BARE]
    other = {key: parsed(value) for key, value in pairs(changes, "--against")} if against else None
    _write(target, data, backbone, given, other, html, json=json, bare=BARE in against)


def _write(
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
        write_page(html, page(documents, columns))
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
