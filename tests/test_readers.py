"""One contract for every reader; then what is particular to each."""

import gzip
import io
import json
import random
import re
import zipfile
from pathlib import Path

import datasets
import openpyxl
import pytest
import spacy
from spacy.tokens import DocBin

from nlpkit import data
from nlpkit.data.conll import spans
from nlpkit.data.tokens import rebuild
from nlpkit.errors import DataError

CONLL = (
    "-DOCSTART- -X- O O\n\nAda NNP I-NP B-PER\nByron NNP I-NP I-PER\nsang VBD I-VP O\n. . O O\n\nOslo NNP I-NP B-LOC\n"
)
SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "Ada sang in Oslo. Ada left Oslo.",
                    "qas": [
                        {"id": "a", "question": "Where?", "answers": [{"text": "Oslo", "answer_start": 12}]},
                        {"id": "b", "question": "Why?", "answers": [], "is_impossible": True},
                        {"id": "c", "question": "Who?", "answers": [{"text": "Bo", "answer_start": -1}]},
                        {"id": "d", "question": "What?", "answers": [{"text": "Oslo", "answer_start": 25}]},
                    ],
                }
            ]
        }
    ]
}
SEMEVAL = (
    '1\t"The <e1>singer</e1> came from the <e2>north</e2>."\r\nEntity-Origin(e1,e2)\r\nComment:\r\n\r\n'
    '2\t"A <e1>cup</e1> of<e2>tea</e2>."\r\nContent-Container(e2,e1)\r\nComment: no gap\r\n\r\n'
    '3\t"The <e1>cup</e1> and the <e2>north</e2>."\r\nOther\r\nComment:\r\n'
)
SGD_FRAME = {
    "service": "Trips",
    "state": {"active_intent": "Go", "requested_slots": [], "slot_values": {"to": ["Oslo"]}},
}
SGD = {
    "schema.json": json.dumps(
        [
            {
                "service_name": "Trips",
                "intents": [{"name": "Go", "description": "Go somewhere"}],
                "slots": [{"name": "to", "description": "Where to", "is_categorical": False, "possible_values": []}],
            }
        ]
    ),
    "dialogues_001.json": json.dumps(
        [
            {
                "dialogue_id": "1",
                "turns": [
                    {"speaker": "USER", "utterance": "To Oslo.", "frames": [SGD_FRAME]},
                    {"speaker": "SYSTEM", "utterance": "When?", "frames": [{"service": "Trips", "actions": []}]},
                ],
            }
        ]
    ),
}


def docbin():
    """Return what a DocBin of spaCy holds, as bytes."""
    doc = spacy.blank("en")("Ada sang in Oslo.")
    doc.ents = [doc.char_span(0, 3, "PER"), doc.char_span(12, 16, "LOC")]
    doc.cats = {"music": 1.0, "news": 0.0, "past": 0.7}
    return DocBin(docs=[doc]).to_bytes()


TOKENS = ["Ada", "moved", "to", "Oslo", "."]
MULTIWOZ = {
    "P1": {
        "goal": {},
        "log": [
            {"text": "a cheap hotel in the east", "metadata": {}, "dialog_act": {"Hotel-Request": [["Phone", "?"]]}},
            {
                "text": "when?",
                "metadata": {
                    "hotel": {
                        "book": {"booked": [], "day": ""},
                        "semi": {"area": "east", "name": "not mentioned", "pricerange": "cheap|moderate"},
                    }
                },
                "dialog_act": {},
            },
            {"text": "monday at the acorn, any area", "metadata": {}, "dialog_act": {}},
            {
                "text": "done",
                "metadata": {
                    "hotel": {
                        "book": {"booked": [], "day": "monday"},
                        "semi": {"area": "do n't care", "name": "acorn", "pricerange": "cheap|moderate"},
                    }
                },
                "dialog_act": {},
            },
        ],
    }
}
ONTOLOGY = {
    "hotel-semi-area": ["east", "west|east", "dontcare"],
    "hotel-semi-name": ["acorn"],
    "hotel-semi-pricerange": ["cheap", "moderate"],
    "hotel-book-day": ["monday"],
}


def workbook():
    """Return a workbook of two sheets, as bytes."""
    book, content = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["nothing", "here"])
    sheet = book.create_sheet("Mood")
    for row in (
        ["Label", "Review", None],
        [1, "warm tea", None],
        [None, None, None],
        [0.5, "cold tea", None],
        [2.0, 7, "x"],
    ):
        sheet.append(row)
    book.move_sheet("Mood", -1)
    book.save(content)
    return content.getvalue()


def table():
    """Return rows with a class as numbers."""
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])}
    )
    return datasets.Dataset.from_dict({"text": ["warm tea", "cold tea"], "label": [1, 0]}, features=features)


NIF = """@prefix nif: <http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#> .
@prefix itsrdf: <http://www.w3.org/2005/11/its/rdf#> .
<http://x.org/7#char=0,13> nif:isString "Ada in Oslo. " ; nif:beginIndex "0" ; nif:endIndex "13" .
<http://x.org/7#char=7,11> nif:anchorOf "Oslo" ; nif:beginIndex "7" ; nif:endIndex "11" ;
  nif:referenceContext <http://x.org/7#char=0,13> ; itsrdf:taIdentRef <http://y.org/Oslo> .
<http://x.org/7#char=0,3> nif:anchorOf "Ada" ; nif:beginIndex "0" ; nif:endIndex "3" ;
  nif:referenceContext <http://x.org/7#char=0,13> .
"""
SAMPLES = {
    "multiwoz": MULTIWOZ,
    "conversations": [{"messages": [{"message": "Hello."}, {"message": "Hi."}, {"message": "How are you?"}]}],
    "nyt": (
        '{"sentText": "In Oslo , Ada sang .", "relationMentions": [{"em1Text": "Oslo", "em2Text": "Ada", '
        '"label": "of"}, {"em1Text": "Oslo", "em2Text": "Bo", "label": "of"}]}\n'
    ),
    "slot-values": [{"text": "打开uc浏览器", "domain": "app", "intent": "LAUNCH", "slots": {"name": "uc"}}],
    "webnlg": (
        '{"triples": [["Ada_Byron", "home", "\\"Oslo\\"@en"], ["Ada_Byron", "age", "\\"41\\"^^xsd:integer"]], '
        '"texts": ["Ada Byron lives in OSLO.", "Oslo is where Ada Byron, 41, lives."]}\n'
    ),
    "ade-corpus": (
        "77|Rash after zinc, no rash before zinc.|rash|120|124|zinc|132|136\n"
        "77|Rash after zinc, no rash before zinc.|Rash|100|104|zinc|111|115\n"
        "78|Zinc was stopped.|stopped|9|16|Zinc|200|204\n"
    ),
    "enamex": (
        '<IEER_DOC type="NEWSWIRE">\n<DOC>\n<DOCNO> 7 </DOCNO>\n<BODY>\n<HEADLINE>\n<b_enamex type="PERSON">Ada\n'
        'Byron<e_enamex> sings\n</HEADLINE>\n<TEXT>\nIn <b_enamex type="ORGANIZATION"><b_enamex type="LOCATION">Oslo'
        '<e_enamex> Opera<e_enamex>, <b_timex type="DATE">Friday<e_timex>.\n</TEXT>\n</BODY>\n</DOC>\n'
    ),
    "nif": NIF,
    "questions": (
        "<question id=1>\t谁写了《山海》？\n<triple id=1>\t山海 ||| 作者 ||| 李明\n<answer id=1>\t李明\n=======\n"
        "<question id=2>\t王芳多大？\n<triple id=2>\t王芳 ||| 年龄 ||| \n<answer id=2>\t\n=======\n"
    ),
    "people-relations": "1 李明$王芳$###和###结婚了\n0 李明$王芳$李明见过###\n",
    "excel": workbook(),
    "dataset": table,
    "redocred": [
        {
            "title": "Ada",
            "sents": [TOKENS],
            "vertexSet": [
                [{"name": "Ada", "sent_id": 0, "pos": [0, 1], "type": "PER"}],
                [{"name": "Oslo", "sent_id": 0, "pos": [3, 4], "type": "LOC"}],
            ],
            "labels": [{"h": 0, "t": 1, "r": "P551", "evidence": [0]}],
        }
    ],
    "conll": CONLL,
    "weibo": "奥0\tB-LOC\n斯1\tI-LOC\n陆2\tI-LOC\n好0\tO\n",
    "semeval2010": SEMEVAL,
    "spert": [
        {
            "tokens": TOKENS,
            "entities": [{"type": "Peop", "start": 0, "end": 1}, {"type": "Loc", "start": 3, "end": 4}],
            "relations": [{"type": "Live_In", "head": 0, "tail": 1}],
        }
    ],
    "ade": [{"tokens": TOKENS, "entities": [[0, 1, "Drug"], [3, 4, "Effect"]], "relations": [[3, 4, 0, 1, "Effect"]]}],
    "scierc": {
        "doc_key": "D1",
        "sentences": [["Hello", "."], TOKENS],
        "ner": [[], [[2, 2, "Method"], [5, 5, "Task"]]],
        "relations": [[], [[2, 2, 5, 5, "USED-FOR"]]],
        "clusters": [],
    },
    "squad": SQUAD,
    "intents": {"train": [["play jazz", "music"], ["is it cold", "weather"]], "oos_train": [["who am i", "oos"]]},
    "csv": 'text,category\n"Where, then?",place\nWho is it?,person\n',
    "tsv": 'he said "no\t0\nshe said yes\t1\nall said yes\t1\n',
    "json-lines": '{"label": 3, "sentence": "play jazz"}\n{"label": 4, "sentence": "is it cold"}\n',
    "trec": "DESC:manner How do birds sing ?\nHUM:ind Who sang ?\n",
    "spans": (
        '{"text": "Ada sang.", "spans": [{"start": 0, "end": 3, "label": "PER"}], "answer": "accept"}\n'
        '{"text": "Bo sang.", "label": [[0, 2, "PER"]]}\n'
        '{"text": "Ada in Oslo", "relations": [{"from_id": 7, "to_id": 9, "type": "in"}], "entities": ['
        '{"id": 7, "start_offset": 0, "end_offset": 3, "label": "PER"}, '
        '{"id": 9, "start_offset": 7, "end_offset": 11, "label": "LOC"}]}\n'
        '{"tokens": ["Ada", "sang"], "ner_tags": ["B-PER", "O"]}\n'
    ),
    "cluener": '{"text": "李明在北京", "label": {"name": {"李明": [[0, 1]]}, "address": {"北京": [[3, 4]]}}}\n',
    "label-studio": [
        {
            "id": 4,
            "data": {"text": "Ada in Oslo"},
            "annotations": [
                {"was_cancelled": True, "result": []},
                {
                    "result": [
                        {"id": "a", "type": "labels", "value": {"start": 0, "end": 3, "labels": ["PER"]}},
                        {"id": "b", "type": "labels", "value": {"start": 7, "end": 11, "labels": ["LOC"]}},
                        {"type": "relation", "from_id": "a", "to_id": "b", "labels": ["in"]},
                        {"type": "choices", "value": {"choices": ["travel", "people"]}},
                    ]
                },
            ],
        },
        {"id": 5, "data": {"text": "not yet"}, "annotations": []},
    ],
    "docbin": docbin(),
    "brat": {
        "1.txt": "Ada Byron met\nBo in Oslo.\nShe sang.",
        "1.ann": (
            "T1\tPER 0 9\tAda Byron\nT2\tPER 14 16\tBo\nT3\tLOC 20 24\tOslo\nT4\tPER 26 29\tShe\n"
            "R1\tmet Arg1:T1 Arg2:T2\t\n*\tEquiv T4 T1\nA1\tSure T1\n#1\tAnnotatorNotes T2\twho?\n"
        ),
    },
    "pairs": '{"prompt": "Who?", "response": "Ada."}\n{"prompt": "Where?", "response": "In Oslo."}\n',
    "sgd": SGD,
    "sgd-replies": SGD,
    "slots": {"seq.in": "play some jazz\nis it cold\n", "seq.out": "O O B-genre\nO O O\n", "label": "music\nweather\n"},
}
BROKEN = {
    "dataset": "state.json",
    "brat": "1.ann",
    "slots": "seq.out",
    "sgd": "dialogues_001.json",
    "sgd-replies": "dialogues_001.json",
}
"""The file that is broken, of formats that are folders."""
PROMPTED = ("pairs", "sgd-replies", "conversations")
"""Formats whose documents answer a prompt."""
OF_LINES = {
    *(
        "conll",
        "weibo",
        "slots",
        "slot-values",
        "semeval2010",
        "scierc",
        "nyt",
        "people-relations",
        "webnlg",
        "ade-corpus",
        "enamex",
        "questions",
        "spans",
        "cluener",
        "pairs",
    ),
    *("csv", "tsv", "excel", "trec", "json-lines"),
}
"""Formats whose files have lines."""
PARTS = {"intents": "#train+oos_train"}


def written(folder, format, name="data"):
    """Write a format's sample and return its path."""
    sample, path = SAMPLES[format], folder / name
    if format in data.FOLDERS:
        if callable(sample):
            sample().save_to_disk(path)
            return path
        path.mkdir()
        for file, text in sample.items():
            (path / file).write_text(text)
        return path
    (folder / "rel_info.json").write_text(json.dumps({"P551": "residence"}))
    (folder / "ontology21.json").write_text(json.dumps(ONTOLOGY))
    text = sample if isinstance(sample, str | bytes) else json.dumps(sample)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def documents(path, format):
    return [example.document for example in data.read(path, format)]


@pytest.fixture(params=data.formats())
def format(request):
    return request.param


def test_every_reader_gives_documents_whose_spans_are_in_their_text(format, tmp_path):
    path = written(tmp_path, format)
    examples = list(data.read(f"{path}{PARTS.get(format, '')}", format))
    assert examples
    assert all(e.line >= 1 for e in examples) if format in OF_LINES else not any(e.line for e in examples)
    assert len({e.source for e in examples}) == len(examples) == len({e.document.id for e in examples})
    found = 0
    for document in (e.document for e in examples):
        mentions = [m for c in document.chains for m in c.mentions]
        for span in (*document.entities, *document.slots, *mentions, *document.answers):
            assert span.start < 0 or document.text[span.start : span.end] == span.text
            found += 1
        places = {(m.start, m.end, c.label) for c in document.chains for m in c.mentions}
        for relation in document.relations:
            ends = {(e.start, e.end, e.label) for e in (relation.subject, relation.object)}
            assert ends <= places
        found += len(document.metadata.get("answers", ()))
        found += len(document.labels) + (format in PROMPTED and bool(document.query or document.history))
    assert found


def test_every_reader_reads_gzipped_files(format, tmp_path):
    if format in ("excel", "dataset"):  # they are packed already
        return
    plain = written(tmp_path, format)
    if format in data.FOLDERS:
        for file in list(plain.iterdir()):
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
            file.unlink()
        assert documents(plain, format)
        return
    packed = tmp_path / "data.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    part = PARTS.get(format, "")
    texts = [d.text for d in documents(f"{plain}{part}", format)]
    assert [d.text for d in documents(f"{packed}{part}", format)] == texts
    assert data.exists(packed.with_suffix(""))
    assert [d.text for d in documents(f"{packed.with_suffix('')}{part}", format)] == texts


@pytest.mark.parametrize("broken", [b"\xff\xfe\x00", b"{", b"just words\n", b"[[1]]", b'{"a": 1}'])
def test_no_reader_lets_a_broken_file_through(format, broken, tmp_path):
    path = written(tmp_path, format)
    target = path / BROKEN[format] if format in data.FOLDERS else path
    target.write_bytes(broken)
    with pytest.raises(DataError, match=str(path)):
        documents(f"{path}{PARTS.get(format, '')}", format)


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("nlpkit.data.files.FREE", 2**20)
    path, bomb = tmp_path / f"data.{kind}", b'{"data": [' + b" " * 2**22 + b"]}"
    if kind == "gz":
        path.write_bytes(gzip.compress(bomb))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data", bomb)
    assert path.stat().st_size < 10_000
    with pytest.raises(DataError, match=r"unpacks to more than 1,048,576 bytes, over 100 times its size"):
        documents(path if kind == "gz" else f"{path}#data", "squad" if kind == "gz" else "tsv")


def test_parts_and_folders_are_asked_for_where_they_are(tmp_path):
    path = written(tmp_path, "conll")
    with pytest.raises(DataError, match="has no parts"):
        data.read(f"{path}#train", "conll")
    with pytest.raises(DataError, match="is a file; the format 'slots' is a folder"):
        data.read(path, "slots")
    with pytest.raises(DataError, match="is a folder"):
        data.read(tmp_path, "conll")
    assert data.exists(f"{path}#train")
    assert not data.exists(f"{path}x#train")


def test_data_is_a_file_or_the_folder_that_holds_it(tmp_path):
    file = written(tmp_path, "conll")
    assert data.located(tmp_path, "data", "conll") == file
    assert data.located(file, "other", "conll") == file
    slots = written(tmp_path, "slots", "test")
    assert data.located(tmp_path, "test", "slots") == slots
    assert data.located(slots, "test", "slots") == slots


def test_a_file_whose_name_has_the_sign_of_parts_is_still_read(tmp_path):
    assert len(documents(written(tmp_path, "conll", "take#2"), "conll")) == 2


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        ("B-A I-A O B-A B-B", [(0, 1, "A"), (3, 3, "A"), (4, 4, "B")]),
        ("I-A I-A B-A I-B O", [(0, 1, "A"), (2, 2, "A"), (3, 3, "B")]),
        ("B-A E-A S-A S-A O", [(0, 1, "A"), (2, 2, "A"), (3, 3, "A")]),
        ("B-A M-A E-A S-B", [(0, 2, "A"), (3, 3, "B")]),
        ("B-A L-A U-A I-A", [(0, 1, "A"), (2, 2, "A"), (3, 3, "A")]),
        ("O I-A I-A O I-B", [(1, 2, "A"), (4, 4, "B")]),
        ("B-X-Y I-X-Y", [(0, 1, "X-Y")]),
        ("O O", []),
    ],
)
def test_all_tag_schemes_are_read_by_one_rule(tags, entities):
    assert list(spans(tags.split())) == entities


def test_columns_are_found_by_looking(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"B-Actor\tsteve\r\nI-Actor\tmcqueen\r\nO\tran\r\n \t\r\nO\tshe\r\nO\tran\r\n")
    first, second = documents(path, "conll")
    assert (first.text, first.entities[0].text, second.text) == ("steve mcqueen ran", "steve mcqueen", "she ran")
    path.write_text("Oslo NNP I-NP I-LOC\n")  # chunks are tags too: the last column counts
    assert documents(path, "conll")[0].entities[0].label == "LOC"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ada B-PER\nsang O\nin X\n", "line 3: 'X' is no tag"),
        ("Ada B-PER\nsang\n", "line 2: 'sang' has no second column"),
        ("Ada sang\nin Oslo\n", "no column of tags"),
    ],
)
def test_a_broken_column_is_named_by_its_line(text, message, tmp_path):
    path = tmp_path / "data"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        documents(path, "conll")


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("李 丽 毕 业 于 M I T 。", "李丽毕业于MIT。"),
        ("我 喜欢 New York ， 很 好 。", "我喜欢New York，很好。"),
        ("The word 北京 means Beijing .", "The word 北京 means Beijing."),
        ("Parkinson ' s disease", "Parkinson's disease"),
    ],
)
def test_scripts_without_spaces_are_joined_without_them(tokens, text):
    assert rebuild([tokens.split()])[0] == text


def test_a_zip_is_read_by_its_file_and_columns_can_be_named(tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("in/train.tsv", "mood\ttext_a\n0\tcold tea\n1\twarm tea\n")
    (cold, _) = documents(f"{path}#train.tsv+label=mood", "tsv")
    assert (cold.text, cold.labels["classification"].label) == ("cold tea", "0")
    with pytest.raises(DataError, match=r"no file 'dev\.tsv'.*train\.tsv"):
        documents(f"{path}#dev.tsv", "tsv")
    with pytest.raises(DataError, match=r"no column 'tone' for the label; allowed: mood, text_a"):
        documents(f"{path}#train.tsv+label=tone", "tsv")


def test_a_table_without_heading_has_its_label_where_values_repeat(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text('"3","Rain","It rained."\n"1","Sun","It shone."\n"3","Hail","It hailed."\n')
    first, *_ = documents(path, "csv")
    assert (first.text, first.labels["classification"].label) == ("Rain\nIt rained.", "3")


def test_two_texts_of_a_pair_are_query_and_text(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("label,sentence1,sentence2\nsame,It rains.,Rain falls.\n")
    (pair,) = documents(path, "csv")
    assert (pair.query, pair.text) == ("It rains.", "Rain falls.")


def test_a_row_that_lacks_a_column_is_named(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("text,label\nhello,a\nbye\n")
    with pytest.raises(DataError, match="line 3: 1 columns"):
        documents(path, "csv")


def test_parts_of_intents_come_one_after_another(tmp_path):
    path = written(tmp_path, "intents")
    labels = [d.labels["classification"].label for d in documents(f"{path}#train+oos_train", "intents")]
    assert labels == ["music", "weather", "oos"]
    with pytest.raises(DataError, match=r"name one or more: data#train"):
        documents(path, "intents")
    with pytest.raises(DataError, match=r"no part 'test'; allowed: train, oos_train"):
        documents(f"{path}#test", "intents")


def test_trec_has_coarse_and_fine_labels(tmp_path):
    path = written(tmp_path, "trec")
    assert [d.labels["classification"].label for d in documents(path, "trec")] == ["DESC", "HUM"]
    assert documents(f"{path}#fine", "trec")[1].labels["classification"].label == "HUM:ind"


def test_slots_and_intent_come_together(tmp_path):
    path = written(tmp_path, "slots")
    first, second = documents(path, "slots")
    assert (first.slots[0].text, first.slots[0].label, first.labels["slots"].label) == ("jazz", "genre", "music")
    assert (second.slots, second.entities) == ((), ())
    (path / "label").write_text("music\n")
    with pytest.raises(DataError, match=r"label, line 2 is not there, but others"):
        documents(path, "slots")
    (path / "label").unlink()
    with pytest.raises(DataError, match="no file"):
        documents(path, "slots")


def test_semeval_relations_have_a_direction_and_marks_leave_no_trace(tmp_path):
    first, second, third = documents(written(tmp_path, "semeval2010"), "semeval2010")
    assert first.text == "The singer came from the north."
    assert second.text == "A cup of tea."
    assert [c.name for c in second.chains] == ["cup", "tea"]
    (relation,) = second.relations
    assert (relation.subject.text, relation.label, relation.object.text) == ("tea", "Content-Container", "cup")
    assert third.relations == ()


@pytest.mark.parametrize(("label", "message"), [("Other(e1)", "line 2: 'Other"), ("", "line 2")])
def test_a_wrong_label_is_named_by_its_line(label, message, tmp_path):
    path = tmp_path / "data"
    path.write_text(f'1\t"A <e1>cup</e1> of <e2>tea</e2>."\n{label}\n')
    with pytest.raises(DataError, match=message):
        documents(path, "semeval2010")


def test_joint_sentences_keep_the_direction_and_each_mention_is_a_chain(tmp_path):
    (document,) = documents(written(tmp_path, "ade"), "ade")
    (relation,) = document.relations
    assert (relation.subject.text, relation.object.text) == ("Oslo", "Ada")
    assert [len(c.mentions) for c in document.chains] == [1, 1]
    _, second = documents(written(tmp_path, "scierc"), "scierc")
    assert [(r.subject.text, r.label, r.object.text) for r in second.relations] == [("Ada", "USED-FOR", "Oslo")]


def test_an_entity_outside_its_sentence_is_named(tmp_path):
    path = tmp_path / "data"
    path.write_text(json.dumps([SAMPLES["ade"][0] | {"entities": [[3, 9, "Drug"]], "relations": []}]))
    with pytest.raises(DataError, match=r"sentence 0.*outside the 5 tokens"):
        documents(path, "ade")


def test_questions_are_asked_elsewhere_where_nothing_answers_them(tmp_path):
    def paragraph(text, answer, n):
        answers = [{"text": answer, "answer_start": text.index(answer)}]
        return {"context": text, "qas": [{"question": f"Who {n}?", "id": str(n), "answers": answers}]}

    texts = ["Ada left.", "ADA came.", "Bo sang.", "Ada and Bo sat.", "Cy ran.", "Di slept."]
    names = ["Ada", "ADA", "Bo", "Bo", "Cy", "Di"]
    paragraphs = [paragraph(t, a, n) for n, (t, a) in enumerate(zip(texts, names, strict=True))]
    path = tmp_path / "data"
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    found = documents(f"{path}#elsewhere", "squad")
    assert [(d.query, d.text, d.answers) for d in found] == [("Who 0?", "Bo sang.", ()), ("Who 5?", "Ada left.", ())]
    assert documents(f"{path}#asked+elsewhere", "squad") == [*documents(path, "squad"), *found]
    with pytest.raises(DataError, match="no part 'nowhere'; allowed: asked, elsewhere"):
        documents(f"{path}#nowhere", "squad")


def test_answers_stand_where_they_say(tmp_path):
    where, why, who, what = documents(written(tmp_path, "squad"), "squad")
    assert (where.query, where.answers[0].start) == ("Where?", 12)
    assert why.answers == ()
    assert (who.answers[0].text, who.answers[0].start, who.answers[0].end) == ("Bo", -1, -1)
    assert what.answers[0].start == 27


def test_spans_come_in_the_shapes_of_several_tools(tmp_path):
    found = documents(written(tmp_path, "spans"), "spans")
    assert [[(e.text, e.label) for e in d.entities] for d in found] == [
        [("Ada", "PER")],
        [("Bo", "PER")],
        [("Ada", "PER"), ("Oslo", "LOC")],
        [("Ada", "PER")],
    ]
    (relation,) = found[2].relations
    assert (relation.subject.text, relation.label, relation.object.text) == ("Ada", "in", "Oslo")
    path = tmp_path / "rejected.jsonl"
    path.write_text('{"text": "Ada", "spans": [], "answer": "reject"}\n{"text": "Bo", "spans": []}\n')
    assert [d.text for d in documents(path, "spans")] == ["Bo"]


def test_a_task_of_label_studio_is_spans_relations_and_choices(tmp_path):
    (document,) = documents(written(tmp_path, "label-studio"), "label-studio")
    assert [(e.text, e.label) for e in document.entities] == [("Ada", "PER"), ("Oslo", "LOC")]
    assert [r.label for r in document.relations] == ["in"]
    label = document.labels["classification"]
    assert (label.label, [other.label for other in label.others]) == ("travel", ["people"])


@pytest.mark.parametrize(
    ("format", "line", "says"),
    [
        ("spans", '{"text": "Ada", "spans": [[0, 9, "PER"]]}', "line 1: the span 0-9 .PER. lies outside the text of 3"),
        ("spans", '{"text": "Ada", "spans": [[2, 2, "PER"]]}', "is empty; give the first character"),
        ("spans", '{"text": "Ada", "spans": [["0", 3, "PER"]]}', "is no span; allowed"),
        ("spans", '{"text": "Ada", "spans": [{"start": 0, "end": 3}]}', "is no span; allowed"),
        ("spans", '{"text": "Ada", "spans": [{"id": [], "start": 0, "end": 9, "label": "A"}]}', "lies outside"),
        ("spans", '{"text": "Ada", "spans": [], "relations": [{"from_id": [], "to_id": {}}]}', "names no two spans"),
        ("spans", '{"text": "Ada", "spans": [], "relations": 7}', "relations"),
        ("spans", '{"tokens": ["Ada"], "tags": []}', "has the keys tokens, tags; allowed"),
        ("spans", '{"tokens": ["Ada"], "tags": ["PER"]}', "'PER' is no tag"),
        ("spans", '{"text": "Ada", "spans": [], "relations": [{"from_id": 0, "to_id": 1}]}', "names no two spans"),
        ("cluener", '{"text": "李明", "label": {"name": {"李明": [[0, 2]]}}}', "'李明' is said to stand at 0-2"),
        ("cluener", '{"text": "李明", "label": {"name": {"明": [[0, 0]]}}}', "'明' is said .* the text has '李'"),
        ("cluener", '{"text": "李明", "label": {"name": [0, 1]}}', "line 1: AttributeError"),
        ("label-studio", '[{"data": {"image": 3}, "annotations": [{"result": []}]}]', "its data has the keys image"),
        ("label-studio", '[{"data": {"text": "a"}}]', "task 0: TypeError"),
    ],
)
def test_spans_that_cannot_be_are_named(tmp_path, format, line, says):
    path = tmp_path / "data"
    path.write_text(line)
    with pytest.raises(DataError, match=says):
        documents(path, format)


def test_brat_says_relations_and_who_is_the_same(tmp_path):
    (document,) = documents(written(tmp_path, "brat"), "brat")
    assert [e.text for e in document.entities] == ["Ada Byron", "Bo", "Oslo", "She"]
    assert [(r.subject.text, r.label, r.object.text) for r in document.relations] == [("Ada Byron", "met", "Bo")]
    assert [(c.name, [m.text for m in c.mentions]) for c in document.chains] == [
        ("Ada Byron", ["Ada Byron", "She"]),
        ("Bo", ["Bo"]),
        ("Oslo", ["Oslo"]),
    ]


def test_spans_of_several_pieces_and_at_wrong_places_are_left_out_and_told(tmp_path, caplog):
    path = written(tmp_path, "brat")
    (path / "1.ann").write_text(
        "T1\tPER 0 3;14 16\tAda Bo\nT2\tPER 1 4\tAda\nT3\tLOC 10 16\tmet\nBo\nR1\tat Arg1:T1 Arg2:T3\n*\tEquiv T1 T2\n"
    )
    (document,) = documents(path, "brat")
    assert [e.text for e in document.entities] == ["met\nBo"]
    assert document.relations == ()
    assert "2 spans were left out; the first: " in caplog.text
    assert "line 1 (of several pieces)" in caplog.text


def test_a_member_of_a_zip_is_the_very_one_and_documents_of_two_folders_stay_apart(tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for place, text in (("old/a/", "Bo sang."), ("a/", "Ada sang.")):
            archive.writestr(f"{place}1.txt", text)
            archive.writestr(f"{place}1.ann", "T1\tPER 0 2\tBo" if "Bo" in text else "T1\tPER 0 3\tAda")
    assert [d.text for d in documents(f"{path}#a", "brat")] == ["Ada sang."]
    assert [(d.id, d.text) for d in documents(path, "brat")] == [("a/1", "Ada sang."), ("old/a/1", "Bo sang.")]


def test_a_folder_of_brat_in_a_zip(tmp_path):
    path = tmp_path / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in SAMPLES["brat"].items():
            archive.writestr(f"all/train/{name}", text)
    (document,) = documents(f"{path}#all/train", "brat")
    assert len(document.entities) == 4
    with pytest.raises(DataError, match="no pairs of NAME"):
        documents(f"{path}#all/test", "brat")
    path.write_bytes(b"no zip")
    with pytest.raises(DataError, match="give a folder or a zip"):
        documents(path, "brat")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("T1\tPER 0\tAda", "'PER 0' is no span; allowed: T1"),
        ("T1\tPER 0 3\tAda\nR1\tmet Arg1:T1 Arg2:T2", "line 2: .* is no relation of two spans"),
        ("T1\tPER 0 3\tAda\n*\tEquiv T1 T9", "'T9' is no span of this document"),
    ],
)
def test_annotations_of_brat_that_cannot_be_are_named(tmp_path, line, says):
    path = written(tmp_path, "brat")
    (path / "1.ann").write_text(line)
    with pytest.raises(DataError, match=says):
        documents(path, "brat")


ENDINGS = {"excel": ".xlsx", "csv": ".csv", "tsv": ".tsv", "docbin": ".spacy"}


@pytest.mark.parametrize("format", [f for f in data.formats() if f != "sgd-replies"])  # its files are those of sgd
def test_every_format_is_found_by_looking(format, tmp_path):
    path = written(tmp_path, format, f"data{ENDINGS.get(format, '')}")
    part = PARTS.get(format, "")
    assert data.format_of(f"{path}{part}") == format
    assert [e.document for e in data.read(f"{path}{part}")] == documents(f"{path}{part}", format)


@pytest.mark.parametrize("text", ["just words\nand more\n", "[]", '{"a": 1}', "[1, 2]"])
def test_a_file_of_no_format_is_said_to_be_of_none(tmp_path, text):
    path = tmp_path / "data"
    path.write_text(text)
    with pytest.raises(DataError, match="looks like none of the formats"):
        data.read(path)
    path.write_text(" \n")
    with pytest.raises(DataError, match="is empty"):
        data.read(path)


def test_the_docs_name_every_format():
    page = (Path(__file__).resolve().parent.parent / "docs" / "data.md").read_text(encoding="utf-8")
    named = [
        name
        for line in page.splitlines()
        if line.startswith("| `")
        for name in re.findall("`(.+?)`", line.split("|")[1])
    ]
    assert sorted(named) == sorted(data.formats())


def test_docs_of_spacy_keep_entities_and_categories(tmp_path):
    (document,) = documents(written(tmp_path, "docbin"), "docbin")
    assert [(e.text, e.label) for e in document.entities] == [("Ada", "PER"), ("Oslo", "LOC")]
    label = document.labels["classification"]
    assert (label.label, [other.label for other in label.others]) == ("music", ["past"])


ODD = [None, 1, -3, "", "ab", [], {}, True, [1], [["a"]], [[0, 1, "A"]], ["B-X"], {"a": 1}, {"text": "ab"}]
ODD += [[{"start": 0, "end": 1, "label": "A"}], [{"id": 1, "start_offset": 0}], [{"result": [{"type": "labels"}]}]]
KEYS = ("text", "label", "spans", "entities", "tokens", "tags", "relations", "data", "annotations", "id", "sentences")


def test_records_of_odd_values_are_read_or_refused(tmp_path):
    rng, path, refused = random.Random(7), tmp_path / "data", 0
    for n in range(400):
        record = {rng.choice(KEYS): rng.choice(ODD) for _ in range(rng.randint(1, 4))}
        path.write_text(json.dumps([record] if n % 2 else record))
        for format in ("auto", "spans", "cluener", "label-studio", "spert"):
            try:
                documents(path, format)
            except DataError:
                refused += 1
    assert 0 < refused < 2000


def test_annotations_of_odd_parts_are_read_or_refused(tmp_path):
    rng, path, refused = random.Random(7), written(tmp_path, "brat"), 0
    for _ in range(300):
        (path / "1.ann").write_text(
            "".join(rng.choices(["T1", "PER", "0", "3", "\t", " ", "R1", "*", ";", "\n", "Ada"], k=9))
        )
        try:
            documents(path, "brat")
        except DataError:
            refused += 1
    assert 0 < refused < 300
