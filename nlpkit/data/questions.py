"""Questions about a knowledge graph, with their answers and what was asked of it: QALD, LC-QuAD, NLPCC KBQA, MetaQA."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpkit.data.files import lines, load_json, records
from nlpkit.errors import DataError
from nlpkit.types import Document, Example

BLOCK = re.compile(r"<(question|triple|answer) id=(\d+)>\s*(.*)")
"""A line of NLPCC's blocks."""
TOPIC = re.compile(r"(.*)\[([^\[\]]+)\](.*)")
"""A question whose topic entity is marked, as MetaQA has them."""
_QUESTIONS = ("corrected_question", "question")
_QUERIES = ("sparql_query", "sparql")
_LANGUAGE = "en"


def read(path: Path, parts: Sequence[str] = ()) -> Iterator[Example]:
    """Read questions, one Example each; with "answers", "query", "path", "topic" or "triple" in `metadata`.

    - QALD JSON (Usbeck et al. 2018): a part names the language, "en" by default; questions without it are left out.
      Answers are the bindings, or True and False; the query is SPARQL.
    - LC-QuAD JSON (Trivedi et al. 2017), and any list of objects, or one a line, with "question" and "answer".
    - NLPCC-ICCPOL KBQA blocks (Duan 2016): `<question id=1>`, `<triple id=1>`, `<answer id=1>` lines.
    - MetaQA lines (Zhang et al. 2018): a question with its [topic], a tab, answers with "|" between; a third column, if
      any, is the path of relations.

    Raises:
        DataError: the file is none of these, a question is broken, or none is in the language.

    """
    first = next((line.lstrip() for _, line in lines(path) if line.strip()), "")
    qald = first.startswith("{") and _is_whole(first)
    if parts and not qald:
        raise DataError(f"{path} has no part {'+'.join(parts)!r}; only QALD's questions come in several languages")
    if qald:
        yield from _read_qald(path, "+".join(parts) or _LANGUAGE)
    elif first[:1] in ("{", "[") and not _is_line(first):
        for number, source, record in records(path):
            yield _of_record(record, f"{path}, line {number}", source, number)
    elif BLOCK.match(first):
        yield from _read_blocks(path)
    else:
        yield from _read_lines(path)


def _is_line(first: str) -> bool:
    """Say whether a question with its topic marked, perhaps at its beginning, is what a line holds."""
    asked, tab, _ = first.partition("\t")
    return bool(tab) and TOPIC.fullmatch(asked.strip()) is not None


def _is_whole(first: str) -> bool:
    """Say whether a file that begins so is one JSON object, rather than one a line."""
    try:
        return "questions" in json.loads(first)
    except (ValueError, RecursionError):
        return True


def _read_qald(path: Path, language: str) -> Iterator[Example]:
    content = load_json(path)
    try:
        for n, entry in enumerate(content["questions"]):
            said = {wording["language"]: wording.get("string") for wording in entry["question"]}
            if not said.get(language):
                continue
            bindings = [b for answer in entry.get("answers") or () for b in _bindings(answer)]
            query = entry.get("query") or {}
            yield _example(f"{path.name}#{n}", str(said[language]), answers=bindings, query=query.get("sparql", ""))
    except (KeyError, TypeError, AttributeError) as e:
        shape = '{"questions": [{"question": [{"language": "en", "string": text}], "query": {}, "answers": []}]}'
        raise DataError(f"{path}: {type(e).__name__} {e}; allowed: {shape}") from e


def _bindings(answer: Mapping[str, Any]) -> list[Any]:
    """Return the values of an answer in SPARQL's JSON."""
    if "boolean" in answer:
        return [bool(answer["boolean"])]
    found = answer.get("results", {}).get("bindings", [])
    return [value["value"] for row in found for value in row.values()]


def _of_record(record: Any, place: str, source: str, line: int) -> Example:
    try:
        text = next((record[key] for key in _QUESTIONS if key in record), None)
        query = next((record[key] for key in _QUERIES if key in record), "")
        answers = record.get("answers", [record["answer"]] if "answer" in record else [])
    except (KeyError, TypeError, AttributeError) as e:
        raise DataError(f"{place}: {type(e).__name__} {e}; a line, or an entry of the list, is an object") from e
    if not isinstance(text, str) or not isinstance(answers, list) or not (answers or query):
        allowed = f"{' or '.join(_QUESTIONS)}, and answers (a list), answer or sparql_query"
        raise DataError(f"{place}: {record!r:.60}; allowed: an object with {allowed}")
    return _example(source, text, line, answers=answers, query=str(query).strip())


def _read_blocks(path: Path) -> Iterator[Example]:
    held: dict[str, str] = {}
    begin = 0
    for number, line in [*lines(path), (0, "=")]:
        if match := BLOCK.match(line):
            begin = begin or number
            held[match[1]] = match[3].strip()
        elif line.strip("= \t"):
            wanted = "<question id=N>, <triple id=N>, <answer id=N>, or a line of ="
            raise DataError(f"{path}, line {number}: {line!r:.60}; allowed: {wanted}")
        elif held:
            triple = [part.strip() for part in held.get("triple", "").split("|||")]
            if not held.get("question") or len(triple) != 3:
                said = f"the triple {held.get('triple', '')!r:.40}" if held.get("question") else "no question"
                raise DataError(
                    f"{path}, line {begin}: {said}; a block has a <question id=N> and a <triple id=N> 'subject ||| "
                    "attribute ||| value'"
                )
            answers = [part.strip() for part in held.get("answer", "").split("|||") if part.strip()]
            yield _example(f"{path.name}:{begin}", held["question"], begin, answers=answers, triple=triple)
            held, begin = {}, 0


def _read_lines(path: Path) -> Iterator[Example]:
    for number, line in lines(path):
        if not line.strip():
            continue
        fields = line.split("\t")
        match = TOPIC.fullmatch(fields[0].strip())
        if match is None or len(fields) not in (2, 3) or not fields[1].strip():
            shape = "a question with its [topic], a tab, answers with | between, and perhaps a tab and a path"
            raise DataError(f"{path}, line {number}: {line!r:.60}; allowed: {shape}")
        path_of = {"path": fields[2].strip().split("|")} if len(fields) == 3 else {}
        text = f"{match[1]}{match[2]}{match[3]}"
        answers = fields[1].strip().split("|")
        yield _example(f"{path.name}:{number}", text, number, answers=answers, topic=match[2], **path_of)


def _example(source: str, text: str, line: int = 0, **told: Any) -> Example:
    metadata = {key: value for key, value in told.items() if value}
    return Example(Document(text, source, metadata=metadata), source, line)
