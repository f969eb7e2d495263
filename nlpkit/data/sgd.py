"""Schema-guided dialogues (SGD, Rastogi et al. 2020): what user turns add to the state of a service, and replies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpkit.data.files import load_json
from nlpkit.errors import DataError
from nlpkit.replies import Act, named_values, reply_prompt
from nlpkit.schemas import DONT_CARE, NO_INTENT, as_query, spoken, turns
from nlpkit.types import Document, Entity, Example, Label

TASK = "dialogue"
"""The key of `Document.labels` that the intent goes to."""


def read(folder: Path) -> Iterator[Example]:
    """Read a folder with `schema.json` and `dialogues_*.json`: one Example a user turn and service.

    The query is the service's schema (see `nlpkit.schemas`), the text the system's turn before and the user's. The
    labels and slots are what the turn adds: the intent, the slots asked for, values of slots with a closed list,
    "dontcare", and spans of the others. A value that neither of the two turns says is not there. `metadata` holds the
    conversation, and the whole state after the turn, with all wordings that count as right.

    Raises:
        DataError: a file is missing or broken (it is named).

    """
    schemas = {s["service_name"]: s for s in _list(_file(folder, "schema.json"), "service_name")}
    for path in _dialogue_files(folder):
        for dialogue in _list(path, "turns"):
            try:
                yield from examples(dialogue, schemas)
            except (KeyError, TypeError, AttributeError, IndexError) as e:
                name = dialogue.get("dialogue_id", "?")
                raise DataError(f"{path}, dialogue {name}: {type(e).__name__} {e}; see the SGD format") from e


def read_replies(folder: Path) -> Iterator[Example]:
    """Read the system's turns of such a folder as replies to write: one Example a turn.

    The query says what the user said, what is settled and what the reply should do (see `replies.reply_prompt`); the
    text is the reply. `metadata` holds the "acts" (`replies.Act`), and the "values" that the reply must name.

    Raises:
        DataError: a file is missing or broken (it is named).

    """
    for path in _dialogue_files(folder):
        for dialogue in _list(path, "turns"):
            try:
                yield from _replies(dialogue)
            except (KeyError, TypeError, AttributeError, IndexError) as e:
                name = dialogue.get("dialogue_id", "?")
                raise DataError(f"{path}, dialogue {name}: {type(e).__name__} {e}; see the SGD format") from e


def _replies(dialogue: Mapping[str, Any]) -> Iterator[Example]:
    said, intent = "", ""
    settled: dict[str, str] = {}
    for number, turn in enumerate(dialogue["turns"]):
        if turn["speaker"] == "USER":
            said = turn["utterance"]
            states = [frame["state"] for frame in turn["frames"]]
            intent = next((s["active_intent"] for s in states if s["active_intent"] != "NONE"), "")
            settled = {slot: values[0] for state in states for slot, values in state["slot_values"].items()}
            continue
        acts = [Act(a["act"], a["slot"], a["values"]) for frame in turn["frames"] for a in frame["actions"]]
        name = f"{dialogue['dialogue_id']}-{number}"
        query = reply_prompt(said, intent, settled, acts)
        yield Example(
            Document(f" {turn['utterance']}", name, query=query, metadata={"acts": acts, "values": named_values(acts)}),
            name,
        )


def _dialogue_files(folder: Path) -> list[Path]:
    paths = sorted(path for path in folder.iterdir() if path.name.startswith("dialogues_"))
    if not paths:
        raise DataError(f"{folder} has no dialogues_*.json, gzipped or not")
    return paths


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"no file {folder / name}; the folder must hold it, gzipped or not")


def _list(path: Path, key: str) -> list[Any]:
    found = load_json(path)
    if not isinstance(found, list) or not all(isinstance(entry, dict) and key in entry for entry in found):
        raise DataError(f"{path} is no list of objects with {key!r}; see the SGD format")
    return found


def examples(dialogue: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[Example]:
    """Yield what each user turn of a dialogue adds to the state of each service (see `read`).

    Raises:
        KeyError, TypeError, AttributeError, IndexError: it is no such dialogue.

    """
    before: dict[str, Mapping[str, list[str]]] = {}
    system = ""
    for number, turn in enumerate(dialogue["turns"]):
        if turn["speaker"] != "USER":
            system = turn["utterance"]
            continue
        for frame in turn["frames"]:
            service = frame["service"]
            values = frame["state"]["slot_values"]
            name = f"{dialogue['dialogue_id']}-{number}-{service}"
            document = _document(name, system, turn, frame, schemas[service], before.get(service, {}))
            before[service] = values
            yield Example(document, name)


def query_of(schema: Mapping[str, Any]) -> str:
    """Return a service's schema as the text that is read before a turn."""
    intents = {intent["name"]: intent["description"] for intent in schema["intents"]}
    slots = {slot["name"]: slot["description"] for slot in schema["slots"]}
    values = {slot["name"]: slot["possible_values"] for slot in schema["slots"] if slot["is_categorical"]}
    return as_query(intents, slots, values)


def _document(
    name: str,
    system: str,
    turn: Mapping[str, Any],
    frame: Mapping[str, Any],
    schema: Mapping[str, Any],
    before: Mapping[str, list[str]],
) -> Document:
    utterance = turn["utterance"]
    text = turns(system, utterance)
    state = frame["state"]
    closed = {slot["name"] for slot in schema["slots"] if slot["is_categorical"]}
    intent = state["active_intent"]
    labels = {TASK: Label(NO_INTENT if intent == "NONE" else spoken(intent))}
    if asked := [Label(spoken(slot)) for slot in state["requested_slots"]]:
        labels[f"{TASK}.requested"] = Label(asked[0].label, others=tuple(asked[1:]))
    spans = []
    for slot, values in state["slot_values"].items():
        if set(values) & set(before.get(slot, ())):
            continue
        if DONT_CARE in values or slot in closed:
            labels[f"{TASK}.{spoken(slot)}"] = Label(values[0])
        elif place := _place(text, len(text) - len(utterance), values):
            spans.append(Entity(text[slice(*place)], *place, spoken(slot)))
    whole = {spoken(slot): [value.casefold() for value in values] for slot, values in state["slot_values"].items()}
    conversation = f"{name.rpartition('-')[0].rpartition('-')[0]} {frame['service']}"
    metadata = {"conversation": conversation, "state": whole}
    return Document(text, name, query=query_of(schema), labels=labels, slots=tuple(spans), metadata=metadata)


def _place(text: str, user: int, values: Sequence[str]) -> tuple[int, int] | None:
    """Return where one of the values is said: by the user, else by the system."""
    folded = text.casefold()
    if len(folded) != len(text):
        folded = text
    for first in (user, 0):
        for value in sorted(values, key=len, reverse=True):
            at = folded.find(value.casefold(), first)
            if (
                at >= 0
                and not (at and folded[at - 1].isalnum())
                and not folded[at + len(value) : at + len(value) + 1].isalnum()
            ):
                return at, at + len(value)
    return None
