"""Every SLA cycle of a default-size run equals what a walk along the ticket's events finds.

The walk is that of `tests/oracle`: one event after the other, days counted one by one.
"""

import pytest
from tests.conftest import Run, base_profiles, copy_project
from tests.oracle.curation import (
    Rules,
    as_frame,
    assert_same_table,
    build_tickets,
    read_events,
    sla_row,
)

from pqrs_kedro.contracts.tables import TABLES


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group(f"default_{name}"))
        for name in ("documento_v1", "ley1755")
    ],
)
def default_run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The default run of a profile, some 35,000 tickets of a month, up to its SLA cycles."""
    project = copy_project(tmp_path_factory.mktemp(request.param) / "project")
    with project.session(run_id="default", profile=request.param) as session:
        stages = ["synthesis", "ingestion", "curation"]
        session.run(pipeline_names=stages, to_outputs=["silver_sla_cycles"])
    return Run(project, "default")


def test_the_sla_engine_equals_the_walk_on_every_ticket(
    default_run: Run, request: pytest.FixtureRequest
) -> None:
    profile = base_profiles()[request.node.callspec.params["default_run"]]
    terms = {code: item["term_business_days"] for code, item in profile["types"].items()}
    rules = Rules(terms, profile["stop_status"])
    tickets = build_tickets(read_events(default_run.lake, default_run.run_id), rules)
    assert len(tickets) > 34_000
    expected = [sla_row(cycle) for ticket in tickets for cycle in ticket.cycles]
    assert len(expected) > len(tickets)
    name = "silver_sla_cycles"
    assert_same_table(default_run.table(name), as_frame(name, expected), TABLES[name].primary_key)
