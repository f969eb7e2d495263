"""Data files in, Examples out: one reader a file format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from traceback import clear_frames

from nlpkit.data import (
    brat,
    columns,
    conll,
    conversations,
    docbin,
    docred,
    hub,
    labels,
    marked,
    multiwoz,
    named,
    pairs,
    questions,
    relations,
    sgd,
    slots,
    spans,
    squad,
)
from nlpkit.data.detection import detect
from nlpkit.data.hub import HUB, of_dataset
from nlpkit.errors import DataError
from nlpkit.types import Example

__all__ = ["AUTO", "FOLDERS", "HUB", "exists", "format_of", "formats", "located", "of_dataset", "placed", "read"]

READERS: dict[str, Callable[[Path], Iterator[Example]]] = {
    "redocred": docred.read,
    "conll": conll.read,
    "weibo": conll.read_weibo,
    "slots": slots.read,
    "slot-values": named.read_slot_values,
    "semeval2010": relations.read_semeval2010,
    "spert": relations.read_spert,
    "scierc": relations.read_scierc,
    "ade": relations.read_ade,
    "nyt": named.read_nyt,
    "webnlg": named.read_webnlg,
    "ade-corpus": named.read_ade_corpus,
    "people-relations": named.read_people_relations,
    "spans": spans.read,
    "cluener": spans.read_cluener,
    "label-studio": spans.read_label_studio,
    "docbin": docbin.read,
    "enamex": marked.read_enamex,
    "nif": marked.read_nif,
    "pairs": pairs.read,
    "conversations": conversations.read,
    "sgd": sgd.read,
    "sgd-replies": sgd.read_replies,
    "multiwoz": multiwoz.read,
}
"""Readers by the name that a recipe's `data.format` gives."""

PART_READERS: dict[str, Callable[[Path, Sequence[str]], Iterator[Example]]] = {
    "intents": labels.read_intents,
    "csv": columns.read_csv,
    "tsv": columns.read_tsv,
    "excel": columns.read_excel,
    "trec": labels.read_trec,
    "json-lines": labels.read_json_lines,
    "squad": squad.read,
    "questions": questions.read,
    "brat": brat.read,
    "dataset": hub.read,
}
"""Readers of formats that hold several parts in one file."""

AUTO = "auto"
"""The format of what is found by looking."""
FOLDERS = frozenset(["slots", "sgd", "sgd-replies", "brat", "dataset"])
"""Formats that are a folder of files."""
FILES_TOO = frozenset(["brat", "dataset"])
"""Those of them that may be one file: brat's folder in a zip, a data set as parquet."""


def formats() -> list[str]:
    """Return the names of all formats."""
    return [*READERS, *PART_READERS]


def read(path: str | Path, format: str = AUTO) -> Iterator[Example]:
    """Read the examples of a data file, lazily where the format allows.

    Args:
        path: the file (a folder for the formats in `FOLDERS`). `FILE#PART` reads a part of it, `FILE#PART+PART`
            several, one after another; `FILE.zip#NAME` a file of a zip. Where FILE is not there, FILE.gz is read.
            `hub:OWNER/NAME#SPLIT` is a data set on the hub, whatever the format. With * in it, all files that fit are
            read, in the order of their names.
        format: one of `formats()`, or "auto": it is found by looking at the file.

    Raises:
        DataError: the format is unknown, the file is missing or broken, has no such part, or holds no example.

    """
    if format not in (*READERS, *PART_READERS, AUTO):
        raise DataError(f"no reader for the format {format!r}; known: {AUTO}, {', '.join(formats())}")
    file, parts = _split(Path(path))
    if _on_hub(file):
        return _some(hub.read(file, parts), path)
    if several := _fitting(file):
        mark = "#" + "+".join(parts) if parts else ""
        return chain.from_iterable(read(f"{one}{mark}", format) for one in several)
    if not file.exists():
        raise DataError(f"no data file {file}; give the folder that holds it with --data")
    if format == AUTO:
        format = detect(file, parts)
    if not (file.is_file() and format in FILES_TOO) and file.is_dir() != (format in FOLDERS):
        kinds = ("a file", "a folder")
        raise DataError(f"{file} is {kinds[file.is_dir()]}; the format {format!r} is {kinds[format in FOLDERS]}")
    if format in PART_READERS:
        return _some(PART_READERS[format](file, parts), path)
    if file.suffix == ".zip" and len(parts) == 1:
        file, parts = file / parts[0], ()
    if parts:
        raise DataError(f"the format {format!r} has no parts; write {file.name} without #{'+'.join(parts)}")
    return _some(READERS[format](file), path)


def _some(examples: Iterator[Example], path: str | Path) -> Iterator[Example]:
    """Yield examples, and refuse a file without any."""
    try:
        first = next(examples, None)
        if first is None:
            raise DataError(
                f"{path} holds no example; give a file that is not empty, or name its format if it is another"
            )
        yield first
        yield from examples
    except DataError as e:
        clear_frames(e.__traceback__)  # they hold readers half-way through a file, which close with them
        raise


def format_of(path: str | Path) -> str:
    """Return the format of a data file or folder, found by looking at its beginning.

    Raises:
        DataError: it cannot be read, or looks like none of the formats.

    """
    file, parts = _split(Path(path))
    return "dataset" if _on_hub(file) else detect(file, parts)


def exists(path: str | Path) -> bool:
    """Say whether there is such a file or folder; what part it has, and what is on the hub, is not looked at."""
    file, _ = _split(Path(path))
    return _on_hub(file) or file.exists() or bool(_fitting(file))


def placed(folder: Path, name: str) -> Path:
    """Return the path of a data file that a recipe names: below `folder`, or on the hub."""
    return Path(name) if name.startswith(HUB) else folder / name


def whole(path: str | Path) -> Path:
    """Return the whole path of a data file, wherever the command runs; a part of the file stays named."""
    file, mark, part = str(path).partition("#")
    return Path(path) if _on_hub(Path(path)) else Path(f"{Path(file).resolve()}{mark}{part}")


def home(path: str | Path) -> Path:
    """Return the folder that a data file lies in; of what is on the hub, the present one."""
    return Path.cwd() if _on_hub(Path(path)) else Path(str(path).partition("#")[0]).resolve().parent


def located(data: str | Path, name: str, format: str) -> Path:
    """Return the data itself, or the file called `name` in it where it is a folder of data files."""
    path = Path(data)
    inside = path.is_dir() and (_on_hub(Path(name)) or format not in {*FOLDERS, AUTO} or exists(path / name))
    return placed(path, name) if inside else path


def _fitting(file: Path) -> list[Path]:
    """Return the files that a path with * stands for, packed or not; none where it has no *, or is a file itself."""
    if "*" not in str(file) or file.exists():
        return []
    # The part without * may be absolute, which pathlib does not take as a pattern.
    fixed = next(parent for parent in file.parents if "*" not in str(parent))
    pattern = file.relative_to(fixed).as_posix()
    return sorted({*fixed.glob(pattern), *fixed.glob(f"{pattern}.gz")})


def _on_hub(path: Path) -> bool:
    return str(path).startswith(HUB)


def _split(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the file and the parts of it that a path names."""
    file, mark, parts = str(path).rpartition("#")
    if not mark or _unpacked(path).exists():
        return _unpacked(path), ()
    return _unpacked(Path(file)), tuple(parts.split("+"))


def _unpacked(path: Path) -> Path:
    """Return the path, or that of the file as gzip packed it, where there is no other."""
    packed = Path(f"{path}.gz")
    return packed if packed.is_file() and not path.exists() else path
