"""A kit that knows four names by heart, so that commands are tested without weights."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import nlpkit
from nlpkit.types import Answer, Chain, Document, Entity, Mention, Relation, Span

NAMES = {"Marie Curie": "PER", "Pierre Curie": "PER", "Warsaw": "LOC", "Paris": "LOC"}


class TinyKit:
    """Finds the names it knows, and a birth where one is said to be born in another; the last name answers all."""

    revision = "tiny"

    def __call__(self, texts):
        return self._read(texts) if isinstance(texts, str | Document) else [self._read(text) for text in texts]

    def embed(self, texts: Sequence[str]):
        rows = [np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)[:8] for text in texts]
        vectors = np.array(rows, np.float32).reshape(len(texts), 8) + 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def _read(self, given):
        given = Document(given) if isinstance(given, str) else given
        text = given.text
        found = [(text.find(name), name) for name in NAMES if name in text]
        entities = tuple(Entity(name, at, at + len(name), NAMES[name], 0.9) for at, name in sorted(found))
        chains = tuple(Chain(e.text, e.label, (Mention(e.text, e.start, e.end),)) for e in entities)
        relations = ()
        if len(entities) == 2 and "born in" in text:
            evidence = (Span(text, 0, len(text)),)
            relations = (Relation(entities[0], "place of birth", entities[1], 0.8, "P19", evidence),)
        answers = tuple(Answer(e.text, e.start, e.end, 0.7) for e in entities[-1:]) if given.query else ()
        return replace(given, entities=entities, chains=chains, relations=relations, answers=answers)


@pytest.fixture
def kit(monkeypatch):
    tiny = TinyKit()
    # Not setattr: that would first import the real one.
    monkeypatch.setitem(vars(nlpkit), "load", lambda *names: tiny)
    return tiny


@pytest.fixture
def run():
    """Run a command in this process: `run("tasks", "--json")`."""
    from nlpkit.cli.main import app

    def invoke(*args, stdin=None):
        return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)

    return invoke


@pytest.fixture
def corpus(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "marie.txt").write_text("Marie Curie was born in Warsaw.", encoding="utf-8")
    (folder / "pierre.txt").write_text("Pierre Curie was born in Paris.", encoding="utf-8")
    return folder
