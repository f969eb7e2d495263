"""What the graph does not say, read in documents beside it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Final

from nlpkit.errors import GraphError
from nlpkit.graph.records import Evidence, Extractor, FoundAnswer, GraphAnswer, Searcher

LEAST: Final = 0.3
"""An answer read with a lower score is not given; it is what a conversation takes too."""


def read_beside(left_open: GraphAnswer, kit: Extractor, documents: Any) -> GraphAnswer:
    """Return what documents answer to a question that the graph left open; the same abstention where they do not.

    Args:
        left_open: the graph's abstention.
        kit: searches documents.
        documents: whatever its `search` takes.

    Raises:
        GraphError: the kit cannot search.

    """
    search: Searcher | None = kit if hasattr(kit, "search") else None  # type: ignore[assignment]  # as its attribute says
    if search is None:
        raise GraphError(
            "documents were given, and this kit cannot search them; open the graph with kit=nlpkit.load(...)"
        )
    began = time.perf_counter()
    found = search.search(left_open.question.replace("[", "").replace("]", ""), documents)
    best = next((one for one in found if one.score is None or one.score >= LEAST), None)
    seconds = left_open.seconds + time.perf_counter() - began
    if best is None:
        note = f"{left_open.note}; the documents do not say it either".removeprefix("; ")
        return replace(left_open, seconds=seconds, note=note)
    evidence = Evidence(best.document, best.start, best.end, best.text, best.score)
    return GraphAnswer(
        left_open.question,
        (FoundAnswer(best.text, None, best.score),),
        False,
        "",
        (),
        (evidence,),
        best.score,
        seconds,
        f"read in {best.document!r}; of the graph: {left_open.note}",
        "text",
    )
