"""`nlpkit predict`: what is found in texts, one a line."""

from __future__ import annotations

import typer

from nlpkit.cli.output import emit, show
from nlpkit.cli.texts import batches, read_texts
from nlpkit.types import Document, Entity

_TEXTS_AT_ONCE = 64


def predict(
    file: str = typer.Argument(
        "-", help='Texts, one a line, or .jsonl with a "text" (and a "query", the question to it); - is standard input.'
    ),
    task: list[str] = typer.Option([], "--task", "-t", help="A kind of task to run (ner, relation); again for more."),
    adapter: list[str] = typer.Option(
        [], "--adapter", "-a", help="An adapter to use, by folder or name; again for more."
    ),
    json: bool = typer.Option(False, "--json", help="One JSON object a line, and nothing else."),
) -> None:
    """Find entities and relations in texts, one text a line, and what else the loaded tasks find."""
    import nlpkit

    kit = None
    for batch in batches(read_texts(file), _TEXTS_AT_ONCE):
        # The weights are loaded once there is something to read: a missing file is told at once.
        kit = kit or nlpkit.load(*task, *adapter)
        for document in kit(batch):
            if json:
                emit(document.to_dict())
            else:
                _show(document)


def _show(document: Document) -> None:
    show(document.text)
    for entity in document.entities:
        show(f"  {entity.label:<5} {entity.text}  [{entity.start}:{entity.end}]{_score(entity.score)}")
    for relation in document.relations:
        name = f"{relation.label} ({relation.property})" if relation.property else relation.label
        subject, object_ = _name(document, relation.subject), _name(document, relation.object)
        show(f"  {subject} -- {name} --> {object_}{_score(relation.score)}")
    for task, label in document.labels.items():
        show(f"  {task}: {label.label}{_score(label.score)}")
    if document.query:
        show(f"  {document.query}")
    for answer in document.answers:
        show(f"    {answer.text}  [{answer.start}:{answer.end}]{_score(answer.score)}")


def _name(document: Document, entity: Entity) -> str:
    """Return the name of the chain an entity stands in: "she" says little by itself."""
    for chain in document.chains:
        if any((mention.start, mention.end) == (entity.start, entity.end) for mention in chain.mentions):
            return chain.name
    return entity.text


def _score(score: float | None) -> str:
    return "" if score is None else f"  {score:.2f}"
