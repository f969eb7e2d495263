"""spaCy's binary training data (`.spacy` files)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nlpkit.data.files import content
from nlpkit.data.relations import joined
from nlpkit.errors import DataError, MissingExtraError
from nlpkit.spacydoc import labelled
from nlpkit.types import Entity, Example


def read(path: Path) -> Iterator[Example]:
    """Read a DocBin of spaCy, gzipped or not: one Example a Doc, its entities and its categories from 0.5 on.

    Raises:
        DataError: the file is no DocBin.
        MissingExtraError: spaCy is not installed.

    """
    try:
        import spacy
        from spacy.tokens import DocBin
    except ImportError as e:
        raise MissingExtraError("spacy", "spacy") from e
    try:
        docs = DocBin().from_bytes(content(path))
        for n, doc in enumerate(docs.get_docs(spacy.blank("xx").vocab)):
            source = f"{path.name}#{n}"
            entities = [Entity(e.text, e.start_char, e.end_char, e.label_) for e in doc.ents]
            yield Example(replace(joined(doc.text, source, entities, ()), labels=labelled(doc.cats)), source)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, IndexError) as e:
        raise DataError(f"{path} is no DocBin of spaCy: {e}; write one with DocBin(docs=docs).to_disk(path)") from e
