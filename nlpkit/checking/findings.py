"""What a check finds, and the report of it: frozen values that the table, JSON and the page are made from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nlpkit.text import Encode, windows
from nlpkit.types import Document, Example

Severity = Literal["error", "warning", "note"]
ERROR: Severity = "error"
WARNING: Severity = "warning"
NOTE: Severity = "note"

_NUMBERED = re.compile(r":(\d+)$")
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Finding:
    """Something found: what kind, how bad, in words, the file and the line (0: none known), a piece of the text."""

    kind: str
    severity: Severity
    message: str
    file: str = ""
    line: int = 0
    source: str = ""
    example: str = ""

    @property
    def where(self) -> str:
        """The file and the line; where no line is known the example's name, which may begin with the file's."""
        if self.line:
            return f"{self.file}:{self.line}"
        name = Path(self.file).name
        own = self.source.removeprefix(name) if self.source.startswith(f"{name}#") else f" {self.source}"
        return f"{self.file}{own}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain JSON types."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Source:
    """A data file that was read: its examples, and what was wrong already in reading."""

    path: Path
    format: str
    examples: list[Example]
    findings: tuple[Finding, ...] = ()

    @property
    def documents(self) -> list[Document]:
        """The documents of its examples."""
        return [example.document for example in self.examples]

    def place(self, example: Example) -> dict[str, Any]:
        """Return where an example stands, and a piece of it, as fields of a finding."""
        numbered = _NUMBERED.search(example.source)
        line = example.line or (int(numbered[1]) if numbered else 0)
        return {"file": str(self.path), "line": line, "source": example.source, "example": piece(example.document.text)}


def piece(text: str) -> str:
    """Return the beginning of a text, on one line."""
    flat = " ".join(text[: 2 * _SHOWN].split())
    return flat if len(flat) <= _SHOWN else f"{flat[: _SHOWN - 1]}…"


@dataclass(frozen=True, slots=True)
class Measure:
    """How long texts are: in a backbone's pieces where it is given, which also tells how many windows cover them."""

    encode: Encode | None = None
    window: int = 256
    stride: int = 192

    @property
    def unit(self) -> str:
        """What is counted."""
        return "pieces" if self.encode else "characters"

    def length(self, text: str) -> int:
        """Return the length of a text, without special pieces."""
        return len(self.encode(text)[0]) if self.encode else len(text)

    def windows(self, text: str) -> int:
        """Return how many windows cover a text; 1 where pieces are not known."""
        if self.encode is None:
            return 1
        pair = ([0], [0])  # the two special pieces take room
        return sum(
            1 for _ in windows(text, self.encode, size=self.window, overlap=self.window - self.stride, specials=pair)
        )


@dataclass(frozen=True, slots=True)
class Held:
    """A label: what it is a label of, how often it stands in a file, and one it is given to."""

    of: str
    label: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the texts of a file are; `bars` counts them between bounds: (from, up to and with, texts)."""

    unit: str
    median: int = 0
    most: int = 0
    longest: int = 0
    bars: tuple[tuple[int, int, int], ...] = ()
    windows: int | None = None

    @classmethod
    def of(cls, lengths: Sequence[int], unit: str) -> Lengths:
        """Count lengths: median, 90th percentile, maximum, and bars that double in width."""
        if not lengths:
            return cls(unit)
        ordered = sorted(lengths)
        doubled = Counter(length.bit_length() for length in lengths)
        bounds = range(min(doubled), max(doubled) + 1)
        bars = tuple((2 ** (b - 1) if b else 0, 2**b - 1, doubled[b]) for b in bounds)
        return cls(unit, ordered[len(ordered) // 2], ordered[int(0.9 * (len(ordered) - 1))], ordered[-1], bars)


@dataclass(frozen=True, slots=True)
class FileReport:
    """What a file holds."""

    file: str
    format: str
    texts: int
    labels: tuple[Held, ...]
    lengths: Lengths


@dataclass(frozen=True, slots=True)
class Report:
    """What files hold, and what was found in them."""

    files: tuple[FileReport, ...]
    findings: tuple[Finding, ...]

    def failed(self, *, strict: bool = False) -> bool:
        """Say whether there is an error; with `strict` whether there is a warning."""
        return any(f.severity == ERROR or (strict and f.severity == WARNING) for f in self.findings)

    def by_kind(self) -> dict[str, list[Finding]]:
        """Return the findings by kind, errors first, then what is most frequent."""
        kinds: dict[str, list[Finding]] = {}
        for finding in self.findings:
            kinds.setdefault(finding.kind, []).append(finding)
        order = (ERROR, WARNING, NOTE)
        return dict(sorted(kinds.items(), key=lambda kind: (order.index(kind[1][0].severity), -len(kind[1]))))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return {
            "files": [asdict(file) for file in self.files],
            "findings": [finding.to_dict() for finding in self.findings],
            "counts": {kind: len(found) for kind, found in self.by_kind().items()},
        }
