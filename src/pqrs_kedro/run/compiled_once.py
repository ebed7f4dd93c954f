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
# Rows in memory would be held, and a query of files is asked for once.
_NOT_KEPT: Final = (ops.InMemoryTable, ops.SQLQueryResult)


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
        if params or asked.find(_NOT_KEPT):
            return super().to_sqlglot(expr, limit=limit, params=params)
        if (asked, limit) not in self._made:
            self._made[asked, limit] = super().to_sqlglot(expr, limit=limit)
            if len(self._made) > _MOST:
                self._made.popitem(last=False)
        self._made.move_to_end((asked, limit))
        return self._made[asked, limit].copy()


COMPILER: Final = CompiledOnce()
