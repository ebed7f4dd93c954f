"""`kedro sql`: answers from the lake and from the warehouse, as table, CSV and Parquet."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import geopandas
import pyarrow.parquet as pq
import pytest
from tests.conftest import ROOT, ForkedKedro, Outcome, Run

from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.run.query import Output, ask_lake

pytestmark = pytest.mark.xdist_group("doc")
COUNT = "SELECT pqrs_type, count(*) AS n FROM {} GROUP BY pqrs_type ORDER BY pqrs_type"


@pytest.fixture
def ask(documento_run: Run, forked_kedro: ForkedKedro) -> Callable[..., Outcome]:
    return lambda *arguments: forked_kedro(documento_run.project, "sql", *arguments)


@pytest.mark.parametrize("served", [False, True], ids=["lake", "warehouse"])
def test_counts_are_those_of_the_objects(
    served: bool, ask: Callable[..., Outcome], documento_run: Run
) -> None:
    table = "silver_tickets_current" if served else "silver_tickets"
    outcome = ask(COUNT.format(table), "--format", "csv", *["--warehouse"] * served)
    assert (outcome.code, outcome.err) == (0, "")
    found = {row["pqrs_type"]: int(row["n"]) for row in csv.DictReader(io.StringIO(outcome.out))}
    assert found == Counter(row["pqrs_type"] for row in documento_run.rows("silver_tickets"))


@pytest.mark.parametrize("table", TABLES)
def test_every_table_of_the_dictionary_is_a_view(
    table: str, documento_run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "answer.parquet"
    store = FolderStore(documento_run.lake)
    ask_lake(store, documento_run.run_id, f"SELECT * FROM {table}", Output("parquet", file))
    contract, answer = TABLES[table], pq.read_table(file)
    assert answer.column_names == [*contract.partitions, *contract.columns]
    assert len(answer) == len(documento_run.table(table))


def test_a_table_is_shown_on_the_screen(ask: Callable[..., Outcome], documento_run: Run) -> None:
    outcome = ask("SELECT name FROM dim_channel ORDER BY name")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("┌")
    names = [row["name"] for row in documento_run.rows("dim_channel")]
    assert len(names) == 4
    assert all(f"│ {name} " in outcome.out for name in names)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("SELECT nothing FROM silver_tickets",), 1, "nothing"),
        (("SELECT * FROM no_such_table",), 1, "no_such_table"),
        (("SELEKT 1",), 1, "SELEKT"),
        (("SELECT nothing FROM dim_geo_current", "--warehouse"), 1, "nothing"),
        (("DELETE FROM meta.etl_runs", "--warehouse"), 1, "read-only transaction"),
        (("SELECT 1; DROP TABLE dim_geo", "--warehouse"), 1, "multiple commands"),
        (("SELECT 1", "--run", "../x"), 2, "run_id: '../x' is not allowed"),
        (("SELECT 1", "--run", "nobody"), 2, "nobody is not in the lake"),
        (("SELECT 1", "--run", "d0c-run", "--warehouse"), 2, "--run"),
        (("SELECT 1", "--format", "parquet"), 2, "--format: parquet needs a file"),
        (("SELECT 1", "--output", "no/such/folder.csv"), 2, "--output: the folder of"),
        (("SELECT 1", "--output", "pyproject.toml"), 2, "exists; --force replaces it"),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_line(
    arguments: tuple[str, ...], code: int, said: str, ask: Callable[..., Outcome]
) -> None:
    outcome = ask(*arguments)
    (line,) = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (code, "")
    assert line.startswith("Error: ")
    assert said in line


def test_a_file_is_replaced_on_demand_only(ask: Callable[..., Outcome], tmp_path: Path) -> None:
    file = tmp_path / "answer.csv"
    assert ask("SELECT 1 AS a", "--output", str(file)).code == 0
    assert ask("SELECT 2 AS a", "--output", str(file)).code == 2
    assert file.read_text() == "a\n1\n"
    assert ask("SELECT 2 AS a", "--output", str(file), "--force").code == 0
    assert file.read_text() == "a\n2\n"
    assert list(tmp_path.iterdir()) == [file]


def test_geopandas_reads_what_is_written(ask: Callable[..., Outcome], tmp_path: Path) -> None:
    file = tmp_path / "dim_geo.parquet"
    assert ask("SELECT * FROM dim_geo", "--output", str(file)).code == 0
    code = _blocks("python")[0].replace('"dim_geo.parquet"', repr(str(file)))
    found: dict[str, geopandas.GeoDataFrame] = {}
    exec(code, found)  # the document's own lines
    assert len(found["places"]) == 1_122
    assert found["places"].geometry.is_valid.all()
    assert len(found["outlines"]) == 33


def test_the_examples_of_the_document_run(
    ask: Callable[..., Outcome], tmp_path: Path, documento_run: Run
) -> None:
    commands = re.findall(r'kedro sql "(.*?)"([^\n]*)', "".join(_blocks("bash")), re.DOTALL)
    assert len(commands) == 5
    for number, (query, options) in enumerate(commands):
        query = query.replace("src/", f"{ROOT}/src/")
        arguments = options.replace("r20260224T101530Z-3fa9c1", documento_run.run_id).split()
        if "--output" in arguments:
            ending = arguments[-1].rpartition(".")[2]
            arguments[-1] = str(tmp_path / f"{number}.{ending}")
        outcome = ask(query, *arguments)
        assert (outcome.code, outcome.err) == (0, ""), query


def _blocks(language: str) -> list[str]:
    document = (ROOT / "docs/analysis.md").read_text(encoding="utf-8")
    return [part.split("```")[0] for part in document.split(f"```{language}")[1:]]


def test_a_query_to_postgres_asks_nothing_of_the_lake(
    documento_run: Run, forked_kedro: ForkedKedro
) -> None:
    nowhere = {"PQRS_LAKE_ROOT": "s3://pqrs", "PQRS_S3_ENDPOINT": "no address"}
    command = ("sql", "SELECT 1 AS one", "--env", "rustfs")
    asked = forked_kedro(documento_run.project, *command, "--warehouse", environment=nowhere)
    assert (asked.code, "one" in asked.out) == (0, True), asked
    refused = forked_kedro(documento_run.project, *command, environment=nowhere)
    assert refused.code != 0
    assert "PQRS_S3_ENDPOINT" in refused.err
