"""Where documents come from: files, folders, standard input, Documents; read one at a time, never guessed at."""

from __future__ import annotations

import codecs
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from nlpkit.errors import DataError, InputError
from nlpkit.types import Document

TEXT_SUFFIXES = (".txt", ".md")
LINES_SUFFIX = ".jsonl"
STDIN = "-"

Sources = str | Path | Iterable[str | Path | Document]
Skip = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    id: str
    named: bool


def read(sources: Sources, skip: Skip) -> tuple[Iterator[Document], int | None]:
    """Return the documents of these sources, not yet read, and how many they are if that can be known.

    Args:
        sources: a file, a folder, "-" for standard input, a Document, or several of these.
        skip: called with id and reason for what cannot be used inside a folder.

    Raises:
        InputError: a source named by the caller is missing, not readable, of another kind, or a folder
            without text; a named file's fault is raised when its turn comes.

    """
    if isinstance(sources, (str, Path, Document)):
        sources = [sources]
    if not isinstance(sources, Sized):
        return (document for source in sources for document in _documents(_listed(source, skip), skip)), None
    listed = [_listed(source, skip) for source in sources]
    return (document for entry in listed for document in _documents(entry, skip)), _total(listed)


_Listed = Document | str | list[_File]


def _listed(source: str | Path | Document, skip: Skip) -> _Listed:
    if isinstance(source, Document) or source == STDIN:
        return source if isinstance(source, Document) else STDIN
    path = Path(source)
    if os.path.isdir(path):  # unlike Path's own, these answer False where a folder above may not be entered
        return _walked(path, skip)
    if not os.path.exists(path):
        raise InputError(f"no file or folder {str(path)!r}; give .txt, .md or .jsonl files, or a folder of them")
    if path.suffix.lower() not in (*TEXT_SUFFIXES, LINES_SUFFIX):
        raise InputError(
            f"{str(path)!r} ends in {path.suffix!r}; known: .txt, .md, .jsonl. Save its text as .txt first"
        )
    return [_File(path, path.name, named=True)]


def _walked(folder: Path, skip: Skip) -> list[_File]:
    def refused(error: OSError) -> None:
        if Path(error.filename) == folder:
            raise InputError(f"cannot list the folder {str(folder)!r}: {error.strerror}; allow it: chmod u+rx {folder}")
        skip(Path(error.filename).relative_to(folder).as_posix(), f"cannot be listed: {error.strerror}")

    files = []
    for root, folders, names in os.walk(folder, onerror=refused):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(root, name)
            if not name.startswith(".") and path.suffix.lower() in (*TEXT_SUFFIXES, LINES_SUFFIX):
                files.append(_File(path, path.relative_to(folder).as_posix(), named=False))
    if not files:
        raise InputError(
            f"no .txt, .md or .jsonl file in the folder {str(folder)!r}; put the texts there as such files"
        )
    return files


def _total(listed: Iterable[_Listed]) -> int | None:
    total = 0
    for entry in listed:
        if isinstance(entry, str):
            return None
        total += 1 if isinstance(entry, Document) else sum(map(_n_documents, entry))
    return total


def _n_documents(file: _File) -> int:
    if file.path.suffix.lower() != LINES_SUFFIX:
        return 1
    try:
        with file.path.open("rb") as lines:
            return sum(1 for line in lines if line.strip())
    except OSError:
        return 0  # its turn to be reported comes when it is read


def _documents(entry: _Listed, skip: Skip) -> Iterator[Document]:
    if isinstance(entry, Document):
        yield entry
    elif isinstance(entry, str):
        yield Document(decoded(sys.stdin.buffer.read(), "standard input"), "stdin")
    else:
        for file in entry:
            yield from _of_file(file, skip)


def _of_file(file: _File, skip: Skip) -> Iterator[Document]:
    try:
        if file.path.suffix.lower() == LINES_SUFFIX:
            yield from _of_lines(file, skip)
        else:
            yield Document(decoded(file.path.read_bytes(), str(file.path)), file.id)
    except OSError as e:
        error = InputError(f"cannot read {str(file.path)!r}: {e.strerror}; allow it: chmod u+r {file.path}")
        _report(file, file.id, error, skip)
    except InputError as e:
        _report(file, file.id, e, skip)


def _report(file: _File, name: str, error: InputError, skip: Skip) -> None:
    if file.named:
        raise error
    skip(name, str(error))


def decoded(raw: bytes, name: str, offset: int = 0) -> str:
    """Return the text of UTF-8 bytes, a byte order mark dropped.

    Raises:
        InputError: the bytes are binary or in another encoding; names the first bad one.

    """
    if (zero := raw.find(b"\0")) >= 0:
        raise InputError(
            f"{name}: byte {offset + zero} is 0, so this is binary data or UTF-16, not UTF-8 text; save it as plain "
            "UTF-8 text (from UTF-16: iconv -f UTF-16 -t UTF-8)"
        )
    try:
        return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as e:
        at = e.start + len(raw) - len(raw.removeprefix(codecs.BOM_UTF8))
        raise InputError(
            f"{name}: byte {offset + at} (0x{raw[at]:02x}) is not UTF-8, the only encoding read; convert the file, "
            "for example: iconv -f GB18030 -t UTF-8 (or -f WINDOWS-1252), according to where it comes from"
        ) from e


def _of_lines(file: _File, skip: Skip) -> Iterator[Document]:
    with file.path.open("rb") as lines:
        for number, raw, offset in _numbered(lines):
            try:
                yield _record(raw, offset, file, number)
            except InputError as e:
                _report(file, f"{file.id}#{number}", e, skip)


def _numbered(lines: IO[bytes]) -> Iterator[tuple[int, bytes, int]]:
    offset = 0
    for number, raw in enumerate(lines, 1):
        if raw.strip():
            yield number, raw, offset
        offset += len(raw)


def _record(raw: bytes, offset: int, file: _File, number: int) -> Document:
    where = f"{file.path}, line {number}"
    line = decoded(raw, where, offset)
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as e:
        raise DataError(f'{where}: no JSON ({e}); every line is one object such as {{"text": "..."}}') from e
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise DataError(f'{where}: needs a field "text" with a string; got {line.strip()[:80]!r}')
    text = _whole(record.pop("text"))
    given = record.pop("id", None)
    name = str(given) if isinstance(given, (str, int)) and str(given) else f"{file.id}#{number}"
    return Document(text, _whole(name), metadata=_plain(record))


def _whole(text: str) -> str:
    """Put U+FFFD for halves of surrogate pairs, which JSON can spell and UTF-8 cannot hold; lengths stay."""
    return text if text.isascii() else "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in record.items()}
