"""Whether a pack may be used, and handed on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from nlpkit import checkpoint
from nlpkit.errors import InputError, ModelError
from nlpkit.packing.contents import MANIFEST, Pack, PackedAdapter, faults, is_closed, is_pack, sha256, unchecked


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of a pack found: `faults` keep it from being used or handed on, `notes` do not.

    `sha256` is that of the manifest, which holds those of all files: two packs with the same one are the same.
    """

    pack: str
    title: str = ""
    sha256: str = ""
    backbone: str = ""
    adapters: tuple[PackedAdapter, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return asdict(self)


def check(path: str | Path, *, any_licence: bool = False) -> Report:
    """Check a pack: its files against their hashes, its licences, and whether its adapters load.

    Args:
        path: the pack.
        any_licence: whether adapters may be in it that must not be handed on.

    Raises:
        InputError: there is no pack.

    """
    if not is_pack(path):
        raise InputError(f"{path} is no pack: neither a folder with a {MANIFEST} nor a zip of one")
    report = Report(str(path))
    try:
        with unchecked(Path(path)) as pack:
            report = replace(
                report,
                title=pack.title,
                sha256=sha256(pack.folder / MANIFEST),
                backbone=f"{pack.backbone.name} (SHA-256 {pack.backbone.sha256[:12]}...)",
                adapters=pack.adapters,
                versions=pack.versions,
                notes=tuple(_notes(pack)),
            )
            found = list(faults(pack))
            if not found:
                _load(pack)
            if not any_licence:
                found += [
                    f"{a.name} has the licence {a.licence!r}: keep it to yourself" for a in pack.adapters if a.closed
                ]
    except ModelError as e:
        found = [str(e)]
    return replace(report, faults=tuple(found))


def _load(pack: Pack) -> None:
    """Load the adapters onto one backbone, as a kit does."""
    adapted = None
    for adapter in pack.adapters:
        adapted = checkpoint.load(pack.folder / adapter.folder, adapted).adapted


def _notes(pack: Pack) -> Iterator[str]:
    there = {p.relative_to(pack.folder).as_posix() for p in pack.folder.rglob("*") if p.is_file()}
    if more := sorted(name for name in there - set(pack.files) - {MANIFEST} if not name.startswith(".")):
        yield f"{len(more)} files are not listed and not used: {', '.join(more[:5])}"
    if is_closed(pack.licence):
        yield f"the pack itself has the licence {pack.licence!r}"
