"""A run with a profile of the user's own file: everyone sees it, and it outlives the file."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.conftest import ForkedKedro, Project, Run

from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.run.regenerate import parameters_of

MakeProject = Callable[[], Project]
OWN = """
extends: documento_v1
stop_status: RESPONDED
types:
  SUGERENCIA: {share: 0.05}
  QUEJA: {share: 0.35, term_business_days: 12}
"""
GIVEN: dict[str, Any] = {
    "profile": "authorities/own.yml",
    "date_min": "2026-01-10",
    "date_max": "2026-01-12",
    "observe_until": "2026-01-20",
    "volume_scale": 0.05,
}


@pytest.mark.xdist_group("own_profile")
def test_nodes_session_and_tools_see_the_same_profile(make_project: MakeProject) -> None:
    project = make_project()
    put_file(project)
    with project.session(run_id="none", **GIVEN) as session:
        context = session.load_context()
        seen = context.params
        assert context.catalog.load("params:profile") == seen["profile"] == "own"
        assert context.catalog.load("parameters")["profiles"]["own"] == seen["profiles"]["own"]
    assert seen["profiles"]["own"]["types"]["QUEJA"]["term_business_days"] == 12


@pytest.mark.xdist_group("own_profile")
def test_a_run_is_reproduced_when_the_file_is_gone(
    make_project: MakeProject, forked_kedro: ForkedKedro
) -> None:
    project = make_project()
    path = put_file(project)
    run = project.run(run_id="own", **GIVEN)
    inputs = run.document("manifest.json")["inputs"]
    assert inputs["profile"] == "own"
    terms = {row["type_id"]: row["sla_business_days"] for row in run.rows("dim_pqrs_type")}
    assert terms == {"PETICION": 15, "QUEJA": 12, "RECLAMO": 8, "SUGERENCIA": 20}
    path.unlink()
    again = parse_parameters(
        {**parameters_of(run.document("manifest.json")), "run_id": "again"}
    ).data_parameters()
    assert again == inputs["parameters"]
    told = forked_kedro(project, "reproduce", "own", "--json")
    assert told.code == 0, told.err
    result = json.loads(told.out)
    assert (result["run_id"], result["identical"], result["differences"]) == ("own", True, [])
    assert result["digest"] == run.digest == Run(project, result["repetition"]).digest
    assert sum(item["objects"] for item in result["datasets"]) == len(run.data_objects())
    outcome = forked_kedro(project, "reproduce", "own")
    assert outcome.code == 0, outcome.err
    assert "identical: digest" in outcome.out
    assert "manifests/ground_truth" in outcome.out
    assert "observed until 2026-01-20" in outcome.out


def put_file(project: Project) -> Any:
    path = project.path / "authorities" / "own.yml"
    path.parent.mkdir()
    path.write_text(OWN, encoding="utf-8")
    return path
