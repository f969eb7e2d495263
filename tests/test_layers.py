"""The direction of imports, as DESIGN draws it, and the one door of each foreign library."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "nlpkit"

LAYERS = [
    {"errors", "heap", "quick", "runstate"},
    {"types", "tables", "spacydoc", "encoding"},
    {
        "lexicon",
        "recipes",
        "schemas",
        "metrics",
        "text",
        "card",
        "decoding",
        "prompts",
        "endings",
        "writings",
        "replies",
    },
    {"resampling", "judging"},
    {"analysis"},
    {"names", "times", "search", "zeroshot", "combining", "constraints", "fluency", "safety"},
    {"pronouns", "answering", "epithets", "editing"},
    {"chains", "cues"},
    {"data", "domain"},
    {"checking"},
    {"embedded", "passes", "pieces"},
    {"gguf"},
    {"pretrained"},
    {"backbone", "testing", "adapters"},
    {"heads"},
    {"engine", "trunks", "logits", "streaming", "perplexity"},
    {"checkpoint"},
    {"scoring", "packing"},
    {"dialogue"},
    {"objectives", "responses", "contrastive", "writer", "steps"},
    {"training", "drafting", "kit", "generate", "incontext"},
    {"written", "phrasing", "curves", "tuning"},
    {"evaluation", "probing", "explaining"},
    {"contrast", "highlighting"},
    {"report"},
    {"loading", "continuing", "hub"},
    {"comparing", "spacy_component"},
    {"cli", "__main__"},
]
"""A room imports from its own layer and those above it in this list; `graph` stands beside them."""

MAY_IMPORT = {
    room: set().union(*LAYERS[: level + 1]) | ({"graph"} if room in ("cli", "dialogue", "packing") else set())
    for level, layer in enumerate(LAYERS)
    for room in layer
} | {"graph": {"graph", "types", "errors", "heap", "lexicon", "text", "names", "times", "chains", "domain", "epithets"}}

DOORS = {
    "transformers": {
        "backbone",
        "gguf",
        "passes",
        "pretrained",
        "testing",
        "logits",
        "generate",
        "writer",
        "incontext",
        "streaming",
    },
    "tokenizers": {"backbone", "testing", "prompts"},
    "peft": {"adapters"},
    "accelerate": {"training", "steps"},
    "optuna": {"tuning"},
    "networkx": {"graph"},
    "rdflib": {"graph", "data"},
    "pyoxigraph": {"graph"},
    "sqlite3": {"graph"},
    "charset_normalizer": {"encoding"},
    "openpyxl": {"data"},
    "spacy": {"types", "spacydoc", "spacy_component", "data"},
    "faiss": {"search"},
    "sklearn": {"zeroshot"},
    "datasets": {"data"},
    "huggingface_hub": {"hub"},
    "matplotlib": {"comparing", "curves"},
    "captum": {"explaining"},
    "llguidance": {"constraints", "writer"},
    "pydantic": {"constraints"},
    "sacrebleu": {"fluency"},
    "typer": {"cli"},
    "rich": {"cli"},
    "torch": {
        "backbone",
        "gguf",
        "passes",
        "pieces",
        "quick",
        "runstate",
        "pretrained",
        "testing",
        "adapters",
        "heads",
        "engine",
        "objectives",
        "contrastive",
        "responses",
        "trunks",
        "checkpoint",
        "training",
        "steps",
        "kit",
        "constraints",
        "logits",
        "generate",
        "writer",
        "incontext",
        "streaming",
        "perplexity",
        "curves",
        "explaining",
    },
    "safetensors": {"adapters", "pretrained", "checkpoint", "runstate"},
}
"""Which rooms may import a foreign library; torch stays out of values, text, recipes, names, graph and cli."""

FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parts[-2:] != ("nlpkit", "__init__.py"))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield what is imported, as dotted names; of `from a import b` both `a` and `a.b`."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def everywhere(path: Path) -> set[str]:
    return set(imported(ast.walk(ast.parse(path.read_text(encoding="utf-8")))))


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_down(path):
    rooms = {name.split(".")[1] for name in everywhere(path) if name.startswith("nlpkit.")}
    known = {room for room in rooms if (PACKAGE / room).is_dir() or (PACKAGE / f"{room}.py").is_file()}
    room = room_of(path)
    assert room in MAY_IMPORT, f"a new room: give {room} its place in LAYERS"
    assert known <= MAY_IMPORT[room], f"{room} may not import {', '.join(sorted(known - MAY_IMPORT[room]))}"


def test_no_cycles():
    known = {module_of(path) for path in FILES}
    graph = {}
    for path in FILES:
        at_import = iter(ast.parse(path.read_text(encoding="utf-8")).body)
        # `nlpkit.heads` importing `nlpkit.heads.ner` is how a package is made, not a cycle.
        module = module_of(path)
        graph[module] = {n for n in imported(at_import) if n in known and not f"{module}.".startswith(f"{n}.")}
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_foreign_libraries_have_one_door(path):
    foreign = {name.split(".")[0] for name in everywhere(path)} & set(DOORS)
    shut = {name for name in foreign if room_of(path) not in DOORS[name]}
    assert not shut, f"{room_of(path)} may not import {', '.join(sorted(shut))}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_only_the_command_line_prints(path):
    calls = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    prints = any(isinstance(call, ast.Name) and call.id == "print" for call in calls)
    assert not prints or room_of(path) == "cli"


def test_nothing_outside_heads_asks_which_task_it_is():
    for path in FILES:
        if room_of(path) == "heads":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name | ast.Attribute):
                compared = {c.value for c in node.comparators if isinstance(c, ast.Constant)}
                assert not compared & {"ner", "relation"}, f"{path}:{node.lineno}"
