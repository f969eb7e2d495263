"""Text to entities, relations, a knowledge graph and answers: one frozen backbone, small adapters.

    kit = nlpkit.load()
    doc = kit("Marie Curie was born in Warsaw.")
    kg = nlpkit.KnowledgeGraph.build("corpus/", kit, path="my.kg")
    kg.ask("Where was the discoverer of polonium born?")

The names below are imported when they are first used, so that `import nlpkit` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nlpkit.backbone import Backbone
    from nlpkit.errors import NlpkitError
    from nlpkit.evaluation import evaluate
    from nlpkit.generate import Generator
    from nlpkit.graph.kg import KnowledgeGraph
    from nlpkit.graph.records import GraphAnswer
    from nlpkit.kit import Kit
    from nlpkit.loading import load
    from nlpkit.training import train
    from nlpkit.types import (
        Answer,
        Chain,
        Document,
        Entity,
        Example,
        Generation,
        Label,
        Mention,
        Relation,
        Similar,
        Span,
        Turn,
    )

__version__ = "0.1.0"

__all__ = [
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

_HOMES = {
    "nlpkit.backbone": ("Backbone",),
    "nlpkit.errors": ("NlpkitError",),
    "nlpkit.evaluation": ("evaluate",),
    "nlpkit.generate": ("Generator",),
    "nlpkit.graph.kg": ("KnowledgeGraph",),
    "nlpkit.graph.records": ("GraphAnswer",),
    "nlpkit.kit": ("Kit",),
    "nlpkit.loading": ("load",),
    "nlpkit.training": ("train",),
    "nlpkit.types": (
        "Answer",
        "Chain",
        "Document",
        "Entity",
        "Example",
        "Generation",
        "Label",
        "Mention",
        "Relation",
        "Similar",
        "Span",
        "Turn",
    ),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'nlpkit' has no attribute {name!r}; it has: {', '.join(__all__)}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
