"""SQL of an expression, made once per process: Ibis takes longer for it than DuckDB for few rows.

A sweep asks the same of each trial's tables, and runs in one process the same of each run's.
"""

from collections import OrderedDict
from typing import Any, Final

import ibis
import ibis.expr.operations as ops
from ibis.backends.sql.compilers.duckdb import DuckDBCompiler

# A run has some hundred expressions over tables of the engine.
_MOST: Final = 500
# Of tables that Ibis names by itself, each otherwise, and drops when nobody holds them any more.
_BY_CHANCE: Final = "ibis_"
_SOURCES: Final = (ops.DatabaseTable, ops.InMemoryTable, ops.SQLQueryResult)


class CompiledOnce(DuckDBCompiler):  # type: ignore[misc]
    """Ibis' compiler, which remembers the expressions that were asked for last.

    Equal expressions have equal SQL: name and schema of each table are part of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: OrderedDict[Any, Any] = OrderedDict()

    def to_sqlglot(self, expr: ibis.Expr, *, limit: Any = None, params: Any = None) -> Any:
        """SQL of an expression, as a tree that is the caller's."""
        asked = expr.as_table().op()
        if params or not all(map(_is_lasting, asked.find(_SOURCES))):
            return super().to_sqlglot(expr, limit=limit, params=params)
        if (asked, limit) not in self._made:
            self._made[asked, limit] = super().to_sqlglot(expr, limit=limit)
            if len(self._made) > _MOST:
                self._made.popitem(last=False)
        self._made.move_to_end((asked, limit))
        return self._made[asked, limit].copy()


def _is_lasting(source: Any) -> bool:
    """Whether the same may be asked again: not of rows in memory, nor of files, asked for once."""
    return isinstance(source, ops.DatabaseTable) and not source.name.startswith(_BY_CHANCE)


COMPILER: Final = CompiledOnce()
