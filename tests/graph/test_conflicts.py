"""Facts that cannot all be true: what is found, and what is left in peace because both may hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nlpkit.cli.main import app
from nlpkit.graph.kg import KnowledgeGraph

BORN = "Ona Reyl\tplace of birth\tWarsaw"
SEAT = "Brightmill\theadquarters location\t"


def graph_of(folder: Path, *lines: str) -> KnowledgeGraph:
    (folder / "facts.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    columns = ("subject", "relation", "object", "time")[: 1 + max(line.count("\t") for line in lines)]
    return KnowledgeGraph.load_file(folder / "facts.tsv", folder / "facts.kg", columns=columns)


@pytest.mark.parametrize(
    ("lines", "kind", "message"),
    [
        (
            (BORN, "Ona Reyl\tplace of birth\tParis"),
            "several",
            "'Ona Reyl' has more than one place of birth: 'Warsaw', 'Paris'",
        ),
        (
            ("Ona Reyl\tdate of birth\t3 May 1967", "Ona Reyl\tdate of birth\tJune 1967"),
            "several",
            "'Ona Reyl' has more than one date of birth: '3 May 1967', 'June 1967'",
        ),
        (
            (f"{SEAT}Ulm\t1990/1999", f"{SEAT}Rome\t1995/2003"),
            "several",
            "'Brightmill' has more than one headquarters location: 'Ulm', 'Rome'",
        ),
        (
            ("Brightmill\tparent organization\tOrrin", "Northgate\tsubsidiary\tBrightmill"),
            "several",
            "'Brightmill' has more than one parent organization: 'Orrin', 'Northgate'",
        ),
        (("Vale\tpart of\tVale",), "itself", "'Vale' -- part of --> itself"),
        (
            ("Vale\tpart of\tDowns", "Downs\tpart of\tUplands", "Vale\thas part\tUplands"),
            "cycle",
            "'part of' goes round: 'Downs', 'Uplands', 'Vale'",
        ),
        (
            ("Ona Reyl\tdate of birth\t1967", "Ona Reyl\tdate of death\tMay 1966"),
            "order",
            "'Ona Reyl': date of death 'May 1966' is before date of birth '1967'",
        ),
        (
            ("Ona Reyl\tfather\tTam", "Ona Reyl\tspouse\tTam"),
            "exclusive",
            "'Ona Reyl' -- father --> 'Tam', 'Ona Reyl' -- spouse --> 'Tam'",
        ),
    ],
)
def test_what_cannot_all_be_true(tmp_path: Path, lines: tuple[str, ...], kind: str, message: str) -> None:
    with graph_of(tmp_path, *lines) as graph:
        before = [*graph.facts()]
        conflicts = graph.check()
        found = {conflict.kind: conflict for conflict in conflicts}
        assert len(found) == len(conflicts)
        assert found[kind].message == message
        assert set(found[kind].facts) <= {*before}
        assert [*graph.facts()] == before, "conflicts are shown, not resolved"


@pytest.mark.parametrize(
    "lines",
    [
        (BORN, BORN),
        (BORN, "Ona Reyl\tplace of birth\tPoland", "Warsaw\tcountry\tPoland"),
        (
            BORN,
            "Ona Reyl\tplace of birth\tPoland",
            "Warsaw\tlocated in the administrative territorial entity\tMazovia",
            "Mazovia\tcountry\tPoland",
        ),
        ("Ona Reyl\tdate of birth\t3 May 1967", "Ona Reyl\tdate of birth\tMay 1967"),
        (f"{SEAT}Ulm\t1990/1994", f"{SEAT}Rome\t1995/2003"),
        ("Ona Reyl\tchild\tTam", "Ona Reyl\tchild\tBo"),
        ("Tam\tfather\tOna Reyl", "Ona Reyl\tchild\tTam"),
        ("Tam\tfather\tJos", "Ona Reyl\tchild\tTam"),
        ("Ona Reyl\tsibling\tTam", "Tam\tsibling\tOna Reyl"),
        ("Ona Reyl\tdate of birth\t1967", "Ona Reyl\tdate of death\tMay 1967"),
        ("Ona Reyl\tlikes\tplums", "Ona Reyl\tlikes\tpears"),
        ("Brightmill\tparent organization\tOrrin", "Orrin\tsubsidiary\tBrightmill"),
    ],
)
def test_what_may_all_be_true(tmp_path: Path, lines: tuple[str, ...]) -> None:
    with graph_of(tmp_path, *lines) as graph:
        assert graph.check() == []


def test_an_end_of_the_wrong_type(tmp_path: Path) -> None:
    with graph_of(tmp_path, BORN) as graph:
        graph.export(tmp_path / "typed.json")
    typed = json.loads((tmp_path / "typed.json").read_text("utf-8"))
    for node in typed["nodes"]:
        node["type"] = "LOC"
    (tmp_path / "typed.json").write_text(json.dumps(typed), "utf-8")
    with KnowledgeGraph.load_file(tmp_path / "typed.json") as graph:
        (conflict,) = graph.check()
    assert conflict.message == "'Ona Reyl' is LOC; the subject of 'place of birth' is PER"


def test_a_subject_with_very_many_objects_is_one_conflict(tmp_path: Path) -> None:
    with graph_of(tmp_path, *(f"Ona Reyl\tplace of birth\tTown {n}" for n in range(1500))) as graph:
        (conflict,) = graph.check()
        assert len(conflict.facts) == 1500


def test_conflicts_show_their_evidence(tmp_path: Path) -> None:
    with graph_of(tmp_path, BORN, "Ona Reyl\tplace of birth\t<b>Ulm</b> {x: 1}") as graph:
        path = str(graph.store.path)
    done = CliRunner().invoke(app, ["graph", "check", path])
    assert done.exit_code == 1
    assert "several: 'Ona Reyl' has more than one place of birth: 'Warsaw', '<b>Ulm</b> {x: 1}'" in done.output
    assert "  Ona Reyl -- place of birth --> Warsaw" in done.output
    assert "facts.tsv" in done.output
    assert "several: 1" in done.output
    done = CliRunner().invoke(app, ["graph", "check", path, "--json"])
    assert done.exit_code == 1
    record = json.loads(done.output)
    assert record["kind"] == "several"
    assert [fact["object"] for fact in record["facts"]] == ["Warsaw", "<b>Ulm</b> {x: 1}"]
    assert record["facts"][0]["evidence"][0]["document"] == "facts.tsv"


def test_a_graph_without_conflicts(tmp_path: Path) -> None:
    with graph_of(tmp_path, BORN) as graph:
        path = str(graph.store.path)
    done = CliRunner().invoke(app, ["graph", "check", path])
    assert (done.exit_code, done.output.strip()) == (0, "nlpkit: no conflict")


def test_a_graph_that_is_not_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["graph", "check", str(tmp_path / "none.kg")])
    assert done.exit_code == 1
    assert not (tmp_path / "none.kg").exists()
