"""Adapters: the few trained parameters inside a backbone. The only room that imports peft."""

from nlpkit.adapters.adapted import Adapted
from nlpkit.adapters.methods import FULL, METHODS
from nlpkit.adapters.rows import Folded
from nlpkit.adapters.slots import COPY, WEIGHTS
from nlpkit.adapters.structure import linear_modules

__all__ = ["COPY", "FULL", "METHODS", "WEIGHTS", "Adapted", "Folded", "linear_modules"]
