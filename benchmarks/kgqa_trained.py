"""Plans learnt from questions and answers alone: MetaQA (Zhang et al. 2018) and PathQuestion (Zhou et al. 2018).

    python kgqa_trained.py --data DATA                      all settings
    python kgqa_trained.py --data DATA full few unseen transfer pathquestion abstention

No gold path and no number of hops is given. MetaQA's training questions are not at hand: trained on dev questions, a
tenth kept aside to choose on, reported once on test. Each wording stands once in training, its topic masked.

- full: all dev questions; the topic as the set marks it, and found.
- few: 100 dev questions of each hop, five draws.
- unseen: 70 % of dev's wordings (the topic masked), asked the test questions of the other wordings, five splits. The
  rules of the untrained ranker were mended while looking at dev's wordings, so the rows "learnt alone" leave them out.
- transfer: trained on PathQuestion, asked on MetaQA; beside no training at all.
- pathquestion: random 80/10/10, five seeds, 2 and 3 hops apart; underscores in names are made spaces.
- abstention: test questions asked twice: on the whole graph, and without the facts of their last hop, by the gold paths
  (which nothing else here reads); the threshold that leaves 5 % of dev questions open.

hits@1 is measured without abstaining. "Over ties" is its expected value if answers of equal score come in any order.
"""

from __future__ import annotations

import random
import re
import statistics
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from _report import Row, options, show, write
from kgqa_metaqa import Reader, lines, questions
from recipes import changed

import nlpkit
from nlpkit import KnowledgeGraph, recipes
from nlpkit.graph import ask as asking
from nlpkit.graph import learned
from nlpkit.graph.records import Fact, FactSource, GraphAnswer
from nlpkit.graph.score import Match, match, mean_match
from nlpkit.graph.view import View, Walk

SEEDS = range(5)
SEED = 20
HOPS = (1, 2, 3)
GOALS = {
    "full": (0.970, 0.995, 0.990),
    "few": (0.95, 0.95, 0.92),
    "unseen": (0.92, 0.92, 0.92),
    "pathquestion": (0.0, 0.985, 0.98),
}
SETTINGS = ("full", "few", "unseen", "transfer", "pathquestion", "abstention")
TOPIC = re.compile(r"\[(.*?)\]")

Asked = tuple[str, frozenset[str], int]
"""A question with its topic in brackets, its answers, and its hops."""


class Bench:
    """One run: where the data is, where to train, how many questions to ask."""

    def __init__(self, data: Path, scratch: Path, n_questions: int, seeds: Sequence[int]) -> None:
        self.metaqa, self.pathquestion = data / "kgqa" / "metaqa", data / "kgqa" / "pathquestion"
        self.scratch, self.n_questions, self.seeds = scratch, n_questions, seeds
        self.graph = scratch / "metaqa.kg"
        triples = next(path for name in ("kb.txt.gz", "kb.txt") if (path := self.metaqa / name).exists())
        KnowledgeGraph.load_file(triples, self.graph, Reader()).close()

    def asked(self, split: str) -> list[Asked]:
        """Return MetaQA's questions of a split."""
        return [(q, gold, hops) for hops in HOPS for q, gold in questions(self.metaqa, hops, split)]

    def drawn(self, those: Sequence[Asked], hops: int, seed: int = SEED) -> list[Asked]:
        """Return the questions of one number of hops that are asked."""
        own = [one for one in those if one[2] == hops]
        return random.Random(seed).sample(own, min(self.n_questions, len(own)))

    def train(self, name: str, those: Sequence[Asked], graph: Path, *, epochs: int = 12, seed: int = 13) -> str:
        """Train on questions, a tenth of them to choose on, and return the folder."""
        folder = self.scratch / f"{name}.data"
        folder.mkdir()
        text = "".join(f"{question}\t{'|'.join(sorted(gold))}\n" for question, gold, _ in those)
        (folder / "train.txt").write_text(text, encoding="utf-8")
        changes = {"data.train": "train.txt", "data.test": None, "data.hold_out": len(those) // 10}
        recipe = changed(recipes.find("kgqa/metaqa"), changes | {"training.epochs": epochs, "training.seed": seed})
        with KnowledgeGraph.open(graph, Reader()) as opened:
            return str(nlpkit.train(recipe, data=folder, out=self.scratch / name, graph=opened))


def ask(graph: Path, adapter: str, those: Sequence[Asked], *, marked: bool = True) -> list[tuple[GraphAnswer, Match]]:
    """Ask questions without abstaining."""
    with KnowledgeGraph.open(graph, nlpkit.load(adapter) if adapter else Reader()) as opened:
        opened.ask(those[0][0])  # vectors of relations are made once
        answers = [opened.ask(q if marked else TOPIC.sub(r"\1", q), threshold=0.0) for q, _, _ in those]
    return [(answer, match(answer, gold)) for answer, (_, gold, _) in zip(answers, those, strict=True)]


def rows_of(name: str, asked: Sequence[tuple[GraphAnswer, Match]], goal: float | None = None) -> list[Row]:
    """Return the figures of one setting."""
    means = mean_match([matched for _, matched in asked])
    times = np.array([answer.seconds for answer, _ in asked]) * 1000
    return [
        Row(f"{name}: hits@1", means["hits1"], "", goal),
        Row(f"{name}: hits@1 over ties", means["expected_hits1"], ""),
        Row(f"{name}: set F1", means["set_f1"], ""),
        Row(f"{name}: exact set", means["exact_set"], ""),
        Row(f"{name}: median time", float(np.median(times)), "ms", 40.0),
        Row(f"{name}: 99th percentile of time", float(np.quantile(times, 0.99)), "ms", 150.0),
    ]


def spread_of(name: str, runs: Sequence[Sequence[Match]], goal: float | None = None) -> list[Row]:
    """Return the mean of hits@1 and the set scores over runs, with their standard deviation."""
    means = [mean_match(run) for run in runs]
    rows = []
    for key, label in (("hits1", "hits@1"), ("set_f1", "set F1"), ("exact_set", "exact set")):
        values = [mean[key] for mean in means]
        rows.append(
            Row(
                f"{name}: {label}",
                statistics.fmean(values),
                "",
                goal if key == "hits1" else None,
                float(np.std(values)),
            )
        )
    return rows


def named(hops: int) -> str:
    """Return a number of hops in words."""
    return f"{hops} hop{'s' * (hops > 1)}"


def full(bench: Bench) -> list[Row]:
    """Learn from all dev questions."""
    adapter = bench.train("full", bench.asked("dev"), bench.graph)
    test, rows = bench.asked("test"), list[Row]()
    for hops, goal in zip(HOPS, GOALS["full"], strict=True):
        drawn = bench.drawn(test, hops)
        rows += rows_of(f"{named(hops)}, topic marked", ask(bench.graph, adapter, drawn), goal)
        rows += rows_of(f"{named(hops)}, topic found", ask(bench.graph, adapter, drawn, marked=False))
    return rows


def few(bench: Bench) -> list[Row]:
    """Learn from 100 questions of each hop."""
    dev, test = bench.asked("dev"), bench.asked("test")
    found: dict[int, list[list[Match]]] = {hops: [] for hops in HOPS}
    for seed in bench.seeds:
        drawn = [q for hops in HOPS for q in random.Random(seed).sample([d for d in dev if d[2] == hops], 100)]
        adapter = bench.train(f"few{seed}", drawn, bench.graph, epochs=30, seed=seed)
        for hops in HOPS:
            found[hops].append([m for _, m in ask(bench.graph, adapter, bench.drawn(test, hops, seed))])
    return [r for h, goal in zip(HOPS, GOALS["few"], strict=True) for r in spread_of(named(h), found[h], goal)]


def unseen(bench: Bench) -> list[Row]:
    """Ask in wordings that training did not have."""
    dev, test = bench.asked("dev"), bench.asked("test")
    wordings = sorted({TOPIC.sub("X", question) for question, _, _ in dev})
    kinds = ("with the rules", "learnt alone")
    found: dict[tuple[str, int], list[list[Match]]] = {(kind, hops): [] for kind in kinds for hops in HOPS}
    for seed in bench.seeds:
        shuffled = random.Random(seed).sample(wordings, len(wordings))
        seen = set(shuffled[: round(0.7 * len(wordings))])
        adapter = bench.train(f"unseen{seed}", [d for d in dev if TOPIC.sub("X", d[0]) in seen], bench.graph)
        new = [q for q in test if TOPIC.sub("X", q[0]) not in seen]
        for hops in HOPS:
            drawn = bench.drawn(new, hops, seed)
            found["with the rules", hops].append([m for _, m in ask(bench.graph, adapter, drawn)])
            with without_rules():
                found["learnt alone", hops].append([m for _, m in ask(bench.graph, adapter, drawn)])
    goals = dict(zip(HOPS, GOALS["unseen"], strict=True))
    return [
        row for (kind, hops), runs in found.items() for row in spread_of(f"{named(hops)}, {kind}", runs, goals[hops])
    ]


@contextmanager
def without_rules() -> Iterator[None]:
    """Let only plans that were learnt be chosen."""
    before = learned.SURE
    learned.SURE = 0.0  # type: ignore[misc]  # any share is enough not to look further
    try:
        yield
    finally:
        learned.SURE = before  # type: ignore[misc]


def transfer(bench: Bench) -> list[Row]:
    """Learn on PathQuestion, ask on MetaQA."""
    graph, those = path_questions(bench, 3)
    adapter = bench.train("transfer", those, graph, epochs=3)
    test, rows = bench.asked("test"), list[Row]()
    for hops in HOPS:
        drawn = bench.drawn(test, hops)
        trained, bare = (ask(bench.graph, one, drawn) for one in (adapter, ""))
        gained = statistics.fmean(m.hits1 for _, m in trained) - statistics.fmean(m.hits1 for _, m in bare)
        rows += rows_of(f"{named(hops)}, learnt on PathQuestion", trained)[:4]
        rows += rows_of(f"{named(hops)}, no training", bare)[:4]
        rows.append(Row(f"{named(hops)}: gained", 100 * gained, "points", 0.0))
    return rows


def path_questions(bench: Bench, hops: int) -> tuple[Path, list[Asked]]:
    """Import a part of PathQuestion's facts and return the graph and its questions."""
    graph = bench.scratch / f"pq{hops}.kg"
    if not graph.exists():
        text = "".join(f"{line.replace('_', ' ')}\n" for line in lines(bench.pathquestion / f"{hops}H-kb.txt"))
        triples = bench.scratch / f"pq{hops}.tsv"
        triples.write_text(text, encoding="utf-8")
        KnowledgeGraph.load_file(triples, graph, Reader()).close()
    asked = []
    for line in lines(bench.pathquestion / f"PQ-{hops}H.txt"):
        question, answers, path = line.split("\t")[:3]
        topic, gold = path.split("#")[0], answers.partition("(")[2].rstrip(") ").strip("/").split("/")
        marked = question.replace(topic, f"[{topic}]", 1)
        asked.append((marked.replace("_", " "), frozenset(name.replace("_", " ") for name in gold if name), hops))
    return graph, [one for one in asked if TOPIC.search(one[0])]


def pathquestion(bench: Bench) -> list[Row]:
    """Learn from four fifths of PathQuestion, ask a tenth."""
    rows = []
    for hops in (2, 3):
        graph, those = path_questions(bench, hops)
        runs = []
        for seed in bench.seeds:
            shuffled = random.Random(seed).sample(those, len(those))
            cut = round(0.9 * len(those))
            # A tenth of all is a ninth of these; training takes a tenth of them to choose on.
            # Almost every question has its own wording, so that an epoch is long.
            adapter = bench.train(f"pq{hops}-{seed}", shuffled[:cut], graph, epochs=3, seed=seed)
            runs.append([m for _, m in ask(graph, adapter, shuffled[cut:])])
        rows += spread_of(f"PathQuestion {hops}H", runs, GOALS["pathquestion"][hops - 1])
    return rows


def abstention(bench: Bench) -> list[Row]:
    """Ask what the graph can answer, and what it no longer can; say how far scores tell them apart."""
    dev, test = bench.asked("dev"), bench.asked("test")
    adapter = bench.train("abstention", dev, bench.graph)
    chosen = [one for hops in HOPS for one in bench.drawn(dev, hops)[: bench.n_questions // 2]]
    threshold = float(np.quantile([answer.score or 0.0 for answer, _ in ask(bench.graph, adapter, chosen)], 0.05))
    drawn = [one for hops in HOPS for one in bench.drawn(test, hops)[: bench.n_questions // 2]]
    answerable = ask(bench.graph, adapter, drawn)
    gone = ask_without(bench, adapter, drawn)
    rows = [
        Row("threshold, chosen on dev", threshold, ""),
        Row("answered of the answerable", share_above(answerable, threshold), "", 0.95),
        Row("left open of the unanswerable", 1 - share_above(gone, threshold), "", 0.80),
        Row("answered of the answerable, threshold 0.5", share_above(answerable, 0.5), ""),
        Row("left open of the unanswerable, threshold 0.5", 1 - share_above(gone, 0.5), ""),
    ]
    both = sorted([*answerable, *((a, replace(m, hits1=0.0)) for a, m in gone)], key=lambda p: -(p[0].score or 0.0))
    wrong = np.cumsum([1 - matched.hits1 for _, matched in both]) / np.arange(1, len(both) + 1)
    shares = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
    return rows + [
        Row(f"risk at coverage {share:.0%}", float(wrong[round(share * len(both)) - 1]), "") for share in shares
    ]


def share_above(asked: Sequence[tuple[GraphAnswer, Match]], threshold: float) -> float:
    """Return the share of questions that are answered."""
    return statistics.fmean(bool(a.answers) and (a.score or 0.0) >= threshold for a, _ in asked)


class Without(View):
    """A graph without some facts."""

    def __init__(self, source: FactSource, gone: Collection[Fact]) -> None:
        super().__init__(source)
        self.gone = frozenset(gone)

    def follow(self, node_ids: Collection[int], relation: str, inverse: bool) -> list[Fact]:
        """Return the facts that are left."""
        return [fact for fact in super().follow(node_ids, relation, inverse) if fact not in self.gone]

    def steps(self, node_ids: Collection[int]) -> dict[Walk, int]:
        """Count the facts that are left."""
        left = Counter(super().steps(node_ids))
        nodes = set(node_ids)
        left.subtract(
            (f.relation, inverse)
            for f in self.gone
            for inverse, at in ((False, f.subject), (True, f.object))
            if at in nodes
        )
        return {walk: n for walk, n in left.items() if n > 0}


def ask_without(bench: Bench, adapter: str, those: Sequence[Asked]) -> list[tuple[GraphAnswer, Match]]:
    """Ask each question on the graph without the facts of its last hop."""
    paths = {
        line.split("\t")[0]: line.split("\t")[2].split("|")
        for hops in HOPS
        for line in lines(bench.metaqa / "paths" / f"test_{hops}hop.txt")
    }
    asked = []
    kit = nlpkit.load(adapter)
    with KnowledgeGraph.open(bench.graph, kit) as opened:
        for question, gold, _ in those:
            nodes = {node.id for node in opened.store.find(TOPIC.findall(question)[0])}
            facts: list[Fact] = []
            for relation in paths[question]:
                inverse = relation.endswith("_inv")
                facts = opened.store.follow(nodes, relation.removesuffix("_inv"), inverse)
                nodes = {fact.subject if inverse else fact.object for fact in facts}
            answer = asking.ask(Without(opened.store, facts), kit, question, threshold=0.0)
            asked.append((answer, match(answer, gold)))
    return asked


def main() -> None:
    """Measure, show and write the tables."""
    parser = options(__doc__, "60 questions of each kind, one draw, nothing is written")
    parser.add_argument("settings", nargs="*", default=SETTINGS, help=", ".join(SETTINGS))
    parser.add_argument("--questions", type=int, default=1000, help="asked of each kind")
    arguments = parser.parse_args()
    measures = {"full": full, "few": few, "unseen": unseen, "transfer": transfer}
    measures |= {"pathquestion": pathquestion, "abstention": abstention}
    n_questions, seeds = (60, SEEDS[:1]) if arguments.quick else (arguments.questions, SEEDS)
    for setting in arguments.settings:
        with tempfile.TemporaryDirectory() as scratch:
            rows = measures[setting](Bench(arguments.data, Path(scratch), n_questions, seeds))
        show(f"Plans learnt from answers alone: {setting}", rows)
        if not arguments.quick:
            data = "PathQuestion" if setting == "pathquestion" else "MetaQA vanilla, trained on dev, reported on test"
            write(f"kgqa_{setting}", rows, f"{data}; up to {n_questions} questions of each kind")


if __name__ == "__main__":
    main()
