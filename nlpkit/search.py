"""Passages of documents, found by the meaning of a question: an index of sentence embeddings, exact or by faiss.

The vectors come from whoever builds the index (`Kit.embed`); nothing here knows a model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlpkit.errors import DataError, InputError, MissingExtraError
from nlpkit.text import sentences, words
from nlpkit.types import Document, Span

FORMAT = 1
META, VECTORS, PASSAGES, GRAPH = "index.json", "vectors.npy", "passages.jsonl", "vectors.faiss"
EXACT_UP_TO = 100_000
"""Passages up to which every vector is compared; above, faiss finds the nearest along a graph (Malkov 2018)."""
_LINKS = 32

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts -> vectors of length 1. *Shape:* (n_texts, width)"""


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document: `text` stands at [start, end) of the document with this id."""

    document: str
    text: str
    start: int
    end: int


class Index:
    """Passages with their vectors.

    Attributes:
        passages: in the order of the documents.
        vectors: of length 1. *Shape:* (n_passages, width)
        model: what made the vectors (a backbone's fingerprint), "" if nobody said.

    """

    def __init__(self, passages: Sequence[Passage], vectors: NDArray[np.float32], model: str = "") -> None:
        self.passages, self.vectors, self.model = tuple(passages), vectors, model
        self._graph: Any = None

    def __len__(self) -> int:
        """Return the number of passages."""
        return len(self.passages)

    @classmethod
    def build(cls, documents: Sequence[str] | Sequence[Document], embed: Embed, *, model: str = "") -> Index:
        """Cut documents into passages and embed them.

        Args:
            documents: texts, or Documents; one without an id is known by its number, from "0" on.
            embed: what makes vectors of texts, such as `kit.embed`.
            model: what made the vectors; an index is searched with the same model only.

        Raises:
            InputError: something among the documents is no text, or two have the same id.
            MissingExtraError: there are more than 100,000 passages and faiss is not installed.

        """
        named = named_documents(documents)
        cut = [Passage(d.id, s.text, s.start, s.end) for d in named for s in passages(d.text)]
        if len(cut) > EXACT_UP_TO:
            _faiss()
        index = cls(cut, np.ascontiguousarray(embed([p.text for p in cut]), dtype=np.float32), model)
        index._graph = index._linked()
        return index

    def nearest(self, vector: NDArray[np.float32], k: int = 5) -> list[tuple[Passage, float]]:
        """Return the passages nearest to a question, with their cosines, the nearest first.

        Args:
            vector: the question's, of length 1. *Shape:* (width,)
            k: how many.

        Raises:
            InputError: the vector has another width than those of the index, or `k` is below 1.

        """
        if k < 1:
            raise InputError(f"k is {k}; allowed: 1 or above")
        if not self.passages:
            return []
        if vector.shape != (self.vectors.shape[1],):
            raise InputError(
                f"the vector has the shape {vector.shape}, but those of the index have {self.vectors.shape[1]}; "
                "embed the question with the model that the index was built with"
            )
        k = min(k, len(self))
        if self._graph is not None:
            cosines, found = (rows[0] for rows in self._graph.search(vector[None], k))
        else:
            all_cosines = self.vectors @ vector
            found = np.argpartition(-all_cosines, k - 1)[:k]
            found = found[np.lexsort((found, -all_cosines[found]))]
            cosines = all_cosines[found]
        return [(self.passages[n], float(c)) for n, c in zip(found, cosines, strict=True) if n >= 0]

    def save(self, folder: str | Path) -> None:
        """Write the index, whole or not at all; an index that was there is replaced.

        Raises:
            InputError: the folder holds something else.

        """
        folder = Path(folder)
        if folder.exists() and not (folder / META).is_file() and (folder.is_file() or any(folder.iterdir())):
            raise InputError(f"{folder} is there and holds no index; choose another folder, or empty it")
        part, old = (folder.with_name(f".{folder.name}.{end}") for end in ("part", "old"))
        for rest in (part, old):
            shutil.rmtree(rest, ignore_errors=True)
        part.mkdir(parents=True)
        np.save(part / VECTORS, self.vectors, allow_pickle=False)
        with (part / PASSAGES).open("w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            file.writelines(json.dumps(asdict(p), ensure_ascii=False) + "\n" for p in self.passages)
        if self._graph is not None:
            _faiss().write_index(self._graph, str(part / GRAPH))
        meta = {"format": FORMAT, "model": self.model, "passages": len(self)}
        (part / META).write_text(json.dumps(meta) + "\n", encoding="utf-8")
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
        shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def load(cls, folder: str | Path) -> Index:
        """Read an index that was saved.

        Raises:
            DataError: there is none, it is damaged, or a newer version wrote it.
            MissingExtraError: it has more than 100,000 passages and faiss is not installed.

        """
        folder = Path(folder)
        try:
            meta = json.loads((folder / META).read_text(encoding="utf-8"))
            if meta["format"] > FORMAT:
                raise DataError(
                    f"{folder} has the format {meta['format']}; this nlpkit reads up to {FORMAT}: upgrade it"
                )
            vectors = np.load(folder / VECTORS, allow_pickle=False)
            with (folder / PASSAGES).open(encoding="utf-8", errors="surrogatepass", newline="\n") as file:
                found = [Passage(**json.loads(line)) for line in file]
            if vectors.ndim != 2 or not meta["passages"] == len(found) == len(vectors):
                raise ValueError(f"{meta['passages']} passages, {len(found)} lines, vectors of shape {vectors.shape}")
            index = cls(found, vectors.astype(np.float32, copy=False), str(meta["model"]))
        except (OSError, ValueError, KeyError, TypeError, EOFError) as e:
            raise DataError(f"{folder} holds no whole index ({e}); build it again and save it") from e
        index._graph = _faiss().read_index(str(folder / GRAPH)) if (folder / GRAPH).is_file() else index._linked()
        return index

    def _linked(self) -> Any:
        """Return faiss's graph of the vectors, or None where comparing them all is fast enough."""
        if len(self) <= EXACT_UP_TO:
            return None
        faiss = _faiss()
        graph = faiss.IndexHNSWFlat(self.vectors.shape[1], _LINKS, faiss.METRIC_INNER_PRODUCT)
        graph.add(self.vectors)
        return graph


def named_documents(documents: Sequence[str] | Sequence[Document], what: str = "documents") -> list[Document]:
    """Return Documents that all have an id of their own: the given one, else their number.

    Raises:
        InputError: something among them is neither a string nor a Document, or two have the same id.

    """
    if isinstance(documents, str) or not isinstance(documents, Sequence):
        raise InputError(f"{what} is {type(documents).__name__}; give a list of strings or of Documents")
    named: dict[str, Document] = {}
    for number, given in enumerate(documents):
        if not isinstance(given, str | Document):
            raise InputError(f"{what}[{number}] is {type(given).__name__}; give a list of strings or of Documents")
        text, name = (given, "") if isinstance(given, str) else (given.text, given.id)
        name = name or str(number)
        if name in named:
            raise InputError(f"{what}[{number}] has the id {name!r} of one before it; give each an id of its own")
        named[name] = Document(text, name)
    return list(named.values())


def passages(text: str, size: int = 100, overlap: int = 25) -> list[Span]:
    """Cut a text into passages of whole sentences, of about `size` words, neighbours sharing up to `overlap`.

    A Han character counts as a word. A sentence that is too long is cut between words.
    """
    cut: list[Span] = []
    held: list[tuple[int, int, int]] = []
    for unit in _units(text, size, overlap):
        if held and sum(n for *_, n in held) + unit[2] > size:
            cut.append(_span(text, held))
            while held and (sum(n for *_, n in held) > overlap or sum(n for *_, n in held) + unit[2] > size):
                held.pop(0)
        held.append(unit)
    return [*cut, _span(text, held)] if held else cut


def _units(text: str, size: int, overlap: int) -> Iterator[tuple[int, int, int]]:
    """Yield start, end and number of words of each sentence, or of its parts where it is longer than a passage."""
    offsets = words(text)
    for sentence in sentences(text):
        first, last = np.searchsorted(offsets[:, 0], (sentence.start, sentence.end)).tolist()
        step = last - first if last - first <= size else max(1, overlap)
        for at in range(first, last, step) if step else ():
            stop = min(at + step, last)
            yield (
                sentence.start if at == first else int(offsets[at, 0]),
                sentence.end if stop == last else int(offsets[stop - 1, 1]),
                stop - at,
            )


def _span(text: str, units: Sequence[tuple[int, int, int]]) -> Span:
    start, end = units[0][0], units[-1][1]
    return Span(text[start:end], start, end)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as e:
        raise MissingExtraError("faiss-cpu", "search") from e
    return faiss
