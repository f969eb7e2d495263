"""The README cannot lie: its Python and console blocks are run, and what they print is compared.

A console block holds `$ command` lines, each followed by what it prints; a Python block is run as it stands, or as a
doctest where it holds `>>>` lines. `...` stands for any text. The console blocks run in their order in a folder that
holds `examples/` and `tasks/`; then the Python blocks do, each seeing the names of those before it.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nlpkit import recipes

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SETS_UP = ("make ", "git ", "pip ", "cd ")
"""Commands that are about the checkout itself; the Makefile's own targets are run by CI."""


def blocks(kind):
    return [text for found, text in BLOCK.findall(README.read_text(encoding="utf-8")) if found == kind]


def commands(block):
    """Yield each command of a console block with what it should print."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, wanted = part.partition("\n")
        while command.endswith("\\"):
            more, _, wanted = wanted.partition("\n")
            command = command[:-1] + more.removeprefix("> ")
        yield command, wanted


def stripped(text):
    return "".join(f"{line.rstrip()}\n" for line in text.strip().splitlines())


def assert_printed(got, wanted, what):
    same = doctest.OutputChecker().check_output(
        stripped(wanted), stripped(got), doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    )
    assert same, f"{what}\n--- README\n{stripped(wanted)}--- got\n{stripped(got)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    for name in ("examples", "tasks"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def environment():
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "PYTHONUTF8": "1"}


def test_the_readme_has_examples():
    assert blocks("python")
    assert any(True for block in blocks("console") for _ in commands(block))


@pytest.mark.slow
def test_console_blocks_print_what_they_say(folder):
    for block in blocks("console"):
        for command, wanted in commands(block):
            if command.startswith(SETS_UP):
                continue
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
            if wanted.strip():
                assert_printed(done.stdout, wanted, f"$ {command}")


@pytest.mark.slow
def test_python_blocks_print_what_they_say(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    names = {"__name__": "readme"}
    for number, block in enumerate(blocks("python")):
        failed = run_python(block, names, f"README, Python block {number + 1}")
        assert not failed, capsys.readouterr().out


def run_python(block, names, where):
    """Run a block with `>>>` as a doctest and any other as it stands; return how many examples failed."""
    if ">>> " not in block:
        exec(compile(block, where, "exec"), names)
        return 0
    test = doctest.DocTestParser().get_doctest(block, names, where, None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    # clear_globs: the next block goes on with the names of this one.
    failed = runner.run(test, clear_globs=False).failed
    names.update(test.globs)
    return failed


def test_python_blocks_share_their_names():
    names = {}
    assert run_python("x = 2\n", names, "a") == 0
    assert run_python(">>> y = x + 1\n>>> y\n3\n", names, "b") == 0
    assert run_python(">>> y * 'ab'\n'ab...'\n", names, "c") == 0
    assert run_python(">>> y\n4\n", names, "d") == 1


def test_commands_are_told_from_what_they_print():
    block = "$ nlpkit tasks \\\n>   --json\n{...}\n$ ls\na\nb\n"
    assert list(commands(block)) == [("nlpkit tasks   --json", "{...}\n"), ("ls", "a\nb\n")]


def test_dots_stand_for_any_text():
    assert_printed("Warsaw  0.93  \nx", "Warsaw  ...\nx", "")
    with pytest.raises(AssertionError, match="README"):
        assert_printed("Paris", "Warsaw", "")


def test_the_table_of_numbers_is_that_of_the_results():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from _tables import table
    finally:
        sys.path.pop(0)
    shown = (
        README.read_text(encoding="utf-8")
        .partition("<!-- table: numbers -->\n")[2]
        .partition("<!-- end of table -->")[0]
    )
    assert shown == table()
    assert shown.count("\n") > 10


def test_recipes_in_the_readme_are_recipes():
    found = re.findall(r"^```toml\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found
    for block in found:
        assert recipes.from_dict(tomllib.loads(block), name="readme").title
