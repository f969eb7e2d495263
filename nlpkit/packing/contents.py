"""A pack on disk: `pack.json` says what is inside, and is checked whenever a pack is opened.

It lists every file with its SHA-256, the backbone with its own, the licences, and the `Domain`. A pack is a folder, or
a zip of one. safetensors only; nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from nlpkit import checkpoint
from nlpkit.data.files import FREE, RATIO, load_json
from nlpkit.domain import Domain
from nlpkit.errors import AdapterError, DataError, InputError, RecipeError
from nlpkit.tables import read

FORMAT = 1
MANIFEST, CARD = "pack.json", "README.md"
FILES = frozenset(
    {"adapter_config.json", "adapter_model.safetensors", checkpoint.HEADS_FILE, checkpoint.ACCOUNT, "README.md"}
)
"""What belongs to an adapter; whatever else lies in its folder is not packed, and not read."""
_PACKED = (".pack", ".zip")
_CLOSED = re.compile(
    r"^$|not stated|unknown|non-?commercial|-nc\b|-nd\b|research only|for research|academic use|proprietary|all rights",
    re.IGNORECASE,
)
_NEXT = "take the whole pack again, or build it anew"


@dataclass(frozen=True, slots=True)
class PackedBackbone:
    """The backbone that a pack's adapters belong on; it is not in the pack."""

    name: str
    sha256: str
    hidden_width: int
    n_layers: int


@dataclass(frozen=True, slots=True)
class PackedAdapter:
    """An adapter of a pack: its name, its folder inside, and the licence of what it was trained on."""

    name: str
    folder: str
    licence: str

    @property
    def closed(self) -> bool:
        """Whether its licence forbids handing it on, or does not say that one may."""
        return is_closed(self.licence)


@dataclass(frozen=True, slots=True)
class Pack:
    """What a pack is made of, and the folder where it lies open."""

    title: str
    licence: str
    backbone: PackedBackbone
    adapters: tuple[PackedAdapter, ...]
    domain: Domain
    files: Mapping[str, str]
    versions: Mapping[str, str]
    folder: Path = field(default_factory=Path)

    def to_dict(self) -> dict[str, Any]:
        """Return the pack's manifest as plain JSON types."""
        return {
            "format": FORMAT,
            "title": self.title,
            "licence": self.licence,
            "backbone": asdict(self.backbone),
            "adapters": [asdict(adapter) for adapter in self.adapters],
            "domain": self.domain.to_dict(),
            "files": dict(self.files),
            "versions": dict(self.versions),
        }


def is_closed(licence: str) -> bool:
    """Tell whether a licence forbids handing something on, or does not say that one may."""
    return _CLOSED.search(licence.strip()) is not None


def is_pack(path: str | Path) -> bool:
    """Tell whether a pack lies here: a folder with a manifest, a zip, or whatever else is called .pack."""
    path = Path(path)
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return path.is_file() and (path.suffix in _PACKED or zipfile.is_zipfile(path))


@contextmanager
def opened(path: str | Path) -> Iterator[Pack]:
    """Open a pack, every file checked; one that is a single file is unpacked for as long as it is open.

    Raises:
        AdapterError: it is no pack, damaged, changed since it was built, or written by a newer version.

    """
    with unchecked(Path(path)) as pack:
        for fault in faults(pack):
            raise AdapterError(f"{path}: {fault}; {_NEXT}")
        yield pack


def write(folder: Path, out: Path) -> None:
    """Write a pack's folder to where it belongs, whole or not at all: as one file where `out` ends in .pack or .zip.

    Raises:
        InputError: something that is no pack lies there.

    """
    if out.exists() and not is_pack(out):
        raise InputError(f"{out} is there and is no pack; name another place, or take it away yourself")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    _remove(part)
    try:
        if out.suffix in _PACKED:
            _zip(folder, part)
        else:
            shutil.copytree(folder, part)
        if out.is_dir() or part.is_dir():
            _remove(out)
        part.replace(out)
    finally:
        _remove(part)


def _zip(folder: Path, to: Path) -> None:
    """Write a zip of a folder; the same files give the same bytes."""
    with zipfile.ZipFile(to, "w") as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            member = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(member, path.read_bytes())


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a folder, by its path inside."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def unchecked(path: Path) -> Iterator[Pack]:
    """Open a pack as it is, whatever its files hold.

    Raises:
        AdapterError: it has no manifest that can be read.

    """
    if path.is_dir():
        yield _manifest(path, path)
        return
    with tempfile.TemporaryDirectory(prefix="nlpkit-pack-", ignore_cleanup_errors=True) as folder:
        try:
            _unpack(path, Path(folder))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as e:
            raise AdapterError(f"{path} is no whole pack ({e}); {_NEXT}") from e
        yield _manifest(Path(folder), path)


def _unpack(path: Path, folder: Path) -> None:
    """Unpack a zip's files; none may lead out of the folder, be a link, or hold far more than it should."""
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        most = max(FREE, RATIO * path.stat().st_size)
        if sum(member.file_size for member in members) > most:
            raise AdapterError(
                f"{path} unpacks to more than {most:,} bytes, over {RATIO} times its size: that is no pack"
            )
        for member in members:
            if not _inside(member.filename) or stat.S_ISLNK(member.external_attr >> 16):
                raise AdapterError(
                    f"{path} holds {member.filename!r}, which leads out of the pack; do not use this file"
                )
            to = folder / member.filename
            to.parent.mkdir(parents=True, exist_ok=True)
            # zipfile reads no more of a member than the size that was counted above.
            with archive.open(member) as source, to.open("wb") as target:
                shutil.copyfileobj(source, target, 2**20)


def _inside(name: str) -> bool:
    return bool(name) and not PurePosixPath(name).is_absolute() and not re.search(r"(^|/)\.\.(/|$)|[\\:\x00]", name)


def _manifest(folder: Path, source: Path) -> Pack:
    try:
        found = load_json(folder / MANIFEST)
        written = found.pop("format")
    except (DataError, KeyError, TypeError, AttributeError) as e:
        raise AdapterError(f"{source}: {MANIFEST} is missing or damaged ({e}); {_NEXT}") from e
    if type(written) is not int or written > FORMAT:
        raise AdapterError(f"{source} has the format {written!r}; this nlpkit reads up to {FORMAT}: upgrade nlpkit")
    try:
        return replace(read(Pack, found, MANIFEST, ""), folder=folder)
    except RecipeError as e:
        raise AdapterError(f"{source} is damaged ({e}); {_NEXT}") from e


def faults(pack: Pack) -> Iterator[str]:
    """Yield what is wrong with a pack's files, and where its manifest says other things than its adapters do."""
    for name, wanted in pack.files.items():
        path = pack.folder / name
        if not _inside(name) or not path.is_file() or path.is_symlink():
            yield f"the file {name} is missing"
        elif (found := sha256(path)) != wanted:
            yield f"{name} was damaged or changed: its SHA-256 is {found[:12]}..., the manifest says {wanted[:12]}..."
    for adapter in pack.adapters:
        folder = pack.folder / adapter.folder
        listed = {name.rpartition("/")[2] for name in pack.files if name.rpartition("/")[0] == adapter.folder}
        there = {path.name for path in folder.iterdir()} & FILES if folder.is_dir() else set()
        if checkpoint.ACCOUNT not in listed or not there <= listed:
            yield f"{MANIFEST} does not list all files of {adapter.name}"
            continue
        if (folder / checkpoint.ACCOUNT).is_file():
            account = checkpoint.account(folder)
            said = account["recipe"]["name"], account["recipe"]["licence"], account["backbone"]["sha256"]
            if said != (adapter.name, adapter.licence, pack.backbone.sha256):
                yield f"{MANIFEST} says of {adapter.name} another name, licence or backbone than its own account"
