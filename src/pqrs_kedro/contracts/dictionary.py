"""The data dictionary, `docs/data_dictionary.md`, written from the contracts.

`python -m pqrs_kedro.contracts.dictionary` writes it; with `--check` it only says whether the file
is what the contracts say now (exit code 1 if not).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import click
import pyarrow as pa

from pqrs_kedro.contracts.columns import COLUMNS, Column
from pqrs_kedro.contracts.generated import COMMAND, write_or_check
from pqrs_kedro.contracts.schema import ARROW_TYPES, ATTACHMENT_TYPE, MESSAGE_TYPE
from pqrs_kedro.contracts.tables import SWEEP_TABLES, TABLES, Table
from pqrs_kedro.domain.channels import CHANNELS
from pqrs_kedro.domain.geometry import SRID
from pqrs_kedro.domain.statuses import STATUSES
from pqrs_kedro.lake.layout import sweep_pattern, table_pattern

PROJECT: Final = Path(__file__).resolve().parents[3]
DICTIONARY: Final = PROJECT / "docs" / "data_dictionary.md"

SWEEP: Final = "sweep"
_LAYERS: Final = {
    "bronze": "Bronze: events with types, and what is no event",
    "silver": "Silver: curated entities and dimensions",
    "gold": "Gold: measures by day",
    "quality": "Quality: the checks of a run",
    "truth": "Truth: what the generator decided, for validation only",
    SWEEP: "Sweep: trials of a parameter sweep, and its calibration",
}
_TABLES: Final = (*TABLES.values(), *SWEEP_TABLES.values())
_NESTED: Final = {"messages": MESSAGE_TYPE, "attachments": ATTACHMENT_TYPE}
_ENCODED: Final = {"geometry": f": EWKB, little-endian, EPSG:{SRID}"}
_SPANISH: Final = {item.status_id: item.name for item in STATUSES} | {
    item.channel_id: item.name for item in CHANNELS
}
_HEAD: Final = f"""\
# Data dictionary

Written by `{COMMAND}` from `src/pqrs_kedro/contracts`; change it there. The raw layer is described
in [raw_events.md](raw_events.md), the measures in [metrics.md](metrics.md), the layer truth in
[ground_truth.md](ground_truth.md), the layer sweep in [sweeps.md](sweeps.md).

Instants are UTC with microseconds. A day is a local day of America/Bogota. Partition columns lie in
the object's path, not in the object; `month` and `day` there are text. An object's rows are ordered
by the key, or by the row order given. Every table has one set of objects per `run_id`,
those of the layer sweep per `sweep_id`."""


def dictionary() -> str:
    """The whole document."""
    parts = [_HEAD, _index(), *_layers(), _nested(), _enumerations(), _types()]
    return "\n\n".join(parts) + "\n"


def _index() -> str:
    rows = [(table.layer, f"[`{table.name}`](#{table.name})", table.grain) for table in _TABLES]
    return "## Tables\n\n" + _markdown_table(("Layer", "Table", "Grain"), rows)


def _layers() -> Iterator[str]:
    for layer, title in _LAYERS.items():
        yield f"## {title}"
        yield from (_section(table) for table in _TABLES if table.layer == layer)


def _section(table: Table) -> str:
    """One table: its facts, then its columns."""
    rows = [_column_row(table, name) for name in (*table.partitions, *table.columns)]
    header = ("Column", "Type", "Unit", "Null", "Values", "Description", "Source")
    facts = "\n".join(f"* {name}: {value}" for name, value in _facts(table))
    return f"### {table.name}\n\n{facts}\n\n{_markdown_table(header, rows)}"


def _facts(table: Table) -> Iterator[tuple[str, str]]:
    yield "Grain", table.grain
    of_sweep = table.layer == SWEEP
    pattern = sweep_pattern(table, "SWEEP_ID") if of_sweep else table_pattern(table, "RUN_ID")
    yield "Path", f"`{pattern}`"
    yield "Key", _codes(table.primary_key)
    if table.partitions:
        yield "Partitions", _codes(table.partitions)
    if table.order:
        yield "Row order", _codes(table.order)
    if table.foreign_keys:
        keys = [f"`{name}` → `{other}.{key}`" for name, other, key in table.foreign_keys]
        yield "Foreign keys", ", ".join(keys)
    if table.invariant:
        yield "Invariant", table.invariant


def _column_row(table: Table, name: str) -> tuple[str, ...]:
    column = table.column(name)
    return (
        f"`{name}`",
        f"{column.type}, in the path" if name in table.partitions else _type(column),
        column.unit or "",
        "yes" if table.is_nullable(name) else "no",
        _values(column),
        column.description,
        column.source or "",
    )


def _type(column: Column) -> str:
    return f"[{column.type}](#{column.type})" if column.type in _NESTED else column.type


def _values(column: Column) -> str:
    if column.allowed is None:
        return ""
    name = _enumerated()[column.allowed][0]
    return f"[{name}](#values-of-{name})"


def _enumerated() -> dict[tuple[str, ...], list[str]]:
    """The columns of each enumeration, which is named after the first of them."""
    found: dict[tuple[str, ...], list[str]] = {}
    for column in COLUMNS.values():
        if column.allowed is not None:
            found.setdefault(column.allowed, []).append(column.name)
    return found


def _nested() -> str:
    """The structures inside a bronze event."""
    parts = ["## Nested structures", "Lists of the following, in order; null when there are none."]
    for name, structure in _NESTED.items():
        rows = [_nested_row(field) for field in structure]
        table = _markdown_table(("Field", "Type", "Unit", "Values", "Description"), rows)
        parts += [f"### {name}", COLUMNS[name].description, table]
    return "\n\n".join(parts)


def _nested_row(field: pa.Field) -> tuple[str, ...]:
    column = COLUMNS[field.name]
    cells = (column.type, column.unit or "", _values(column), column.description)
    return (f"`{field.name}`", *cells)


def _enumerations() -> str:
    parts = ["## Enumerations"]
    for values, columns in _enumerated().items():
        listed = "\n".join(f"* {_value(value)}" for value in values)
        parts += [f"### Values of {columns[0]}", f"Columns: {_codes(columns)}.", listed]
    return "\n\n".join(parts)


def _value(value: str) -> str:
    """A value, with the Spanish name that people see where it has one."""
    return f"`{value}` ({_SPANISH[value]})" if value in _SPANISH else f"`{value}`"


def _types() -> str:
    """How types are stored."""
    rows = [(name, _storage(name, kind)) for name, kind in ARROW_TYPES.items()]
    return "## Types\n\n" + _markdown_table(("Type", "Arrow type in the objects"), rows)


def _storage(name: str, kind: pa.DataType) -> str:
    if name in _NESTED:
        return f"list, see [{name}](#{name})"
    return f"`{kind}`{_ENCODED.get(name, '')}"


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _markdown_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    ruler = ("---",) * len(header)
    return "\n".join(f"| {' | '.join(_cell(c) for c in row)} |" for row in (header, ruler, *rows))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if the file is stale.")
@click.option("--path", type=click.Path(path_type=Path), default=DICTIONARY, help="The document.")
def main(check: bool, path: Path) -> None:
    """Write the data dictionary from the contracts."""
    write_or_check(path, dictionary(), check, "the contracts")


if __name__ == "__main__":
    main()
