"""Labels by likelihood: which label a decoder finds likeliest after a prompt that shows some texts with theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nlpkit.adapters import Adapted
from nlpkit.errors import InputError
from nlpkit.incontext.examples import Chooser, Embed, Shot
from nlpkit.incontext.forms import checked
from nlpkit.incontext.likelihood import Likelihoods
from nlpkit.prompts import Prompts
from nlpkit.text import chinese
from nlpkit.types import Document, Label


@dataclass(frozen=True, slots=True)
class _Wording:
    """How a prompt is put in one language."""

    task: str
    between: str
    described: str
    shot: str
    query: str
    answer: str
    empty: tuple[str, ...]


_ENGLISH = _Wording(
    task="Give each text one of these labels: {}.\n",
    between=", ",
    described="{}: {}\n",
    shot="Text: {}\nLabel: {}\n\n",
    query="Text: {}\nLabel:",
    answer=" {}\n",
    empty=("N/A", "...", "-"),
)
_CHINESE = _Wording(
    task="给每段文字选一个标签，可选的标签有：{}。\n",
    between="、",
    described="{}：{}\n",
    shot="文字：{}\n标签：{}\n\n",
    query="文字：{}\n标签：",
    answer="{}\n",
    empty=("无", "……", "-"),
)


@dataclass(frozen=True, slots=True)
class _Query:
    """A text as it is asked about: the prompt's pieces, its own, and what was left out."""

    prompt: tuple[int, ...]
    pieces: tuple[int, ...]
    shown: int
    left_out: int
    dropped: int


class Classification:
    """One label for each text, by likelihood and without training.

    The probability of each label is divided by what the prompt gives it for a text without content (contextual
    calibration, Zhao et al. 2021). That evens out labels; it does not make probabilities of how often one is right, so
    labels have no scores.

    Args:
        adapted: a decoder with its adapters.
        labels: the labels in words, or each with a description, "" for none.
        examples: texts with their labels.
        k: how many of them a prompt shows at most.
        embed: what finds the examples nearest to a text where there are more.
        calibrate: whether to divide by what a text without content gets.
        adapter: the name of a loaded adapter to read with.

    Raises:
        InputError: fewer than two labels, one twice or empty, or an example whose label is none of them.
        BackboneError: the backbone is no decoder.

    """

    kind: ClassVar[str] = "classification"

    def __init__(
        self,
        adapted: Adapted,
        labels: Sequence[str] | Mapping[str, str],
        examples: Sequence[tuple[str, str]] = (),
        *,
        k: int = 16,
        embed: Embed | None = None,
        calibrate: bool = True,
        adapter: str | None = None,
    ) -> None:
        self.labels = checked(labels, self.kind, least=2)
        self._descriptions = dict(labels) if isinstance(labels, Mapping) else dict.fromkeys(self.labels, "")
        backbone = adapted.backbone
        backbone.writer()  # an encoder is refused at once
        self._likelihoods = Likelihoods(adapted)
        self._prompts = Prompts(backbone.tokenizer, specials=backbone.specials)
        self._room = backbone.max_pieces
        self._chooser = Chooser(_shots(examples, self.labels), k, embed or backbone.embed)
        self._words = _CHINESE if chinese(" ".join((*self.labels, *(text for text, _ in examples)))) else _ENGLISH
        self._rows = [self._prompts.plain(self._words.answer.format(label)) for label in self.labels]
        self._calibrate, self._adapter = calibrate, adapter

    def read(self, documents: Sequence[Document]) -> list[Document]:
        """Return the documents with their labels, and in `metadata["in_context"]` what their prompts showed.

        Raises:
            InputError: the labels and their descriptions alone leave no room for a text.

        """
        numbers = [n for n, document in enumerate(documents) if document.text.strip()]
        queries = self._queries([documents[n].text for n in numbers])
        likely = self._probabilities(queries)
        found = list(documents)
        for n, query, row in zip(numbers, queries, likely, strict=True):
            label = Label(self.labels[int(row.argmax())])
            shown = {"shown": query.shown, "left_out": query.left_out, "dropped": query.dropped}
            found[n] = replace(
                documents[n],
                labels={**documents[n].labels, self.kind: label},
                metadata={**documents[n].metadata, "in_context": shown},
            )
        return found

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how likely each label is, evened out and summing to 1. *Shape:* (n_texts, n_labels).

        Raises:
            InputError: as `read` does.

        """
        return self._probabilities(self._queries(texts))

    def log_likelihoods(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the decoder's own log-likelihood of each label after its prompt. *Shape:* (n_texts, n_labels).

        Raises:
            InputError: as `read` does.

        """
        return self._log_likelihoods(self._queries(texts))

    def _probabilities(self, queries: Sequence[_Query]) -> NDArray[np.float64]:
        found = np.zeros((len(queries), len(self.labels)))
        empty = [self._prompts.plain(self._words.query.format(text)) for text in self._words.empty]
        for prompt, alike in _by_prompt(queries).items():
            texts = [*(queries[n].pieces for n in alike), *(empty if self._calibrate else ())]
            likely = _shares(self._likelihoods.of(prompt, texts, self._rows, adapter=self._adapter))
            without = likely[len(alike) :].mean(0) if self._calibrate else 1.0
            evened = likely[: len(alike)] / without
            found[alike] = evened / evened.sum(1, keepdims=True)
        return found

    def _log_likelihoods(self, queries: Sequence[_Query]) -> NDArray[np.float64]:
        found = np.zeros((len(queries), len(self.labels)))
        for prompt, alike in _by_prompt(queries).items():
            texts = [queries[n].pieces for n in alike]
            found[alike] = self._likelihoods.of(prompt, texts, self._rows, adapter=self._adapter)
        return found

    def _queries(self, texts: Sequence[str]) -> list[_Query]:
        return [self._query(text, shots) for text, shots in zip(texts, self._chooser.chosen(texts), strict=True)]

    def written(self, text: str, label: str, shots: Sequence[tuple[str, str]]) -> Document:
        """Return a prompt that shows examples, as the query, with the answer that is due to a text."""
        words = self._words
        shown = "".join(words.shot.format(_line(example), said) for example, said in shots)
        prompt = self._head() + shown + words.query.format(_line(text))
        return Document(words.answer.format(label), query=prompt)

    def _head(self) -> str:
        """Return what stands before the examples: what is asked, and what the labels mean."""
        words = self._words
        described = [words.described.format(label, says) for label, says in self._descriptions.items() if says]
        return words.task.format(words.between.join(self.labels)) + "".join(described) + "\n"

    def _query(self, text: str, shots: Sequence[Shot]) -> _Query:
        """Put a text into a prompt: where there is no room the farthest examples go, then the text's end."""
        words, plain = self._words, self._prompts.plain
        task = [*self._likelihoods.adapted.backbone.specials[0], *plain(self._head())]
        room = self._room - len(task) - max(map(len, self._rows))
        frame = words.query.partition("{}")
        before, after = plain(frame[0]), plain(frame[2])
        own = plain(words.query.format(_line(text)))
        dropped = 0
        if len(own) > room:
            kept = room - len(before) - len(after)
            if kept < 1:
                raise InputError(
                    f"{len(self.labels)} labels with their descriptions take {len(task)} of the {self._room} pieces "
                    "that the model reads at once and leave no room for a text; give fewer, or shorter ones"
                )
            body = own[len(before) : len(own) - len(after)]
            dropped = len(body) - kept
            own = [*own[: len(before)], *body[:kept], *after]
        rows = [plain(words.shot.format(_line(shot.text), shot.answer)) for shot in shots]
        left_out = 0
        while rows and sum(map(len, rows)) + len(own) > room:
            rows, left_out = rows[1:], left_out + 1
        return _Query((*task, *(p for row in rows for p in row)), tuple(own), len(rows), left_out, dropped)


def _by_prompt(queries: Sequence[_Query]) -> dict[tuple[int, ...], list[int]]:
    """Return the numbers of the queries that share a prompt: it is read once for them."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for n, query in enumerate(queries):
        alike.setdefault(query.prompt, []).append(n)
    return alike


def _line(text: str) -> str:
    """Return a text on one line: lines part the prompt."""
    return " ".join(text.split())


def _shares(log_likelihoods: NDArray[np.float64]) -> NDArray[np.float64]:
    likely = np.exp(log_likelihoods - log_likelihoods.max(-1, keepdims=True))
    shares: NDArray[np.float64] = likely / likely.sum(-1, keepdims=True)
    return shares


def _shots(examples: Sequence[tuple[str, str]], labels: Sequence[str]) -> list[Shot]:
    shots = []
    for n, example in enumerate(examples):
        if not isinstance(example, tuple) or len(example) != 2 or not all(isinstance(part, str) for part in example):
            raise InputError(f"example {n} is {example!r}; allowed: (text, label)")
        if example[1] not in labels:
            raise InputError(f"example {n} has the label {example[1]!r}; allowed: {', '.join(labels)}")
        shots.append(Shot(*example))
    return shots
