"""Large graphs: MetaQA's facts and up to two million generated ones, imported and asked, each in a process of its own.

The generated graph has one entity for four facts, twenty relations and names of two words; which entity a fact is about
follows a power law, so that a few have thousands of facts (seed fixed). One and two hops are asked from entities drawn
from the facts, straight from the file: the memory of asking is that of a process which imports nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _report import ROOT, Row, options, show, write

SIZES = (250_000, 500_000, 1_000_000, 2_000_000)
N_RELATIONS, N_QUESTIONS, SEED = 20, 400, 11
METAQA = "kgqa/metaqa/kb.txt.gz"
_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


def main() -> None:
    """Measure, and write benchmarks/results/graph_size.json and docs/graph_size.svg."""
    parser = options(__doc__, "a hundredth of the sizes, nothing is kept")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        what, path = arguments.child
        sys.stdout.write(json.dumps(load(Path(what), Path(path)) if Path(what).exists() else ask(Path(path))) + "\n")
        return
    sizes = [n // 100 for n in SIZES] if arguments.quick else SIZES
    rows: list[Row] = []
    growth: list[tuple[int, float, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        loaded = child(arguments.data / METAQA, folder / "metaqa.kg")
        rows += [
            Row("MetaQA, 133,582 facts: processor seconds of import", loaded["seconds"], "s", 3),
            Row("MetaQA: memory of import", loaded["memory"], "MB", 250),
        ]
        for n in sizes:
            generate(folder / "facts.tsv", n)
            loaded = child(folder / "facts.tsv", folder / f"{n}.kg")
            asked = child(Path("ask"), folder / f"{n}.kg")
            growth.append((n, loaded["seconds"], asked["two hops"]))
            rows += [
                Row(f"{n:,} facts: facts a second", n / loaded["seconds"], ""),
                Row(f"{n:,} facts: memory of import", loaded["memory"], "MB"),
                Row(f"{n:,} facts: file", (folder / f"{n}.kg").stat().st_size / 1e6, "MB"),
                Row(f"{n:,} facts: median of one hop", asked["one hop"], "ms", 20),
                Row(f"{n:,} facts: median of two hops", asked["two hops"], "ms", 20),
                Row(f"{n:,} facts: memory of asking", asked["memory"], "MB"),
            ]
            (folder / f"{n}.kg").unlink()
    rates = [n / seconds for n, seconds, _ in growth]
    rows.append(Row("rate of import, largest against smallest", rates[-1] / rates[0], "x"))
    show("Large graphs", rows)
    if not arguments.quick:
        write("graph_size", rows, f"MetaQA kb.txt, and graphs generated with seed {SEED}")
        plot(growth)


def generate(file: Path, n: int) -> None:
    """Write n generated triples."""
    rng = np.random.default_rng(SEED)
    n_entities = n // 4
    ends = np.minimum((n_entities * rng.power(0.5, size=(n, 2)) ** 2).astype(np.int64), n_entities - 1)
    ends = rng.permutation(n_entities)[ends]
    relations = rng.integers(N_RELATIONS, size=n)
    with file.open("w", encoding="utf-8") as out:
        for (subject, object_), relation in zip(ends.tolist(), relations.tolist(), strict=True):
            out.write(f"{name(subject)}\trelation {relation}\t{name(object_)}\n")


def name(number: int) -> str:
    """Return a name of two words that no other number has."""
    syllables = []
    for _ in range(5):
        number, place = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[place])
    return f"{''.join(syllables[:3]).title()} {''.join(syllables[3:]).title()}"


def child(what: Path, path: Path) -> dict[str, float]:
    """Run one measurement in a fresh process."""
    command = [sys.executable, __file__, "--child", str(what), str(path), "--data", "."]
    measured: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return measured


def load(file: Path, path: Path) -> dict[str, float]:
    """Import a file; return seconds of the processor, which other work does not lengthen, and peak memory in MB."""
    from nlpkit.graph.kg import KnowledgeGraph

    began = time.process_time()
    KnowledgeGraph.load_file(file, path).close()
    return {"seconds": time.process_time() - began, "memory": memory()}


def ask(path: Path) -> dict[str, float]:
    """Execute plans of one and two hops; return their medians in ms and the peak memory in MB."""
    from nlpkit.graph.execute import execute
    from nlpkit.graph.plan import Branch, Plan, Step
    from nlpkit.graph.store import Store

    rng = np.random.default_rng(SEED)
    store = Store(path)
    last = store.db.value("SELECT MAX(id) FROM fact")
    took: dict[str, list[float]] = {"one hop": [], "two hops": []}
    for place in rng.integers(1, last, size=N_QUESTIONS).tolist():
        subject, relation, object_ = store.db.execute(
            "SELECT subject, name, object FROM fact JOIN relation ON relation.id = relation WHERE fact.id >= ? LIMIT 1",
            (place,),
        ).fetchone()
        leaving = sorted(store.steps([object_]))
        onwards = Step(*leaving[rng.integers(len(leaving))])  # one that leads somewhere
        for hops, steps in (("one hop", ()), ("two hops", (onwards,))):
            plan = Plan((Branch(store.node(subject), (Step(relation, False), *steps)),))
            began = time.perf_counter()
            execute(plan, store)
            took[hops].append(1000 * (time.perf_counter() - began))
    return {hops: float(np.median(times)) for hops, times in took.items()} | {"memory": memory()}


def memory() -> float:
    """Return the peak resident set of this process in MB; what getrusage says may be that of the process before it."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def plot(growth: list[tuple[int, float, float]]) -> None:
    """Draw processor seconds of import and milliseconds of two hops by facts."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "nlpkit"
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3))
    facts = [n / 1e6 for n, _, _ in growth]
    left.plot(facts, [seconds for _, seconds, _ in growth], marker="o")
    left.set(xlabel="million facts", ylabel="processor seconds of import", xlim=0, ylim=0)
    right.plot(facts, [hops for _, _, hops in growth], marker="o")
    right.set(xlabel="million facts", ylabel="median of two hops, ms", xlim=0, ylim=0)
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "graph_size.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
