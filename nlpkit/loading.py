"""From names to a kit: trained tasks loaded onto one backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nlpkit import checkpoint
from nlpkit.adapters import Adapted
from nlpkit.backbone import Backbone
from nlpkit.errors import AdapterError, InputError
from nlpkit.generate import Generator
from nlpkit.heads import HEADS, in_order
from nlpkit.heads.base import Head
from nlpkit.incontext.classification import Classification
from nlpkit.incontext.extraction import Extraction
from nlpkit.kit import Kit
from nlpkit.packing.contents import is_pack, opened

DEFAULT_PACK = "relation/wikipedia"
"""The shipped adapter that `load()` takes: entities and relations of encyclopaedic English, in one pass."""

SHOWN = ("classification", "ner", "relation", "slots", "qa")
"""The kinds of task that a decoder can be shown."""


def load(
    *names: str,
    backbone: str | Backbone | None = None,
    labels: Sequence[str] | Mapping[str, Any] | None = None,
    examples: Sequence[Any] = (),
    k: int = 16,
    adapter: str | None = None,
) -> Kit:
    """Load tasks onto one backbone.

    With `labels`, the one task named is not a trained one: a decoder is shown what to do in its prompt.

    Args:
        names: adapter folders, names of shipped adapters ("relation/wikipedia"), or kinds of task ("ner", "relation"),
            for which the default pack's heads are taken; one may be a pack that `nlpkit pack build` made. None: the
            default pack.
        backbone: a name or a loaded Backbone; by default the one that the first adapter was trained on, and "smollm2"
            where labels are given.
        labels: in words, or each with a description; for "slots" {"intents": [...], "slots": [...]}, for "qa" none: [].
        examples: what is to be shown: for "classification" texts with their labels, else Documents with what should be
            found in them.
        k: how many examples a prompt shows at most: those nearest to the text.
        adapter: an adapter that was trained to read such prompts (see `nlpkit.incontext.teaching`): its folder or name.

    Raises:
        AdapterError: a name that is none of these, an adapter that does not fit the backbone, or a damaged pack.
        BackboneError: the backbone cannot be had.
        InputError: labels or examples that cannot be, or for a task that cannot be shown.

    """
    if labels is not None:
        return _shown(names, backbone, labels, examples, k, adapter)
    packs = [name for name in names if is_pack(name)]
    if len(packs) > 1:
        raise InputError(
            f"{', '.join(packs)} are {len(packs)} packs; a kit has one domain: load one, or build one of both"
        )
    if not packs:
        return _trained(names, backbone)
    with opened(packs[0]) as pack:
        folders = (str(pack.folder / packed.folder) for packed in pack.adapters)
        kit = _trained((*folders, *(name for name in names if name != packs[0])), backbone)
    kit.domain = pack.domain
    return kit


def _trained(names: Sequence[str], backbone: str | Backbone | None) -> Kit:
    """Return a kit with trained tasks."""
    wanted: dict[str, list[str]] = {}
    for name in names or (DEFAULT_PACK,):
        kinds = wanted.setdefault(DEFAULT_PACK if name in HEADS else str(name), [])
        if name in HEADS:
            kinds.append(name)
    adapted: Adapted | None = None
    if backbone is not None:
        adapted = Adapted(backbone if isinstance(backbone, Backbone) else Backbone.from_pretrained(backbone))
    kit: Kit | None = None
    for name, kinds in wanted.items():
        task = checkpoint.load(checkpoint.locate(name), adapted)
        if task.recipe.writes:
            raise InputError(
                f"the adapter {name!r} writes texts, which a kit reads; use Generator.from_pretrained("
                f"{task.adapted.backbone.name!r}).load({name!r})"
            )
        adapted = task.adapted
        kit = kit or Kit(adapted)
        kit.add(replace(task, heads=_chosen(task.heads, kinds, name)) if kinds else task)
    assert kit is not None
    return kit


def _shown(
    names: Sequence[str],
    backbone: str | Backbone | None,
    labels: Sequence[str] | Mapping[str, Any],
    examples: Sequence[Any],
    k: int,
    adapter: str | None,
) -> Kit:
    """Return a kit with one task that is shown in a prompt."""
    if len(names) != 1 or names[0] not in SHOWN:
        raise InputError(
            f"labels were given for {', '.join(names) or 'no task'}; a decoder can be shown one of: {', '.join(SHOWN)}"
        )
    (kind,) = names
    adapted = Adapted(backbone if isinstance(backbone, Backbone) else Backbone.from_pretrained(backbone or "smollm2"))
    embed = Backbone.from_pretrained().embed if len(examples) > k > 0 else None
    kit = Kit(adapted)
    reader = Generator(adapted).load(adapter) if adapter else None
    if kind == Classification.kind:
        kit.shown[kind] = Classification(adapted, labels, examples, k=k, embed=embed, adapter=reader)
    else:
        kit.shown[kind] = Extraction(adapted, kind, labels, examples, k=k, embed=embed, adapter=reader)
    return kit


def _chosen(heads: Sequence[Head], kinds: Sequence[str], adapter: str) -> list[Head]:
    """Return the heads of these kinds and those that they need."""
    by_kind = {head.kind: head for head in heads}
    needed = {need for kind in kinds for need in HEADS[kind].needs}
    missing = [kind for kind in kinds if kind not in by_kind]
    if missing:
        raise AdapterError(f"{adapter} has no head {missing[0]!r}; it has: {', '.join(by_kind)}")
    return [by_kind[kind] for kind in in_order({*kinds, *needed} & set(by_kind))]
