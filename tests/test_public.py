"""The public face: exactly these names, each explained, and free to import."""

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nlpkit

PUBLIC = [
    "Answer",
    "Backbone",
    "Chain",
    "Document",
    "Entity",
    "Example",
    "Generation",
    "Generator",
    "GraphAnswer",
    "Kit",
    "KnowledgeGraph",
    "Label",
    "Mention",
    "NlpkitError",
    "Relation",
    "Similar",
    "Span",
    "Turn",
    "__version__",
    "evaluate",
    "load",
    "train",
]


def test_all_is_exact():
    assert nlpkit.__all__ == PUBLIC
    assert dir(nlpkit) == sorted(PUBLIC)


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "__version__"])
def test_every_public_object_is_there_and_explained(name):
    value = getattr(nlpkit, name)
    assert inspect.getdoc(value), f"{name} has no docstring"
    assert value.__module__.startswith("nlpkit.")
    if inspect.isclass(value):
        public = {n: m for n, m in vars(value).items() if not n.startswith("_")}
        bare = [n for n, m in public.items() if (inspect.isfunction(m) or isinstance(m, property)) and not m.__doc__]
        assert not bare, f"{name} has members without a docstring: {bare}"


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(AttributeError, match=r"'lod'.*load"):
        nlpkit.lod  # noqa: B018


def test_importing_costs_nothing():
    heavy = "{'torch', 'transformers', 'networkx', 'typer', 'numpy'}"
    code = f"import sys, nlpkit; loaded = {heavy} & set(sys.modules); sys.exit(', '.join(loaded) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"import nlpkit loads {done.stderr}"


def test_the_changelog_knows_the_version_and_the_project_is_typed():
    root = Path(nlpkit.__file__).parent
    assert (root / "py.typed").is_file()
    pyproject = tomllib.loads((root.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert pyproject["tool"]["hatch"]["version"]["path"] == "nlpkit/__init__.py"
    changelog = (root.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## [Unreleased]" in changelog or f"## [{nlpkit.__version__}]" in changelog


def test_the_wheel_carries_recipes_and_sample():
    root = Path(nlpkit.__file__).parent.parent
    hatch = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]
    wheel = hatch["build"]["targets"]["wheel"]
    assert wheel["sources"] == {"tasks": "nlpkit/_tasks", "examples": "nlpkit/_examples"}
    assert all((root / path).exists() for path in wheel["only-include"])
