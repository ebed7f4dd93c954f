"""Every silver table equals what the oracle rebuilds from the raw JSON Lines, cell by cell.

The generated runs cover both profiles; the hand-made tickets (`tests/conftest.py`, STORIES) cover the
edges of the SLA cycle, with each clock.
"""

import csv
from collections import Counter
from datetime import date
from itertools import accumulate

import pandas as pd
import pyarrow as pa
import pytest
from tests.conftest import LAST_OBSERVED_DAY, REGIONS, ROOT, STORIES, Observed, Run, base_profiles
from tests.oracle.calendar import days_from_to, is_business_day
from tests.oracle.curation import Row, assert_same_table, build_silver

from pqrs_kedro.contracts.tables import TABLES

ENTITIES = (
    "silver_tickets",
    "silver_messages",
    "silver_status_events",
    "silver_attachments",
    "silver_sla_cycles",
)


@pytest.fixture(scope="module")
def expected_silver(observed: Observed) -> dict[str, pd.DataFrame]:
    oracle = observed.oracle
    return build_silver(oracle.events, oracle.terms, oracle.stop_status)


@pytest.mark.parametrize("name", ENTITIES)
def test_a_silver_table_equals_the_oracle(
    name: str, observed: Observed, expected_silver: dict[str, pd.DataFrame]
) -> None:
    assert len(expected_silver[name]) > 0
    assert_same_table(observed.run.table(name), expected_silver[name], TABLES[name].primary_key)
