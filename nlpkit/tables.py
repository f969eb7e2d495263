"""Tables of TOML or JSON into dataclasses: every key, type and rule is checked, and what is wrong is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from types import UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from nlpkit.errors import RecipeError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must fulfil beyond its type, and how to say so."""

    says: str
    holds: Callable[[Any], bool]


_SCORE = Annotated[float, Rule("a number from 0 to 1", lambda v: 0 <= v <= 1)]


def read(cls: type[T], table: Any, source: str, where: str) -> T:
    """Fill one dataclass from one table, checking every key, type and rule."""
    if not isinstance(table, Mapping):
        raise wrong(source, where, table, "a table")
    hints = get_type_hints(cls, include_extras=True)
    specs: dict[str, Field[Any]] = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in specs:
            raise RecipeError(f"{source}: unknown key {where + key!r}; allowed: {', '.join(specs)}")
    values = {}
    for key, spec in specs.items():
        if key in table:
            values[key] = _value(hints[key], table[key], source, where + key)
        elif spec.default is MISSING and spec.default_factory is MISSING:
            raise RecipeError(f"{source}: the key {where + key!r} is missing; add it")
    return cls(**values)


def _value(hint: Any, value: Any, source: str, key: str) -> Any:
    """Check one value against its type and, where the type is annotated with one, its rule."""
    if get_origin(hint) is Annotated:
        hint, rule = get_args(hint)
    else:
        rule = None
    if isinstance(hint, type) and is_dataclass(hint):
        return read(hint, value, source, f"{key}.")
    if get_origin(hint) is tuple and is_dataclass(inner := get_args(hint)[0]) and isinstance(inner, type):
        if not isinstance(value, list | tuple):
            raise wrong(source, key, value, f"tables [[{key}]]")
        return tuple(read(inner, item, source, f"{key}[{n}].") for n, item in enumerate(value))
    if get_origin(hint) is Mapping:
        return _mapping(get_args(hint)[1], value, source, key)
    typed = _typed(hint, value)
    if typed is MISSING:
        raise wrong(source, key, value, _says(hint))
    if rule is not None and not rule.holds(typed):
        raise wrong(source, key, value, rule.says)
    return typed


def _mapping(hint: Any, value: Any, source: str, key: str) -> dict[str, Any]:
    """Read a table with free keys, such as goals (scores from 0 to 1); of options each is a table for its head."""
    if not isinstance(value, Mapping):
        raise wrong(source, key, value, "a table")
    if hint == Mapping[str, Any]:
        for name, inner in value.items():
            if not isinstance(inner, Mapping):
                raise wrong(source, f"{key}.{name}", inner, "a table")
        return {name: dict(inner) for name, inner in value.items()}
    hint = _SCORE if hint is float else hint
    return {name: _value(hint, inner, source, f"{key}.{name}") for name, inner in value.items()}


def _typed(hint: Any, value: Any) -> Any:
    """Return the value as its type wants it (an int may stand for a float, a list for a tuple), or MISSING."""
    if isinstance(hint, UnionType):
        found = (_typed(option, value) for option in get_args(hint))
        return next((typed for typed in found if typed is not MISSING), MISSING)
    if hint is float and type(value) in (int, float) and value == value and abs(value) != float("inf"):
        return float(value)
    if get_origin(hint) is tuple:
        items = [_typed(get_args(hint)[0], item) for item in value] if isinstance(value, list | tuple) else [MISSING]
        return MISSING if any(item is MISSING for item in items) else tuple(items)
    # type(), not isinstance(): true is no integer in TOML.
    return value if hint is not float and type(value) is hint else MISSING


def _says(hint: Any) -> str:
    known: dict[Any, str] = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
    if isinstance(hint, UnionType):
        return " or ".join(_says(option) for option in get_args(hint) if option is not type(None))
    if hint == tuple[tuple[str, ...], ...]:
        return "a list of lists of strings"
    return known.get(hint, "a list of strings")


def wrong(source: str, key: str, value: Any, allowed: str) -> RecipeError:
    """Return the error that names a key, its value and what is allowed."""
    return RecipeError(f"{source}: {key.rstrip('.')} = {value!r}; allowed: {allowed}")


def without_nones(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table as plain JSON types, without the keys that are None."""
    plain: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            plain[key] = without_nones(value)
        elif value is not None:
            plain[key] = list(value) if isinstance(value, tuple) else value
    return plain
