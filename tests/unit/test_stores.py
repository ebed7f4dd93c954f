"""Variables of the stores: where they are looked for, and what is refused."""

import os
from pathlib import Path
from threading import get_ident

import pytest

from pqrs_kedro.lake.ahead import in_order
from pqrs_kedro.lake.store import LakeError
from pqrs_kedro.run.stores import (
    fill_environment,
    name_warehouse,
    require_warehouse,
    retention_days,
    variable,
)
from pqrs_kedro.warehouse.errors import WarehouseError

NAME, URL = "PQRS_S3_ACCESS_KEY", "PQRS_WAREHOUSE_URL"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (NAME, URL, "PQRS_S3_SECRET_KEY", "OTHER"):
        monkeypatch.setenv(name, "")
    (tmp_path / "conf/local").mkdir(parents=True)
    return tmp_path


def say(project: Path, *, dot_env: str | None = None, local: str | None = None) -> None:
    if dot_env is not None:
        (project / ".env").write_text(dot_env)
    if local is not None:
        (project / "conf/local/credentials.yml").write_text(local)


@pytest.mark.parametrize(
    ("process", "dot_env", "local", "found"),
    [
        pytest.param("p", f"{NAME}=d", f"stores: {{{NAME}: l}}", "p", id="the_process_first"),
        pytest.param("", f"{NAME}=d", f"stores: {{{NAME}: l}}", "d", id="then_dot_env"),
        pytest.param("", f"{NAME}=", f"stores: {{{NAME}: l}}", "l", id="then_conf_local"),
        pytest.param("", f'{NAME}="a # b"', None, "a # b", id="quoted"),
        pytest.param("", f"X=1\n{NAME}=${{X}}2", None, "12", id="put_together"),
        pytest.param("", "", "", "", id="nowhere"),
    ],
)
def test_a_variable_is_looked_for_in_three_places(
    process: str, dot_env: str, local: str | None, found: str,
    project: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(NAME, process)
    say(project, dot_env=dot_env, local=local)
    fill_environment(project)
    assert os.environ[NAME] == found
    assert variable(NAME, "default") == (found or "default")


def test_other_variables_of_a_file_are_left_alone(project: Path) -> None:
    say(project, dot_env="OTHER=1\nPATH=/nowhere")
    fill_environment(project)
    assert os.environ["OTHER"] == ""
    assert os.environ["PATH"] != "/nowhere"


def test_the_default_environment_does_not_take_the_warehouse_of_a_file(project: Path) -> None:
    say(project, dot_env=f"{URL}=postgresql://h/d")
    name_warehouse(project, {"warehouse": "embedded"})
    assert os.environ[URL] == ""
    require_warehouse({"warehouse": "embedded"})
    with pytest.raises(WarehouseError, match=f"{URL} is not set"):
        require_warehouse({"warehouse": "server"})
    name_warehouse(project, {"warehouse": "server"})
    assert os.environ[URL] == "postgresql://h/d"
    require_warehouse({"warehouse": "server"})


@pytest.mark.parametrize(("given", "days"), [(0, 0), (None, 0), ("30", 30), (36_500, 36_500)])
def test_retention_is_a_number_of_days(given: object, days: int) -> None:
    assert retention_days({"retention_days": given}) == days


@pytest.mark.parametrize("given", ["-1", "1.5", "a", "36501", "٣"])
def test_another_retention_is_refused(given: str) -> None:
    with pytest.raises(LakeError, match="retention_days: "):
        retention_days({"retention_days": given})


def test_work_ahead_keeps_the_order_and_its_bounds() -> None:
    taken: list[int] = []
    held = {"now": 0, "most": 0}

    def items() -> "list[int]":
        return list(range(200))

    def work(number: int) -> int:
        taken.append(number)
        return number

    for number in in_order(work, items(), 4, size=lambda _: 32 << 20):
        held["most"] = max(held["most"], len(taken) - number)
    assert sorted(taken) == items()
    # Two of 32 MB fill what may be held, and one more is being taken.
    assert held["most"] <= 3
    assert list(in_order(lambda n: n * n, items(), 7)) == [n * n for n in items()]


def test_only_what_is_large_is_worked_on_in_a_thread_of_its_own() -> None:
    here, sizes = get_ident(), [1, 9, 10, 1, 11, 2, 2, 2, 2, 2]

    def work(number: int) -> tuple[int, bool]:
        return number, get_ident() == here

    found = list(in_order(work, range(10), 2, lambda n: sizes[n], alone_from=10))
    assert [number for number, _ in found] == [*range(10)]
    # What follows a large one waits for it in the same line.
    assert [is_here for _, is_here in found][:3] == [True, True, False]
    assert all(is_here for _, is_here in in_order(work, range(9), 2, lambda _: 9, alone_from=10))
    assert not any(is_here for _, is_here in in_order(work, range(9), 2, lambda _: 9))


@pytest.mark.parametrize("alone_from", [0, 1])
def test_work_ahead_hands_on_the_first_error(alone_from: int) -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda n: 1 // (n - 5), range(20), 4, alone_from=alone_from))
