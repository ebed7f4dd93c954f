"""Checks that hold for every table by its contract: keys, references, dense days."""

from collections.abc import Iterator
from typing import Final

from pqrs_kedro.contracts.columns import AGE_BUCKETS, REGIONS
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.pipelines.reporting.checks import (
    Check,
    Tables,
    conserved,
    first_rows,
    none_broken,
)
from pqrs_kedro.pipelines.reporting.measures import ROW_RULES, Measures, duplicates

# What a table has rows for on every day, besides the types.
_PER_DAY_AND_TYPE: Final = {
    "gold_kpi_volume_daily": "channels",
    "gold_kpi_backlog_daily": "regions",
    "gold_kpi_sla_daily": None,
    "gold_kpi_first_response_daily": None,
    "gold_kpi_close_time_daily": None,
    "gold_backlog_ageing_daily": "buckets",
}


def check_keys(tables: Tables, measures: Measures) -> Iterator[Check]:
    """The primary key of every table is never null and never twice."""
    for name, table in tables.items():
        found = measures[name]
        broken = found["null_keys"] + found["rows"] - found["keys"]
        key = TABLES[name].primary_key
        examples = first_rows(duplicates(name, table), key) if broken else []
        yield none_broken(name, "primary_key", found["rows"], broken, examples)


def check_references(tables: Tables, measures: Measures) -> Iterator[Check]:
    """Every foreign key of the contracts that is not null names a row of its table."""
    for name, table in tables.items():
        for column, target, target_column in TABLES[name].foreign_keys:
            known = tables[target].select(_known=target_column)
            given = table.filter(table[column].notnull())
            astray = given.anti_join(known, given[column] == known["_known"])
            broken = int(astray.count().to_pyarrow().as_py())
            key = dict.fromkeys((*TABLES[name].primary_key, column))
            examples = first_rows(astray, key) if broken else []
            yield none_broken(name, f"reference_{column}", measures[name]["rows"], broken, examples)


def check_row_rules(tables: Tables, measures: Measures) -> Iterator[Check]:
    """Rules that a row keeps or breaks by itself."""
    for name, rules in ROW_RULES.items():
        for rule, is_broken in rules.items():
            found = measures[name]
            offenders = tables[name].filter(is_broken(tables[name]))
            examples = first_rows(offenders, TABLES[name].primary_key) if found[rule] else []
            yield none_broken(name, rule, found["rows"], found[rule], examples)


def check_days(measures: Measures) -> Iterator[Check]:
    """Dense tables have a row for every day of the longest of them, type and further value."""
    counts = {
        "channels": measures["dim_channel"]["rows"],
        "regions": len(REGIONS) + 1,
        "buckets": len(AGE_BUCKETS),
    }
    days = max(measures[name]["span"] for name in _PER_DAY_AND_TYPE)
    types = measures["dim_pqrs_type"]["rows"]
    for name, further in _PER_DAY_AND_TYPE.items():
        expected = days * types * (counts[further] if further else 1)
        yield conserved(name, "every_day_has_its_rows", measures[name]["rows"], expected, days=days)
