"""A small validator of JSON Schema 2020-12, by the words of the specification.

It knows the keywords that the project's schemas use, and no other: one more is an error, so that
none is passed over in silence.
"""

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
# Of a value that the keyword applies to: the value, what the keyword says, the schema, its root.
Rule = Callable[[Any, Any, Schema, Schema], bool]


def is_valid(value: Any, schema: Schema, root: Schema | None = None) -> bool:
    """Whether a JSON value keeps a schema; references are looked up in `root`."""
    root = schema if root is None else root
    return all(
        _RULES[word](value, said, schema, root)
        for word, said in schema.items()
        if word not in _SAYINGS
    )


# They say something to people, or are looked up where they are referred to.
_SAYINGS = {"$schema", "$id", "$defs", "title", "description", "format", "then", "else"}


def _refers(value: Any, said: str, schema: Schema, root: Schema) -> bool:
    return is_valid(value, root["$defs"][said.removeprefix("#/$defs/")], root)


def _matches(value: str, said: str, schema: Schema, root: Schema) -> bool:
    # In ECMA-262 `$` is the very end, and before no line feed.
    return bool(re.search(re.sub(r"\$$", r"\\Z", said), value, re.ASCII))


def _branches(value: Any, said: Schema, schema: Schema, root: Schema) -> bool:
    branch = "then" if is_valid(value, said, root) else "else"
    return is_valid(value, schema.get(branch, {}), root)


def _has_parts(value: dict[str, Any], said: Schema, schema: Schema, root: Schema) -> bool:
    return all(is_valid(value[name], said[name], root) for name in value.keys() & said.keys())


def _applies_to(kind: type | tuple[type, ...], rule: Rule) -> Rule:
    """Most keywords say nothing of a value of another type."""
    return lambda value, said, schema, root: (
        not isinstance(value, kind) or isinstance(value, bool) or rule(value, said, schema, root)
    )


_NUMBER = (int, float)
_RULES: dict[str, Rule] = {
    "$ref": _refers,
    "type": lambda value, said, schema, root: any(
        _is_of(value, name) for name in ([said] if isinstance(said, str) else said)
    ),
    "enum": lambda value, said, schema, root: any(_equal(value, item) for item in said),
    "const": lambda value, said, schema, root: _equal(value, said),
    "pattern": _applies_to(str, _matches),
    "minimum": _applies_to(_NUMBER, lambda value, said, schema, root: value >= said),
    "maximum": _applies_to(_NUMBER, lambda value, said, schema, root: value <= said),
    "maxProperties": _applies_to(dict, lambda value, said, schema, root: len(value) <= said),
    "required": _applies_to(dict, lambda value, said, schema, root: set(said) <= set(value)),
    "properties": _applies_to(dict, _has_parts),
    # Only ever false in these schemas.
    "additionalProperties": _applies_to(
        dict, lambda value, said, schema, root: said or set(value) <= set(schema["properties"])
    ),
    "items": _applies_to(
        list, lambda value, said, schema, root: all(is_valid(item, said, root) for item in value)
    ),
    "allOf": lambda value, said, schema, root: all(is_valid(value, part, root) for part in said),
    "anyOf": lambda value, said, schema, root: any(is_valid(value, part, root) for part in said),
    "if": _branches,
}

_TYPES: dict[str, type] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}


def _is_of(value: Any, name: str) -> bool:
    if name in _TYPES:
        return isinstance(value, _TYPES[name])
    is_number = isinstance(value, _NUMBER) and not isinstance(value, bool)
    return is_number and (name == "number" or value == int(value))


def _equal(value: Any, other: Any) -> bool:
    """Equality of JSON: true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)
