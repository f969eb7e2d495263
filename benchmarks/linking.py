"""Linking to a catalogue on Reuters-128 (N3, Röder et al. 2014): DBpedia's names for its mentions, and their namesakes.

The catalogue has the gold resources and every resource of the LC-QuAD, QALD, SimpleQuestions and WebNLG files that
shares a word or key with one of their names; DBpedia's descriptions are not at hand, so that a row is its name and what
its IRI has in brackets. Mentions are given, their types read by the default kit. The weights of `nlpkit.graph.linking`
were chosen on the documents of even number; the others are reported. String match takes the first row of the same
normalised name.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from _report import Row, options, show, write

import nlpkit
from nlpkit import data
from nlpkit.graph.adding import with_chains
from nlpkit.graph.linking import Catalogue, Entry
from nlpkit.names import blocking_keys, normalise
from nlpkit.types import Document, Entity

FILE = "corpora/n3_entity_linking/Reuters-128.ttl"
OTHERS = ("kgqa/ref_*/*", "corpora/webnlg/*")
RESOURCE = "http://dbpedia.org/resource/"
_IRI = re.compile(re.escape(RESOURCE) + r"[^>\s\"\\]+")
_BRACKETS = re.compile(r"(.+?) \((.+)\)$")
UNKNOWN = "ORG"
"""The type of a mention that the kit does not see."""


def main() -> None:
    """Measure, and write benchmarks/results/linking.json."""
    parser = options(__doc__, "8 documents, nothing is kept")
    arguments = parser.parse_args()
    examples = list(data.read(arguments.data / FILE, "nif"))
    documents = [example.document for example in examples][: 8 if arguments.quick else None]
    gold = [[known(link) for link in document.metadata["links"]] for document in documents]
    kit = nlpkit.load()
    typed = [with_types(own, read) for own, read in zip(documents, kit([d.text for d in documents]), strict=True)]
    iris = sorted(resources(arguments.data, {iri for links in gold for iri in links if iri}))
    entries = [entry(iri) for iri in iris]
    rows = [Row("rows of the catalogue", len(entries), "")]
    by_name: dict[str, str] = {}
    for one in entries:
        by_name.setdefault(normalise(one.name), one.id)
    ways = {
        "string match": [[by_name.get(normalise(m.text)) for m in d.entities] for d in typed],
        "names and types": linked(Catalogue(entries), typed),
        "names, types and contexts": linked(Catalogue(entries, kit), typed),
    }
    for part, title in ((0, "chosen on"), (1, "reported")):
        truth = [iri for links in gold[part::2] for iri in links]
        rows.append(Row(f"{title}: mentions", len(truth), ""))
        rows.append(Row(f"{title}: mentions in no row", truth.count(None), ""))
        for way, found in ways.items():
            accuracy, nil = scores(truth, [iri for links in found[part::2] for iri in links])
            rows += [Row(f"{title}: {way}, accuracy", accuracy, ""), Row(f"{title}: {way}, F1 of NIL", nil, "")]
    show("Linking to a catalogue", rows)
    if not arguments.quick:
        write("linking", rows, "Reuters-128, 128 documents; weights chosen on those of even number")


def known(link: str | None) -> str | None:
    """Return a gold resource, None for what DBpedia does not have."""
    return link if link and link.startswith(RESOURCE) else None


def with_types(own: Document, read: Document) -> Document:
    """Give mentions the types that the kit sees there."""

    def typed(mention: Entity) -> Entity:
        over = [one for one in read.entities if one.start < mention.end and mention.start < one.end]
        best = max(over, key=lambda e: min(e.end, mention.end) - max(e.start, mention.start), default=None)
        return replace(mention, label=best.label if best else UNKNOWN)

    return replace(own, entities=tuple(map(typed, own.entities)))


def resources(folder: Path, gold: set[str]) -> set[str]:
    """Return the gold resources and those that share a key with the name of one."""
    keys = {key for iri in gold for key in blocking_keys(entry(iri).name)}
    found = set[str]()
    for file in (file for pattern in OTHERS for file in folder.glob(pattern)):
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            found.update(_IRI.findall(lines.read()))
    return gold | {iri for iri in found if keys & blocking_keys(entry(iri).name)}


def entry(iri: str) -> Entry:
    """Return a resource as a row: its name, and as description what stands in brackets."""
    name = unquote(iri.removeprefix(RESOURCE)).replace("_", " ")
    found = _BRACKETS.match(name)
    return Entry(iri, found[1], description=found[2]) if found else Entry(iri, name)


def linked(catalogue: Catalogue, documents: Iterable[Document]) -> list[list[str | None]]:
    """Return the row of every mention of every document."""
    found = []
    for document in documents:
        chained = with_chains(document)
        links = catalogue.link(chained)
        of = {
            (mention.start, mention.end): link.entry.id if link.entry else None
            for chain, link in zip(chained.chains, links, strict=True)
            for mention in chain.mentions
        }
        found.append([of[mention.start, mention.end] for mention in document.entities])
    return found


def scores(truth: Sequence[str | None], found: Sequence[str | None]) -> tuple[float, float]:
    """Return accuracy, and F1 of saying that a mention is in no row."""
    both = sum(one is None and other is None for one, other in zip(truth, found, strict=True))
    right = sum(one == other for one, other in zip(truth, found, strict=True))
    return right / len(truth), 2 * both / max(truth.count(None) + found.count(None), 1)


if __name__ == "__main__":
    main()
