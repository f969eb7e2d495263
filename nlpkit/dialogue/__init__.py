"""Conversations that remember: questions to a graph and to documents, follow-ups, tasks with slots, small talk."""

from nlpkit.dialogue.dialogue import Dialogue, Graph, Reader
from nlpkit.dialogue.state import Intent, Schema, Slot, State

__all__ = ["Dialogue", "Graph", "Intent", "Reader", "Schema", "Slot", "State"]
