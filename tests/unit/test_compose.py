"""The compose file: pinned images on the loopback address, secrets from outside, health checks.

Checked by Docker Compose's own parser; no engine is needed for that, and none is there in CI.
"""

import os
import re
import shutil
import subprocess
import tempfile
from typing import Any

import pytest
import yaml
from tests.conftest import ROOT
from tests.servers import program

SECRETS = {"PQRS_S3_ACCESS_KEY": "k", "PQRS_S3_SECRET_KEY": "s3", "PQRS_POSTGRES_PASSWORD": "pw"}


def compose(*arguments: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    # A copy, as the project's own .env must have no say.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "compose.yaml", folder)
        return subprocess.run(
            [program("docker-compose", "docker-compose"), "config", *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
        )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services as Compose understands them."""
    done = compose(environment=SECRETS)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return found


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_a_missing_secret_is_refused_by_name(name: str, value: str | None) -> None:
    environment = {k: v for k, v in SECRETS.items() if k != name}
    done = compose("-q", environment=environment | ({} if value is None else {name: value}))
    assert done.returncode != 0
    assert "copy .env.example to .env" in done.stderr


def test_images_are_pinned(services: dict[str, Any]) -> None:
    assert services["rustfs"]["image"] == "rustfs/rustfs:1.0.0"
    assert re.fullmatch(r"postgis/postgis:\d+-\d+\.\d+", services["postgis"]["image"])


def test_ports_are_open_on_the_loopback_address_only(services: dict[str, Any]) -> None:
    ports = [port for service in services.values() for port in service["ports"]]
    assert {str(port) for port in ports} == {
        "127.0.0.1:9000:9000/tcp", "127.0.0.1:9001:9001/tcp", "127.0.0.1:5432:5432/tcp",
    }  # fmt: skip


def test_every_service_has_a_health_check_and_keeps_its_data(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["volumes"]
    assert services["rustfs"]["healthcheck"]["test"][-1].endswith("/health/ready")


def test_rustfs_writes_through_to_the_disk(services: dict[str, Any]) -> None:
    environment = services["rustfs"]["environment"]
    assert environment["RUSTFS_DURABILITY_MODE"] == "strict"
    assert environment["RUSTFS_NEW_BUCKET_DURABILITY_MODE"] == "strict"
    assert environment["RUSTFS_VOLUMES"] == "/data"


def test_secrets_reach_the_services_and_are_in_no_file(services: dict[str, Any]) -> None:
    assert services["rustfs"]["environment"]["RUSTFS_ACCESS_KEY"] == "k"
    assert services["rustfs"]["environment"]["RUSTFS_SECRET_KEY"] == "s3"
    assert services["postgis"]["environment"]["POSTGRES_PASSWORD"] == "pw"
    example = (ROOT / ".env.example").read_text()
    for name in SECRETS:
        assert f"\n{name}=\n" in example


def test_make_up_without_a_dot_env_says_what_to_do() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nup: ")[2].partition("\ndown:")[0]
    assert "cp .env.example .env" in recipe
    ignored = subprocess.run(["git", "check-ignore", ".env"], cwd=ROOT, capture_output=True)
    assert ignored.returncode == 0
