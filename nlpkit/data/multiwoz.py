"""MultiWOZ 2.1 (Budzianowski et al. 2018; Eric et al. 2020) as ConvLab has it: what user turns add to a domain's state.

Dialogues are put into the shape of SGD's, so that a tracker reads both alike (see `nlpkit.data.sgd`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlpkit.data import sgd
from nlpkit.data.files import load_json
from nlpkit.errors import DataError
from nlpkit.schemas import DONT_CARE
from nlpkit.types import Example

_ONTOLOGY = ("ontology21.json", "ontology.json")
_CLOSED = frozenset(["area", "day", "internet", "parking", "people", "pricerange", "stars", "stay", "type"])
"""Slots with a closed list of values, as MultiWOZ 2.2 (Zang et al. 2020) has them."""
_UNSET = frozenset(["", "none", "not mentioned"])
_CARELESS = frozenset(["dontcare", "dont care", "don't care", "do n't care", "do nt care"])
_OR = re.compile("[|<>]")
_ASKED = {
    **{"addr": "address", "post": "postcode", "ref": "reference", "fee": "entrance fee", "car": "car type"},
    **{"price": "pricerange", "time": "duration", "id": "train id", "leave": "leaveAt", "arrive": "arriveBy"},
    **{"dest": "destination", "depart": "departure"},
}
"""What the slots that a user asks for are called in a state, where a dialogue act says it shorter."""
_ACT = re.compile(r"([A-Za-z]+)-Request")


def read(path: Path) -> Iterator[Example]:
    """Read a JSON object of dialogues with `log`, plain or the only file of a zip: one Example a user turn and domain.

    A domain has its turn where its state changes or something of it is asked for; the intent is to book it where that
    is what changes, else to find it. Queries, labels, slots and `metadata` are as `sgd.read` has them; the values of
    slots with a closed list come from `ontology21.json` beside the file.

    Raises:
        DataError: the file or its ontology is missing or broken; the dialogue is named.

    """
    dialogues = load_json(path)
    if not isinstance(dialogues, dict) or not all(isinstance(d, dict) and "log" in d for d in dialogues.values()):
        raise DataError(f'{path} is no object of dialogues; allowed: {{id: {{"log": [turns]}}, ...}}')
    schemas = _schemas(path)
    for name, dialogue in dialogues.items():
        try:
            yield from sgd.examples({"dialogue_id": name, "turns": [*_turns(dialogue["log"], schemas)]}, schemas)
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as e:
            raise DataError(f"{path}, dialogue {name}: {type(e).__name__} {e}; see ConvLab's MultiWOZ format") from e


def _schemas(path: Path) -> dict[str, Any]:
    """Return what the ontology beside the file says of each domain, as SGD has it."""
    folder = path.parent if path.parent.is_dir() else path.parent.parent
    beside = [folder / name for name in _ONTOLOGY if (folder / name).is_file()]
    if not beside:
        raise DataError(f"no {folder / _ONTOLOGY[0]}; the list of slots and their values must lie beside the dialogues")
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        for key, values in load_json(beside[0]).items():
            domain, _, slot = key.split("-")
            closed = slot in _CLOSED
            given = sorted({v for v in values if not _OR.search(v) and v not in _UNSET | _CARELESS}) if closed else []
            found.setdefault(domain, []).append(
                {"name": slot, "description": "", "is_categorical": closed, "possible_values": given}
            )
    except (AttributeError, TypeError, ValueError) as e:
        raise DataError(f'{beside[0]}: {type(e).__name__} {e}; allowed: {{"DOMAIN-semi-SLOT": [values], ...}}') from e
    intents = {
        domain: [{"name": f"{verb} {domain}", "description": ""} for verb in ("find", "book")] for domain in found
    }
    return {domain: {"intents": intents[domain], "slots": slots} for domain, slots in found.items()}


def _turns(log: Sequence[Mapping[str, Any]], schemas: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the turns in SGD's shape; the state after a user's turn stands in the system's that follows."""
    before: dict[str, dict[str, list[str]]] = {}
    for n, turn in enumerate(log):
        speaker = ("USER", "SYSTEM")[n % 2]
        frames: list[dict[str, Any]] = []
        if speaker == "USER" and n + 1 < len(log):
            after = _state(log[n + 1]["metadata"])
            asked = _asked(turn.get("dialog_act") or {})
            for domain in schemas:
                changed = {s for s, v in after.get(domain, {}).items() if before.get(domain, {}).get(s) != v}
                if changed or domain in asked:
                    booked = changed & set(log[n + 1]["metadata"].get(domain, {}).get("book", ()))
                    state = {
                        "active_intent": f"{'book' if booked else 'find'} {domain}",
                        "requested_slots": asked.get(domain, []),
                        "slot_values": after.get(domain, {}),
                    }
                    frames.append({"service": domain, "state": state})
            before = after
        yield {"speaker": speaker, "utterance": turn["text"], "frames": frames}


def _state(metadata: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return the values of each domain's slots, with all wordings that count."""
    held = {}
    for domain, state in metadata.items():
        slots = {**state["semi"], **state["book"]}
        slots.pop("booked", None)
        held[domain] = {slot: _wordings(value) for slot, value in slots.items() if value not in _UNSET}
    return held


def _wordings(value: str) -> list[str]:
    return [DONT_CARE if wording in _CARELESS else wording for wording in _OR.split(value)]


def _asked(acts: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the slots that a user asks for, by domain."""
    found: dict[str, list[str]] = {}
    for act, pairs in acts.items():
        if match := _ACT.fullmatch(act):
            slots = [str(slot).lower() for slot, _ in pairs]
            found.setdefault(match[1].lower(), []).extend(_ASKED.get(slot, slot) for slot in slots)
    return found
