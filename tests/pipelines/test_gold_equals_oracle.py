"""Every gold table equals what the oracle recomputes from the raw JSON Lines, cell by cell."""

import pandas as pd
import pytest
from tests.conftest import Observed
from tests.oracle import metrics
from tests.oracle.curation import assert_same_table

from pqrs_kedro.contracts.tables import TABLES

GOLD = tuple(name for name, table in TABLES.items() if table.layer == "gold")


@pytest.fixture(scope="module")
def expected_gold(observed: Observed) -> dict[str, pd.DataFrame]:
    summary = metrics.gold_run_summary(observed.oracle, observed.requested_pct)
    return {**metrics.build_gold(observed.oracle), "gold_run_summary": summary}


@pytest.mark.parametrize("name", GOLD)
def test_a_gold_table_equals_the_oracle(
    name: str, observed: Observed, expected_gold: dict[str, pd.DataFrame]
) -> None:
    assert len(expected_gold[name]) > 0
    assert_same_table(observed.run.table(name), expected_gold[name], TABLES[name].primary_key)


@pytest.mark.xdist_group("stories")
def test_the_hand_made_tickets_fill_every_kind_of_cell(
    observed_stories_closed: Observed, observed_stories_responded: Observed
) -> None:
    for scene in (observed_stories_closed, observed_stories_responded):
        sla = metrics.gold_kpi_sla_daily(scene.oracle)
        for name in ("overdue_count", "within_count", "late_count", "avg_late_days"):
            assert sla[name].fillna(0).max() > 0
        ageing = metrics.gold_backlog_ageing_daily(scene.oracle)
        counted = ageing[ageing["backlog_count"] > 0]
        assert set(counted["age_bucket"]) == set(metrics.AGE_BUCKETS)
        backlog = metrics.gold_kpi_backlog_daily(scene.oracle)
        regions = set(backlog[backlog["backlog_count"] > 0]["region"])
        assert regions == {"Andina", "Caribe", "Amazonía", "Insular", "Sin dato"}
