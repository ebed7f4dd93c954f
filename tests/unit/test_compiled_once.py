"""An expression that was compiled before has the SQL, and the rows, of one that was not."""

import gc
from typing import Any

import ibis
import pyarrow as pa
import pytest
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

from pqrs_kedro.run import compiled_once
from pqrs_kedro.run.compiled_once import CompiledOnce
from pqrs_kedro.run.engine import Engine, EngineSettings

ROWS = pa.table({"key": ["a", "b", "b"], "value": [1, 2, 3]})


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was really compiled, in turn, by a compiler that has seen nothing yet."""
    found: list[Any] = []
    original = DuckDBCompiler.to_sqlglot

    def noted(self: DuckDBCompiler, expr: Any, **options: Any) -> Any:
        found.append(expr)
        return original(self, expr, **options)

    monkeypatch.setattr(DuckDBCompiler, "to_sqlglot", noted)
    monkeypatch.setattr("pqrs_kedro.run.engine.COMPILER", CompiledOnce())
    return found


def sums(table: ibis.Table, least: int = 0) -> ibis.Table:
    kept = table.filter(table.value > least)
    return kept.group_by("key").aggregate(total=kept.value.sum()).order_by("key")


def totals(table: ibis.Table, least: int = 0) -> dict[str, int]:
    return {row["key"]: row["total"] for row in sums(table, least).to_pyarrow().to_pylist()}


def test_the_same_question_of_another_connection_is_compiled_once(compiled: list[Any]) -> None:
    answers = []
    for rows in (ROWS, ROWS.slice(0, 2)):
        engine = Engine()
        table = engine.connect(EngineSettings()).create_table("t", rows, temp=True)
        compiled.clear()
        answers.append((totals(table), totals(table), len(compiled)))
        engine.close()
    assert answers == [({"a": 1, "b": 5},) * 2 + (1,), ({"a": 1, "b": 2},) * 2 + (0,)]


def test_another_question_name_or_type_is_compiled_by_itself(compiled: list[Any]) -> None:
    engine = Engine()
    connection = engine.connect(EngineSettings())
    tables = [
        connection.create_table("t", ROWS, temp=True),
        connection.create_table("u", ROWS, temp=True),
        connection.create_table(
            "v", ROWS.set_column(1, "value", ROWS["value"].cast(pa.int32())), temp=True
        ),
    ]
    compiled.clear()
    assert [totals(table) for table in tables] == [{"a": 1, "b": 5}] * 3
    assert totals(tables[0], least=1) == {"b": 5}
    assert sums(tables[0]).limit(1).to_pyarrow()["total"].to_pylist() == [1]
    assert connection.to_pyarrow(sums(tables[0]), limit=1)["total"].to_pylist() == [1]
    assert len(compiled) == 6
    engine.close()


def test_rows_in_memory_queries_of_files_and_passing_tables_are_not_held(
    compiled: list[Any],
) -> None:
    engine = Engine()
    connection = engine.connect(EngineSettings())
    for rows in (ROWS, ROWS.slice(1)):
        assert connection.to_pyarrow(sums(ibis.memtable(rows)))["total"].to_pylist()[-1] == 5
    asked = connection.sql("SELECT 'a' AS key, 7 AS value")
    assert totals(asked) == totals(asked) == {"a": 7}
    assert len(compiled) == 4
    passing = asked.cache()
    compiled.clear()
    assert totals(passing) == totals(passing) == {"a": 7}
    assert len(compiled) == 2
    assert connection.compiler._made == {}
    # Let go, it is gone at once, and not when there is no connection any more.
    name = passing.op().name
    assert name in connection.list_tables()
    del passing
    compiled.clear()
    gc.collect()
    assert name not in connection.list_tables()
    engine.close()


def test_what_was_not_asked_for_lately_is_forgotten(
    compiled: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_once, "_MOST", 2)
    engine = Engine()
    table = engine.connect(EngineSettings()).create_table("t", ROWS, temp=True)
    compiled.clear()
    for least in (0, 1, 0, 2, 0, 1):
        totals(table, least)
    assert len(compiled) == 4
    engine.close()
