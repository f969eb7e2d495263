"""Every command: its help, its exit status, and that --json prints JSON and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import nlpkit
from nlpkit.cli.main import app
from nlpkit.errors import InputError
from nlpkit.generate import Generator
from nlpkit.testing import fake_backbone

README = Path(__file__).resolve().parents[2] / "README.md"


def commands(group=None, path=()):
    """Yield every command with the words that call it."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands())


def records(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_these_are_the_commands():
    assert sorted(" ".join(path) for path in COMMANDS) == sorted(
        [
            *("predict", "train", "evaluate", "generate", "chat", "tasks", "adapters", "backbones", "compare", "demo"),
            *("check", "split", "convert", "init", "continue", "explain"),
            *(f"graph {verb}" for verb in ("build", "add", "re-extract", "ask", "evaluate", "show", "query", "check")),
            *(f"graph {verb}" for verb in ("suggest", "link")),
            *(f"graph {verb}" for verb in ("export", "import", "remove", "merge", "diff", "verify", "merges", "undo")),
            *(f"pack {verb}" for verb in ("build", "check", "push", "pull")),
        ]
    )


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help(path, run):
    assert COMMANDS[path].help
    assert all(getattr(parameter, "help", None) for parameter in COMMANDS[path].params)
    assert run(*path, "--help").exit_code == 0


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_stands_in_the_readme(path):
    assert f"nlpkit {' '.join(path)}" in README.read_text(encoding="utf-8")


def test_help_loads_no_model_code():
    heavy = "{'torch', 'transformers', 'networkx'}"
    code = f"import sys, nlpkit.cli.main; loaded = {heavy} & set(sys.modules); sys.exit(', '.join(loaded) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_version(run):
    assert run("--version").stdout.strip() == nlpkit.__version__


@pytest.mark.parametrize(
    "args",
    [
        ("nonsense",),
        ("predict", "--nonsense"),
        ("train", "relation/wikipedia"),
        ("graph", "build"),
        ("graph", "ask", "x.kg"),
        ("graph", "ask", "x.kg", "Who?", "--questions", "-"),
        ("graph", "undo", "x.kg", "first"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(args, run, kit):
    result = run(*args)
    assert result.exit_code == 2
    assert not result.stdout
    assert result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("predict", "nowhere.txt"),
        ("train", "relation/wikpedia", "--data", ".", "--out", "out"),
        ("graph", "build", "nowhere", "--out", "x.kg"),
        ("graph", "ask", "nowhere.kg", "Who?"),
        ("graph", "show", "nowhere.kg"),
        ("graph", "export", "nowhere.kg", "x.json"),
        ("graph", "import", "nowhere.tsv", "--out", "x.kg"),
        ("graph", "remove", "nowhere.kg", "a"),
        ("graph", "merges", "nowhere.kg"),
        ("graph", "undo", "nowhere.kg", "1"),
    ],
    ids=" ".join,
)
def test_input_at_fault_ends_with_1_and_one_line(args, run, kit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*args)
    assert result.exit_code == 1
    assert not result.stdout
    last = result.stderr.splitlines()[-1]
    assert last.startswith("nlpkit: error: ")
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (InputError("two\nlines"), 1, "nlpkit: error: two lines"),
        (KeyboardInterrupt(), 130, "go on from where they were"),
        (BrokenPipeError(), 141, ""),
        (PermissionError(13, "Permission denied", "secret.kg"), 1, "nlpkit: error: Permission denied: secret.kg"),
    ],
)
def test_how_a_command_ends(raised, status, said, run, monkeypatch):
    def load(*names):
        raise raised

    monkeypatch.setitem(vars(nlpkit), "load", load)
    result = run("predict", stdin="a text\n")
    assert result.exit_code == status
    assert said in result.stderr
    assert not result.stdout


def test_predict_json(run, kit):
    result = run("predict", "--json", stdin="Marie Curie was born in Warsaw.\n\nNothing here.\n")
    first, second, third = records(result)
    assert result.exit_code == 0
    assert [e["text"] for e in first["entities"]] == ["Marie Curie", "Warsaw"]
    assert set(first["entities"][0]) == {"text", "start", "end", "label", "score"}
    assert first["relations"][0]["property"] == "P19"
    assert (second["text"], third["entities"]) == ("", [])


def test_predict_for_people(run, kit):
    result = run("predict", stdin="Marie Curie was born in Warsaw.\n")
    assert "PER   Marie Curie  [0:11]  0.90" in result.stdout
    assert "Marie Curie -- place of birth (P19) --> Warsaw  0.80" in result.stdout


def test_predict_json_lines_keep_their_metadata(run, kit, tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_text('{"text": "居里夫人\\u2028", "id": 7, "source": "x"}\n\n{"text": ""}\n', encoding="utf-8")
    first, second = records(run("predict", path, "--json"))
    assert (first["id"], first["metadata"], first["text"]) == ("7", {"source": "x"}, "居里夫人\u2028")
    assert second["text"] == ""


def test_predict_answers_the_query_of_a_line(run, kit, tmp_path):
    path = tmp_path / "texts.jsonl"
    line = {"text": "Marie Curie was born in Warsaw.", "query": "Where was she born?", "source": "x"}
    path.write_text(json.dumps(line) + '\n{"text": "Paris", "query": null}\n', encoding="utf-8")
    first, second = records(run("predict", path, "--json"))
    assert (first["query"], first["metadata"]) == ("Where was she born?", {"source": "x"})
    assert first["answers"] == [{"text": "Warsaw", "start": 24, "end": 30, "score": 0.7}]
    assert not {"query", "answers"} & set(second)
    assert "Where was she born?\n    Warsaw  [24:30]  0.70" in run("predict", path).stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"text": "a"}\n{"text": "b", "query": 1}\n', 'line 2: "query" is int'),
        (b'{"text": "a"}\n{"text": 1}\n', 'line 2: no "text"'),
        (b'{"text": "a"}\n{\n', "line 2: not JSON"),
        (b'{"text": "a"}\n\xff\n', "line 2: not UTF-8"),
    ],
)
def test_predict_names_the_broken_line(content, message, run, kit, tmp_path):
    path = tmp_path / "texts.jsonl"
    path.write_bytes(content)
    result = run("predict", path, "--json")
    assert result.exit_code == 1
    assert message in result.stderr
    assert all(isinstance(record, dict) for record in records(result))


def test_tasks(run):
    (first, *_) = records(run("tasks", "--json"))
    assert {"name", "heads", "data", "adapter", "training"} <= set(first)
    assert "relation/wikipedia" in run("tasks").stdout


def test_backbones(run):
    assert all(set(record) == {"name", "about"} for record in records(run("backbones", "--json")))
    assert "smollm2: SmolLM2" in run("backbones").stdout


def test_adapters(run):
    for adapter in records(run("adapters", "--json")):
        assert set(adapter) == {"name", "task", "labels", "backbone", "scores", "licence", "bytes"}
        assert adapter["labels"] or adapter["task"] == "qa"
    assert run("adapters").exit_code == 0


def test_a_graph_from_build_to_undo(run, kit, corpus, tmp_path):
    kg = tmp_path / "x.kg"
    (built,) = records(run("graph", "build", corpus, "--out", kg, "--json"))
    assert (built["documents"], built["facts"], built["added"]) == (2, 2, 2)
    (again,) = records(run("graph", "build", corpus, "--out", kg, "--json"))
    assert (again["added"], again["unchanged"]) == (0, 2)

    (shown,) = records(run("graph", "show", kg, "--json"))
    assert shown["relations"] == {"place of birth": 2}
    page = tmp_path / "x.html"
    assert "place of birth" in run("graph", "show", kg, "--html", page).stdout
    assert page.stat().st_size > 0

    for ending in ("json", "graphml", "tsv"):
        file, copy = tmp_path / f"x.{ending}", tmp_path / f"{ending}.kg"
        assert run("graph", "export", kg, file).exit_code == 0
        assert "2 facts" in run("graph", "import", file, "--out", copy).stdout

    assert all(isinstance(merge["reason"], str) for merge in records(run("graph", "merges", kg, "--json")))
    assert run("graph", "merges", kg).exit_code == 0
    assert run("graph", "undo", kg, 99).exit_code == 1

    document = next(iter(nlpkit.KnowledgeGraph.open(kg).documents()))
    assert run("graph", "remove", kg, document).exit_code == 0
    (left,) = records(run("graph", "show", kg, "--json"))
    assert (left["documents"], left["facts"]) == (1, 1)


def test_building_tells_what_was_skipped_on_standard_error(run, kit, corpus, tmp_path):
    (corpus / "picture.txt").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe")
    result = run("graph", "build", corpus, "--out", tmp_path / "x.kg", "--json")
    assert records(result)[0]["documents"] == 2
    assert "picture.txt" in result.stderr


@pytest.fixture
def kg(run, kit, corpus, tmp_path):
    path = tmp_path / "x.kg"
    assert run("graph", "build", corpus, "--out", path).exit_code == 0
    return path


SHAPE = {"question", "answers", "abstained", "plan", "path", "evidence", "score", "seconds"}


def test_ask_one_question(run, kg):
    result = run("graph", "ask", kg, "Where was [Marie Curie] born?", "--json")
    (answer,) = records(result)
    assert set(answer) >= SHAPE
    assert answer["question"] == "Where was [Marie Curie] born?"
    assert run("graph", "ask", kg, "Where was [Marie Curie] born?", "--plan").exit_code == 0


def test_ask_a_file_of_questions(run, kg, tmp_path):
    path = tmp_path / "questions.txt"
    path.write_text("Where was [Marie Curie] born?\n\nWho is the king of Atlantis?\n", encoding="utf-8")
    answers = records(run("graph", "ask", kg, "--questions", path, "--json"))
    assert [set(answer) >= SHAPE for answer in answers] == [True, True]
    assert answers[1]["abstained"]


def test_the_demo_scores_its_questions(run, kit, corpus, tmp_path, monkeypatch):
    from nlpkit.cli import demo

    (tmp_path / "questions.jsonl").write_text(
        '{"question": "Where was Marie Curie born?", "answers": ["Warsaw"], "kind": "one hop"}\n'
        '{"question": "Who is the king of Atlantis?", "answers": [], "kind": "no answer"}\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(demo, "examples_folder", lambda: tmp_path)
    result = run("demo", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "2 questions" in result.stdout
    assert "left open rightly" in result.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"demo.kg", "graph.html"}


def test_training_and_evaluating_pass_on_what_was_asked(run, monkeypatch, tmp_path):
    from nlpkit.evaluation import Evaluation
    from nlpkit.training import Progress

    asked = {}

    def train(recipe, *, data, out, progress, resume, graph):
        asked.update(recipe=recipe, data=data, out=out, resume=resume)
        progress(Progress(step=1, steps=2, epoch=1, loss=0.5, seconds_left=1.0, dev={"ner_f1": 0.5}))
        return out

    evaluation = Evaluation("relation/wikipedia", "test", 3, {"ner_f1": 0.5}, {})
    monkeypatch.setitem(vars(nlpkit), "train", train)
    monkeypatch.setattr("nlpkit.curves.plot", lambda folder: folder / "curves.svg")
    monkeypatch.setitem(vars(nlpkit), "evaluate", lambda adapter, *, data: evaluation)
    dev = tmp_path / "dev.json"
    args = ("--data", tmp_path, "--out", tmp_path / "out", "--dev", dev, "--fresh")
    result = run("train", "relation/wikipedia", *args)
    assert result.stdout.strip() == str(tmp_path / "out")
    assert (asked["recipe"].data.dev, asked["recipe"].data.hold_out) == (str(dev), 0)
    assert asked["resume"] is False

    result = run("evaluate", "relation/wikipedia", "--data", tmp_path, "--json")
    assert records(result) == [evaluation.to_dict()]
    assert "ner_f1" in run("evaluate", "relation/wikipedia", "--data", tmp_path).stdout


def test_the_sample_is_at_hand():
    from nlpkit.cli.demo import examples_folder
    from nlpkit.graph.score import read_questions

    questions = read_questions(examples_folder() / "questions.jsonl")
    assert len(questions) >= 80
    assert sum(not question.answers for question in questions) >= 15
    assert len(list((examples_folder() / "corpus").iterdir())) >= 70


@pytest.fixture
def fake_writer(monkeypatch):
    """The tiny decoder, whatever backbone is asked for."""
    writer = Generator(fake_backbone(kind="llama"))
    monkeypatch.setattr(Generator, "from_pretrained", lambda name: writer)
    return writer


def test_generate_writes_what_the_generator_does(run, fake_writer, tmp_path):
    wanted = fake_writer("ada saw", max_new_tokens=5)
    result = run("generate", "ada saw", "--set", "max_new_tokens=5")
    assert result.exit_code == 0, result.output
    assert result.stdout == wanted.text + "\n"
    (record,) = records(run("generate", "ada saw", "--json", "-s", "max_new_tokens=5"))
    assert record == {"prompt": "ada saw", **wanted.to_dict()}
    path = tmp_path / "prompts.txt"
    path.write_text("ada saw\nno\n", encoding="utf-8")
    result = run("generate", "--file", str(path), "-s", "max_new_tokens=5")
    assert result.stdout.splitlines() == [wanted.text, fake_writer("no", max_new_tokens=5).text]


def test_generate_takes_kinds_and_their_inputs(run, fake_writer):
    (record,) = records(run("generate", "the sea", "-k", "poem", "-i", "lines=2", "--json", "-s", "max_new_tokens=4"))
    assert record["text"] == fake_writer.write("poem", "the sea", inputs={"lines": "2"}, max_new_tokens=4).text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("-s", "max_new_tokens"), "is no KEY=VALUE"),
        (("-s", "wide=3"), "unknown key 'wide'"),
        (("-s", "top_p=2"), "top_p = 2"),
        (("-i", "style=x"), "name one with --kind"),
        (("-k", "novel"), "no kind of text 'novel'"),
        (("-k", "poem", "-i", "rhyme=x"), "no place for 'rhyme'"),
        (("--schema", "nowhere.json"), "cannot read the schema"),
        (("--file", "nowhere.txt"), "cannot read nowhere.txt"),
        (("--choice", "a", "--regex", "b"), "choices and regex at once"),
    ],
)
def test_generate_says_what_is_wrong(run, fake_writer, words, says):
    result = run("generate", "ada", *words)
    assert result.exit_code == 1
    assert says in result.stderr
    assert not result.stdout


def test_evaluate_measures_what_is_written_and_shows_two_settings(run, fake_writer, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"prompt": "the sea", "response": "is wide"}\n{"prompt": "a stone", "response": "is old"}\n')
    html = tmp_path / "page.html"
    args = ("evaluate", "poem", "--data", path, "-s", "max_new_tokens=5")
    (record,) = records(run(*args, "--against", "do_sample=true", "--html", html, "--json"))
    assert (record["task"], record["n"]) == ("poem", 2)
    assert record["scores"].keys() == record["against"].keys() >= {"perplexity", "bleu", "chrf", "rouge_l", "self_bleu"}
    assert html.read_text().count("do_sample=True") == 2
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    shown = run(*args)
    assert "2 prompts" in shown.stdout
    assert "chrf" in shown.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("relation/wikipedia", "--against", "bare"), "reads texts"),
        (("poems",), "no adapter 'poems'"),
        (("poem", "-s", "loud"), "is no KEY=VALUE"),
    ],
)
def test_evaluate_says_what_is_wrong(run, fake_writer, tmp_path, words, says):
    result = run("evaluate", *words, "--data", tmp_path / "pairs.jsonl")
    assert result.exit_code == 1
    assert says in result.stderr


def test_compare_measures_each_way(run, tmp_path):
    rows = [("w", "rain and fog"), ("f", "soup"), ("w", "snow"), ("f", "bread and tea")] * 5
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("label,text\n" + "".join(f"{a},{b}\n" for a, b in rows), encoding="utf-8")
    args = ("compare", "--train", tmp_path / "train.csv", "--test", tmp_path / "test.csv", "--encoder", "fake")
    found = records(run(*args, "--decoder", "none", "--sizes", "8", "--items", "12", "-w", "w=weather", "--json"))
    assert [(p["way"], p["examples"]) for p in found] == [("zero-shot", 0), ("adapter", 8)]
    result = run(*args, "--decoder", "none", "--sizes", "8,lots")
    assert result.exit_code == 1
    assert "'lots' is no such number" in result.stderr
