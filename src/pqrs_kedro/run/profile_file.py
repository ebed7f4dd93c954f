"""A user's own profile: a YAML file with the keys of one profile, or with what differs from one.

`--params profile=my_authority.yml` names it; its name without the ending is the profile's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from pqrs_kedro.parameters import RUN_ID_PATTERN, RUN_ID_RULE, InvalidInput, parse_profile

SUFFIXES: Final = (".yml", ".yaml")
_BASE: Final = "extends"


class UniqueKeysLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which lets the last of equal keys win, without that."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """A mapping whose keys are all different."""
        keys = [key.value for key, _ in node.value]
        repeated = next((key for n, key in enumerate(keys) if key in keys[:n]), None)
        if repeated is not None:
            raise yaml.constructor.ConstructorError(
                None, None, f"key {repeated!r} comes twice", node.start_mark
            )
        return super().construct_mapping(node, deep)


def with_profile_file(parameters: dict[str, Any], project: Path) -> dict[str, Any]:
    """The parameters with the profile that a file has, if `profile` is the path of one.

    The profile comes among `profiles`, under the file's name, which `profile` then is.

    Args:
        parameters: the parameters as they are configured.
        project: what a relative path is relative to.

    Raises:
        InvalidInput: the file cannot be used; one line with its name and the path inside it.
    """
    given = parameters.get("profile")
    if not isinstance(given, str) or not given.endswith(SUFFIXES):
        return parameters
    known = parameters.get("profiles") or {}
    try:
        name = _name(given)
        profile = _extended(_content(project / Path(given).expanduser()), known)
        _check_new(name, profile, known)
    except InvalidInput as problem:
        raise InvalidInput(" ".join(f"profile {given}: {problem}".split())) from None
    return parameters | {"profile": name, "profiles": {**known, name: profile}}


def _name(given: str) -> str:
    name = Path(given).stem
    if not RUN_ID_PATTERN.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name of a profile; use {RUN_ID_RULE}")
    return name


def _content(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8-sig"), UniqueKeysLoader)  # noqa: S506  (a safe one)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}: {path}") from None
    except UnicodeDecodeError:
        raise InvalidInput("is not text in UTF-8") from None
    except yaml.YAMLError as error:
        raise InvalidInput(f"is not valid YAML: {_problem(error)}") from None
    if not isinstance(content, dict):
        raise InvalidInput("must be a mapping: the keys of one profile")
    return content


def _problem(error: yaml.YAMLError) -> str:
    """What is wrong, and where."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return f"line {mark.line + 1}: {problem}" if mark and problem else str(error)


def _extended(content: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The content laid over the profile that it extends, if it names one."""
    if _BASE not in content:
        return content
    base = content[_BASE]
    if not isinstance(base, str) or base not in known:
        raise InvalidInput(f"{_BASE}: {base!r} is not one of {', '.join(sorted(known))}")
    return _laid_over(known[base], {key: part for key, part in content.items() if key != _BASE})


def _laid_over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping: nested mappings are merged, everything else is replaced."""
    merged = dict(base)
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _laid_over(merged[key], value) if nested else value
    return merged


def _check_new(name: str, profile: dict[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse a profile that is none, and one whose name another one has."""
    typed = parse_profile(profile)
    if name in known and parse_profile(known[name]) != typed:
        raise InvalidInput(f"there is another profile named {name!r}; rename the file")
