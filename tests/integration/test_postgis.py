"""A warehouse with PostGIS: typed geometry with indexes, equal rows, built from the lake alone."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import geopandas
import psycopg
import pytest
import shapely
from psycopg import sql
from sqlalchemy import create_engine
from tests.conftest import Project, Run
from tests.integration.conftest import Served, change_messages
from tests.servers import program

from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.warehouse.connection import Warehouse, open_warehouse
from pqrs_kedro.warehouse.geometry import SHAPES
from pqrs_kedro.warehouse.publish import partition_name, publish
from pqrs_kedro.warehouse.runs import drop, published_rows
from pqrs_kedro.warehouse.schema import SERVED
from pqrs_kedro.warehouse.verify import problems

PutRun = Callable[[str], Run]
pytestmark = pytest.mark.xdist_group("doc")
TYPES = """
    SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attname IN ('location', 'boundary') ORDER BY attname
"""


@pytest.fixture
def postgis(served: Served) -> Warehouse:
    """A warehouse with PostGIS, in which a run is published."""
    return served.warehouse


@pytest.fixture
def published(served: Served) -> Run:
    """That run."""
    return served.run


def test_geometry_has_its_type_in_the_table_the_run_and_the_view(
    postgis: Warehouse, published: Run
) -> None:
    names = (
        "public.dim_geo",
        f"runs.{partition_name('dim_geo', 'mine')}",
        "public.dim_geo_current",
    )
    with postgis.connect() as connection:
        for name in names:
            assert connection.execute(TYPES, [name]).fetchall() == [
                ("boundary", "geometry(MultiPolygon,4326)"),
                ("location", "geometry(Point,4326)"),
            ]


def test_a_run_has_an_index_on_each_geometry_which_a_search_uses(
    postgis: Warehouse, published: Run
) -> None:
    query = (
        "SELECT geo_id FROM dim_geo_current WHERE {} && ST_MakeEnvelope(-74.2, 4.5, -74, 4.8, 4326)"
    )
    with postgis.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        for column in SHAPES:
            plan = connection.execute(f"EXPLAIN {query.format(column)}").fetchall()
            assert f"_{column}_idx" in str(plan)


def test_geometry_is_the_lakes_byte_for_byte(postgis: Warehouse, published: Run) -> None:
    rows = published.rows("dim_geo")
    wanted = {row["geo_id"]: (row["location"], row["boundary"]) for row in rows}
    query = "SELECT geo_id, ST_AsEWKB(location), ST_AsEWKB(boundary) FROM dim_geo_current"
    with postgis.connect() as connection:
        found = {geo_id: (a, b) for geo_id, a, b in connection.execute(query).fetchall()}
    assert found == wanted
    assert len(found) == 1_122


def test_postgis_finds_what_shapely_finds(postgis: Warehouse, published: Run) -> None:
    query = """
        SELECT geo_id, ST_IsValid(boundary), ST_Covers(boundary, location), ST_Area(boundary)
        FROM dim_geo_current ORDER BY geo_id
    """
    with postgis.connect() as connection:
        found = connection.execute(query).fetchall()
    for row, item in zip(found, sorted(published.rows("dim_geo"), key=lambda r: r["geo_id"]),
                         strict=True):  # fmt: skip
        boundary, seat = shapely.from_wkb(item["boundary"]), shapely.from_wkb(item["location"])
        assert row[:3] == (item["geo_id"], boundary.is_valid, boundary.covers(seat))
        assert row[3] == pytest.approx(boundary.area, rel=1e-9)


@pytest.mark.parametrize(
    ("column", "value", "refusal"),
    [
        ("location", "ST_SetSRID(ST_MakePoint(0, 0), 3857)", "SRID"),
        ("location", "ST_GeomFromText('LINESTRING(0 0, 1 1)', 4326)", "Geometry type"),
        ("boundary", "ST_GeomFromText('POLYGON((0 0, 1 0, 1 1, 0 0))', 4326)", "Geometry type"),
    ],
)
def test_another_shape_or_reference_system_is_refused(
    postgis: Warehouse, published: Run, column: str, value: str, refusal: str
) -> None:
    table = f"runs.{partition_name('dim_geo', 'mine')}"
    with (
        postgis.connect() as connection,
        pytest.raises(psycopg.errors.InvalidParameterValue, match=refusal),
    ):
        connection.execute(f"UPDATE {table} SET {column} = {value}")


def test_ogrinfo_reads_the_geometries(postgis: Warehouse, published: Run) -> None:
    tool = program("ogrinfo", "gdal-bin")
    for column, kind in (("location", "Point"), ("boundary", "Multi Polygon")):
        done = subprocess.run(
            [tool, "-ro", "-so", f"PG:{postgis.url}", f"dim_geo_current({column})"],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"Geometry: {kind}" in done.stdout
        assert "Feature Count: 1122" in done.stdout
        assert 'ID["EPSG",4326]' in done.stdout


def test_geopandas_reads_dim_geo(postgis: Warehouse, published: Run) -> None:
    engine = create_engine(postgis.url.replace("postgresql://", "postgresql+psycopg://"))
    frame = geopandas.read_postgis("SELECT * FROM dim_geo_current", engine, geom_col="boundary")
    engine.dispose()
    assert frame.crs.to_epsg() == 4326
    assert set(frame.geom_type) == {"MultiPolygon"}
    assert len(frame) == 1_122


def test_the_spatial_examples_of_the_documents_run(postgis: Warehouse, published: Run) -> None:
    document = (Path(__file__).parents[2] / "docs/analysis.md").read_text(encoding="utf-8")
    queries = [part.split("```")[0] for part in document.split("```sql")[1:]]
    assert len(queries) >= 3
    with postgis.connect() as connection:
        answers = [connection.execute(query.encode()).fetchall() for query in queries]
    assert all(answers)


# The same on both kinds of servers


def test_rows_are_those_of_the_embedded_server(
    postgis: Warehouse, served: Served, warehouse: Warehouse
) -> None:
    publish(served.store, "mine", warehouse)
    for name, contract in SERVED.items():
        columns = sql.SQL(", ").join(
            sql.SQL("{}::bytea" if contract.column(c).type == "geometry" else "{}").format(
                sql.Identifier(c)
            )
            for c in (*contract.partitions, *contract.columns)
        )
        query = sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
            columns,
            sql.Identifier(f"{name}_current"),
            sql.SQL(", ").join(map(sql.Identifier, contract.primary_key)),
        )
        with postgis.connect() as one, warehouse.connect() as other:
            assert one.execute(query).fetchall() == other.execute(query).fetchall(), name


def test_a_warehouse_of_bytes_becomes_one_of_geometry_when_postgis_comes(
    postgis_url: str, project: Project, store: FolderStore, put_run: PutRun,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    run = put_run("older")
    with monkeypatch.context() as without:
        without.setattr("pqrs_kedro.warehouse.geometry._installed", lambda _: None)
        warehouse = open_warehouse(project.path, postgis_url)
        publish(store, "older", warehouse)
    assert warehouse.geometry_type() == "bytea"
    open_warehouse(project.path, postgis_url)
    assert warehouse.geometry_type() == "bytea"
    open_warehouse(project.path, postgis_url, again=True)
    assert warehouse.geometry_type() == "geometry(MultiPolygon,4326)"
    test_geometry_is_the_lakes_byte_for_byte(warehouse, run)
    test_a_run_has_an_index_on_each_geometry_which_a_search_uses(warehouse, run)
    assert list(problems(store, warehouse, "older")) == []


def test_postgis_goes_into_the_schema_of_extensions_where_there_is_one(
    postgis_url: str, project: Project, store: FolderStore, put_run: PutRun
) -> None:
    with psycopg.connect(postgis_url) as connection:
        connection.execute("CREATE SCHEMA extensions")
    warehouse = open_warehouse(project.path, postgis_url)
    put_run("apart")
    publish(store, "apart", warehouse)
    assert warehouse.geometry_type() == "extensions.geometry(MultiPolygon,4326)"
    assert list(problems(store, warehouse, "apart")) == []
    with warehouse.connect() as connection:
        query = (
            "SELECT count(*) FROM pg_proc "
            "WHERE proname LIKE 'st_%' AND pronamespace = 'public'::regnamespace"
        )
        assert connection.execute(query).fetchall() == [(0,)]


# Built from the lake, and held against it


def test_an_emptied_server_is_built_anew_from_the_lake_alone(
    postgis_url: str, project: Project, store: FolderStore, put_run: PutRun
) -> None:
    for run_id in ("one", "two"):
        put_run(run_id)
    warehouse = open_warehouse(project.path, postgis_url)
    rows = {run_id: publish(store, run_id, warehouse) for run_id in ("one", "two")}
    with psycopg.connect(postgis_url) as connection:
        connection.execute("DROP SCHEMA public, meta, runs CASCADE")
        connection.execute("CREATE SCHEMA public")
    again = open_warehouse(project.path, postgis_url)
    for run_id, counts in rows.items():
        assert publish(store, run_id, again) == counts == published_rows(again, run_id)
        assert list(problems(store, again, run_id)) == []


CHANGES = {
    "a_cell": (
        "UPDATE {silver_messages} SET text = text || '.' "
        "WHERE ctid = (SELECT min(ctid) FROM {silver_messages})",
        "silver_messages of 2026-01: rows differ",
    ),
    "a_row_less": (
        "DELETE FROM {gold_run_summary} WHERE ctid = (SELECT min(ctid) FROM {gold_run_summary})",
        "gold_run_summary: ",
    ),
    "a_row_moved_to_a_month_that_the_lake_does_not_have": (
        "UPDATE {silver_attachments} SET month = '2031-01' "
        "WHERE ctid = (SELECT min(ctid) FROM {silver_attachments})",
        "silver_attachments of 2026-01: ",
    ),
    "a_point": (
        "UPDATE {dim_geo} SET location = ST_Translate(location, 1e-9, 0) WHERE geo_id = '05001'",
        "dim_geo: rows differ",
    ),
    "meta": (
        "UPDATE meta.etl_runs SET seed = seed + 1",
        "meta.etl_runs: seed is not that of the manifest",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_in_postgres_is_found(served: Served, change: str) -> None:
    statement, said = CHANGES[change]
    tables = {name: f"runs.{partition_name(name, 'mine')}" for name in SERVED}
    with served.warehouse.connect() as connection:
        connection.execute(statement.format(**tables))
    found = list(problems(served.store, served.warehouse, "mine"))
    publish(served.store, "mine", served.warehouse)
    assert found[0].startswith(said)
    assert {line.split()[0].rstrip(":") for line in found} == {said.split()[0].rstrip(":")}


def test_what_was_not_changed_is_equal(served: Served) -> None:
    assert list(problems(served.store, served.warehouse, "mine")) == []


def test_texts_with_nul_are_no_difference(
    postgis: Warehouse, store: FolderStore, put_run: PutRun
) -> None:
    change_messages(put_run("nul"), lambda texts: ["a\0b", *texts[1:]])
    publish(store, "nul", postgis)
    found = list(problems(store, postgis, "nul"))
    drop(postgis, "nul")
    assert found == []
