"""Which format a data file has, found by looking at its beginning."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from nlpkit.data.conll import TAG
from nlpkit.data.conversations import MARK, turns_of
from nlpkit.data.files import lines, load_json, members
from nlpkit.data.labels import LABELS, TEXTS
from nlpkit.data.questions import BLOCK, TOPIC
from nlpkit.errors import DataError
from nlpkit.types import ROLES

_CHOSEN = ("label=", "text=")
_LINES: Final = 200
"""So many lines are looked at."""
_MOST: Final = 0.9
_FIRST: Final = {
    re.compile(r'\d+\t"?.*<e1>.*'): "semeval2010",
    re.compile(r"<(IEER_)?DOC[ >]"): "enamex",
    re.compile(r"\d+\|.*\|\d+\|\d+\|[^|]*\|\d+\|\d+$"): "ade-corpus",
    BLOCK: "questions",
    re.compile(rf".*{re.escape(MARK)}"): "conversations",
}
"""What the first line tells."""
_EACH: Final = {
    re.compile(r"\S+ [^$]+\$[^$]+\$.*$"): "people-relations",
    re.compile(rf"{TOPIC.pattern}\t"): "questions",
}
"""What all lines look like."""
_TREC = re.compile(r"[A-Z]+:\w+ .+")
_ENDINGS: Final = {".spacy": "docbin", ".xlsx": "excel", ".parquet": "dataset", ".arrow": "dataset"}
_GLUED = re.compile(r".\d")
"""A character with its position in the word, as Weibo NER has them."""


def detect(path: Path, parts: Sequence[str] = ()) -> str:
    """Return the format of a data file or folder, as `data.read` knows it.

    Args:
        path: the file or folder.
        parts: of the file, as they are named behind "#".

    Raises:
        DataError: it cannot be read, or looks like none of the formats.

    """
    found = _of_folder(path) if path.is_dir() else _of_file(path, parts)
    if not found:
        raise DataError(f"{path} looks like none of the formats that are known; name one (data.formats() lists them)")
    return found


def _of_folder(path: Path) -> str:
    names = {child.name.removesuffix(".gz") for child in path.iterdir()}
    if {"seq.in", "seq.out", "label"} <= names:
        return "slots"
    if "schema.json" in names and any(name.startswith("dialogues_") for name in names):
        return "sgd"
    if "dataset_dict.json" in names or {"state.json", "dataset_info.json"} <= names:
        return "dataset"
    return "brat" if any(name.endswith(".ann") for name in names) else ""


def _of_file(path: Path, parts: Sequence[str]) -> str:
    name = path.name.removesuffix(".gz")
    if found := _ENDINGS.get(Path(name).suffix):
        return found
    if path.suffix == ".zip":
        member = next((part for part in parts if "=" not in part), "")
        there = members(path)
        inside = [name for name in there if name == member or name.endswith(f"/{member}")] if member else there
        if len(inside) != 1 and (any(name.endswith((".ann", ".ann.gz")) for name in there) or not inside):
            return "brat"
        path = path / (member or inside[0]) if member or len(inside) == 1 else path
        name = path.name
    beginning = [line for _, line in islice(lines(path), _LINES) if line.strip()]
    if not beginning:
        raise DataError(f"{path} is empty; give a file with examples")
    if beginning[0].lstrip()[0] in "{[":
        return "json-lines" if any(part.startswith(_CHOSEN) for part in parts) else _of_json(path, beginning)
    return "nif" if any("nif-core#" in line for line in beginning) else _of_text(beginning, name)


def _of_json(path: Path, beginning: Sequence[str]) -> str:
    try:
        first: Any = json.loads(beginning[0])
        one_a_line = isinstance(first, dict) and (len(beginning) == 1 or beginning[1].lstrip().startswith("{"))
    except (ValueError, RecursionError):
        one_a_line = False
    if one_a_line and ((found := of_record(first)) or len(beginning) > 1):
        return found
    whole = load_json(path)
    if isinstance(whole, dict):
        values = list(whole.values())
        if isinstance(whole.get("data"), list):
            return "squad"
        if isinstance(whole.get("questions"), list):
            return "questions"
        if values and all(isinstance(value, dict) for value in values):
            return _of_list(values[0])
        return "intents" if _pairs(values) else of_record(whole)
    return _of_list(whole[0]) if whole and isinstance(whole[0], dict) else ""


def of_record(record: Mapping[str, Any]) -> str:
    """Return the format that an object of a file of one a line is of, "" for none."""
    keys = record.keys()
    if keys & {"prompt", "messages"}:
        return "pairs"
    if {"sentText", "relationMentions"} <= keys:
        return "nyt"
    if {"triples", "texts"} <= keys:
        return "webnlg"
    if "sparql_query" in keys or {"question", "answer"} <= keys:
        return "questions"
    if {"text", "intent"} <= keys and isinstance(record.get("slots"), dict):
        return "slot-values"
    if {"sentences", "ner"} <= keys:
        return "scierc"
    if "text" in keys and isinstance(record.get("label"), dict):
        return "cluener"
    spans = any(
        isinstance(record.get(key), list) for key in ("spans", "entities", "label", "labels", "tags", "ner_tags")
    )
    if spans and keys & {"text", "sentence", "content", "data", "tokens"}:
        return "spans"
    return "json-lines" if keys & set(LABELS) and keys & set(TEXTS) else ""


def _of_list(record: dict[str, Any]) -> str:
    if "vertexSet" in record:
        return "redocred"
    if "data" in record and record.keys() & {"annotations", "completions"}:
        return "label-studio"
    log = record.get("log")
    if isinstance(log, list) and log and isinstance(log[0], dict) and "metadata" in log[0]:
        return "multiwoz"
    if {"text", "intent"} <= record.keys() and isinstance(record.get("slots"), dict):
        return "slot-values"
    entities = record.get("entities")
    if "tokens" in record and isinstance(entities, list):
        return "ade" if entities and isinstance(entities[0], list) else "spert"
    return "conversations" if _is_chat(record) else of_record(record)


def _is_chat(record: dict[str, Any]) -> bool:
    """Say whether a record holds turns, and not those of chat templates, whose last one is the assistant's."""
    turns = turns_of(record)
    return turns is not None and not (isinstance(turns[0], dict) and turns[0].get("role") in ROLES)


def _pairs(values: Sequence[Any]) -> bool:
    return bool(values) and all(
        isinstance(value, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in value[:9])
        for value in values
    )


def _of_text(beginning: Sequence[str], name: str) -> str:
    if format := next((format for pattern, format in _FIRST.items() if pattern.match(beginning[0])), ""):
        return format
    if name.endswith(".csv"):
        return "csv"
    if format := next((format for pattern, format in _EACH.items() if all(map(pattern.match, beginning))), ""):
        return format
    rows = [re.split(r"[ \t]+", line.strip()) for line in beginning if not line.startswith("-DOCSTART-")]
    ends = {len(row) for row in rows}
    for column in (-1, 0) if min(ends, default=0) > 1 else ():
        # Most, not all: the reader names the line of a tag that is none.
        if _share(TAG.fullmatch(row[column]) is not None for row in rows) >= _MOST:
            glued = _share(_GLUED.fullmatch(row[0]) is not None for row in rows) >= _MOST
            return "weibo" if glued and column else "conll"
    if _share(_TREC.fullmatch(line) is not None for line in beginning) == 1:
        return "trec"
    if _share("\t" in line for line in beginning) >= _MOST:
        return "tsv"
    return "csv" if _share("," in line for line in beginning) >= _MOST else ""


def _share(flags: Any) -> float:
    seen = list(flags)
    return sum(seen) / len(seen) if seen else 0.0
