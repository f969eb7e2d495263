"""How a decoder writes to prompts with known responses."""

import json

import pytest
from test_responses import PAIRS, TABLE, decoder, folder  # noqa: F401
from typer.testing import CliRunner

import nlpkit
from nlpkit import data, fluency, recipes
from nlpkit.cli.main import app
from nlpkit.errors import InputError
from nlpkit.generate import Generator
from nlpkit.testing import fake_backbone
from nlpkit.types import Document, Turn
from nlpkit.written import page, write

SETTINGS = {"max_new_tokens": 6}


@pytest.fixture
def generator():
    return Generator(fake_backbone(kind="llama"))


@pytest.fixture
def documents(folder):  # noqa: F811
    return [e.document for e in data.read(folder / "train.jsonl", "pairs")]


def test_texts_are_those_of_the_generator_and_scores_those_of_fluency(generator, documents):
    written = write(generator, documents, **SETTINGS)
    assert list(written.texts) == [g.text for g in generator([p for p, _ in PAIRS], **SETTINGS)]
    expected = fluency.report(written.texts, [r for _, r in PAIRS])
    assert {k: written.scores[k] for k in expected} == pytest.approx(expected, abs=1e-4)
    assert written.scores["perplexity"] > 1


def test_a_kind_of_text_is_written_from_each_prompt(generator, documents):
    written = write(generator, documents[:2], kind="poem", **SETTINGS)
    assert list(written.texts) == [generator.write("poem", p, **SETTINGS).text for p, _ in PAIRS[:2]]
    talk = Document("no", history=(Turn("user", "why"),))
    with pytest.raises(InputError, match="a conversation"):
        write(generator, [talk], kind="poem")


def test_an_adapter_that_writes_is_evaluated(folder):  # noqa: F811
    out = nlpkit.train(recipes.from_dict(TABLE, name="answers"), data=folder, out=folder / "out")
    for place in (folder, folder / "train.jsonl"):
        found = nlpkit.evaluate(out, data=place, settings={"max_new_tokens": 16})
        assert found.n == (3 if place == folder else 6)
        assert found.scores["perplexity"] < 30
        assert 0.3 < found.scores["chrf"] <= 1
    noted = json.loads((out / "nlpkit.json").read_text())["scores"]["test"]["perplexity"]
    assert nlpkit.evaluate(out, data=folder, settings=SETTINGS).scores["perplexity"] == pytest.approx(noted, abs=0.01)


def test_an_adapter_is_asked_as_it_was_trained(folder, monkeypatch):  # noqa: F811
    options = {"generation": {"chat": False}}
    out = nlpkit.train(recipes.from_dict(TABLE | {"options": options}, name="plain"), data=folder, out=folder / "out")
    generator = Generator.for_adapter(out)
    name = generator.load(out)
    assert (generator.chats(name), generator.chats(None)) == (False, None)
    tokenizer = generator.adapted.backbone.tokenizer
    tokenizer.chat_template = "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} {% endfor %}"
    prompt = PAIRS[0][0]
    as_trained = generator(prompt, adapter=name, **SETTINGS).text
    assert as_trained == generator(prompt, adapter=name, chat=False, **SETTINGS).text
    documents = [e.document for e in data.read(folder / "train.jsonl", "pairs")]
    scores = [write(generator, documents, adapter=name, chat=chat, **SETTINGS).scores for chat in (None, False, True)]
    assert scores[0] == scores[1]
    assert scores[0]["perplexity"] < scores[2]["perplexity"]


def test_the_bare_decoder_is_asked_as_the_adapter_is(folder, monkeypatch):  # noqa: F811
    options = {"generation": {"chat": False}}
    out = nlpkit.train(recipes.from_dict(TABLE | {"options": options}, name="plain"), data=folder, out=folder / "out")
    asked = []

    def noted(generator, documents, **settings):
        asked.append(settings)
        return write(generator, documents, **settings)

    monkeypatch.setattr("nlpkit.written.write", noted)
    words = ["evaluate", str(out), "--data", str(folder), "-s", "max_new_tokens=6", "--against", "bare", "--json"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    assert [(one["adapter"] is None, one["chat"]) for one in asked] == [(False, False), (True, False)]
    record = json.loads(result.stdout)
    assert record["scores"]["perplexity"] < record["against"]["perplexity"]


def test_settings_are_for_what_is_written(folder, generator):  # noqa: F811
    with pytest.raises(InputError, match="max_new_tokens"):
        nlpkit.evaluate("relation/wikipedia", data=folder, settings=SETTINGS)
    with pytest.raises(InputError, match="no prompt"):
        write(generator, [])
    with pytest.raises(InputError, match="loudness"):
        write(generator, [Document("a", query="b")], loudness=3)


def test_a_page_shows_two_settings_side_by_side_and_nothing_runs_in_it(generator, documents):
    first = Document("a <b>", query="<script>alert(1)</script>")
    talk = Document("no", history=(Turn("user", "why & when"),))
    chosen = [first, documents[0]]
    columns = {"a": write(generator, chosen, **SETTINGS), "b<": write(generator, chosen, do_sample=True, **SETTINGS)}
    html = page(chosen, columns)
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "b&lt;" in html
    assert html.count("<tr>") == 2 + len(columns["a"].scores) + 2
    assert "<b>user:</b> why &amp; when" in page([talk], {})


def test_a_recipe_may_leave_the_format_to_be_found(folder):  # noqa: F811
    table = TABLE | {"data": TABLE["data"] | {"format": "auto"}}
    out = nlpkit.train(recipes.from_dict(table, name="answers"), data=folder, out=folder / "out")
    assert nlpkit.evaluate(out, data=folder, settings=SETTINGS).n == 3
