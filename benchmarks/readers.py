"""Whether every data set is read whole: examples and annotations counted against the published sizes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from _report import Row, options, show, write

from nlpkit import data
from nlpkit.types import Answer, Document, Entity

COUNTS: Mapping[str, Callable[[Document], int]] = {
    "entities": lambda d: len(d.entities),
    "relations": lambda d: len(d.relations),
    "slots": lambda d: len(d.slots),
    "answers": lambda d: len(d.answers),
    "unanswerable": lambda d: not d.answers,
    "without their text": lambda d: any(a.start < 0 for a in d.answers),
}


@dataclass(frozen=True, slots=True)
class Expected:
    """A file, its format, the examples that it holds (0: not stated), and what they hold (see `rows_of`)."""

    path: str
    format: str
    n: int
    counts: Mapping[str, int]


def _ner(path: str, n: int, entities: int, format: str = "conll") -> Expected:
    return Expected(f"ner/{path}", format, n, {"entities": entities})


def _labels(path: str, format: str, n: int, n_labels: int) -> Expected:
    return Expected(f"classification/{path}", format, n, {"labels": n_labels})


def _joint(path: str, format: str, n: int, entities: int, relations: int) -> Expected:
    return Expected(f"re/{path}", format, n, {"entities": entities, "relations": relations})


def _talks(path: str, n: int, n_turns: int, states: str = "") -> list[Expected]:
    """Return conversations, each with an example for every turn but the first, and the states in them."""
    found = [Expected(f"dialogue/{path}", "conversations", n_turns - n, {"conversations": n})]
    return [*found, Expected(f"dialogue/{path}", states, 0, {"dialogues": n})] if states else found


def _lines_of_talk(part: str, n: int) -> Expected:
    return Expected(f"dialogue/dailydialog/{part}.zip#dialogues_{part}.txt", "conversations", 0, {"conversations": n})


def _schema_guided(part: str, n: int, n_turns: int) -> list[Expected]:
    """Return dialogues in which every second turn is the system's."""
    folder = f"dialogue/sgd/{part}"
    return [
        Expected(folder, "sgd-replies", n_turns // 2, {"conversations": n}),
        Expected(folder, "sgd", 0, {"dialogues": n}),
    ]


ALSO = {"sgd-replies": "sgd", "conversations": "multiwoz"}
"""Formats of files that another format reads too, which is the one found by looking."""
CLINC = "clinc150/data_full.json"
SIMPLE = "kgqa/ref_simplequestions_wikidata/annotated_wd_data"
CHN = "chnsenticorp/chnsenticorp.zip"
LITERATURE = "chinese-literature.zip#chinese-literature/relation_extraction"
SETS = (
    _ner("conll2003/eng.train", 14_041, 23_499),
    _ner("conll2003/eng.testa", 3_250, 5_942),
    _ner("conll2003/eng.testb", 3_453, 5_648),
    _ner("wnut17/wnut17train.conll", 3_394, 1_975),
    _ner("wnut17/emerging.dev.conll", 1_009, 836),
    _ner("wnut17/emerging.test.annotated", 1_287, 1_079),
    _ner("bc5cdr/train.tsv", 4_560, 9_385),
    _ner("bc5cdr/devel.tsv", 4_581, 9_593),
    _ner("bc5cdr/test.tsv", 4_797, 9_809),
    _ner("mit-movie/engtrain.bio.txt", 9_775, 21_295),
    _ner("mit-movie/engtest.bio.txt", 2_443, 5_339),
    _ner("mit-movie/trivia10k13train.bio", 7_816, 23_030),
    _ner("mit-movie/trivia10k13test.bio", 1_953, 5_686),
    _ner("sec-filings/FIN5.txt", 1_164, 1_168),
    _ner("sec-filings/FIN3.txt", 303, 318),
    _ner("resume-zh/train.char.bmes", 3_821, 13_440),
    _ner("resume-zh/dev.char.bmes", 463, 1_497),
    _ner("resume-zh/test.char.bmes", 477, 1_630),
    _ner("cluener/train.json", 10_748, 23_972, "cluener"),
    _ner("cluener/dev.json", 1_343, 3_072, "cluener"),
    _ner("cluener/test.json", 1_345, 0, "cluener"),
    _ner("weibo-zh/weiboNER_2nd_conll.train", 1_350, 1_895, "weibo"),
    _ner("weibo-zh/weiboNER_2nd_conll.dev", 270, 389, "weibo"),
    _ner("weibo-zh/weiboNER_2nd_conll.test", 270, 418, "weibo"),
    _labels(f"{CLINC}#train", "intents", 15_000, 150),
    _labels(f"{CLINC}#train+oos_train", "intents", 15_100, 151),
    _labels(f"{CLINC}#val", "intents", 3_000, 150),
    _labels(f"{CLINC}#test", "intents", 4_500, 150),
    _labels(f"{CLINC}#oos_test", "intents", 1_000, 1),
    _labels("banking77/train.csv", "csv", 10_003, 77),
    _labels("banking77/test.csv", "csv", 3_080, 77),
    _labels("sst2/train.tsv", "tsv", 6_920, 2),
    _labels("sst2/dev.tsv", "tsv", 872, 2),
    _labels("sst2/test.tsv", "tsv", 1_821, 2),
    _labels("ag_news/test.csv", "csv", 7_600, 4),
    _labels("ag_news/hiddenkiller_clean_dev.tsv", "tsv", 10_000, 4),
    _labels("waimai_10k/waimai_10k.csv", "csv", 11_987, 2),
    _labels("thucnews_titles/test.txt", "tsv", 10_000, 10),
    _labels(f"{CHN}#train.tsv", "tsv", 9_600, 2),
    _labels(f"{CHN}#dev.tsv", "tsv", 1_200, 2),
    _labels(f"{CHN}#test.tsv", "tsv", 1_200, 2),
    _labels("tnews_fewclue/train_few_all.json", "json-lines", 1_185, 15),
    _labels("tnews_fewclue/dev_few_all.json", "json-lines", 1_098, 15),
    _labels("tnews_fewclue/test_public.json", "json-lines", 2_010, 15),
    _labels("trec/train_5500.label", "trec", 5_452, 6),
    _labels("trec/TREC_10.label", "trec", 500, 6),
    _labels("trec/TREC_10.label#fine", "trec", 500, 42),
    *(_labels(f"tnews_fewclue/train_{n}.json", "json-lines", 240, 15) for n in range(5)),
    _labels("clinc150/data_small.json#train", "intents", 7_500, 150),
    _labels("thucnews_titles/dev.txt#labels=class.txt", "tsv", 10_000, 10),
    _labels("thucnews_titles/test.txt#labels=class.txt", "tsv", 10_000, 10),
    Expected("dialogue/smp2019_ecdt/train.json", "slot-values", 2_579, {"intents": 23}),
    *_talks("multiwoz_2.1_convlab/val.json.zip", 999, 14_730, "multiwoz"),
    *_talks("multiwoz_2.1_convlab/test.json.zip", 1_000, 14_744, "multiwoz"),
    *_talks("crosswoz/val.json.zip", 500, 8_458),
    *_talks("crosswoz/test.json.zip", 500, 8_476),
    *(_talks("kdconv/film/dev.json", 150, 3_858) + _talks("kdconv/film/test.json", 150, 4_010)),
    *(_talks("kdconv/music/dev.json", 150, 2_772) + _talks("kdconv/music/test.json", 150, 2_914)),
    *(_talks("kdconv/travel/dev.json", 150, 2_691) + _talks("kdconv/travel/test.json", 150, 2_813)),
    *(_talks("topical_chat/valid_freq.json", 539, 11_681) + _talks("topical_chat/valid_rare.json", 539, 11_692)),
    *(_talks("topical_chat/test_freq.json", 539, 11_760) + _talks("topical_chat/test_rare.json", 539, 11_770)),
    *(_lines_of_talk(part, n) for part, n in (("train", 11_118), ("validation", 1_000), ("test", 1_000))),
    *(_schema_guided("train", 4_081, 77_202) + _schema_guided("dev", 1_732, 30_554)),
    *_schema_guided("test", 2_025, 32_154),
    Expected("dialogue/snips/train", "slots", 13_084, {"labels": 7}),
    Expected("dialogue/snips/valid", "slots", 700, {"labels": 7}),
    Expected("dialogue/snips/test", "slots", 700, {"labels": 7}),
    Expected("dialogue/atis/train", "slots", 4_478, {"labels": 21}),
    Expected("dialogue/atis/valid", "slots", 500, {"labels": 16}),
    Expected("dialogue/atis/test", "slots", 893, {"labels": 20}),
    Expected("re/semeval2010-task8/TRAIN_FILE.TXT", "semeval2010", 8_000, {"entities": 16_000, "relations": 6_590}),
    Expected("re/semeval2010-task8/TEST_FILE_FULL.TXT", "semeval2010", 2_717, {"entities": 5_434, "relations": 2_263}),
    # Spans of several pieces, and those that are not the text at their places, are not read; nor relations of them.
    _joint(f"{LITERATURE}/Training", "brat", 695, 120_179, 12_618),
    _joint(f"{LITERATURE}/Validation", "brat", 58, 11_637, 1_290),
    _joint(f"{LITERATURE}/Testing", "brat", 84, 16_420, 1_593),
    _joint("conll04/conll04_train.json", "spert", 922, 3_377, 1_283),
    _joint("conll04/conll04_dev.json", "spert", 231, 893, 343),
    _joint("conll04/conll04_test.json", "spert", 288, 1_079, 422),
    _joint("scierc/train.json", "scierc", 1_861, 5_598, 3_219),
    _joint("scierc/dev.json", "scierc", 275, 811, 455),
    _joint("scierc/test.json", "scierc", 551, 1_685, 974),
    _joint("ade/train.ADE0.json", "ade", 3_178, 8_039, 5_029),
    _joint("ade/valid.ADE0.json", "ade", 560, 1_408, 889),
    _joint("ade/test.ADE0.json", "ade", 415, 1_030, 634),
    # Of the triples 42 and 44 have a word that is not in their sentence.
    Expected("re/nyt/exact_data/valid.json", "nyt", 5_000, {"relations": 7_985 - 42}),
    Expected("re/nyt/exact_data/test.json", "nyt", 5_000, {"relations": 8_120 - 44}),
    Expected("re/people-relation-zh/train.txt", "people-relations", 3_105, {"labels": 14}),
    Expected("re/people-relation-zh/test.txt", "people-relations", 776, {"labels": 14}),
    Expected("re/re-docred/dev_revised.json", "redocred", 500, {"relations a document, tenths": 346}),
    Expected("re/re-docred/test_revised.json", "redocred", 500, {"relations a document, tenths": 349}),
    Expected("corpora/zh_people_relations/train.txt", "people-relations", 3_105, {"labels": 14}),
    Expected("kgqa/zh_medical_disease/disease.csv.gz#label=department+text=symptom", "csv", 14_336, {}),  # in GB18030
    Expected("kgqa/zh_nlpcc2016/clean_triple.csv.gz#label=attribute+text=question", "csv", 24_121, {}),
    Expected("kgqa/pathquestion/PQ-2H.txt#label=2+text=1", "tsv", 1_908, {}),
    Expected("kgqa/pathquestion/PQ-3H.txt.gz#label=2+text=1", "tsv", 5_198, {}),
    Expected(f"{SIMPLE}_train_answerable.txt.gz#label=2+text=4", "tsv", 19_481, {}),
    # Of these two the source counts line breaks, and the last lines have none.
    Expected(f"{SIMPLE}_valid_answerable.txt#label=2+text=4", "tsv", 2_820 + 1, {}),
    Expected(f"{SIMPLE}_test_answerable.txt#label=2+text=4", "tsv", 5_621 + 1, {}),
    Expected("qa/squad_v1.1/train-v1.1.rebuilt.json", "squad", 87_599, {"unanswerable": 0, "without their text": 0}),
    Expected("qa/squad_v1.1/dev-v1.1.rebuilt.json", "squad", 10_570, {"unanswerable": 0, "without their text": 0}),
    Expected("qa/squad_v2.0/dev-v2.0.rebuilt.json", "squad", 11_873, {"unanswerable": 5_945}),
    Expected("qa/squad_v2.0/cs224n_dev-v2.0.json", "squad", 6_078, {"unanswerable": 3_168}),
    Expected("qa/squadshifts_new_wiki/new_wiki_v1.0.json", "squad", 7_938, {"without their text": 0}),
    Expected("qa/cmrc2018/cmrc2018_train.json", "squad", 10_142, {"unanswerable": 0}),
    Expected("qa/cmrc2018/cmrc2018_dev.json", "squad", 3_219, {"unanswerable": 0}),
    Expected("qa/cmrc2018/cmrc2018_trial.json", "squad", 1_002, {"unanswerable": 0}),
    Expected("qa/drcd/DRCD_dev.json", "squad", 3_524, {"without their text": 0}),
    Expected("qa/drcd/DRCD_test.json", "squad", 3_493, {"without their text": 0}),
)


def rows_of(expected: Expected, documents: list[Document]) -> list[Row]:
    """Return a row for the number of examples and for each count."""
    found = {name: sum(count(d) for d in documents) for name, count in COUNTS.items()}
    found["labels"] = len({label.label for d in documents for label in d.labels.values()})
    found["intents"] = len({d.labels["slots"].label for d in documents if "slots" in d.labels})
    found["conversations"] = len({d.id.rpartition("-")[0] for d in documents})
    found["dialogues"] = len({str(d.metadata.get("conversation")).rpartition(" ")[0] for d in documents})
    found["relations a document, tenths"] = round(10 * found["relations"] / len(documents))
    found["examples"] = len(documents)
    counts = {**({"examples": expected.n} if expected.n else {}), **expected.counts}
    return [Row(f"{expected.path}: {name}", found[name], name, goal) for name, goal in counts.items()]


def misplaced(documents: list[Document]) -> int:
    """Return how many spans are not the text at their offsets."""
    return sum(d.text[s.start : s.end] != s.text for d in documents for s in _spans(d) if s.start >= 0)


def _spans(document: Document) -> Iterator[Entity | Answer]:
    yield from document.entities
    yield from document.slots
    yield from document.answers


def main() -> None:
    """Read everything, print the counts and write benchmarks/results/readers.json; fail where one differs."""
    arguments = options(__doc__, "files for evaluation only: no training files").parse_args()
    rows, wrong, started, n, looked, found = [], 0, time.perf_counter(), 0, 0, 0
    for expected in SETS:
        if arguments.quick and "train" in expected.path.lower():
            continue
        path = arguments.data / expected.path
        if not data.exists(path):
            path = arguments.data / f"{expected.path}.gz"
        documents = [e.document for e in data.read(path, expected.format)]
        rows += rows_of(expected, documents)
        wrong += misplaced(documents)
        n += len(documents)
        if any(expected.counts.values()):  # a file without a single annotation says nothing of its format
            looked, found = looked + 1, found + (data.format_of(path) in (expected.format, ALSO.get(expected.format)))
    seconds = time.perf_counter() - started
    rows += [
        Row("formats found by looking at the file", found, f"of {looked}", looked),
        Row("spans that are not the text at their offsets", wrong, "spans", 0),
        Row("speed", round(n / seconds), "examples/s"),
    ]
    show("Data sets as read", rows)
    differing = [row for row in rows if row.goal is not None and row.value != row.goal]
    if not arguments.quick:
        write("readers", rows, f"{len(SETS)} files or parts, against the sizes that their sources state")
    if differing:
        sys.exit("\n".join(f"{row.name}: read {row.value}, stated {row.goal}" for row in differing))


if __name__ == "__main__":
    main()
