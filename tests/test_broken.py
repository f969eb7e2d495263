"""Every broken file in `broken/` is refused in words that help; random bytes and damaged files never break a reader."""

import json
import logging
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_readers import ENDINGS, OF_LINES, PARTS, written

from nlpkit import data
from nlpkit.data import files
from nlpkit.errors import DataError

FOLDER = Path(__file__).parent / "broken"
INSIDE = {"redocred": "dev.json", "multiwoz": "val.json"}
"""The file that is read, of formats with files beside it."""
ASKED = {
    "intents/no_part.json": "#test",
    "tsv/no_such_column.tsv": "#label=mood",
    "excel/no_such_sheet.xlsx": "#Mood",
}
WHOLE = (
    "empty",
    "blank",
    "all_rejected",
    "another_kind",
    "heading_only",
    "truncated.csv.gz",
    "truncated.xlsx",
    "broken_inside",
)
"""What is wrong with a file as a whole, and so has no line."""
CASES = sorted(path for path in FOLDER.glob("*/*"))


def name_of(path):
    return str(path.relative_to(FOLDER))


@pytest.mark.parametrize("path", CASES, ids=name_of)
def test_a_broken_file_is_refused_with_file_line_and_remedy(path):
    format = path.parent.name
    target = path / INSIDE[format] if path.is_dir() and format in INSIDE else path
    part = ASKED.get(name_of(path), PARTS.get(format, "").partition("+")[0])
    with pytest.raises(DataError) as caught:
        list(data.read(f"{target}{part}", format))
    message = str(caught.value)
    assert str(path) in message
    assert re.search(r"; \w", message), message
    if format in OF_LINES and not any(kind in path.name for kind in WHOLE) and "#Mood" not in part:
        assert re.search(r", line [1-9]\d*\b", message), message
    assert len(message) < 600


@pytest.mark.parametrize("path", CASES, ids=name_of)
def test_a_broken_file_of_any_format_is_refused_or_read(path):
    for inside in [path, *(path.iterdir() if path.is_dir() else ())]:
        read_or_refuse(inside, data.AUTO)


def test_every_format_has_broken_files():
    assert {path.parent.name for path in CASES} == set(data.formats())


def read_or_refuse(path, format, part=""):
    """Read a file; whatever is wrong with it, only DataError says so."""
    try:
        for example in data.read(f"{path}{part}", format):
            document = example.document
            for span in (*document.entities, *document.slots):
                assert document.text[span.start : span.end] == span.text
    except DataError as e:
        assert str(path.parent) in str(e)  # noqa: PT017


BOUNDED = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
TEXTS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text('今天会议,\t\n"{}[]0', max_size=40).map(lambda text: text.encode("gb18030")),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["text", "label", "data", "tokens", "entities", "log", "messages"]), inner
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
)


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
    files._tell.cache_clear()


@pytest.mark.parametrize("format", [*data.formats(), data.AUTO])
@BOUNDED
@given(content=TEXTS)
def test_random_bytes_are_read_or_refused(format, content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    path = folder / f"data{ENDINGS.get(format, '')}"
    (folder / "ontology21.json").write_text("{}")
    (folder / "rel_info.json").write_text("{}")
    if format in data.FOLDERS:
        path.mkdir()
        for name in ("seq.in", "seq.out", "label", "schema.json", "dialogues_1.json", "1.txt", "1.ann", "state.json"):
            (path / name).write_bytes(content)
    else:
        path.write_bytes(content)
    read_or_refuse(path, format, PARTS.get(format, ""))


DAMAGES = st.tuples(
    st.sampled_from(["cut", "drop", "swap", "put", "twice"]), st.integers(0, 2**16), st.integers(0, 2**16)
)
BITS = [
    b"\0",
    b"\xff",
    b'"',
    b"}",
    b"]",
    b"-1",
    b"null",
    b"\n",
    b"\t",
    b"9999",
    "会".encode("gb18030"),
    b"[[",
    b'{"a":',
]


def damaged(content, damages):
    """Return bytes with some of them cut off, left out, exchanged, put in or doubled."""
    for kind, a, b in damages:
        first, last = sorted((a % (len(content) + 1), b % (len(content) + 1)))
        last = min(last, first + 12)
        if kind == "cut":
            content = content[:first]
        elif kind == "drop":
            content = content[:first] + content[last:]
        elif kind == "swap":
            content = content[:first] + content[first:last][::-1] + content[last:]
        elif kind == "put":
            content = content[:first] + BITS[b % len(BITS)] + content[first:]
        else:
            content = content[:last] + content[first:]
    return content


@pytest.mark.parametrize("format", data.formats())
@BOUNDED
@given(damages=st.lists(DAMAGES, min_size=1, max_size=3))
def test_files_that_are_nearly_right_are_read_or_refused(format, damages, tmp_path_factory):
    path = written(tmp_path_factory.mktemp("near"), format, f"data{ENDINGS.get(format, '')}")
    targets = sorted(path.iterdir()) if path.is_dir() else [path]
    for target in targets:
        target.write_bytes(damaged(target.read_bytes(), damages))
    for asked in (format, data.AUTO):
        read_or_refuse(path, asked, PARTS.get(format, ""))
