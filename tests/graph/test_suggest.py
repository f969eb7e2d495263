"""Rules of a graph, and the facts that they say may be missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nlpkit.cli.main import app
from nlpkit.errors import GraphError
from nlpkit.graph.kg import KnowledgeGraph
from nlpkit.graph.plan import Step
from nlpkit.graph.records import Fact
from nlpkit.graph.rules import SMOOTHING, Rule, Rules

N = 12
PEOPLE = [f"Person {n}" for n in range(N)]
BORN, IN, OF = "birthplace", "country", "citizen of"


def lines() -> list[str]:
    """Everyone is born in a town of a country and is its citizen, which of the last the graph does not say."""
    towns = [f"{name}\t{BORN}\tTown {n % 4}" for n, name in enumerate(PEOPLE)]
    countries = [f"Town {n}\t{IN}\tLand {n % 2}" for n in range(4)]
    citizens = [f"{name}\t{OF}\tLand {n % 2}" for n, name in enumerate(PEOPLE[:-1])]
    return towns + countries + citizens


def graph_of(folder: Path, text: list[str]) -> KnowledgeGraph:
    (folder / "facts.tsv").write_text("\n".join(text) + "\n", "utf-8")
    return KnowledgeGraph.load_file(folder / "facts.tsv", folder / "facts.kg")


def test_a_rule_foretells_what_is_missing(tmp_path: Path) -> None:
    with graph_of(tmp_path, lines()) as graph:
        found = graph.suggest(relation=OF)
        best = found[0]
        assert (best.subject.name, best.relation, best.object.name) == (PEOPLE[-1], OF, "Land 1")
        rule = best.rules[0]
        assert rule.body == (Step(BORN, False), Step(IN, False))
        assert (rule.support, rule.joined) == (N - 1, N)
        assert best.score == rule.confidence == (N - 1) / (N + SMOOTHING)
        assert str(rule) == f"x -{OF}-> y  <=  x -{BORN}-> z -{IN}-> y"
        assert [graph.node(fact.object).name for fact in best.path] == ["Town 3", "Land 1"]
        assert graph.suggest(least=0.99) == []
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_steps_are_walked_both_ways(tmp_path: Path) -> None:
    text = [f"Firm {n}\temploys\tPerson {n}" for n in range(9)] + [f"Person {n}\tworks for\tFirm {n}" for n in range(8)]
    with graph_of(tmp_path, text) as graph:
        (one,) = graph.suggest(support=5)
        assert (one.subject.name, one.object.name) == ("Person 8", "Firm 8")
        assert one.rules[0].body == (Step("employs", True),)
        (fact,) = one.path
        assert graph.node(fact.subject).name == "Firm 8"


def test_what_is_said_in_other_words_is_not_missing(tmp_path: Path) -> None:
    pairs = [(f"Old {n}", f"Young {n}") for n in range(9)]
    text = [f"{a}\tchild\t{b}" for a, b in pairs] + [f"{b}\tfather\t{a}" for a, b in pairs[:-1]]
    with graph_of(tmp_path, text) as graph:
        assert graph.suggest() == []


def test_a_second_object_of_a_relation_that_has_one_is_not_foretold(tmp_path: Path) -> None:
    text = [f"Person {n}\tlives in\tTown {n}\nPerson {n}\tplace of birth\tTown {n}" for n in range(9)]
    text += ["Person 9\tlives in\tTown 9", "Person 10\tlives in\tTown 10", "Person 10\tplace of birth\tTown 3"]
    with graph_of(tmp_path, text) as graph:
        assert [one.subject.name for one in graph.suggest(relation="place of birth")] == ["Person 9"]


def test_answers_from_either_end_agree_with_what_is_missing() -> None:
    ids = {name: n for n, name in enumerate([*PEOPLE, *(f"Town {n}" for n in range(4)), "Land 0", "Land 1"], 1)}
    facts = [Fact(ids[s], r, ids[o]) for s, r, o in (line.split("\t") for line in lines())]
    rules = Rules(facts, support=3)
    last, land = ids[PEOPLE[-1]], ids["Land 1"]
    assert rules.objects(last, OF)[0][0] == land
    assert last in {subject for subject, _ in rules.subjects(land, OF)}
    assert (last, OF, land) in {one[:3] for one in rules.missing()}
    assert rules.objects(999, OF) == rules.objects(last, "nothing") == []
    assert Rules([]).rules == ()


def test_confidence_is_lowered_where_little_was_seen() -> None:
    assert Rule("r", (Step("s", False),), 2, 2).confidence == 2 / 7


def test_a_relation_that_is_not_there(tmp_path: Path) -> None:
    with graph_of(tmp_path, lines()) as graph, pytest.raises(GraphError, match=r"no relation 'owns'.*citizen of"):
        graph.suggest(relation="owns")


def test_the_command_line(tmp_path: Path) -> None:
    with graph_of(tmp_path, lines()) as graph:
        path = str(graph.store.path)
    done = CliRunner().invoke(app, ["graph", "suggest", path, "--relation", OF, "--limit", "1"])
    assert done.exit_code == 0
    assert f"0.65  {PEOPLE[-1]} -- {OF} --> Land 1" in done.output
    assert f"0.65 (11 of 12)  x -{OF}-> y  <=  x -{BORN}-> z -{IN}-> y" in done.output
    done = CliRunner().invoke(app, ["graph", "suggest", path, "--relation", OF, "--limit", "1", "--json"])
    record = json.loads(done.stdout)
    assert record["path"] == [[PEOPLE[-1], BORN, "Town 3"], ["Town 3", IN, "Land 1"]]
    assert record["rules"][0]["support"] == 11
    done = CliRunner().invoke(app, ["graph", "suggest", path, "--least", "0.99"])
    assert "no rule foretells a fact" in done.output
