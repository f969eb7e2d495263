"""From a TOML file to a pack."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from nlpkit import __version__, checkpoint
from nlpkit.card import label_names
from nlpkit.domain import KINDS, Domain, LabelSpec, RelationSpec
from nlpkit.errors import AdapterError, RecipeError
from nlpkit.graph.vocabulary import completed, own_inverses, vocabulary
from nlpkit.packing.contents import CARD, FILES, MANIFEST, Pack, PackedAdapter, PackedBackbone, hashes, is_closed, write
from nlpkit.recipes import GENERATION, table_of
from nlpkit.tables import Rule, read

_NOT_EMPTY = Rule("not empty", bool)


@dataclass(frozen=True, slots=True)
class PackSpec:
    """What goes into a pack, as its TOML file says it; the tables are those of a `Domain`.

    `adapters` are folders, seen from where the file lies, or names of shipped ones. `licence` is that of what the file
    itself says: its aliases and descriptions.
    """

    title: Annotated[str, _NOT_EMPTY]
    licence: Annotated[str, _NOT_EMPTY]
    adapters: Annotated[tuple[str, ...], _NOT_EMPTY]
    labels: Mapping[str, LabelSpec] = field(default_factory=dict)
    relations: Mapping[str, RelationSpec] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)


def build(file: str | Path, out: str | Path, *, any_licence: bool = False) -> Pack:
    """Build the pack that a TOML file describes: a folder, or one file where `out` ends in .pack or .zip.

    Written whole or not at all; a pack that was there is replaced. What a relation leaves out is taken from
    `nlpkit/graph/wikidata.toml`, so that a pack says all that it knows.

    Args:
        file: the TOML file (see `PackSpec`).
        out: where to.
        any_licence: also pack adapters whose licences forbid handing them on, or do not say that one may.

    Raises:
        RecipeError: the file is broken, or has settings for labels that nothing gives.
        AdapterError: an adapter is missing or damaged, of another backbone, or must not be handed on.
        InputError: something that is no pack lies at `out`.

    """
    file, out = Path(file), Path(out)
    spec = read(PackSpec, table_of(file), str(file), "")
    folders = [_located(adapter, file.parent) for adapter in spec.adapters]
    accounts = [checkpoint.account(folder) for folder in folders]
    for name, account in zip(spec.adapters, accounts, strict=True):
        _check_account(name, account, accounts[0], any_licence)
    relations = {key: completed(key, relation) for key, relation in spec.relations.items()}
    _check_labels(accounts, replace(spec, relations=relations), str(file))
    _check_rules(relations, str(file))
    domain = Domain(spec.labels, relations, spec.thresholds, spec.aliases)
    backbone = PackedBackbone(**{name: accounts[0]["backbone"][name] for name in PackedBackbone.__slots__})
    with tempfile.TemporaryDirectory(prefix="nlpkit-pack-") as scratch:
        folder = Path(scratch)
        adapters = tuple(_packed(source, account, folder) for source, account in zip(folders, accounts, strict=True))
        versions = {"nlpkit": __version__} | {name: version(name) for name in ("torch", "transformers", "peft")}
        pack = Pack(spec.title, spec.licence, backbone, adapters, domain, {}, versions)
        (folder / CARD).write_text(_card(pack), encoding="utf-8")
        pack = replace(pack, files=hashes(folder))
        (folder / MANIFEST).write_text(json.dumps(pack.to_dict(), indent=1, ensure_ascii=False) + "\n", "utf-8")
        write(folder, out)
    return pack


def _located(adapter: str, beside: Path) -> Path:
    near = beside / adapter
    return near if near.is_dir() else checkpoint.locate(adapter)


def _check_account(name: str, account: Mapping[str, Any], first: Mapping[str, Any], any_licence: bool) -> None:
    ours, theirs = account["backbone"], first["backbone"]
    if ours["sha256"] != theirs["sha256"]:
        raise AdapterError(
            f"{name} was trained on the backbone {ours['name']!r} (SHA-256 {ours['sha256'][:12]}...), others on "
            f"{theirs['name']!r} ({theirs['sha256'][:12]}...); a pack has one backbone: make a pack of each"
        )
    if GENERATION in account["recipe"]["heads"]:
        raise AdapterError(f"{name} writes texts, which a kit does not; a pack takes adapters that read")
    licence = account["recipe"]["licence"]
    if is_closed(licence) and not any_licence:
        raise AdapterError(
            f"{name} has the licence {licence!r}, by which it must not simply be handed on; leave it out, or say "
            "--any-licence for a pack that you keep to yourself"
        )


def _check_labels(accounts: Sequence[Mapping[str, Any]], spec: PackSpec, source: str) -> None:
    """Refuse settings for labels that nothing gives: a slip of the pen would be passed over in silence."""
    heads = [head for account in accounts for head in account["heads"].values()]
    given = {name for head in heads for name in (*label_names(head), *(head.get("relations") or {}))}
    types = given | {label.type for label in spec.labels.values()} - {""}
    relations = set(spec.relations) | {relation.label for relation in spec.relations.values()}
    tasks = {account["recipe"]["name"] for account in accounts}
    ends = [type_ for relation in spec.relations.values() for side in relation.types for type_ in side]
    checks: tuple[tuple[str, Sequence[str], set[str]], ...] = (
        ("thresholds", tuple(spec.thresholds), types | relations | tasks | set(KINDS)),
        ("aliases", tuple(spec.aliases), types),
        ("types of relations", ends if types else (), types | {"PER", "LOC", "ORG", "MISC", "TIME", "NUM"}),
    )
    for where, names, allowed in checks:
        for name in names:
            if name not in allowed:
                raise RecipeError(
                    f"{source}: {where}: nothing in this pack gives {name!r}; known: {', '.join(sorted(allowed))}"
                )


def _check_rules(relations: Mapping[str, RelationSpec], source: str) -> None:
    """Refuse relations that name none that is known, or that are their own inverses without being symmetric."""
    known = {*vocabulary().wordings, *(spec.label or key for key, spec in relations.items())}
    for key, spec in relations.items():
        for rule, names in (("inverse", spec.inverse), ("after", (spec.after,) * bool(spec.after))):
            for name in names:
                if name not in known:
                    near = ", ".join(get_close_matches(name, known, n=3)) or "wikidata.toml has the names"
                    raise RecipeError(f"{source}: relations.{key}.{rule}: no relation {name!r}; near it: {near}")
    for group in own_inverses(relations):
        raise RecipeError(
            f"{source}: relations: by their `inverse`, {' and '.join(map(repr, group))} would say the same in both "
            "directions; name one inverse for each, or set `symmetric = true` where that is meant"
        )


def _packed(source: Path, account: Mapping[str, Any], folder: Path) -> PackedAdapter:
    """Copy an adapter's files into a pack."""
    recipe = account["recipe"]
    name = re.sub(r"[^0-9A-Za-z._-]+", "-", recipe["name"]).strip(".-") or "adapter"
    to = folder / "adapters" / name
    if to.exists():
        raise RecipeError(f"two adapters are called {recipe['name']!r}; a kit can hold one of them: leave one out")
    to.mkdir(parents=True)
    for file in FILES:
        if (source / file).is_file():
            shutil.copyfile(source / file, to / file)
    return PackedAdapter(recipe["name"], f"adapters/{name}", recipe["licence"])


def _card(pack: Pack) -> str:
    """Return the README of a pack, made of nothing but its manifest."""
    domain = pack.domain
    labels = [
        f"- `{name}`{f', kept as `{s.type}`' * bool(s.type)}: {s.description}" for name, s in domain.labels.items()
    ]
    n_names = sum(map(len, domain.aliases.values()))
    parts = [
        f"---\nlibrary_name: nlpkit\nlicense: {pack.licence.lower()}\n---\n",
        f"# {pack.title}\n",
        f"A pack for nlpkit. It belongs on the backbone {pack.backbone.name} (SHA-256 {pack.backbone.sha256[:16]}...), "
        "which is not part of it.\n",
        "| adapter | licence |\n|---|---|",
        *(f"| {adapter.name} | {adapter.licence} |" for adapter in pack.adapters),
        *_section("Labels", labels),
        *_section("Relations", [f"- {s.label or key} (`{key}`)" for key, s in domain.relations.items()]),
        *_section("Least scores", [f"- `{name}`: {least:g}" for name, least in domain.thresholds.items()]),
        *_section("Aliases", [f"Other names of {n_names} entities."] if n_names else []),
        '\n## Load\n\n```python\nimport nlpkit\n\nkit = nlpkit.load("path/to/this/pack")\n```\n',
    ]
    return "\n".join(parts)


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"\n## {title}\n", *lines] if lines else []
