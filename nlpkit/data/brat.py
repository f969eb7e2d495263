"""Folders of brat's standoff files: a text `N.txt` and its annotations `N.ann` for each document."""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nlpkit.data.files import opened
from nlpkit.data.relations import joined
from nlpkit.errors import DataError
from nlpkit.types import Chain, Document, Entity, Example, Relation

_log = logging.getLogger(__name__)
_LINE = re.compile(r"([TREAMN#]\S*|\*)\t")
_SPAN = re.compile(r"(\S+) (\d+ \d+(?:;\d+ \d+)*)")
_RELATION = re.compile(r"(\S+) \S+:(T\d+) \S+:(T\d+)\s*")
_SHAPES = "allowed: T1<tab>TYPE START END<tab>TEXT, R1<tab>TYPE Arg1:T1 Arg2:T2, *<tab>TYPE T1 T2"


def read(folder: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read brat's standoff files (Stenetorp et al. 2012): one Example a document, in the order of their names.

    Text-bound annotations become entities, relations and equivalences ("*" lines) relations and chains; events,
    attributes, normalisations and notes are passed over. A span of several pieces, or one whose text is not that of its
    place, is left out with its relations, and a warning counts them.

    Args:
        folder: with `.txt` and `.ann` files, gzipped or not, or a zip.
        parts: the folder within a zip.

    Raises:
        DataError: no such files, a line that is no annotation, or a relation of spans that are not there (it is named).

    """
    if len(parts) > 1:
        raise DataError(f"{folder}: {'+'.join(parts)!r} names several folders; name one")
    found: list[str] = []
    part = parts[0].strip("/") if parts else ""
    names = _names(folder, part)
    if not names:
        raise DataError(f"{folder} holds no pairs of NAME.txt and NAME.ann; give the folder that does")
    for stem, (text, marks) in names.items():
        id = stem.removeprefix(f"{part}/")
        yield Example(_document(folder, text, marks, id, found), id)
    if found:
        _log.warning("%s: %d spans were left out; the first: %s", folder, len(found), found[0])


def _names(folder: Path, part: str) -> dict[str, tuple[str, str]]:
    """Return the text and the annotations of each document, as paths from the folder or within the zip."""
    if folder.is_dir():
        paths: Iterable[str] = (path.name for path in folder.iterdir())
    else:
        try:
            with zipfile.ZipFile(folder) as archive:
                paths = [name for name in archive.namelist() if not part or name.startswith(f"{part}/")]
        except (OSError, zipfile.BadZipFile) as e:
            raise DataError(f"cannot read {folder}: {e}; give a folder or a zip of brat's files") from e
    held: dict[str, dict[str, str]] = {}
    for path in sorted(paths):
        stem, dot, kind = path.removesuffix(".gz").rpartition(".")
        if dot and kind in ("txt", "ann"):
            held.setdefault(stem, {})[kind] = path
    return {stem: (kinds["txt"], kinds["ann"]) for stem, kinds in held.items() if len(kinds) == 2}


def _content(folder: Path, name: str) -> str:
    with opened(folder / name) if folder.is_dir() else opened(folder, name) as file:
        return file.read()


def _document(folder: Path, text_name: str, name: str, id: str, left_out: list[str]) -> Document:
    text = _content(folder, text_name)
    entities: dict[str, Entity | None] = {}
    relations: list[tuple[int, str]] = []
    alike: list[tuple[int, str]] = []
    for number, line in _joined_lines(_content(folder, name)):
        place, (key, _, rest) = f"{folder / name}, line {number}", line.partition("\t")
        if key.startswith("T"):
            entities[key] = _entity(text, rest, place, left_out)
        elif key.startswith("R"):
            relations.append((number, rest))
        elif key == "*":
            alike.append((number, rest))
        elif not _LINE.match(line):
            raise DataError(f"{place}: {line!r:.60} is no annotation; {_SHAPES}")
    claims = [_relation(entities, rest, f"{folder / name}, line {n}") for n, rest in relations]
    there = [entity for entity in entities.values() if entity]
    document = joined(text, id, there, [claim for claim in claims if claim])
    groups = [_group(entities, rest, f"{folder / name}, line {n}") for n, rest in alike]
    return replace(document, chains=_chained(document.chains, groups)) if groups else document


def _joined_lines(content: str) -> Iterator[tuple[int, str]]:
    """Yield the annotations with their line numbers; one whose text holds a line break goes over several lines."""
    first, parts = 0, list[str]()
    for number, line in enumerate(content.split("\n"), 1):
        bare = line.rstrip("\r")
        if _LINE.match(bare) or not parts:
            if parts:
                yield first, "\n".join(parts)
            first, parts = number, [bare] if bare.strip() else []
        else:
            parts.append(bare)
    if parts:
        yield first, "\n".join(parts)


def _entity(text: str, rest: str, place: str, left_out: list[str]) -> Entity | None:
    described, _, said = rest.partition("\t")
    match = _SPAN.fullmatch(described)
    if match is None:
        raise DataError(f"{place}: {described!r:.60} is no span; {_SHAPES}")
    if ";" in match[2]:
        left_out.append(f"{place} (of several pieces)")
        return None
    start, end = map(int, match[2].split())
    if "".join(text[start:end].split()) != "".join(said.split()) or start >= end:
        left_out.append(f"{place} ({said.strip()!r:.40} is not the text at {start}-{end}, {text[start:end]!r:.40})")
        return None
    return Entity(text[start:end], start, end, match[1])


def _relation(entities: Mapping[str, Entity | None], rest: str, place: str) -> Relation | None:
    match = _RELATION.fullmatch(rest)
    if match is None or match[2] not in entities or match[3] not in entities:
        raise DataError(f"{place}: {rest!r:.60} is no relation of two spans of this document; {_SHAPES}")
    subject, object_ = entities[match[2]], entities[match[3]]
    return Relation(subject, match[1], object_) if subject and object_ else None


def _group(entities: Mapping[str, Entity | None], rest: str, place: str) -> list[Entity]:
    keys = rest.split()[1:]
    if unknown := [key for key in keys if key not in entities]:
        raise DataError(f"{place}: {unknown[0]!r} is no span of this document; {_SHAPES}")
    return [entity for key in keys if (entity := entities[key])]


def _chained(chains: Sequence[Chain], groups: Sequence[Sequence[Entity]]) -> tuple[Chain, ...]:
    """Return chains of one mention each, put together as groups say; the longest mention names a chain."""
    heads = {(c.mentions[0].start, c.mentions[0].end, c.label): n for n, c in enumerate(chains)}
    owner = list(range(len(chains)))
    for group in groups:
        numbers = {owner[heads[e.start, e.end, e.label]] for e in group}
        owner = [min(numbers) if number in numbers else number for number in owner]
    together: dict[int, list[Chain]] = {}
    for chain, number in zip(chains, owner, strict=True):
        together.setdefault(number, []).append(chain)
    return tuple(_one(members) for members in together.values())


def _one(members: Sequence[Chain]) -> Chain:
    named = max(members, key=lambda chain: len(chain.name))
    return replace(named, mentions=tuple(mention for chain in members for mention in chain.mentions))
