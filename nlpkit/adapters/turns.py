"""Calls side by side, changes alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, local

from nlpkit.errors import AdapterError


class Turns:
    """Who may use the modules now: any number of calls, or one change.

    A change that waits goes before calls that have not begun, so that a steady stream of calls cannot hold it up.
    """

    def __init__(self) -> None:
        self._turn = Condition()
        self._running = self._waiting = 0
        self._thread = local()

    @contextmanager
    def call(self) -> Iterator[None]:
        """Run beside other calls, also inside one of the same thread."""
        depth: int = getattr(self._thread, "depth", 0)
        with self._turn:
            if depth == 0:
                self._turn.wait_for(lambda: self._waiting == 0)
            self._running += 1
        self._thread.depth = depth + 1
        try:
            yield
        finally:
            self._thread.depth = depth
            with self._turn:
                self._running -= 1
                self._turn.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no call runs, and let none begin.

        Raises:
            AdapterError: this thread itself is inside a call.

        """
        if getattr(self._thread, "depth", 0):
            raise AdapterError(
                "adapters cannot be added, loaded or removed inside a call that uses one; do it after it"
            )
        with self._turn:
            self._waiting += 1
            try:
                self._turn.wait_for(lambda: self._running == 0)
                yield
            finally:
                self._waiting -= 1
                self._turn.notify_all()
