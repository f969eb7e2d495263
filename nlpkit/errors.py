"""The exceptions nlpkit raises on purpose.

Every message names the value, what was allowed and the next step::

    NlpkitError
    ├── InputError         the text, file or data given is at fault (exit status 1)
    │   ├── DataError          a data file is broken; names file and line
    │   └── RecipeError        a recipe is broken or unknown
    ├── ModelError         weights, adapters or heads do not fit
    │   ├── BackboneError      the pretrained model cannot be had or differs from what is pinned
    │   └── AdapterError       an adapter folder is incomplete or belongs elsewhere
    ├── GraphError         the knowledge graph's store refuses
    │   ├── StoreError         not a store, written by a newer version, damaged, or full disk
    │   ├── StoreBusyError     another process is writing to this store
    │   └── QuestionError      a question or plan cannot be run
    └── MissingExtraError  an optional dependency is needed; names the extra to install
"""


class NlpkitError(Exception):
    """Base of everything nlpkit raises on purpose."""


class InputError(NlpkitError):
    """The text, file or data given is at fault."""


class DataError(InputError):
    """A data file is broken."""


class RecipeError(InputError):
    """A recipe is broken or unknown."""


class ModelError(NlpkitError):
    """Weights, adapters or heads do not fit."""


class BackboneError(ModelError):
    """The pretrained model cannot be had, or is not the one that was pinned."""


class AdapterError(ModelError):
    """An adapter folder is incomplete, damaged, or belongs to another backbone."""


class GraphError(NlpkitError):
    """The knowledge graph's store refuses."""


class StoreError(GraphError):
    """Not a store, written by a newer version, damaged, or no room left to write."""


class StoreBusyError(GraphError):
    """Another process is writing to this store."""


class QuestionError(GraphError):
    """A question or a plan cannot be run."""


class MissingExtraError(NlpkitError):
    """An optional dependency is needed that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs the package {package!r}, not installed here; run: pip install 'nlpkit[{extra}]'")
