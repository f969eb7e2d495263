"""The card of an adapter: its account, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SAID = {"style": "style", "rank": "rank", "tokens": "virtual pieces:", "layers": "layers:"}
"""What a card says of an adapter, and how."""

_NOTES = {
    "ner": "Entities count when characters and type are right.",
    "relation": "`relation_*`: from raw text, a triple counts when both its entities share a mention of the right type "
    "with the gold ones; `relation_given_*`: with the gold entities given.",
    "slots": "Slots count when characters and type are right.",
    "generation": "`perplexity` by pieces, of the responses alone, each given its prompt; `accuracy` is the share of "
    "pieces that were the likeliest; `bare_perplexity` is that of the backbone without the adapter.",
    "qa": "`exact` and `f1` as the scorer of SQuAD counts them.",
}
"""What the metrics of a kind of head count."""

LIMITS = """\
- It writes what is likely after what it has read, not what is true: check names, numbers, dates and quotations.
- A small decoder forgets parts of long prompts, repeats itself and counts badly. What was measured is above; of other
  kinds of prompts, of other languages and of longer texts nothing was.
- What it learnt from may hold prejudice and private names, and so may what it writes. `nlpkit.safety` withholds texts
  by lists of words and by classifiers, and says whom a text names; it does not catch everything.
- A person should read what is published or acted on, and readers should be told that a model wrote it."""
"""What a model that writes cannot do, for cards and for whoever shows its texts."""

_EXCLUSIVE = (
    "Each text comes with the two entities that it is about; `macro_f1` is the mean over the relations, direction "
    "counted: the official score of SemEval-2010 task 8."
)
_CUES = (
    "Relations include those that the text says in known wordings (`nlpkit/cues.toml`); how often each wording is "
    "right was counted on all of Re-DocRED's dev_revised, so `dev` flatters them."
)


def card(account: Mapping[str, Any]) -> str:
    """Return the README of an adapter folder, made of nothing but its account."""
    recipe, backbone, documents = account["recipe"], account["backbone"], account["documents"]
    parameters = account["parameters"]
    parts = [
        f"---\nlibrary_name: peft\nlicense: {recipe['licence'].lower()}\n---\n",
        f"# {recipe['name']}\n\n{recipe['title']}.\n",
        "| | |\n|---|---|",
        f"| heads | {', '.join(account['heads']) or 'none: it writes'} |",
        f"| backbone | {backbone['name']} (SHA-256 {backbone['sha256'][:16]}...), frozen |",
        f"| adapter | {_adapter(recipe['adapter'])} |",
        f"| parameters | {parameters['adapter']:,} in the adapter, {parameters['heads']:,} in the heads |",
        f"| size | {account['bytes'] / 1e6:.1f} MB (fp16 safetensors) |",
        f"| data | {_data(recipe)}, {documents.get('train', 0)} documents to train on, {documents.get('dev', 0)} to "
        "choose on |",
        *_course(account),
        f"| licence | {recipe['licence']} |\n",
        _scores(account),
        *_continued(account),
        *(_written(backbone["name"]) if recipe["heads"] == ["generation"] else _read(account)),
    ]
    return "\n".join(parts)


def _course(account: Mapping[str, Any]) -> list[str]:
    """Say how long the training took, and what was tried before it."""
    training, tried = account.get("training"), account.get("tried", ())
    rows = []
    if training:
        minutes = training["seconds"] / 60
        rows.append(f"| training | {len(training['history'])} epochs, {minutes:.1f} minutes of processor time |")
    if tried:
        rows.append(f"| settings | the best of {len(tried)} that were tried on dev (`tried` in nlpkit.json) |")
    return rows


def _continued(account: Mapping[str, Any]) -> list[str]:
    """Say what training further changed, on the old data and on the new."""
    continued = account.get("continued")
    if not continued:
        return []
    lines = [f"Trained further from {continued['from']}:\n", "| data and score | before | after |", "|---|---|---|"]
    for which in (which for which in ("old", "new") if which in continued):
        before, after = continued[which]["before"], continued[which]["after"]
        lines += [f"| {which}: {metric} | {before[metric]:.4f} | {after[metric]:.4f} |" for metric in before]
    return ["\n".join([*lines, ""])]


def _read(account: Mapping[str, Any]) -> list[str]:
    """Return what is said of an adapter with heads."""
    return [
        "## Labels\n",
        *(_labels(kind, config) for kind, config in account["heads"].items()),
        '## Load\n\n```python\nimport nlpkit\n\nkit = nlpkit.load("path/to/this/folder")\n```\n',
    ]


def _written(backbone: str) -> list[str]:
    """Return what is said of an adapter that writes."""
    return [
        f"## Limits\n\n{LIMITS}\n",
        "## Load\n\n```python\nimport nlpkit\n\n"
        f'generator = nlpkit.Generator.from_pretrained("{backbone}")\n'
        'adapter = generator.load("path/to/this/folder")\n'
        'generator("...", adapter=adapter).text\n```\n',
    ]


def _data(recipe: Mapping[str, Any]) -> str:
    """Say from which files was learnt, and of several what."""
    sets = [recipe["data"], *recipe.get("more", ())]
    said = [f"{spec['format']}: {spec['train']}" for spec in sets]
    if len(sets) > 1:
        said = [f"{', '.join(spec['heads'])} from {files}" for spec, files in zip(sets, said, strict=True)]
    return "; ".join(said)


def _adapter(spec: Mapping[str, Any]) -> str:
    """Say what an adapter is: its method, and the sizes and places that it was given."""
    words = [f"{word} {spec[key]}" for key, word in _SAID.items() if key in spec]
    return ", ".join([spec["method"], *words])


def _scores(account: Mapping[str, Any]) -> str:
    columns = {f"{split}": dict(scores) for split, scores in account["scores"].items()}
    columns |= {name: dict(scores) for name, scores in account.get("compared", {}).items()}
    if goals := account["recipe"].get("goals"):
        columns["goal for test"] = goals
    metrics = list(dict.fromkeys(m for scores in columns.values() for m in scores))
    lines = ["## Scores\n", f"| metric | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for metric in metrics:
        cells = [f"{scores[metric]:.4f}" if metric in scores else "" for scores in columns.values()]
        lines.append(f"| {metric} | {' | '.join(cells)} |")
    notes = {kind: _NOTES[kind] for kind in account["recipe"]["heads"] if kind in _NOTES}
    relation = account["heads"].get("relation", {})
    if relation.get("exclusive"):
        notes["relation"] = _EXCLUSIVE
    if relation.get("cues"):
        notes["cues"] = _CUES
    held_out = "`dev` was used to choose and to calibrate, `test` for these figures alone."
    nothing = "No text was held out: confidences were fitted on the texts that were trained on, and are too high."
    said = [*notes.values(), held_out if account["documents"].get("dev") else nothing]
    lines.append("\n" + " ".join([*said, account["recipe"].get("note", "")]).rstrip())
    lines.append("")
    return "\n".join(lines)


def label_names(config: Mapping[str, Any]) -> list[str]:
    """Return the names of a head's labels, of its intents too; none where it finds spans without a label."""
    return [*config.get("relations", {}).values(), *config.get("labels", ()), *config.get("intents", ())]


def _labels(kind: str, config: Mapping[str, Any]) -> str:
    names = [f"{name} ({key})" for key, name in config.get("relations", {}).items() if name != key]
    return f"`{kind}`: {', '.join(names or label_names(config)) or 'a span of the text'}\n"
