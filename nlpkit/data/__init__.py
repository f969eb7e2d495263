"""Data files in, Examples out: one reader a file format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nlpkit.data import brat, conll, docbin, docred, labels, pairs, relations, sgd, slots, spans, squad
from nlpkit.data.detection import detect
from nlpkit.errors import DataError
from nlpkit.types import Example

READERS: dict[str, Callable[[Path], Iterator[Example]]] = {
    "redocred": docred.read,
    "conll": conll.read,
    "weibo": conll.read_weibo,
    "slots": slots.read,
    "semeval2010": relations.read_semeval2010,
    "spert": relations.read_spert,
    "scierc": relations.read_scierc,
    "ade": relations.read_ade,
    "spans": spans.read,
    "cluener": spans.read_cluener,
    "label-studio": spans.read_label_studio,
    "docbin": docbin.read,
    "pairs": pairs.read,
    "sgd": sgd.read,
    "sgd-replies": sgd.read_replies,
}
"""Readers by the name that a recipe's `data.format` gives."""

PART_READERS: dict[str, Callable[[Path, Sequence[str]], Iterator[Example]]] = {
    "intents": labels.read_intents,
    "csv": labels.read_csv,
    "tsv": labels.read_tsv,
    "trec": labels.read_trec,
    "json-lines": labels.read_json_lines,
    "squad": squad.read,
    "brat": brat.read,
}
"""Readers of formats that hold several parts in one file."""

AUTO = "auto"
"""The format of what is found by looking."""
FOLDERS = frozenset(["slots", "sgd", "sgd-replies", "brat"])
"""Formats that are a folder of files."""
ZIPPED = frozenset(["brat"])
"""Formats whose folder may be a zip; its part is the folder within."""


def formats() -> list[str]:
    """Return the names of all formats."""
    return [*READERS, *PART_READERS]


def read(path: str | Path, format: str = AUTO) -> Iterator[Example]:
    """Read the examples of a data file, lazily where the format allows.

    Args:
        path: the file (a folder for the formats in `FOLDERS`). `FILE#PART` reads a part of it, `FILE#PART+PART`
            several, one after another.
        format: one of `formats()`, or "auto": it is found by looking at the file.

    Raises:
        DataError: the format is unknown, the file is missing or broken, or has no such part.

    """
    if format not in (*READERS, *PART_READERS, AUTO):
        raise DataError(f"no reader for the format {format!r}; known: {AUTO}, {', '.join(formats())}")
    file, parts = _split(Path(path))
    if not file.exists():
        raise DataError(f"no data file {file}; give the folder that holds it with --data")
    if format == AUTO:
        format = detect(file, parts)
    packed = format in ZIPPED and file.suffix == ".zip"
    if not packed and file.is_dir() != (format in FOLDERS):
        kinds = ("a file", "a folder")
        raise DataError(f"{file} is {kinds[file.is_dir()]}; the format {format!r} is {kinds[format in FOLDERS]}")
    if format in PART_READERS:
        return PART_READERS[format](file, parts)
    if parts:
        raise DataError(f"the format {format!r} has no parts; write {file.name} without #{'+'.join(parts)}")
    return READERS[format](file)


def format_of(path: str | Path) -> str:
    """Return the format of a data file or folder, found by looking at its beginning.

    Raises:
        DataError: it cannot be read, or looks like none of the formats.

    """
    return detect(*_split(Path(path)))


def exists(path: str | Path) -> bool:
    """Say whether there is such a file or folder; whether it has the part named is not looked at."""
    return _split(Path(path))[0].exists()


def whole(path: str | Path) -> Path:
    """Return the whole path of a data file, wherever the command runs; a part of the file stays named."""
    file, mark, part = str(path).partition("#")
    return Path(f"{Path(file).resolve()}{mark}{part}")


def located(data: str | Path, name: str, format: str) -> Path:
    """Return the data itself, or the file called `name` in it where it is a folder of data files."""
    path = Path(data)
    inside = path.is_dir() and (format not in {*FOLDERS, AUTO} or exists(path / name))
    return path / name if inside else path


def _split(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the file and the parts of it that a path names."""
    file, mark, parts = str(path).rpartition("#")
    if not mark or path.exists():
        return path, ()
    return Path(file), tuple(parts.split("+"))
