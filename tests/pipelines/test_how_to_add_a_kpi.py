"""The page that says how to add a KPI, followed to the letter in a copy of the project."""

import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
from tests.conftest import Project, Run, params

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/how-to/add_a_kpi.md"
BLOCK = re.compile(r"^```(diff|python)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.DOTALL | re.M)
NAME = "gold_kpi_reopened_daily"


def follow(project: Project) -> None:
    """Apply every block: differences as they are, files under their titles."""
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert [kind for kind, *_ in blocks].count("diff") == 4
    for kind, title, content in blocks:
        if kind == "python":
            (project.path / title).write_text(content, encoding="utf-8")
            continue
        done = subprocess.run(
            ["git", "apply", "-"],
            input=content, cwd=project.path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stderr}\n{content}"


@pytest.mark.xdist_group("how_to")
def test_a_kpi_is_added_by_following_the_page(make_project: Callable[[], Project]):
    project = make_project()
    follow(project)
    option = params(run_id="kpi", seed=3, date_max="2026-01-07", volume_scale=0.05)
    outcome = project.kedro("run", *option)
    assert outcome.code == 0, outcome.err
    run = Run(project, "kpi")
    source = {row["ticket_id"]: row["source_channel"] for row in run.rows("silver_tickets")}
    events = [row for row in run.rows("silver_status_events") if row["status_to"] == "REOPENED"]
    expected = Counter(source[row["ticket_id"]] for row in events)
    assert expected
    found: Counter[str] = Counter()
    # Not by `run.rows`: the contracts of this process do not have the table.
    paths = run.lake.glob("gold/kpi_reopened/day=*/run_id=kpi/part-*.parquet")
    rows = [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]
    for row in rows:
        found[row["channel"]] += row["reopened_count"]
    assert +found == expected
    # Dense: each day of gold has a row for each of the four channels.
    days = {row["day"] for row in run.rows("gold_kpi_volume_daily")}
    assert len(rows) == 4 * len(days)
    assert f"{NAME}/primary_key" in {
        f"{row['dataset']}/{row['check_name']}" for row in run.rows("data_quality")
    }
    with psycopg.connect(project.warehouse_url) as connection:
        query = f"SELECT channel, sum(reopened_count) FROM {NAME}_current GROUP BY channel"
        served = {channel: int(count) for channel, count in connection.execute(query)}
    assert {channel: count for channel, count in served.items() if count} == expected
