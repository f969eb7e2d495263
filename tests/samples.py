"""A small world for training tests: people, places and births, in sentences that a tiny model can learn."""

from dataclasses import replace

from nlpkit.backbone import Backbone
from nlpkit.types import Answer, Chain, Document, Entity, Example, Label, Mention, Relation

PEOPLE = ("Ann Lee", "Bo Ray", "Cy Fox", "Di Moss", "Ed Hart")
PLACES = ("Rome", "Oslo", "Lima", "Bern", "Cork")
SOUTH = ("Rome", "Lima")


def born(person: str, place: str, number: int = 0) -> Example:
    """Return "X was born in Y. X left.": entities, chains, a relation, slots, whose it is, and the side Y lies on."""
    text = f"{person} was born in {place}. {person} left."
    spots = [(0, person, "PER"), (len(person) + 13, place, "LOC"), (len(person) + 15 + len(place), person, "PER")]
    entities = tuple(Entity(name, start, start + len(name), label) for start, name, label in spots)
    mentions = [Mention(e.text, e.start, e.end) for e in entities]
    chains = (Chain(person, "PER", (mentions[0], mentions[2])), Chain(place, "LOC", (mentions[1],)))
    relation = Relation(entities[0], "place of birth", entities[1], None, "P19")
    side = Label("south" if place in SOUTH else "north")
    slots = (replace(entities[0], label="who"), replace(entities[1], label="where"))
    labels = {"classification": Label(person), "slots": side}
    return Example(
        Document(text, f"doc{number}", entities, chains, (relation,), labels, slots=slots), f"sample#{number}"
    )


EXAMPLES = [born(p, q, n) for n, (p, q) in enumerate((p, q) for p in PEOPLE for q in PLACES)]


def passes(monkeypatch) -> list[int]:
    """Return a list that gets the number of windows of every forward pass from now on."""
    calls: list[int] = []
    forward = Backbone._forward

    def counted(self, ids, mask, windows):
        calls.append(len(windows))
        return forward(self, ids, mask, windows)

    monkeypatch.setattr(Backbone, "_forward", counted)
    return calls


def asked(person: str, place: str, number: int = 0) -> Example:
    """Return the same text under the question where or who; every fifth question has no answer in it."""
    text, query = f"{person} was born in {place}. {person} left.", "where?" if number % 2 else "who?"
    start, name = (len(person) + 13, place) if number % 2 else (0, person)
    query, answers = ("when?", ()) if number % 5 == 4 else (query, (Answer(name, start, start + len(name)),))
    return Example(Document(text, f"question{number}", query=query, answers=answers), f"sample#{number}")


QUESTIONS = [asked(p, q, n) for n, (p, q) in enumerate((p, q) for p in PEOPLE for q in PLACES)]
