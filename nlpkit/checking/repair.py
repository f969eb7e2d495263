"""A repaired copy of a data set: what can be mended without a decision is; conflicts stay as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nlpkit.checking import sets, tags
from nlpkit.checking.findings import Source
from nlpkit.checking.texts import CONTROL, MOJIBAKE
from nlpkit.data.splitting import same_text
from nlpkit.data.writing import WRITERS, same_as, spare, write
from nlpkit.editing.edits import Edit, Placed, edited, places, relocated
from nlpkit.types import Document

Repairs = Counter[str]
"""What was mended, with how often."""


def repaired(sources: Sequence[Source]) -> tuple[list[list[Document]], Repairs]:
    """Return the documents of each file mended, and what was done.

    Blanks come off the ends of spans, control characters go, text read in a wrong encoding is read anew where that
    gives text, empty texts and exact duplicates with the same labels are left out, and so is what stands in another
    file too out of the one to train on. Broken tags are mended by being read and written.
    """
    repairs: Repairs = Repairs()
    for source in sources:
        repairs["broken tags mended"] += sum(1 for _ in tags.broken_in(source))
    files = [[_mended(document, repairs) for document in source.documents] for source in sources]
    files = [list(_once(documents, repairs)) for documents in files]
    train = sets.train_of(sources)
    for n, source in enumerate(sources):
        if source is train and len(sources) > 1:
            others = {same_text(d) for k, documents in enumerate(files) if k != n for d in documents if not d.history}
            kept = [d for d in files[n] if d.history or same_text(d) not in others]
            repairs["texts of other files left out of train"] += len(files[n]) - len(kept)
            files[n] = kept
    return files, +repairs


def _mended(document: Document, repairs: Repairs) -> Document:
    spans = (*document.entities, *document.slots)
    repairs["spans freed of blanks at their ends"] += sum(_trimmable(e.text) for e in spans)
    document = relocated(document, document.text, _trimmed(document.text))
    for called, find in (("signs of a wrong encoding mended", _decoded), ("control characters taken out", _without)):
        held = [(place.start, place.end) for place in places(document)]
        edits = [edit for edit in find(document.text) if not any(_cuts(edit, *span) for span in held)]
        repairs[called] += len(edits)
        document = edited(document, edits) if edits else document
    return document


def _trimmable(text: str) -> bool:
    return bool(text.strip()) and text != text.strip()


def _trimmed(text: str) -> Callable[[Placed], Placed]:
    def place(old: Placed) -> Placed:
        if old.start < 0 or not _trimmable(text[old.start : old.end]):
            return old
        piece = text[old.start : old.end]
        start, end = old.start + len(piece) - len(piece.lstrip()), old.end - len(piece) + len(piece.rstrip())
        return replace(old, text=text[start:end], start=start, end=end)

    return place


def _cuts(edit: Edit, start: int, end: int) -> bool:
    """Say whether an edit would leave nothing of a span, or share some of its characters only."""
    a, b, new = edit.start, edit.end, edit.text
    if b <= start or a >= end:
        return False
    return not (start <= a and b <= end) or (not new and (a, b) == (start, end))


def _decoded(text: str) -> Iterator[Edit]:
    for match in MOJIBAKE.finditer(text):
        for encoding in ("cp1252", "latin-1"):
            try:
                yield Edit(match.start(), match.end(), match[0].encode(encoding).decode("utf-8").lstrip("\ufeff"))
                break
            except UnicodeError:
                continue


def _without(text: str) -> Iterator[Edit]:
    yield from (Edit(match.start(), match.end(), "") for match in CONTROL.finditer(text))


def _once(documents: Sequence[Document], repairs: Repairs) -> Iterator[Document]:
    seen = set()
    for document in documents:
        key = document.text, document.query, document.history, sets.content(document)
        if not document.text.strip():
            repairs["empty texts left out"] += 1
        elif key in seen:
            repairs["duplicates left out"] += 1
        else:
            seen.add(key)
            yield document


def fix(sources: Sequence[Source], out: Path) -> tuple[list[Path], Repairs, Counter[str]]:
    """Write repaired copies: of one file to `out`, of several into the folder `out` under their names.

    Returns:
        The files, what was mended, and what the format could not hold (the format is the same where it can be written,
        else JSON lines).

    Raises:
        DataError: a copy would stand where an input does, or cannot be written.

    """
    files, repairs = repaired(sources)
    formats = [same_as(source.format, documents) for source, documents in zip(sources, files, strict=True)]
    several = len(sources) > 1
    paths = [
        out / named(s.path, s.format, format) if several else out for s, format in zip(sources, formats, strict=True)
    ]
    spare(paths, [source.path for source in sources])
    losses: Counter[str] = Counter()
    for path, documents, format in zip(paths, files, formats, strict=True):
        losses += write(path, documents, format)
    return paths, repairs, losses


def named(path: Path, read: str, written: str) -> str:
    """Return the name of a copy: that of the file, with another end where the format is another."""
    bare = path.name.partition("#")[0].removesuffix(".gz")
    return bare if read == written else f"{Path(bare).stem}{WRITERS[written].suffix}"
