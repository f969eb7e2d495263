"""Kinds of texts to write, as data: prompts in English and Chinese, and how to decode (`tasks/generation/*.toml`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from string import Formatter
from typing import Annotated

from nlpkit import recipes
from nlpkit.decoding import Decoding
from nlpkit.errors import InputError, RecipeError
from nlpkit.tables import Rule, read
from nlpkit.text import chinese

_NOT_EMPTY = Rule("not empty", bool)


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt with places such as {text}: `user` for models that answer turns, `plain` for those that go on.

    `inputs` are what stands in the places in this language unless it is given, where it differs from the kind's.
    """

    plain: Annotated[str, _NOT_EMPTY]
    user: str = ""
    system: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Writing:
    """A kind of text: its prompts, what they ask for beside the text (with what stands there unless it is given).

    `adapter` is the folder or the name of an adapter to write it with, "" for none.
    """

    name: str
    title: Annotated[str, _NOT_EMPTY]
    en: Template
    zh: Template
    inputs: Mapping[str, str] = field(default_factory=dict)
    decoding: Decoding = field(default_factory=Decoding)
    adapter: str = ""

    @property
    def places(self) -> tuple[str, ...]:
        """What the prompts ask for."""
        return ("text", *self.inputs)

    def prompt(self, inputs: Mapping[str, str], *, chat: bool) -> str | list[dict[str, str]]:
        """Return the prompt for some inputs, in the language of the text.

        Args:
            inputs: what to put in the places, "text" among them.
            chat: whether the model answers turns.

        Raises:
            InputError: a place that the prompts do not have, or a text that is missing or empty.

        """
        unknown = [key for key in inputs if key not in self.places]
        if unknown:
            raise InputError(f"{self.name} has no place for {unknown[0]!r}; it has: {', '.join(self.places)}")
        text = inputs.get("text", "")
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{self.name} got the text {text!r}; give one that is not empty")
        template = self.zh if chinese(text) else self.en
        filled = {**self.inputs, **template.inputs, **inputs}
        if not (chat and template.user):
            return template.plain.format_map(filled)
        system = [{"role": "system", "content": template.system.format_map(filled)}] if template.system else []
        return [*system, {"role": "user", "content": template.user.format_map(filled)}]


def find(name_or_path: str | Path) -> Writing:
    """Find a kind of text by name ("summary") among those that travel with nlpkit, or by the path of its file.

    Raises:
        RecipeError: no such one, or it is broken.

    """
    path = Path(name_or_path)
    name = path.as_posix().removeprefix(f"{recipes.GENERATION}/").removesuffix(".toml")
    if not path.is_file():
        if name not in names():
            near = get_close_matches(name, names(), n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            known = f"known: {', '.join(names())}, or the path of a .toml file"
            raise RecipeError(f"no kind of text {str(name_or_path)!r}; {hint}{known}")
        path = recipes.ROOT / recipes.GENERATION / f"{name}.toml"
    table = recipes.table_of(path)
    found = read(Writing, {"name": path.stem, **table}, str(path), "")
    _check(found, str(path))
    return found


def names() -> list[str]:
    """Return the names of the kinds of texts that travel with nlpkit, sorted."""
    return sorted(path.stem for path in (recipes.ROOT / recipes.GENERATION).glob("*.toml"))


def _check(writing: Writing, source: str) -> None:
    for language, template in (("en", writing.en), ("zh", writing.zh)):
        if added := [key for key in template.inputs if key not in writing.inputs]:
            allowed = ", ".join(writing.inputs) or "none"
            raise RecipeError(f"{source}: {language}.inputs has {added[0]!r}; allowed: those of [inputs] ({allowed})")
        for key, prompt in (("plain", template.plain), ("user", template.user), ("system", template.system)):
            try:
                asked = [place for _, place, _, _ in Formatter().parse(prompt) if place is not None]
            except ValueError as e:
                message = f"{source}: {language}.{key} is no template ({e}); write {{{{ and }}}} for braces"
                raise RecipeError(message) from e
            unknown = [place for place in asked if place not in writing.places]
            if unknown or (prompt and key != "system" and "text" not in asked):
                raise RecipeError(
                    f"{source}: {language}.{key} asks for {', '.join(asked) or 'nothing'}; allowed: text, which must "
                    f"be there, and what [inputs] names ({', '.join(writing.inputs) or 'nothing'})"
                )
    try:
        writing.decoding.check()
    except InputError as e:
        raise RecipeError(f"{source}: {e}") from e
