"""Whether the encoding of short files is found: real texts, one line to a hundred, as their languages write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from _report import Row, options, show, write

from nlpkit import data
from nlpkit.encoding import decoded, encoding_of
from nlpkit.errors import InputError

SETS = (
    ("Chinese titles", "classification/tnews_fewclue/test_public.json", "json-lines", ("gb18030", "utf-16")),
    ("Chinese reviews", "classification/waimai_10k/waimai_10k.csv", "csv", ("gb18030",)),
    ("traditional Chinese paragraphs and questions", "qa/drcd/DRCD_test.json.gz", "squad", ("big5", "gb18030")),
    ("English paragraphs and questions", "qa/squad_v1.1/dev-v1.1.rebuilt.json.gz", "squad", ("cp1252",)),
)
N = 2000
LINES = (1, 10, 100)


def texts_of(path: Path, format: str, encoding: str) -> Iterator[str]:
    """Yield different texts that the encoding can write and that ASCII cannot, each on one line."""
    documents = (e.document for e in data.read(path, format))
    for text in dict.fromkeys(" ".join(text.split()) for d in documents for text in (d.query, d.text)):
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            continue
        if not text.isascii():
            yield text


def share_right(texts: Sequence[str], encoding: str, n_lines: int) -> tuple[float, int]:
    """Return the share of files of so many lines that come out as they were written, and the number of files."""
    groups = [texts[n : n + n_lines] for n in range(0, len(texts), n_lines)]
    right = 0
    for group in groups:
        whole = "".join(f"{line}\n" for line in group)
        block = whole.encode(encoding)
        try:
            right += decoded(block, encoding_of(block)) == whole
        except InputError:
            continue
    return right / len(groups), len(groups)


def main() -> None:
    """Measure and write benchmarks/results/charsets.json."""
    arguments = options(__doc__, "a tenth of the texts").parse_args()
    rows = []
    for name, path, format, encodings in SETS:
        for encoding in encodings:
            texts = [*texts_of(arguments.data / path, format, encoding)][: N // 10 if arguments.quick else N]
            for n_lines in LINES:
                share, n = share_right(texts, encoding, n_lines)
                rows.append(Row(f"{name}, {encoding}, {n_lines} lines a file", round(share, 4), f"of {n}"))
    show("Encodings found", rows)
    if not arguments.quick:
        write("charsets", rows, f"up to {N} texts each, those that are not all ASCII")


if __name__ == "__main__":
    main()
