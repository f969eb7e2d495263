"""Zero-shot, in-context examples and adapters from few and from all examples, on the same test texts of three sets.

Each point is kept as soon as it is measured (results/compare/): a run that was stopped goes on where it was.
`--budget` seconds at a time fill the table over several runs.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from _report import RESULTS, ROOT, Row, keep, options, put, show, write

from nlpkit import data, recipes
from nlpkit.comparing import SIZES, Comparison, Point, plot
from nlpkit.data.files import json_lines
from nlpkit.types import Document, Label

KEPT = RESULTS / "compare"
TASK = "classification"


@dataclass(frozen=True, slots=True)
class Set:
    """A data set: how its texts are read, its labels in words, and the recipe whose settings adapters take.

    `models` are what is asked zero-shot and adapted, and what is shown examples. `items` are the test texts.
    """

    title: str
    read: Callable[[Path], tuple[list[Document], list[Document]]]
    words: Mapping[str, str]
    recipe: str | None = None
    models: tuple[str, str] = ("default", "smollm2")
    sizes: tuple[int | None, ...] = SIZES
    items: int = 500


def documents(path: Path, format: str) -> list[Document]:
    """Read documents."""
    return [example.document for example in data.read(path, format)]


def sst2(folder: Path) -> tuple[list[Document], list[Document]]:
    """Return the training and test texts of SST-2."""
    place = folder / "classification" / "sst2"
    return documents(place / "train.tsv", "tsv"), documents(place / "test.tsv", "tsv")


def clinc150(folder: Path) -> tuple[list[Document], list[Document]]:
    """Return the training and test texts of CLINC150 that have an intent."""
    path = folder / "classification" / "clinc150" / "data_full.json"
    return documents(Path(f"{path}#train"), "intents"), documents(Path(f"{path}#test"), "intents")


def ag_news(folder: Path) -> tuple[list[Document], list[Document]]:
    """Return 10,000 training texts of AG News without those of the test part, and its test texts."""
    place = folder / "classification" / "ag_news"
    test = documents(place / "test.csv", "csv")
    known = {" ".join(d.text.casefold().split()) for d in test}
    train = [
        replace(d, labels={TASK: Label(str(int(d.labels[TASK].label) + 1))})
        for d in documents(place / "hiddenkiller_clean_dev.tsv", "tsv")
        if not any(" ".join(d.text.split()) in text for text in known if len(text) < 2 * len(d.text))
    ]
    return train, test


def tnews(folder: Path) -> tuple[list[Document], list[Document]]:
    """Return the training and test titles of TNEWS as FewCLUE has it, the labels in Chinese."""
    place = folder / "classification" / "tnews_fewclue"
    words = {str(line["label"]): line["label_zh"] for _, line in json_lines(place / "label_index2en2zh.json")}

    def read(name: str) -> list[Document]:
        lines = json_lines(place / name)
        return [Document(line["sentence"], labels={TASK: Label(words[str(line["label"])])}) for _, line in lines]

    return read("train_few_all.json"), read("test_public.json")


SETS = {
    "sst2": Set("SST-2", sst2, {"0": "negative", "1": "positive"}, "sentiment/sst2"),
    "ag_news": Set("AG News", ag_news, {"1": "world", "2": "sports", "3": "business", "4": "science and technology"}),
    "clinc150": Set("CLINC150", clinc150, {}, "intent/clinc150", items=120),  # 150 labels for each text take seconds
    "tnews": Set("TNEWS (Chinese)", tnews, {}, models=("gemma3-270m", "gemma3-270m"), sizes=()),
}


def fill(name: str, folder: Path, ends: float) -> None:
    """Measure what is not there yet, as long as there is time."""
    chosen = SETS[name]
    train, test = chosen.read(folder)
    test = random.Random(13).sample(test, chosen.items)
    base = recipes.find(chosen.recipe) if chosen.recipe else None
    found = points(name)
    encoder, decoder = chosen.models
    comparison = Comparison(train, test, words=chosen.words, base=base, encoder=encoder, decoder=decoder)
    for point in comparison.points(sizes=chosen.sizes, done=found):
        found.append(point)
        print(name, point, flush=True)
        keep(KEPT / f"{name}.json", json.dumps([p.to_dict() for p in found], indent=1) + "\n")
        if time.monotonic() > ends:
            return


def points(name: str) -> list[Point]:
    """Return what is measured."""
    path = KEPT / f"{name}.json"
    return [Point(**p) for p in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []


def rows() -> Iterator[Row]:
    """Yield the accuracies and the seconds."""
    for name, chosen in SETS.items():
        for point in points(name):
            what = f"{chosen.title}: {point.way}, {point.examples} examples"
            yield Row(f"{what}: accuracy", round(point.accuracy, 4), "")
            yield Row(f"{what}: seconds", round(point.seconds, 1), "s")


def table() -> str:
    """Return the table of docs/compare.md."""
    lines = ["| data | way | model | examples | accuracy | seconds |", "|---|---|---|---:|---:|---:|"]
    for name, chosen in SETS.items():
        for p in points(name):
            lines.append(
                f"| {chosen.title} | {p.way} | {p.model} | {p.examples:,} | {p.accuracy:.3f} | {p.seconds:,.0f} |"
            )
    return "\n".join(lines) + "\n"


def into_docs() -> None:
    """Put the table between its marks in docs/compare.md, and draw the chart."""
    put(table(), "compare", "docs/compare.md")
    plot({chosen.title: points(name) for name, chosen in SETS.items() if points(name)}, ROOT / "docs" / "compare.svg")


def main() -> None:
    """Measure, and write benchmarks/results/compare.json with the table and the chart of docs/compare.md."""
    parser = options(__doc__, "20 test texts of SST-2, zero-shot and 8 examples; nothing is written")
    parser.add_argument("--sets", default=",".join(SETS), help="which, separated by commas")
    parser.add_argument("--budget", type=float, default=float("inf"), help="begin nothing after so many seconds")
    arguments = parser.parse_args()
    if arguments.quick:
        train, test = sst2(arguments.data)
        for point in Comparison(train, test[:20], words=SETS["sst2"].words, decoder=None).points(sizes=(8,)):
            print(point)
        return
    ends = time.monotonic() + arguments.budget
    for name in arguments.sets.split(","):
        if name not in SETS:
            parser.error(f"--sets knows {', '.join(SETS)}")
        if time.monotonic() < ends:
            fill(name, arguments.data, ends)
    measured = list(rows())
    show("Zero-shot, in context, adapters", measured)
    there = ", ".join(f"{chosen.items} of {chosen.title}" for name, chosen in SETS.items() if points(name))
    write("compare", measured, f"test texts, drawn with a seed: {there}")
    into_docs()


if __name__ == "__main__":
    main()
