"""DocRED and Re-DocRED (Yao et al. 2019; Tan et al. 2022): documents with entity clusters and relations.

The files hold tokens; the text is rebuilt with natural spacing, so that a model trained on it sees what
people write. Relation ids get their English names from `rel_info.json` beside the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpkit.data.files import load_json
from nlpkit.data.tokens import rebuild
from nlpkit.errors import DataError
from nlpkit.types import Chain, Document, Entity, Example, Mention, Relation


def read(path: Path) -> Iterator[Example]:
    """Read a DocRED JSON list, gzipped or not.

    Raises:
        DataError: the file is no such list, or a document lacks a key (its number is named).

    """
    names = _relation_names(path.parent / "rel_info.json")
    records = load_json(path)
    if not isinstance(records, list):
        raise DataError(f"{path} holds {type(records).__name__}; a DocRED file is a list of documents")
    for number, record in enumerate(records):
        try:
            yield _example(record, names, f"{path.name}#{number}")
        except (KeyError, IndexError, TypeError) as e:
            raise DataError(f"{path}, document {number}: {type(e).__name__} {e}; see the DocRED format") from e


def _relation_names(path: Path) -> Mapping[str, str]:
    if not path.is_file():
        raise DataError(f"no {path}; the table of relation names (id -> English name) must lie beside the data file")
    names: dict[str, str] = load_json(path)
    return names


def _example(record: Mapping[str, Any], names: Mapping[str, str], source: str) -> Example:
    text, tokens, sentences = rebuild(record["sents"])
    chains = tuple(_chain(vertex, text, tokens) for vertex in record["vertexSet"])
    relations = []
    for label in record.get("labels", ()):
        subject, object_ = chains[label["h"]], chains[label["t"]]
        evidence = tuple(sentences[n] for n in label.get("evidence") or () if n < len(sentences))
        relations.append(
            Relation(_first(subject), names.get(label["r"], label["r"]), _first(object_), None, label["r"], evidence)
        )
    entities = sorted(
        {(m.start, m.end, c.label) for c in chains for m in c.mentions}, key=lambda e: (e[0], -e[1], e[2])
    )
    return Example(
        Document(
            text,
            id=record["title"],
            entities=tuple(Entity(text[a:b], a, b, label) for a, b, label in entities),
            chains=chains,
            relations=tuple(relations),
        ),
        source,
    )


def _chain(vertex: Sequence[Mapping[str, Any]], text: str, tokens: Sequence[Sequence[tuple[int, int]]]) -> Chain:
    spans = sorted({(tokens[m["sent_id"]][m["pos"][0]][0], tokens[m["sent_id"]][m["pos"][1] - 1][1]) for m in vertex})
    label = Counter(m["type"] for m in vertex).most_common(1)[0][0]
    mentions = tuple(Mention(text[a:b], a, b) for a, b in spans)
    return Chain(max((m.text for m in mentions), key=len), label, mentions)


def _first(chain: Chain) -> Entity:
    mention = chain.mentions[0]
    return Entity(mention.text, mention.start, mention.end, chain.label)
