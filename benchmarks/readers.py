"""Whether every data set is read whole: examples, annotations and facts counted against the published sizes.

A file below the folder that is neither counted nor named in `ASIDE` fails the run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from _report import Row, options, show, write

from nlpkit import KnowledgeGraph, data
from nlpkit.data import files
from nlpkit.graph.triples import COLUMNS as COLUMNS_OF_TRIPLES
from nlpkit.types import Answer, Document, Entity

COUNTS: Mapping[str, Callable[[Document], int]] = {
    "entities": lambda d: len(d.entities),
    "relations": lambda d: len(d.relations),
    "slots": lambda d: len(d.slots),
    "answers": lambda d: len(d.answers),
    "unanswerable": lambda d: not d.answers,
    "without their text": lambda d: any(a.start < 0 for a in d.answers),
    "with answers": lambda d: bool(d.metadata.get("answers")),
    "with a query": lambda d: "query" in d.metadata,
    "linked": lambda d: len(d.metadata.get("links", ())),
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


METAQA = {1: (9_992, 9_947), 2: (14_872, 14_872), 3: (14_274, 14_274)}
"""Questions for choosing and for reporting, by hops."""
SETS += (
    *(_labels(f"tnews_fewclue/dev_{n}.json", "json-lines", 240, 15) for n in range(5)),
    Expected("corpora/zh_people_relations/test.txt", "people-relations", 776, {"labels": 14}),
    Expected("corpora/bbc_news/bbc_news.jsonl#label=category+text=text", "json-lines", 2_225, {"labels": 5}),
    Expected("corpora/wikipedia_2wiki/passages.jsonl#label=title+text=text", "json-lines", 6_119, {}),
    Expected("corpora/english_novels/novels_2.jsonl#label=author+text=text", "json-lines", 20, {}),
    Expected("corpora/graphrag_medical/medical.json#label=corpus_name+text=context", "json-lines", 1, {}),
    Expected("corpora/graphrag_medical/medical_questions.json", "questions", 2_062, {"with answers": 2_062}),
    Expected("corpora/webnlg/train.jsonl", "webnlg", 34_352, {}),
    Expected("corpora/webnlg/dev.jsonl", "webnlg", 4_316, {}),
    Expected("corpora/n3_entity_linking/Reuters-128.ttl", "nif", 128, {"linked": 880}),
    Expected("re/ade/raw/DRUG-AE.rel", "ade-corpus", 0, {"sentences": 4_271, "relations": 6_821}),
    Expected("re/ade/raw/DRUG-DOSE.rel", "ade-corpus", 0, {"relations": 279}),
    Expected("kgqa/ref_qald9/qald-9-train-multilingual.json", "questions", 408, {"with a query": 408}),
    Expected("kgqa/ref_qald9/qald-9-test-multilingual.json", "questions", 150, {"with a query": 150}),
    Expected("kgqa/ref_lcquad1/train-data.json", "questions", 4_000, {"with a query": 4_000}),
    Expected("kgqa/ref_lcquad1/test-data.json", "questions", 1_000, {"with a query": 1_000}),
    Expected("kgqa/zh_nlpcc2016/nlpcc-iccpol-2016.kbqa.training-data", "questions", 14_609, {}),
    Expected("kgqa/zh_nlpcc2016/nlpcc-iccpol-2016.kbqa.testing-data", "questions", 9_870, {}),
    *(
        Expected(f"kgqa/metaqa/{hops}-hop/vanilla/qa_{part}.txt", "questions", n, {"with answers": n})
        for hops, sizes in METAQA.items()
        for part, n in zip(("dev", "test"), sizes, strict=True)
    ),
    *(
        Expected(f"kgqa/metaqa/paths/{part}_{hops}hop.txt", "questions", n, {"with answers": n})
        for hops, sizes in METAQA.items()
        for part, n in zip(("valid", "test"), sizes, strict=True)
    ),
    *(
        Expected(f"kgqa/metaqa/1-hop/ntm/qa_{part}.txt", "questions", n, {})
        for part, n in zip(("dev", "test"), METAQA[1], strict=True)
    ),
    Expected("kgqa/zh_douban/small_movie_info.txt#label=genres+text=summary", "json-lines", 1_000, {}),
    Expected("kgqa/zh_douban/small_movie_person_info.txt#label=gender+text=introduction", "json-lines", 1_000, {}),
    Expected("kgqa/zh_douban/small_book_info.txt#label=press+text=content_abstract", "json-lines", 1_000, {}),
    Expected("kgqa/zh_douban/small_book_person_info.txt#label=country+text=introduction", "json-lines", 1_000, {}),
)
NEWSWIRE = ("APW_19980314", "APW_19980424", "APW_19980429", "NYT_19980315", "NYT_19980403", "NYT_19980407")
"""Files of marked news; their source counts the documents of all together."""
FACTS: Mapping[str, tuple[int, int]] = {
    "metaqa/kb.txt.gz": (133_582, 43_234),
    "metaqa/kb_ids/train.txt.gz": (133_582, 43_234),
    "pathquestion/2H-kb.txt": (1_211, 1_056),
    "pathquestion/3H-kb.txt": (2_839, 1_836),
    "lp_fb15k237/FB15k-237.tar.gz#train.txt": (272_115, 0),
    "lp_fb15k237/FB15k-237.tar.gz#valid.txt": (17_535, 0),
    "lp_fb15k237/FB15k-237.tar.gz#test.txt": (20_466, 0),
    "lp_wn18rr/WN18RR.tar.gz#train.txt": (86_835, 0),
    "lp_wn18rr/WN18RR.tar.gz#valid.txt": (3_034, 0),
    "lp_wn18rr/WN18RR.tar.gz#test.txt": (3_134, 0),
    "lp_umls/train.txt": (5_216, 135),
    "lp_umls/valid.txt": (652, 0),
    "lp_umls/test.txt": (661, 0),
    "lp_kinship/train.txt": (8_544, 104),
    "lp_kinship/valid.txt": (1_068, 0),
    "lp_kinship/test.txt": (1_074, 0),
    "lp_nations/train.txt": (1_592, 14),
    "lp_nations/valid.txt": (199, 0),
    "lp_nations/test.txt": (201, 0),
    "zh_person_relations/rel_data.txt.gz": (35_996, 10_955),
    "../corpora/wikimovies_plots/clean_wiki-entities_kb_doc.txt.gz": (17_341, 0),
}
"""Files that a graph imports, with their facts and (0: not stated) their entities."""
COLUMNS = {"zh_person_relations/rel_data.txt.gz": ("subject", "object", "relation", "number")}
LINES = {
    "corpora/wikitext2/test.txt.gz": 4_358,
    "corpora/wikitext2/valid.txt.gz": 3_760,
    "corpora/abc_news/rural.txt.gz": 0,
    "corpora/abc_news/science.txt.gz": 0,  # with a byte of Latin-1
}
"""Plain texts, with their lines (0: not stated)."""
ASIDE: Mapping[str, str] = {
    **dict.fromkeys(("SOURCES.md", "README", "README.md", "README.txt", "readme.txt", "NOTE.txt"), "a note"),
    **dict.fromkeys(("LICENSE", "LICENSE.txt", "DATALICENSE", "LICENSE-metaqa.txt", "cs224n_LICENSE"), "a licence"),
    **dict.fromkeys(("classes.txt", "class.txt", "rel_dict.json", "rel_info.json", "schema.json"), "names of labels"),
    **dict.fromkeys(("categories.json", "domains.json", "label_index2en2zh.json"), "names of labels"),
    **dict.fromkeys(("intent_labels.txt", "slot_labels.txt", "conll04_types.json"), "names of labels"),
    **dict.fromkeys(("ontology21.json", "rel_type.txt", "relations.dict", "relation2text.txt"), "names of relations"),
    **dict.fromkeys(("entities.dict.gz", "entity2text.txt", "person2id.txt"), "names of entities"),
    **{f"qa_{part}_qtype.txt": "kinds of the questions beside it" for part in ("dev", "test")},
    "TEST_FILE.txt": "the sentences of TEST_FILE_FULL.TXT without their relations",
    "TEST_FILE_KEY.TXT": "the relations of TEST_FILE_FULL.TXT without their sentences",
    "nlpcc-iccpol-2016.kbqa.kb.sample": "begins and ends within a sign",
}
"""Files that no reader is for, by their names, and why."""


def facts(folder: Path) -> list[Row]:
    """Return what graphs hold of the files of facts."""
    rows = []
    for name, (n, n_entities) in FACTS.items():
        with KnowledgeGraph.load_file(folder / "kgqa" / name, columns=COLUMNS.get(name, COLUMNS_OF_TRIPLES)) as graph:
            held = graph.summary()
        rows.append(Row(f"{name.removeprefix('../')}: facts", held.evidence, "facts", n))
        if n_entities:
            rows.append(Row(f"{name.removeprefix('../')}: entities", held.nodes, "entities", n_entities))
    return rows


def texts(folder: Path) -> list[Row]:
    """Return the lines of plain texts, and the documents of marked news."""
    rows = [
        Row(f"{name}: lines", sum(1 for _ in files.lines(folder / name)), "lines", n or None)
        for name, n in LINES.items()
    ]
    news = sum(sum(1 for _ in data.read(folder / "corpora" / "ieer_newswire" / name, "enamex")) for name in NEWSWIRE)
    return [*rows, Row("corpora/ieer_newswire: documents", news, "documents", 94)]


def left_out(folder: Path) -> list[str]:
    """Return the files below the folder that are neither read nor aside."""
    named = {
        *(expected.path.partition("#")[0] for expected in SETS),
        *(str(Path("kgqa", name.partition("#")[0])).replace("kgqa/../", "") for name in FACTS),
        *LINES,
        *(f"corpora/ieer_newswire/{name}" for name in NEWSWIRE),
    }
    there = (str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if file.is_file())
    return [
        path
        for path in there
        if Path(path).name not in ASIDE
        and not {path, path.removesuffix(".gz")} & named
        and not any(str(parent) in named for parent in Path(path).parents)
    ]


def rows_of(expected: Expected, documents: list[Document]) -> list[Row]:
    """Return a row for the number of examples and for each count."""
    found = {name: sum(count(d) for d in documents) for name, count in COUNTS.items()}
    found["labels"] = len({label.label for d in documents for label in d.labels.values()})
    found["sentences"] = len({d.text for d in documents})
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
    if not arguments.quick:
        rows += [*facts(arguments.data), *texts(arguments.data)]
    rows.append(Row("files that are neither read nor aside", len(unread := left_out(arguments.data)), "files", 0))
    show("Data sets as read", rows)
    differing = [row for row in rows if row.goal is not None and row.value != row.goal]
    if not arguments.quick:
        n_files = len(SETS) + len(FACTS) + len(LINES) + len(NEWSWIRE)
        write("readers", rows, f"{n_files} files or parts, against the sizes that their sources state")
    if unread:
        sys.stderr.write("".join(f"{path} is neither read nor aside\n" for path in unread))
    if differing:
        sys.exit("\n".join(f"{row.name}: read {row.value}, stated {row.goal}" for row in differing))


if __name__ == "__main__":
    main()
