"""Write docs/parameters.md from the parameters: `python -m tools.parameters_page [--check]`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
import yaml

from pqrs_kedro.contracts.generated import write_or_check
from pqrs_kedro.parameters import RunParameters

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "parameters.md"
CONFIGURED: Final = ROOT / "conf" / "base"
# The profile whose values are shown; another name stands in its place.
_SHOWN: Final = {"profiles": "documento_v1"}
# Of each of several names a value of its own.
_VARIES: Final = object()
# What a run fills in by itself, and nobody gives.
_OWN: Final = ("external",)
_BOUNDS: Final = {
    "minimum": "from {}", "ge": "from {}", "exclusiveMinimum": "more than {}", "gt": "more than {}",
    "maximum": "to {}", "le": "to {}", "exclusiveMaximum": "less than {}", "lt": "less than {}",
    "minLength": "not empty", "pattern": "as `{}`",
}  # fmt: skip
_HEAD: Final = """# Parameters

*Generated from the typed parameters and `conf/base` by `make docs`.* All of them can be given as
`kedro run --params "name=value,other.name=value"`, or kept in `conf/local/parameters.yml`; in a
sweep they are the names of `--grid`. What does not fit is refused in one line before anything is
written. Defaults of profiles are those of `documento_v1`; `conf/base/parameters_profiles.yml` has
both, and says where each number is from.
"""

Schema = Mapping[str, Any]


def page() -> str:
    """The whole page."""
    schema = RunParameters.model_json_schema()
    configured = _configured()
    sections = list(_sections(schema, schema["$defs"], (), configured, _comments()))
    return "\n\n".join([_HEAD.rstrip(), *sections]) + "\n"


def _configured() -> dict[str, Any]:
    """The defaults of `conf/base`."""
    files = sorted(CONFIGURED.glob("parameters*.yml"))
    return {
        name: value
        for file in files
        for name, value in yaml.safe_load(file.read_text(encoding="utf-8")).items()
    }


def _comments() -> dict[tuple[str, ...], str]:
    """What `conf/base/parameters.yml` says behind each name."""
    text = (CONFIGURED / "parameters.yml").read_text(encoding="utf-8")
    lines = text.splitlines()
    return {
        path: lines[line].partition(" # ")[2].strip().replace("<", "&lt;")
        for path, line in _places(yaml.compose(text), ())
    }


def _places(part: yaml.Node | None, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(part, yaml.MappingNode):
        for key, value in part.value:
            yield (*path, key.value), key.start_mark.line
            yield from _places(value, (*path, key.value))


def _sections(
    schema: Schema, models: Schema, path: tuple[str, ...], configured: Any, comments: Any
) -> Iterator[str]:
    """A table of the plain fields of a model, then those of the models in it."""
    nested, rows = [], []
    for name, field in schema["properties"].items():
        if name in _OWN:
            continue
        here = (*path, name)
        value = configured
        if configured is not _VARIES:
            value = configured.get(name) if isinstance(configured, Mapping) else None
        inner, step = _model(field, models, here)
        if inner is None:
            allowed = " or ".join(_allowed(field, models)).replace("|", "\\|")
            shown = _shown(value)
            rows.append(f"| `{'.'.join(here)}` | {allowed} | {shown} | {comments.get(here, '')} |")
        else:
            key = _SHOWN.get(name)
            of_one = value.get(key) if key else _VARIES if step else value
            nested.append((inner, (*here, *step), of_one))
    title = f"## `{'.'.join(path)}`" if path else "## The run"
    table = ["| Name | Allowed | Default | Meaning |", "|---|---|---|---|", *rows]
    says = schema.get("description", "").replace("\n", " ")
    yield "\n".join([title, "", says, *(["", *table] if rows else [])])
    for inner, where, value in nested:
        yield from _sections(inner, models, where, value, comments)


def _model(
    field: Schema, models: Schema, path: tuple[str, ...]
) -> tuple[Schema | None, tuple[str, ...]]:
    """The model that a field holds, or holds by name."""
    of_names = field.get("additionalProperties")
    target = of_names if isinstance(of_names, Mapping) else field
    for option in target.get("anyOf", (target,)):
        if "$ref" in option:
            step = (f"<{path[-1].rstrip('s')}>",) if target is of_names else ()
            return models[option["$ref"].rpartition("/")[2]], step
    return None, ()


def _allowed(field: Schema, models: Schema) -> Iterator[str]:
    for option in field.get("anyOf", (field,)):
        if "$ref" in option:
            model = models[option["$ref"].rpartition("/")[2]]
            yield "{" + ", ".join(model["properties"]) + "}"
        elif "enum" in option:
            yield ", ".join(f"`{value}`" for value in option["enum"])
        elif option["type"] == "array":
            parts = option.get("prefixItems") or [option.get("items", {"type": "value"})]
            most = option.get("maxItems")
            count = f"{most} " if most else ""
            yield f"list of {count}{' or '.join(dict.fromkeys(_allowed(parts[0], models)))}"
        elif option["type"] == "object":
            of = option["additionalProperties"]
            yield f"by name: {' or '.join(_allowed(of, models))}"
        else:
            kind = {"integer": "whole number", "string": "text"}.get(option["type"], option["type"])
            kind = option.get("format", kind)
            bounds = (text.format(option[name]) for name, text in _BOUNDS.items() if name in option)
            yield " ".join([kind, *bounds])


def _shown(value: Any) -> str:
    """A configured value; one that is long is left to its file."""
    if value is _VARIES:
        return "differs"
    if value is None:
        return "none"
    text = str(value)
    return f"`{text}`" if len(text) <= 30 else "see `conf/base`"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if the page is stale.")
def main(check: bool) -> None:
    """Write the page of the parameters."""
    write_or_check(PAGE, page(), check, "the parameters")


if __name__ == "__main__":
    main()
