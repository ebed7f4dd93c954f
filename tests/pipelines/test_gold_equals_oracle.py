"""Every gold table equals what the oracle recomputes from the raw JSON Lines, cell by cell."""

import pytest
from tests.conftest import Observed
from tests.oracle import metrics
from tests.oracle.curation import assert_same_table

from pqrs_kedro.contracts.tables import TABLES

GOLD = tuple(name for name, table in TABLES.items() if table.layer == "gold")


@pytest.fixture(scope="module")
def expected_gold(observed: Observed) -> dict[str, metrics.pd.DataFrame]:
    return metrics.build_gold(observed.oracle)


@pytest.mark.parametrize("name", GOLD)
def test_a_gold_table_equals_the_oracle(name, observed, expected_gold) -> None:
    expected = expected_gold[name]
    if name == "gold_run_summary":
        expected = metrics.gold_run_summary(observed.oracle, observed.requested_pct)
    assert len(expected) > 0
    assert_same_table(observed.run.table(name), expected, TABLES[name].primary_key)
