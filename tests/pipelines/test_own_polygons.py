"""A run with a user's polygons: they are in dim_geo, and nothing else is other than without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely
from tests.conftest import DOCUMENTO, ForkedKedro, Project, Run, copy_project, params
from tests.runs import link_run
from tests.unit.polygon_files import SHAPES, mgn, write

from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.polygons.source import read_polygons
from pqrs_kedro.run.regenerate import parameters_of
from pqrs_kedro.warehouse.connection import Warehouse

MakeProject = Callable[[], Project]
DIM_GEO = "silver/dim_geo/part-00000.parquet"
TINY: dict[str, Any] = {
    "date_min": "2026-01-10",
    "date_max": "2026-01-10",
    "observe_until": "2026-01-14",
    "volume_scale": 0.05,
}


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of `documento_run` with polygons of a GeoPackage in DANE's own reference system."""
    folder = tmp_path_factory.mktemp("own")
    project = copy_project(folder / "project")
    write(mgn(crs=9377).iloc[:0], folder / "MGN.gpkg", layer="departamentos")
    file = write(mgn(crs=9377), folder / "MGN.gpkg", layer="municipios")
    territory = {"polygons": str(file), "layer": "municipios"}
    return project.run(run_id="own", territory=territory, **DOCUMENTO)


def by_code(run: Run) -> dict[str, dict[str, Any]]:
    return {row["geo_id"]: row for row in run.rows("dim_geo")}


@pytest.mark.xdist_group("doc")
def test_all_other_objects_are_those_of_a_run_without_polygons(
    own_run: Run, documento_run: Run
) -> None:
    own, other = own_run.hashes(), documento_run.hashes()
    assert own.pop(DIM_GEO) != other.pop(DIM_GEO)
    assert own == other
    assert own_run.digest != documento_run.digest


@pytest.mark.xdist_group("doc")
def test_municipalities_of_the_file_have_its_polygons_and_the_others_their_cells(
    own_run: Run, documento_run: Run
) -> None:
    own, cells = by_code(own_run), by_code(documento_run)
    assert list(own) == list(cells)
    for code, row in own.items():
        if code not in SHAPES:
            assert row == cells[code]
            continue
        changed = {"geometry_kind": "user", "boundary": row["boundary"]}
        assert row == cells[code] | changed
        boundary = shapely.from_wkb(row["boundary"])
        assert boundary.geom_type == "MultiPolygon"
        assert shapely.get_srid(boundary) == 4326
        assert shapely.equals(boundary, SHAPES[code])


@pytest.mark.xdist_group("doc")
def test_geopandas_reads_dim_geo_of_the_lake_and_of_postgres(own_run: Run) -> None:
    query = "SELECT geo_id, geometry_kind, location, boundary FROM dim_geo_current ORDER BY geo_id"
    with Warehouse(own_run.project.warehouse_url).connect() as connection:
        served = connection.execute(query).fetchall()
    table = own_run.table("dim_geo").select(["geo_id", "geometry_kind", "location", "boundary"])
    assert served == [tuple(row.values()) for row in table.to_pylist()]
    for name in ("location", "boundary"):
        series = gpd.GeoSeries.from_wkb(table[name].to_pylist(), crs=4326)
        assert len(series) == 1_122
        assert series.is_valid.all()
    places = gpd.GeoSeries.from_wkb(table["location"].to_pylist(), crs=4326)
    assert (shapely.distance(series.array, places.array) <= 0.1).all()
    kinds = table["geometry_kind"].to_pylist()
    assert (kinds.count("user"), kinds.count("voronoi_approx")) == (4, 1_118)


@pytest.mark.xdist_group("doc")
def test_the_manifest_tells_the_file_and_its_content(own_run: Run, documento_run: Run) -> None:
    own, other = (run.document("manifest.json")["inputs"] for run in (own_run, documento_run))
    file = Path(own["territory"]["polygons"])
    sha256 = read_polygons(file, "municipios").sha256
    assert own["territory"] == {
        "polygons": str(file),
        "layer": "municipios",
        "code_column": None,
        "sha256": sha256,
    }
    assert set(other["territory"].values()) == {None}
    assert own["parameters"] == other["parameters"] | {"territory": {"sha256": sha256}}
    assert own["config_hash"] != other["config_hash"]


@pytest.mark.xdist_group("doc")
def test_a_manifest_gives_the_parameters_back(own_run: Run, documento_run: Run) -> None:
    for run in (own_run, documento_run):
        manifest = run.document("manifest.json")
        again = RunParameters.model_validate(parameters_of(manifest))
        assert again.data_parameters() == manifest["inputs"]["parameters"]


@pytest.mark.xdist_group("doc")
@pytest.mark.parametrize(
    ("name", "crs"),
    [pytest.param("m.geojson", 4326, id="geojson"), pytest.param("m.shp", 3116, id="shapefile")],
)
def test_the_same_polygons_in_another_kind_of_file_give_the_same_object(
    name: str, crs: int, own_run: Run, documento_run: Run, make_project: MakeProject
) -> None:
    project = make_project()
    write(mgn(crs=crs), project.path / name)
    # Named in a configuration of one's own, not on the command line.
    local = project.path / "conf/local/parameters.yml"
    local.write_text(f"territory:\n  polygons: {name}\n", encoding="utf-8")
    link_run(documento_run, project.lake, "again", layers=("raw", "bronze"))
    run = project.run("curation", run_id="again", **DOCUMENTO)
    silver = {key: value for key, value in run.hashes().items() if key.startswith("silver/")}
    assert silver == {
        key: value for key, value in own_run.hashes().items() if key.startswith("silver/")
    }


@pytest.mark.xdist_group("commands")
def test_polygons_that_cannot_be_used_are_refused_before_anything_is_written(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    write(mgn(crs=9377).iloc[[0, 0]], project.path / "twice.gpkg")
    for option, problem in (
        ("none.gpkg", "does not exist"),
        ("twice.gpkg", "has several rows of one code: 05001; join their polygons in one row"),
    ):
        outcome = forked_kedro(
            project, "run", "--pipelines", "synthesis", "--params", f"territory.polygons={option}"
        )
        file = project.path / option
        assert outcome.err == f"Error: territory.polygons: '{file}' {problem}\n"
        assert (outcome.code, outcome.out) == (2, "")
    assert project.files() == []


@pytest.mark.xdist_group("commands")
def test_a_run_is_reproduced_with_its_polygons_and_not_with_others(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    file = write(mgn(crs=9377), project.path / "mine.gpkg")
    run = project.run(run_id="mine", territory={"polygons": "mine.gpkg"}, **TINY)
    sha256 = run.document("manifest.json")["inputs"]["territory"]["sha256"]

    again = forked_kedro(project, "reproduce", "mine")
    assert (again.code, again.err) == (0, "")
    assert f"identical: digest {run.digest}" in again.out

    before = project.files()
    file.unlink()
    write(mgn(crs=9377).iloc[:2], file)
    changed = forked_kedro(project, "reproduce", "mine")
    assert changed.err == (
        f"Error: territory.polygons: '{file}' has other polygons than territory.sha256 asks for: "
        f"{read_polygons(file).sha256}, not {sha256}\n"
    )
    file.unlink()
    vanished = forked_kedro(project, "reproduce", "mine")
    assert vanished.err == f"Error: territory.polygons: '{file}' does not exist\n"
    assert (changed.code, vanished.code) == (2, 2)
    # What the polygons are about is checked without them: raw data and objects.
    assert forked_kedro(project, "accept", "mine").code == 0
    assert project.files() == before


@pytest.mark.xdist_group("commands")
def test_the_command_line_names_a_layer_and_a_column(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    frame = mgn(crs=9377).rename(columns={"MPIO_CDPMP": "clave"})
    file = write(frame, project.path / "m.gpkg", layer="mpios")
    write(frame, file, layer="otra")
    options = {"territory.polygons": file, "territory.layer": "mpios"}
    outcome = forked_kedro(project, "run", *params(**options, **TINY))
    assert outcome.code == 2
    assert "name one by territory.code_column: DPTO_CCDGO, MPIO_CCDGO, clave" in outcome.err
    options["territory.code_column"] = "CLAVE"
    outcome = forked_kedro(
        project, "run", "--pipelines", "synthesis", *params(run_id="named", **options, **TINY)
    )
    assert (outcome.code, outcome.err) == (0, "")
