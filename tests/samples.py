"""A small world for training tests: people, places and births, in sentences that a tiny model can learn."""

from nlpkit.types import Chain, Document, Entity, Example, Mention, Relation

PEOPLE = ("Ann Lee", "Bo Ray", "Cy Fox", "Di Moss", "Ed Hart")
PLACES = ("Rome", "Oslo", "Lima", "Bern", "Cork")


def born(person: str, place: str, number: int = 0) -> Example:
    """Return "X was born in Y. X left." with its entities, chains and relation."""
    text = f"{person} was born in {place}. {person} left."
    spots = [(0, person, "PER"), (len(person) + 13, place, "LOC"), (len(person) + 15 + len(place), person, "PER")]
    entities = tuple(Entity(name, start, start + len(name), label) for start, name, label in spots)
    mentions = [Mention(e.text, e.start, e.end) for e in entities]
    chains = (Chain(person, "PER", (mentions[0], mentions[2])), Chain(place, "LOC", (mentions[1],)))
    relation = Relation(entities[0], "place of birth", entities[1], None, "P19")
    return Example(Document(text, f"doc{number}", entities, chains, (relation,)), f"sample#{number}")


EXAMPLES = [born(p, q, n) for n, (p, q) in enumerate((p, q) for p in PEOPLE for q in PLACES)]
