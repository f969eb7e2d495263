"""Opening data files: plain, gzipped or inside a zip, with errors that name the file."""

from __future__ import annotations

import gzip
import io
import json
import logging
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from itertools import takewhile
from pathlib import Path
from typing import IO, Any, TextIO

from nlpkit.encoding import UTF8, MixedError, Utf8Reader
from nlpkit.errors import DataError

_log = logging.getLogger(__name__)

_BLANK = re.compile(r"\s*")
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
def opened(path: Path, member: str = "") -> Iterator[TextIO]:
    """Open a text file, gzipped or not; `member` names the file to take out of a zip.

    It is read as UTF-8 where it is that, else in the encoding that it is found to be in; a warning names it.

    Raises:
        DataError: the file cannot be read, is no text or of several encodings (the line is named), unpacks to far more
            than it should, or the zip holds no such member.

    """
    where = f"{path}#{member}" if member else str(path)
    with _reading(where, path, member), _bytes(path, member) as raw:
        content = io.BufferedReader(Utf8Reader(raw, partial(_tell, where)), 2**20)
        with io.TextIOWrapper(content, encoding="utf-8-sig", newline="") as file:
            yield file


def encoding_of(path: Path, member: str = "") -> str:
    """Return the encoding of a text file as Python names it; "utf-8" of one that is all ASCII.

    Raises:
        DataError: as `opened` does, as far as the file is read until the encoding is clear.

    """
    with _reading(str(path), path, member), _bytes(path, member) as raw:
        content = Utf8Reader(raw, lambda _: None)
        while not content.encoding and content.read(2**20):
            pass
        return content.encoding or UTF8


@contextmanager
def _reading(where: str, path: Path, member: str) -> Iterator[None]:
    """Say of what cannot be read where that is, and what to do."""
    try:
        yield
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as e:
        raise DataError(f"cannot read {where}: {e}; give a whole file, or unpack it first") from e
    except (MixedError, UnicodeDecodeError) as e:
        line = e.line if isinstance(e, MixedError) else _bad_line(path, member)
        said = e if isinstance(e, MixedError) else f"byte 0x{e.object[e.start]:02x} is not UTF-8, as the rest is"
        raise DataError(f"{where}{f', line {line}' if line else ''}: {said}; convert the whole file to UTF-8") from e


def members(path: Path) -> list[str]:
    """Return the files of a zip.

    Raises:
        DataError: it is none.

    """
    with _reading(str(path), path, ""), zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if not name.endswith("/")]


def content(path: Path) -> bytes:
    """Return the bytes of a file, unpacked.

    Raises:
        DataError: it cannot be read, or unpacks to far more than it should.

    """
    with _reading(str(path), path, ""), _bytes(path, "") as raw:
        return raw.read()


@contextmanager
def _bytes(path: Path, member: str) -> Iterator[IO[bytes]]:
    """Open the bytes of a file, unpacked. A path may lead on into a zip; the only file of a zip needs no name."""
    archives = [parent for parent in path.parents if parent.suffix == ".zip" and parent.is_file()]
    if archives:
        path, member = archives[0], str(path.relative_to(archives[0]))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            there = [name for name in archive.namelist() if not name.endswith("/")]
            names = [n for n in there if n == member or n.endswith(f"/{member}")] if member else there
            names.sort(key=len)  # the very name before one in a deeper folder
            if not names or (not member and len(names) > 1):
                raise DataError(
                    f"{path} holds no file {member!r}; write {path.name}#NAME with one of: {', '.join(there)}"
                )
            packed = archive.getinfo(names[0])
            if packed.flag_bits & 1:
                raise DataError(f"{path}#{names[0]} is locked by a password; unpack it first")
            with archive.open(packed) as raw:
                yield io.BufferedReader(_Bounded(raw, packed.compress_size), 2**20)
    elif path.suffix == ".gz":
        with gzip.open(path) as unpacked:
            yield io.BufferedReader(_Bounded(unpacked, path.stat().st_size), 2**20)
    else:
        with path.open("rb") as raw:
            yield raw


@lru_cache(maxsize=1024)
def _tell(where: str, encoding: str) -> None:
    """Warn once of each file that is not UTF-8."""
    _log.warning("%s is not UTF-8; it is read as %s, as it seems to be; if that is wrong, convert it", where, encoding)


def _bad_line(path: Path, member: str) -> int:
    """Return the number of the first line that is not UTF-8."""
    with _bytes(path, member) as raw:
        for number, line in enumerate(raw, 1):
            try:
                line.decode(UTF8)
            except UnicodeDecodeError:
                return number
    return 0


def lines(path: Path, member: str = "") -> Iterator[tuple[int, str]]:
    """Yield the lines of a text file, without their ends, with their numbers from 1 on."""
    with opened(path, member) as file:
        # newline="" keeps a lone carriage return inside a line where it is.
        for number, line in enumerate(file, 1):
            yield number, line.rstrip("\r\n")


def load_json(path: Path, member: str = "") -> Any:
    """Read a JSON file, gzipped or not, or one in a zip.

    Raises:
        DataError: it is not one.

    """
    with opened(path, member) as file:
        try:
            return json.load(file)
        except json.JSONDecodeError as e:
            raise DataError(
                f"{path}, line {e.lineno}: not a JSON file: {e}; mend it there, or give the whole file"
            ) from e
        except (ValueError, RecursionError) as e:
            if isinstance(e, UnicodeDecodeError):
                raise
            raise DataError(f"{path} is not a JSON file: {e}; mend it") from e


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
                raise DataError(f"{path}, line {number}: not JSON: {e}; a line holds one object; mend it") from e


def records(path: Path) -> Iterator[tuple[int, str, Any]]:
    """Yield the values of a file with one JSON value a line, or of a JSON list, held in memory whole.

    Each comes with the line where it begins, from 1 on, and a name of its own.

    Raises:
        DataError: something is no JSON; its line is named.

    """
    with opened(path) as file:
        while (sign := file.read(1)).isspace():
            pass
        listed = file.read() if sign == "[" else None
    if listed is None:
        yield from ((number, f"{path.name}:{number}", value) for number, value in json_lines(path))
        return
    before = sum(1 for _ in takewhile(lambda numbered: not numbered[1].strip(), lines(path)))
    for n, (at, value) in enumerate(_entries(path, listed, before)):
        yield before + 1 + at, f"{path.name}#{n}", value


def _entries(path: Path, text: str, before: int) -> Iterator[tuple[int, Any]]:
    """Yield the values of a JSON list, less its first bracket, each with the number of line breaks before it."""
    decoder, at, breaks, mark = json.JSONDecoder(), 0, 0, "["
    while True:
        begin = _blank(text, at)
        breaks += text.count("\n", at, begin)
        if text[begin : begin + 1] == "]" and mark == "[":
            return
        try:
            value, end = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError) as e:
            line = before + 1 + text.count("\n", 0, getattr(e, "pos", begin))
            raise DataError(f"{path}, line {line}: not JSON: {e}; mend it there, or give the whole file") from e
        yield breaks, value
        at = _blank(text, end)
        breaks += text.count("\n", begin, at)
        mark, at = text[at : at + 1], at + 1
        if mark == "]":
            return
        if mark != ",":
            raise DataError(f"{path}, line {before + 1 + breaks}: {mark!r} where , or ] must be; give the whole file")


def _blank(text: str, at: int) -> int:
    """Return where the blanks that begin there end."""
    found = _BLANK.match(text, at)
    return found.end() if found else at
