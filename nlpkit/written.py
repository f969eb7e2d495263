"""How a decoder writes, on prompts with known responses: the scores, the texts, and two settings side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from nlpkit import fluency
from nlpkit.errors import InputError
from nlpkit.generate import Generator
from nlpkit.prompts import Prompt, prompt_of
from nlpkit.responses import Pairs
from nlpkit.types import Document

_WINDOW = 1024
"""Pieces of a prompt and its response at most, where responses are foretold."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written to some prompts, and its scores (see `nlpkit.fluency` and `nlpkit.responses`)."""

    texts: tuple[str, ...]
    scores: dict[str, float]


def write(
    generator: Generator,
    documents: Sequence[Document],
    *,
    adapter: str | None = None,
    kind: str | None = None,
    chat: bool | None = None,
    progress: Callable[[int], None] | None = None,
    **settings: Any,
) -> Written:
    """Write to the prompts of documents, and score what was written against their texts.

    Args:
        generator: the decoder.
        documents: prompts with their responses, as the format `pairs` reads them.
        adapter: the name of a loaded adapter to write with.
        kind: a kind of text, which is written from each prompt's text (see `nlpkit.writings`).
        chat: whether prompts that are texts are a user's turns; None: as the adapter was trained.
        progress: called with the number of prompts done after each batch.
        settings: of `nlpkit.decoding.Decoding`.

    Returns:
        The texts, with `perplexity` and `accuracy` of the responses by pieces, BLEU, chrF, ROUGE, variety and length.

    Raises:
        InputError: no document, a conversation for a kind of text, or a setting that cannot be.
        MissingExtraError: sacrebleu is not installed.

    """
    if not documents:
        raise InputError("there is no prompt to write to; give a file with one pair or more")
    prompts: list[Prompt] = [prompt_of(document) for document in documents]
    if kind is not None:
        texts = [prompt for prompt in prompts if isinstance(prompt, str)]
        if len(texts) < len(prompts):
            raise InputError(f"{kind!r} is written from a text; a prompt of the data is a conversation")
        prompts, decoding = generator.prompts_of(kind, texts, {}, settings)
        settings = decoding.to_dict()
        adapter = adapter or generator.adapter_of(kind)
    chat = generator.chats(adapter) if chat is None else chat
    found = [g.text for g in generator(prompts, adapter=adapter, chat=chat, progress=progress, **settings)]
    backbone = generator.adapted.backbone
    pairs = Pairs(backbone, min(_WINDOW, backbone.max_pieces), chat=chat, together=False)
    with generator.adapted.using(adapter) as model:
        scores = pairs.scores(model, documents, prompts)
    scores |= fluency.report(found, [document.text for document in documents])
    return Written(tuple(found), {name: round(value, 4) for name, value in scores.items()})


def page(documents: Sequence[Document], columns: Mapping[str, Written]) -> str:
    """Return a page of HTML that shows what several settings wrote side by side, with their scores.

    Args:
        documents: the prompts with their responses.
        columns: what was written to them, by what it should be called.

    """
    heads = "".join(f"<th>{escape(name)}</th>" for name in columns)
    metrics = dict.fromkeys(metric for written in columns.values() for metric in written.scores)
    scores = "".join(
        f"<tr><th>{escape(metric)}</th>"
        + "".join(f"<td>{w.scores[metric]:.3f}</td>" if metric in w.scores else "<td></td>" for w in columns.values())
        + "</tr>"
        for metric in metrics
    )
    rows = "".join(
        f"<tr><th>{n}</th><td>{_shown(document)}</td><td>{escape(document.text)}</td>"
        + "".join(f"<td>{escape(written.texts[n - 1])}</td>" for written in columns.values())
        + "</tr>"
        for n, document in enumerate(documents, 1)
    )
    return _PAGE.format(heads=heads, scores=scores, rows=rows)


def _shown(document: Document) -> str:
    """Return a prompt as HTML: its text, or its turns with who spoke."""
    if not document.history:
        return escape(document.query)
    return "<br>".join(f"<b>{turn.role}:</b> {escape(turn.text)}" for turn in document.history)


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Written side by side</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }}
table {{ border-collapse: collapse; margin-bottom: 2rem; }}
th, td {{ border: 1px solid #ccc; padding: .4rem .6rem; text-align: left; vertical-align: top; white-space: pre-wrap; }}
thead th {{ position: sticky; top: 0; background: #f4f4f4; }}
</style>
<h1>Written side by side</h1>
<table><thead><tr><th>score</th>{heads}</tr></thead><tbody>{scores}</tbody></table>
<table><thead><tr><th></th><th>prompt</th><th>reference</th>{heads}</tr></thead><tbody>{rows}</tbody></table>
</html>
"""
