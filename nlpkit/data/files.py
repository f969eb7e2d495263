"""Opening data files: plain, gzipped or inside a zip, with errors that name the file."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

from nlpkit.errors import DataError

FREE, RATIO = 64 * 2**20, 100
"""A packed file may unpack to so many bytes, and beyond that to so many times its own size."""


class _Bounded(io.RawIOBase):
    """The bytes of a packed file, up to what an honest one may hold."""

    def __init__(self, raw: IO[bytes] | gzip.GzipFile, packed: int) -> None:
        super().__init__()
        self._raw, self._left = raw, max(FREE, RATIO * packed)
        self._said = (
            f"it unpacks to more than {self._left:,} bytes, over {RATIO} times its size; if that is meant, unpack it"
        )

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._raw.read(len(buffer))
        self._left -= len(read)
        if self._left < 0:
            raise OSError(self._said)
        buffer[: len(read)] = read
        return len(read)


@contextmanager
def opened(path: Path, member: str = "", *, encoding: str = "utf-8-sig") -> Iterator[TextIO]:
    """Open a text file, gzipped or not; `member` names the file to take out of a zip.

    Raises:
        DataError: the file cannot be read, is not text in `encoding`, unpacks to far more than it should, or the zip
            holds no such member.

    """
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = [n for n in archive.namelist() if n == member or n.endswith(f"/{member}")]
                names.sort(key=len)  # the very name before one in a deeper folder
                if not member or not names:
                    allowed = ", ".join(n for n in archive.namelist() if not n.endswith("/"))
                    raise DataError(f"{path} holds no file {member!r}; write {path.name}#NAME with one of: {allowed}")
                packed = archive.getinfo(names[0]).compress_size
                with archive.open(names[0]) as raw, _text(_Bounded(raw, packed), encoding) as file:
                    yield file
        elif path.suffix == ".gz":
            with gzip.open(path) as unpacked, _text(_Bounded(unpacked, path.stat().st_size), encoding) as file:
                yield file
        else:
            with path.open(encoding=encoding, newline="") as file:
                yield file
    except (OSError, EOFError, zipfile.BadZipFile) as e:
        raise DataError(f"cannot read {path}: {e}") from e
    except UnicodeDecodeError as e:
        raise DataError(f"{path} is not text in {encoding}: {e}; convert it to UTF-8") from e


def _text(raw: io.RawIOBase, encoding: str) -> TextIO:
    return io.TextIOWrapper(io.BufferedReader(raw, 2**20), encoding=encoding, newline="")


def lines(path: Path, member: str = "", *, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file, without their ends, with their numbers from 1 on."""
    with opened(path, member, encoding=encoding) as file:
        # newline="" keeps a lone carriage return inside a line where it is.
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\r\n")


def load_json(path: Path) -> Any:
    """Read a JSON file, gzipped or not.

    Raises:
        DataError: it is not one.

    """
    with opened(path) as file:
        try:
            return json.load(file)
        except (ValueError, RecursionError) as e:
            raise DataError(f"{path} is not a JSON file: {e}") from e


def json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the values of a file with one JSON value a line, with their line numbers.

    Raises:
        DataError: a line is no JSON; it is named.

    """
    for number, line in lines(path):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as e:
                raise DataError(f"{path}, line {number}: not JSON: {e}") from e
