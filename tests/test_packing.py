"""Packs: what they hold, what they refuse, and that a kit and a graph use all of it."""

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fake_hub import fake_hub
from samples import EXAMPLES
from test_adapters import stirred

import nlpkit
from nlpkit import checkpoint, recipes
from nlpkit.adapters import Adapted
from nlpkit.checkpoint import Task
from nlpkit.domain import Domain, LabelSpec, RelationSpec
from nlpkit.engine import Reading
from nlpkit.errors import AdapterError, InputError, RecipeError
from nlpkit.heads import HEADS
from nlpkit.packing.building import build
from nlpkit.packing.checking import check
from nlpkit.packing.contents import MANIFEST, is_closed, is_pack, opened
from nlpkit.recipes import AdapterSpec
from nlpkit.testing import fake_backbone
from nlpkit.types import Answer, Chain, Document, Entity, Label, Mention, Relation

EXAMPLE = Path(__file__).parent.parent / "examples" / "finance.toml"
SPEC = """
title = "Births"
licence = "CC0-1.0"
adapters = ["births"]

[labels]
PER = { description = "a person" }

[relations.P19]

[thresholds]
entities = 0.0

[aliases.PER]
"Ann Lee" = ["A. Lee", "Lady Lee"]
"""


def saved(folder, licence="CC0-1.0", name="births", backbone=None):
    """Write a small untrained adapter for entities."""
    adapted = Adapted(backbone or fake_backbone())
    adapted.add(name, AdapterSpec(rank=2))
    stirred(adapted, name)
    torch.manual_seed(0)
    heads = [HEADS["ner"].fit([e.document for e in EXAMPLES[:6]], 16, {}).eval()]
    data = {"format": "sample", "train": "train"}
    table = {"title": name, "heads": ["ner"], "licence": licence, "backbone": "fake", "data": data}
    checkpoint.save(Task(name, recipes.from_dict(table, name=name), adapted, heads, Reading(64, 16), {}), folder)


@pytest.fixture
def spec(tmp_path):
    """Return the TOML file of a small pack."""
    saved(tmp_path / "births")
    file = tmp_path / "births.toml"
    file.write_text(SPEC, encoding="utf-8")
    return file


@pytest.fixture(params=["folder", "births.pack", "births.zip"])
def pack(request, spec, tmp_path):
    out = tmp_path / "out" / request.param
    build(spec, out)
    return out


def load(pack):
    return nlpkit.load(str(pack), backbone=fake_backbone())


def test_a_pack_gives_a_kit_with_its_domain(pack, spec):
    kit = load(pack)
    assert is_pack(pack)
    assert list(kit.tasks) == ["births"]
    assert kit.domain.labels["PER"].description == "a person"
    assert kit.domain.relations["P19"].label == "place of birth"
    assert kit.domain.relations["P19"].types == (("PER",), ("LOC",))
    assert kit.domain.canonical("PER", "lady lee") == "Ann Lee"
    alone = nlpkit.load(str(spec.parent / "births"), backbone=fake_backbone())
    text = EXAMPLES[0].document.text
    assert [(e.start, e.label, e.score) for e in kit(text).entities] == [
        (e.start, e.label, e.score) for e in alone(text).entities
    ]
    assert "births" in (pack / "README.md").read_text() if pack.is_dir() else True


def test_the_same_file_gives_the_same_pack(spec, tmp_path):
    build(spec, tmp_path / "a.pack")
    build(spec, tmp_path / "b.pack")
    assert (tmp_path / "a.pack").read_bytes() == (tmp_path / "b.pack").read_bytes()


def test_only_what_belongs_to_an_adapter_is_packed(spec, tmp_path):
    (spec.parent / "births" / "secret.pkl").write_bytes(b"x")
    with opened(build(spec, tmp_path / "pack") and tmp_path / "pack") as pack:
        assert not [name for name in pack.files if "secret" in name]


RING = """
[relations.a]
inverse = ["b"]
[relations.b]
inverse = ["c"]
[relations.c]
inverse = ["a"]
[relations.P19]"""


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('"births"]', '"deaths"]', "no adapter 'deaths'.*relation/wikipedia"),
        ("entities = 0.0", "PRE = 0.5", r"births.toml: thresholds: nothing.*'PRE'; known: LOC, P19, PER, answers"),
        ("entities = 0.0", "entities = 5", r"thresholds.entities = 5; allowed: from 0 to 1|a number"),
        ("aliases.PER", "aliases.ROG", r"aliases: nothing.*'ROG'"),
        ("[relations.P19]", '[relations.P19]\ntypes = [["PER"], ["PLACE"]]', r"types of relations.*'PLACE'"),
        ("[relations.P19]", '[relations.P19]\ntypes = [["PER"]]', r"relations.P19.types.*two lists"),
        ("[relations.P19]", "[relations.P19]\nsubjects = []", r"unknown key 'relations.P19.subjects'; allowed: label"),
        (
            "[relations.P19]",
            '[relations.P19]\ninverse = ["birthplace"]',
            r"P19.inverse: no relation 'birthplace'; near it",
        ),
        ("[relations.P19]", '[relations.P19]\nafter = "date of brith"', r"P19.after: no .*near it: date of birth"),
        ("[relations.P19]", '[relations.P19]\ninverse = ["place of birth"]', "'place of birth' would say .*symmetric"),
        ("[relations.P19]", RING, "'a' and 'b' and 'c' would say the same in both directions"),
        ('["A. Lee", "Lady Lee"]', '"A. Lee"', r"aliases.PER.Ann Lee = 'A. Lee'; allowed: a list of strings"),
        ('title = "Births"', "", "key 'title' is missing"),
    ],
)
def test_a_broken_file_is_refused_and_nothing_is_written(spec, tmp_path, old, new, match):
    spec.write_text(SPEC.replace(old, new), encoding="utf-8")
    with pytest.raises((RecipeError, AdapterError), match=match):
        build(spec, tmp_path / "x.pack")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["births", "births.toml"]


@pytest.mark.parametrize(
    ("licence", "closed"),
    [
        ("MIT", False),
        ("CC-BY-SA-4.0", False),
        ("CC-BY-3.0 (CLINC150), CC0-1.0 (SNIPS)", False),
        ("not stated", True),
        ("not stated for the reviews", True),
        ("non-commercial", True),
        ("CC-BY-NC-4.0", True),
        ("CC-BY-ND-4.0", True),
        ("not stated for the annotations; the Reuters text is for research only", True),
    ],
)
def test_licences(licence, closed):
    assert is_closed(licence) == closed


def test_what_must_not_be_handed_on_is_packed_only_on_demand(spec, tmp_path):
    shutil.rmtree(spec.parent / "births")
    saved(spec.parent / "births", "non-commercial")
    with pytest.raises(AdapterError, match=r"births has the licence 'non-commercial'.*--any-licence"):
        build(spec, tmp_path / "x.pack")
    build(spec, tmp_path / "x.pack", any_licence=True)
    assert "births has the licence 'non-commercial'" in check(tmp_path / "x.pack").faults[0]
    assert not check(tmp_path / "x.pack", any_licence=True).faults


def test_a_pack_has_one_backbone(spec, tmp_path):
    saved(tmp_path / "other", name="other", backbone=fake_backbone(max_pieces=32))
    spec.write_text(SPEC.replace('["births"]', '["births", "other"]'), encoding="utf-8")
    with pytest.raises(AdapterError, match=r"other was trained on the backbone.*a pack of each"):
        build(spec, tmp_path / "x.pack")


def test_two_adapters_of_one_name_are_refused(spec, tmp_path):
    spec.write_text(SPEC.replace('["births"]', '["births", "births"]'), encoding="utf-8")
    with pytest.raises(RecipeError, match="two adapters are called 'births'"):
        build(spec, tmp_path / "x.pack")


def test_what_is_no_pack_is_not_written_over(spec, tmp_path):
    with pytest.raises(InputError, match="is no pack; name another place"):
        build(spec, tmp_path / "births")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="is no pack"):
        build(spec, tmp_path / "folder")
    build(spec, tmp_path / "x.pack")
    build(spec, tmp_path / "x.pack")
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part")]


# Damage


def changed(pack, name, change):
    """Change one file of a pack, folder or zip."""
    if pack.is_dir():
        (pack / name).write_bytes(change((pack / name).read_bytes()))
        return
    with zipfile.ZipFile(pack) as archive:
        files = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(pack, "w") as archive:
        for member, content in files.items():
            archive.writestr(member, change(content) if member == name else content)


@pytest.mark.parametrize("name", ["adapters/births/head.safetensors", "adapters/births/nlpkit.json", "README.md"])
def test_a_changed_file_is_named(pack, name):
    changed(pack, name, lambda content: content[:-1] + b"?")
    with pytest.raises(AdapterError, match=rf"{pack.name}: {name} was damaged or changed.*build it anew"):
        load(pack)
    assert name in check(pack).faults[0]


def test_a_missing_file_is_named(spec, tmp_path):
    build(spec, tmp_path / "pack")
    (tmp_path / "pack/adapters/births/head.safetensors").unlink()
    with pytest.raises(AdapterError, match=r"the file adapters/births/head.safetensors is missing"):
        load(tmp_path / "pack")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda m: {**m, "format": 2}, "format 2; this nlpkit reads up to 1"),
        (lambda m: {**m, "format": "x"}, "format 'x'"),
        (lambda m: {**m, "backbone": "default"}, "backbone.*a table"),
        (lambda m: {**m, "files": []}, "files.*a table"),
        (lambda m: {**m, "domain": {"labels": {"PER": 1}}}, "domain.labels.PER"),
        (lambda m: {**m, "files": {**m["files"], "../x": "0" * 64}}, r"the file \.\./x is missing"),
        (lambda m: {**m, "adapters": [{**m["adapters"][0], "licence": "MIT"}]}, "another name, licence or backbone"),
        (lambda m: {**m, "files": {}}, "does not list all files of births"),
        (lambda m: {k: v for k, v in m.items() if k != "title"}, "'title' is missing"),
        (lambda m: [], "missing or damaged"),
    ],
)
def test_a_manifest_that_says_other_things_is_refused(pack, change, match):
    changed(pack, MANIFEST, lambda content: json.dumps(change(json.loads(content))).encode())
    with pytest.raises(AdapterError, match=match):
        load(pack)
    assert check(pack).faults


@pytest.mark.parametrize("size", [0, 10, 1000, -30])
def test_a_truncated_pack_is_refused(spec, tmp_path, size):
    pack = tmp_path / "x.pack"
    build(spec, pack)
    pack.write_bytes(pack.read_bytes()[:size])
    with pytest.raises(AdapterError, match=r"x.pack is no whole pack.*take the whole pack again"):
        load(pack)
    assert check(pack).faults


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:evil", "a\\..\\evil"])
def test_a_zip_that_leads_out_is_refused(spec, tmp_path, name):
    pack = tmp_path / "x.pack"
    build(spec, pack)
    with zipfile.ZipFile(pack, "a") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"evil")
    with pytest.raises(AdapterError, match="leads out of the pack"):
        load(pack)
    assert not list(tmp_path.rglob("evil"))


def test_links_and_bombs_are_refused(spec, tmp_path):
    pack = tmp_path / "x.pack"
    build(spec, pack)
    link = zipfile.ZipInfo("adapters/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(pack, "a") as archive:
        archive.writestr(link, b"/etc/passwd")
    with pytest.raises(AdapterError, match="leads out of the pack"):
        load(pack)
    build(spec, pack := tmp_path / "bomb.pack")
    with zipfile.ZipFile(pack, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(80 * 2**20))
    with pytest.raises(AdapterError, match="unpacks to more than"):
        load(pack)


def test_a_pack_belongs_on_its_backbone(pack):
    with pytest.raises(AdapterError, match="was trained on the backbone"):
        nlpkit.load(str(pack), backbone=fake_backbone(max_pieces=32))


def test_one_pack_at_a_time_and_others_beside_it(spec, tmp_path):
    build(spec, pack := tmp_path / "x.pack")
    saved(tmp_path / "other", name="other")
    kit = nlpkit.load(str(pack), str(tmp_path / "other"), backbone=fake_backbone())
    assert list(kit.tasks) == ["births", "other"]
    shutil.copy(pack, tmp_path / "y.pack")
    with pytest.raises(InputError, match="are 2 packs"):
        nlpkit.load(str(pack), str(tmp_path / "y.pack"))


def test_what_is_not_listed_is_noted(spec, tmp_path):
    build(spec, tmp_path / "pack")
    (tmp_path / "pack" / "more.txt").write_text("x")
    assert "more.txt" in check(tmp_path / "pack").notes[0]
    with pytest.raises(InputError, match="is no pack"):
        check(tmp_path / "births")


# What a domain does with findings

TEXT = "Ann Lee (Lady Lee) runs Bo Ltd. She left Rome."
SPOTS = {"Ann Lee": (0, 7), "Lady Lee": (9, 17), "Bo Ltd": (24, 30), "She": (32, 35), "Rome": (41, 45)}


def entity(name, label, score=0.9):
    return Entity(name, *SPOTS[name], label, score)


def chain(name, label, *more):
    mentions = [Mention(n, *SPOTS[n], "pronoun" if n == "She" else "name") for n in (name, *more)]
    return Chain(name, label, tuple(mentions))


DOCUMENT = Document(
    TEXT,
    entities=(
        entity("Ann Lee", "PER"),
        entity("Lady Lee", "PER"),
        entity("Bo Ltd", "firm"),
        entity("Rome", "LOC", 0.3),
    ),
    chains=(chain("Ann Lee", "PER", "She"), chain("Lady Lee", "PER"), chain("Rome", "LOC")),
    relations=(
        Relation(entity("Ann Lee", "PER"), "chief_executive", entity("Bo Ltd", "firm"), 0.8),
        Relation(entity("Ann Lee", "PER"), "place of birth", entity("Rome", "LOC"), 0.8, "P19"),
    ),
    labels={"topic": Label("news", 0.4, (Label("sport", 0.1),))},
    slots=(entity("Rome", "city", 0.2),),
    answers=(Answer("Rome", 41, 45, 0.1),),
)


def test_an_empty_domain_changes_nothing_but_gives_all_entities_chains():
    sifted = Domain().sifted(DOCUMENT)
    assert [c.name for c in sifted.chains] == ["Ann Lee", "Lady Lee", "Rome", "Bo Ltd"]
    assert replace(sifted, chains=DOCUMENT.chains, relations=DOCUMENT.relations) == DOCUMENT


def test_thresholds_take_what_stands_on_an_entity_away_with_it():
    sifted = Domain(thresholds={"entities": 0.5, "labels": 0.3, "sport": 0.05, "slots": 0.5, "answers": 0.5}).sifted(
        DOCUMENT
    )
    assert [e.text for e in sifted.entities] == ["Ann Lee", "Lady Lee", "Bo Ltd"]
    assert [c.name for c in sifted.chains] == ["Ann Lee", "Lady Lee", "Bo Ltd"]
    assert not [r for r in sifted.relations if r.property == "P19"]
    assert sifted.labels == DOCUMENT.labels
    assert not sifted.slots
    assert not sifted.answers
    assert Domain(thresholds={"entities": 0.5, "LOC": 0.2}).sifted(DOCUMENT).entities == DOCUMENT.entities
    assert not Domain(thresholds={"topic": 0.5}).sifted(DOCUMENT).labels
    assert not Domain(thresholds={"P19": 0.9}).sifted(DOCUMENT).relations


def test_labels_go_under_their_type():
    sifted = Domain(labels={"firm": LabelSpec("a company", "ORG")}).sifted(DOCUMENT)
    assert [e.label for e in sifted.entities] == ["PER", "PER", "ORG", "LOC"]
    assert sifted.chains[-1].label == "ORG"


def test_a_schema_keeps_its_relations_under_its_names():
    chained = replace(DOCUMENT, chains=(*DOCUMENT.chains, chain("Bo Ltd", "firm")))
    relations = {"chief executive": RelationSpec("leads", (("PER",), ("ORG",)))}
    labels = {"firm": LabelSpec(type="ORG")}
    (found,) = Domain(labels=labels, relations=relations).sifted(chained).relations
    assert (found.label, found.subject.text, found.object.label) == ("leads", "Ann Lee", "ORG")
    assert not Domain(relations=relations).sifted(chained).relations, "a firm is no ORG here"


def test_aliases_join_the_chains_of_one_entity():
    domain = Domain(aliases={"PER": {"Dame Ann Lee": ("Ann Lee", "Lady Lee")}, "LOC": {"Roma": ("She",)}})
    chains = domain.sifted(DOCUMENT).chains
    assert [(c.name, [m.text for m in c.mentions]) for c in chains[:2]] == [
        ("Dame Ann Lee", ["Ann Lee", "Lady Lee", "She"]),
        ("Rome", ["Rome"]),
    ]
    assert domain.named(domain.sifted(DOCUMENT)) == domain.sifted(DOCUMENT)


def test_descriptions_go_with_labels_that_have_none():
    domain = Domain(labels={"merger": LabelSpec("one buys another")})
    assert domain.described(["merger", "other"]) == {"merger": "one buys another", "other": ""}
    assert domain.described(["a", "b"]) == ["a", "b"]
    assert domain.described({"merger": "mine"}) == {"merger": "mine"}


# The example, with the real weights


@pytest.mark.slow
def test_the_example_makes_a_kit_and_a_graph(tmp_path):
    build(EXAMPLE, tmp_path / "finance.pack")
    assert not check(tmp_path / "finance.pack").faults
    kit = nlpkit.load(str(tmp_path / "finance.pack"))
    texts = {
        "one": "IBM was founded by Charles Ranlett Flint in 1911. Its headquarters are in Armonk, New York.",
        "two": "Red Hat is a subsidiary of Big Blue.",
    }
    with nlpkit.KnowledgeGraph.build([Document(t, id=i) for i, t in texts.items()], kit) as graph:
        (ibm,) = [node for node in graph.nodes() if node.name == "International Business Machines"]
        assert set(ibm.aliases) == {"IBM", "Big Blue"}
        assert "Armonk" in [a.text for a in graph.ask("Where is the headquarters of IBM Corp.?").answers]
        known = set(kit.domain.relations)
        assert {fact.property for fact in graph.facts()} <= known


# Commands, and the hub


def command(*arguments, **environment):
    code = "from nlpkit.cli.main import app; app()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_the_command_checks_what_it_built(spec, tmp_path):
    from typer.testing import CliRunner

    from nlpkit.cli.main import app

    def run(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    out = tmp_path / "births.pack"
    built = run("pack", "build", spec, "--out", out, "--json")
    assert built.exit_code == 0
    assert json.loads(built.stdout)["bytes"] == out.stat().st_size
    sound = run("pack", "check", out)
    assert (sound.exit_code, "sound" in sound.stdout) == (0, True)
    changed(out, "README.md", lambda content: b"else")
    report = run("pack", "check", out, "--json")
    assert report.exit_code == 1
    assert "README.md" in json.loads(report.stdout)["faults"][0]
    assert run("pack", "check", tmp_path / "births").exit_code == 1


@pytest.mark.slow
def test_a_pack_goes_to_the_hub_and_back(spec, tmp_path):
    build(spec, pack := tmp_path / "births.pack")
    with fake_hub() as hub:
        online = {
            "HF_ENDPOINT": hub.address,
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN": "hf_test",
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        hub.repositories["me/births"] = {"adapters/old/head.safetensors": b"old", ".gitattributes": b""}
        pushed = command("pack", "push", pack, "me/births", **online)
        assert pushed.returncode == 0, pushed.stderr
        assert pushed.stdout.startswith(f"{hub.address}/me/births/commit/")
        with opened(pack) as built:
            assert set(hub.repositories["me/births"]) == {MANIFEST, ".gitattributes", *built.files}
        pulled = command("pack", "pull", "me/births", "--out", tmp_path / "pulled.pack", **online)
        assert pulled.returncode == 0, pulled.stderr
        assert (tmp_path / "pulled.pack").read_bytes() == pack.read_bytes()
        hub.repositories["me/births"]["adapters/births/head.safetensors"] += b"?"
        damaged = command("pack", "pull", "me/births", "--out", tmp_path / "damaged", **online)
        assert (damaged.returncode, "was damaged or changed" in damaged.stderr) == (1, True)
        missing = command("pack", "pull", "me/deaths", "--out", tmp_path / "missing", **online)
        assert (missing.returncode, "has no 'me/deaths' for you" in missing.stderr) == (1, True)
        refused = command("pack", "push", pack, "me/births", **{**online, "HF_TOKEN": "hf_other"})
        assert (refused.returncode, "hf auth login" in refused.stderr) == (1, True)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(("damaged", "missing"))) == []


def test_without_a_network_the_hub_is_said_to_be_away(spec, tmp_path, monkeypatch):
    from nlpkit import hub

    with pytest.raises(InputError, match="cannot be reached for 'me/births'"):
        hub.pull("me/births", tmp_path / "x")
    with pytest.raises(InputError, match="no name of a repository"):
        hub.pull("a/b/c", tmp_path / "x")
    shutil.rmtree(spec.parent / "births")
    saved(spec.parent / "births", "not stated")
    build(spec, tmp_path / "x.pack", any_licence=True)
    with pytest.raises(AdapterError, match=r"births \(not stated\).*--private"):
        hub.push(tmp_path / "x.pack", "me/births")
