"""Missing facts foretold by rules: filtered MRR and hits@10 on UMLS, Kinship and Nations, beside published figures.

Every test fact is asked from both ends; what train, validation and test say otherwise of the question is left out
(Bordes et al. 2013), and ties count as the mean of their ranks. Published figures are those of the papers' own runs on
these splits; NeuralLP, DRUM and MINERVA are rule or path learners, ComplEx and ConvE embeddings.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
from _report import Row, options, show, write

from nlpkit.graph.records import Fact
from nlpkit.graph.rules import Rules

SETS = ("umls", "kinship", "nations")
PUBLISHED = {
    "umls": {"NeuralLP": (0.778, 0.962), "DRUM": (0.81, 0.98), "MINERVA": (0.825, 0.968), "ConvE": (0.94, 0.99)},
    "kinship": {"NeuralLP": (0.619, 0.912), "DRUM": (0.61, 0.92), "MINERVA": (0.720, 0.924), "ConvE": (0.83, 0.98)},
    "nations": {"ConvE": (0.82, 1.00)},
}
"""(MRR, hits@10): Yang et al. 2017 as run by Das et al. 2018, Sadeghian et al. 2019, Das et al. 2018, and the
repository of Dettmers et al. 2018."""
LEAST, SUPPORT = 0.01, 2


def main() -> None:
    """Measure, and write benchmarks/results/graph_completion.json."""
    parser = options(__doc__, "UMLS alone, nothing is kept")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in SETS[:1] if arguments.quick else SETS:
        mrr, hits = measured(arguments.data / "kgqa" / f"lp_{name}")
        rows += [Row(f"{name}: MRR", mrr, ""), Row(f"{name}: hits@10", hits, "")]
        for method, (their_mrr, their_hits) in PUBLISHED[name].items():
            rows += [Row(f"{name}: MRR, {method} as published", their_mrr, "")]
            rows += [Row(f"{name}: hits@10, {method} as published", their_hits, "")]
    show("Missing facts", rows)
    if not arguments.quick:
        write("graph_completion", rows, "test parts of UMLS, Kinship and Nations; rules from their train parts")


def measured(folder: Path) -> tuple[float, float]:
    """Return MRR and hits@10 on the test part."""
    parts = {part: triples(folder / f"{part}.txt") for part in ("train", "valid", "test")}
    names = sorted({end for part in parts.values() for s, _, o in part for end in (s, o)})
    ids = {name: n for n, name in enumerate(names, 1)}
    said: dict[tuple[int, str, bool], set[int]] = defaultdict(set)
    for subject, relation, object_ in (triple for part in parts.values() for triple in part):
        said[ids[subject], relation, False].add(ids[object_])
        said[ids[object_], relation, True].add(ids[subject])
    rules = Rules((Fact(ids[s], r, ids[o]) for s, r, o in parts["train"]), least=LEAST, support=SUPPORT)
    answers: dict[tuple[int, str, bool], dict[int, list[float]]] = {}
    ranks = []
    for subject, relation, object_ in parts["test"]:
        for node, gold, back in ((ids[subject], ids[object_], False), (ids[object_], ids[subject], True)):
            question = (node, relation, back)
            if question not in answers:
                found = rules.subjects(node, relation) if back else rules.objects(node, relation)
                answers[question] = {other: [rule.confidence for rule in because] for other, because in found}
            ranks.append(rank(gold, answers[question], said[question], len(names)))
    return float(np.mean(1 / np.array(ranks))), float(np.mean(np.array(ranks) <= 10))


def rank(gold: int, answers: dict[int, list[float]], said: set[int], n_names: int) -> float:
    """Return the rank of the right answer among those that are not said to be right, ties in the middle."""
    rivals = [scores for other, scores in answers.items() if other not in said]
    own = answers.get(gold, [])
    better = sum(scores > own for scores in rivals)
    alike = sum(scores == own for scores in rivals) if own else n_names - len(said) - len(rivals)
    return 1 + better + alike / 2


def triples(file: Path) -> list[tuple[str, str, str]]:
    """Return subject, relation and object of each line."""
    found = []
    for line in file.read_text("utf-8").splitlines():
        if line.strip():
            subject, relation, object_ = line.split("\t")
            found.append((subject, relation, object_))
    return found


if __name__ == "__main__":
    main()
