"""A plan as a query in Cypher or SPARQL, for the exports of `neo4j` and `rdf`: what `execute` walks, in other words.

Relations that say the same the other way about (`wikidata.toml`: inverse, symmetric) are walked too. What a query does
not say are the weights: of conflicting facts both are found.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from nlpkit.graph.neo4j import literal
from nlpkit.graph.plan import Branch, Plan, Step
from nlpkit.graph.rdf import PREFIXES, Iri, predicate_of, turtle
from nlpkit.graph.records import Fact
from nlpkit.graph.view import said_by


def to_cypher(plan: Plan) -> str:
    """Return a plan as a query over what `write_cypher` made."""
    lines, conditions = list[str](), list[str]()
    for number, branch in enumerate(plan.branches):
        last = f"n{number}"
        lines.append(f"MATCH ({last}:Entity {{id: {branch.topic.id}}})")
        for hop, step in enumerate(branch.steps, start=1):
            end = _end(number, hop, branch)
            lines.append(f"MATCH ({last})-[r{number}_{hop}]-({end}:Entity)")
            conditions.append(_any(f"r{number}_{hop}", last, step))
            if hop > 1:
                conditions.append(f"{end} <> n{number}")
            last = end
    if plan.types:
        conditions.append(f"(answer.type = '' OR answer.type IN [{', '.join(map(literal, sorted(plan.types)))}])")
    returned = "count(DISTINCT answer) AS n" if plan.count else "DISTINCT answer.id AS id, answer.name AS name"
    return "\n".join([*lines, f"WHERE {' AND '.join(conditions)}", f"RETURN {returned}"])


def _any(relation: str, start: str, step: Step) -> str:
    """Return the condition that a relation is one of those that say a step, in its direction."""
    ways = [
        f"type({relation}) = {literal(name)} AND {'endNode' if inverse else 'startNode'}({relation}) = {start}"
        for name, inverse in said_by(step)
    ]
    return f"({' OR '.join(ways)})"


def to_sparql(plan: Plan, properties: Mapping[str, str | None]) -> str:
    """Return a plan as a query over what `write_turtle` writes.

    Args:
        plan: what is walked.
        properties: the Wikidata property of each relation, where it has one.

    """
    lines = [f"PREFIX {prefix}: <{PREFIXES[prefix]}>" for prefix in ("rdfs", "wdt", "node", "relation", "type")]
    lines.append("SELECT (COUNT(DISTINCT ?answer) AS ?n)" if plan.count else "SELECT DISTINCT ?answer ?name")
    lines.append("WHERE {")
    for number, branch in enumerate(plan.branches):
        last = topic = f"node:{branch.topic.id}"
        for hop, step in enumerate(branch.steps, start=1):
            end = f"?{_end(number, hop, branch)}"
            lines.append(f"  {last} {_path(step, properties)} {end} .")
            if hop > 1:
                lines.append(f"  FILTER({end} != {topic})")
            last = end
    lines.append("  ?answer rdfs:label ?name .")
    if plan.types:
        allowed = ", ".join(turtle(Iri("type", quote(label, safe=""))) for label in sorted(plan.types))
        lines += ["  OPTIONAL { ?answer a ?type }", f"  FILTER(!BOUND(?type) || ?type IN ({allowed}))"]
    return "\n".join([*lines, "}"])


def _path(step: Step, properties: Mapping[str, str | None]) -> str:
    ways = []
    for name, inverse in said_by(step):
        predicate = turtle(predicate_of(Fact(0, name, 0, None, properties.get(name))))
        ways.append(f"^{predicate}" if inverse else predicate)
    return ways[0] if len(ways) == 1 else f"({'|'.join(ways)})"


def _end(number: int, hop: int, branch: Branch) -> str:
    """Return the variable that a hop ends at: all branches end at the answer."""
    return "answer" if hop == len(branch.steps) else f"n{number}_{hop}"
