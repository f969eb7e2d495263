"""What every benchmark shares: rows of numbers, shown as a table and kept as JSON in `benchmarks/results/`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("nlpkit", "torch", "transformers", "peft", "numpy", "networkx", "rapidfuzz")
"""The packages whose versions may move a number."""

_CPU_FLAGS = ("avx2", "avx512f", "avx512_vnni", "amx_tile", "asimd")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number. A ratio's unit is "x"; `spread` is in the unit of `value`, None if measured once."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    spread: float | None = None


def options(description: str | None, quick: str) -> argparse.ArgumentParser:
    """Return a parser that knows --data, the folder of all data sets, and --quick (`quick` says what it does)."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=Path("data"), help="the folder of the data sets (see README.md)")
    parser.add_argument("--quick", action="store_true", help=quick)
    return parser


def compared(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float | None]:
    """Return the median ratio of the two sides' seconds, run in turn, and its spread: None of a single round."""
    seconds, _ = timed(rounds, ours, theirs)
    return ratio(*seconds)


def timed(rounds: int, *sides: Callable[[], Any]) -> tuple[list[list[float]], list[Any]]:
    """Return the seconds of each side in each round, all sides run in turn, and what each gave in the last."""
    seconds: list[list[float]] = [[] for _ in sides]
    found: list[Any] = [None for _ in sides]
    for _ in range(rounds):
        for n, side in enumerate(sides):
            began = time.perf_counter()
            found[n] = side()
            seconds[n].append(time.perf_counter() - began)
    return seconds, found


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float | None]:
    """Return the median ratio of two sides' seconds, round by round, and its spread: None of a single round."""
    ratios = [slow / fast for fast, slow in zip(ours, theirs, strict=True)]
    return statistics.median(ratios), max(ratios) - min(ratios) if len(ratios) > 1 else None


def write(name: str, rows: Sequence[Row], data: str) -> Path:
    """Write `benchmarks/results/NAME.json` and return its path. `data` names the data set, never a path."""
    report = {
        **stamp(),
        "machine": machine(),
        "versions": versions(),
        "data": data,
        "rows": [asdict(row) for row in rows],
    }
    path = RESULTS / f"{name}.json"
    keep(path, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return path


def keep(path: Path, text: str) -> None:
    """Write what one run of several gave, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def put(table: str, name: str, place: str) -> None:
    """Put a table in place of the one between `<!-- table: NAME -->` and the next end on a page of the project."""
    page = ROOT / place
    begin, end = f"<!-- table: {name} -->\n", "<!-- end of table -->\n"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}{table}{end}{after}", encoding="utf-8")


def of_seeds(name: str, values: Sequence[float], unit: str = "") -> Row:
    """Return the row of a number that was measured with several seeds: its mean and its deviation."""
    spread = round(statistics.pstdev(values), 4) if len(values) > 1 else None
    return Row(name, round(statistics.fmean(values), 4), unit, None, spread)


def plus_minus(values: Sequence[float]) -> str:
    """Return a mean with its deviation, to be shown in a table."""
    spread = f" ± {statistics.pstdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


def stamp() -> dict[str, str]:
    """Return the date, and the commit that is measured."""
    return {"date": datetime.now(UTC).strftime("%Y-%m-%d"), "commit": _commit()}


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title=title)
    table.add_column("what")
    for heading in ("value", "spread", "goal"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    for row in rows:
        table.add_row(row.name, _number(row.value), _number(row.spread), _number(row.goal), row.unit)
    Console().print(table)


def machine() -> str:
    """Describe the machine by what moves a number: cores, instruction sets, memory. No host name, no path."""
    parts = [f"{len(_cores())} cores", platform.machine()]
    flags = _cpu_flags()
    parts += [flag for flag in _CPU_FLAGS if flag in flags]
    parts.append(f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB memory")
    return ", ".join(parts)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that are installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _cores() -> set[int]:
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split(":", 1)[1].split()}


def _commit() -> str:
    """Return the short commit, marked "+" where the working tree differs from it; "" outside a repository."""
    root = Path(__file__).parent.parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit}+" if changed else commit


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
