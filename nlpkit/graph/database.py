"""One SQLite file: opened and checked, locked for writing, its errors put in nlpkit's words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nlpkit.errors import InputError, StoreBusyError, StoreError
from nlpkit.graph.schema import APPLICATION, TABLES, UPGRADES, VERSION

_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_SHMSIZE}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_WAIT_SECONDS = 5.0
_PAGES_KIB = 16_384
_BULK_KIB = 98_304


class Database:
    """A connection to a store's file.

    Args:
        path: the file; made if it is not there and `create` is true.
        create: whether a missing file may be made.

    Raises:
        StoreError: the file is missing, is no store, or was written by a newer version.
        StoreBusyError: another process keeps the file locked.

    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._lock: sqlite3.Connection | None = None
        self._holders = 0
        if not create and not path.is_file():
            raise StoreError(f"no graph at {str(path)!r}; build one first: nlpkit graph build CORPUS --out {path}")
        try:
            self.connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        except sqlite3.Error as e:
            raise StoreError(f"cannot open {str(path)!r}: {e}; give a path in a folder that can be written") from e
        try:
            with self.explained():
                self._prepare(create)
        except BaseException:
            self.connection.close()
            raise

    def _prepare(self, create: bool) -> None:
        version = self._checked_version()
        self.connection.execute(f"PRAGMA cache_size=-{_PAGES_KIB}")
        self.connection.execute("PRAGMA synchronous=FULL")
        if version == VERSION:
            return
        if version:
            self._upgrade()
            return
        if not create:
            raise StoreError(
                f"{str(self.path)!r} is empty, not a graph; build one: nlpkit graph build CORPUS --out ..."
            )
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("BEGIN IMMEDIATE")
        with self._ended():
            if self._checked_version() != VERSION:  # another process may have made the tables meanwhile
                for statement in TABLES.split(";\n"):
                    self.connection.execute(statement)
                self.connection.execute(f"PRAGMA application_id={APPLICATION}")
                self.connection.execute(f"PRAGMA user_version={VERSION}")

    def _upgrade(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        with self._ended():
            for version in range(self._checked_version(), VERSION):  # another process may have done it meanwhile
                for statement in UPGRADES[version]:
                    self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version={VERSION}")

    def _checked_version(self) -> int:
        application = self.connection.execute("PRAGMA application_id").fetchone()[0]
        version = int(self.connection.execute("PRAGMA user_version").fetchone()[0])
        n_tables = self.connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
        if application != APPLICATION and (application or n_tables):
            raise StoreError(f"{str(self.path)!r} is an SQLite file, but no nlpkit graph; give another path")
        if version > VERSION:
            raise StoreError(
                f"{str(self.path)!r} has store version {version}; this nlpkit reads up to {VERSION}: upgrade nlpkit"
            )
        return version

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement, its errors explained."""
        try:
            return self.connection.execute(sql, values)
        except (sqlite3.Error, UnicodeEncodeError) as e:
            raise self._explain(e) from e

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for every row, its errors explained."""
        with self.explained():
            self.connection.executemany(sql, rows)

    def value(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row, None if there is none."""
        row = self.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def insert(self, sql: str, values: Sequence[Any]) -> int:
        """Run an INSERT and return the new row's id."""
        return self.execute(sql, values).lastrowid or 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything written inside, or nothing at all; the caller holds `writing`."""
        with self.explained():
            self.connection.execute("BEGIN IMMEDIATE")
            with self._ended():
                yield
                self.connection.execute("UPDATE state SET version = version + 1")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """See one state of the file inside, whatever others write meanwhile."""
        with self.explained():
            self.connection.execute("BEGIN")
            with self._ended():
                yield

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Keep more of the file in memory inside, so that indexes of millions of rows grow there."""
        self.execute(f"PRAGMA cache_size=-{_BULK_KIB}")
        try:
            yield
        finally:
            self.connection.execute(f"PRAGMA cache_size=-{_PAGES_KIB}")

    @contextmanager
    def _ended(self) -> Iterator[None]:
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has SQLite roll back by itself
                self.connection.execute("ROLLBACK")
            raise

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """Hold the store for writing, alone among all processes; yields whether it was free before.

        Raises:
            StoreBusyError: another process holds it.

        """
        first = self._holders == 0
        if first:
            self._lock = _locked(self.path)
        self._holders += 1
        try:
            yield first
        finally:
            self._holders -= 1
            if self._holders == 0 and self._lock is not None:
                _unlock(self._lock, self.path)
                self._lock = None

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Raise SQLite's errors in nlpkit's words."""
        try:
            yield
        except (sqlite3.Error, UnicodeEncodeError) as e:
            raise self._explain(e) from e

    def _explain(self, error: sqlite3.Error | UnicodeEncodeError) -> Exception:
        if isinstance(error, UnicodeEncodeError):
            return InputError(
                f"the text holds half a surrogate pair ({error.object[error.start]!r}), which no encoding can write; "
                "replace it first: text.encode('utf-8', 'replace').decode()"
            )
        code = getattr(error, "sqlite_errorcode", None)
        if code in _FULL:
            return StoreError(
                f"no room left to write {str(self.path)!r} ({error}); the store is whole, but for the document at "
                "hand: free some space and run the same command again"
            )
        if code in _BUSY:
            return _busy(self.path)
        return StoreError(f"{str(self.path)!r} cannot be used: {error}; is it an nlpkit graph, and undamaged?")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def _busy(path: Path) -> StoreBusyError:
    return StoreBusyError(f"another process is writing to {str(path)!r}; wait until it has ended, then run this again")


def _lock_path(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


def _locked(path: Path) -> sqlite3.Connection:
    """Lock a file beside the store through SQLite: on every system, and gone with the process however it dies."""
    lock = _lock_path(path)
    while True:
        try:
            lock.touch()
            before = lock.stat().st_ino
            connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
        except (OSError, sqlite3.Error) as e:
            raise StoreError(f"cannot lock {str(lock)!r}: {e}; its folder must be writable") from e
        try:
            connection.execute("PRAGMA journal_mode=OFF")  # nothing is ever written
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.Error as e:
            connection.close()
            raise _busy(path) from e
        if _inode(lock) == before:
            return connection
        connection.close()  # the holder before us removed the file that we had opened


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def _unlock(connection: sqlite3.Connection, path: Path) -> None:
    with suppress(OSError):  # where open files cannot be removed, it stays: empty and harmless
        _lock_path(path).unlink()
    connection.close()


def json_list(values: Iterable[int | str]) -> str:
    """Return values as the JSON array that `json_each` reads: any number of them as one parameter."""
    return json.dumps(list(values))
