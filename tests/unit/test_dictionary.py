"""docs/data_dictionary.md says what the contracts say, and a stale one is noticed."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pqrs_kedro.contracts.columns import COLUMNS
from pqrs_kedro.contracts.dictionary import DICTIONARY, dictionary, main
from pqrs_kedro.contracts.generated import write_document
from pqrs_kedro.contracts.schema import ATTACHMENT_TYPE, MESSAGE_TYPE
from pqrs_kedro.contracts.tables import SWEEP_TABLES, TABLES, Table


def _check(path: Path) -> Result:
    return CliRunner().invoke(main, ["--check", "--path", str(path)])


def _section(heading: str) -> str:
    """The text from a heading to the next one of any level."""
    _, found, rest = dictionary().partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return rest.partition("\n#")[0]


def _rows(section: str) -> dict[str, list[str]]:
    """Cells of the rows that begin with a name in code, by that name."""
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {first.strip("`"): others for first, *others in cells}


def test_the_committed_dictionary_is_what_the_contracts_say() -> None:
    assert DICTIONARY.read_text(encoding="utf-8") == dictionary(), "run: make docs"


def test_the_dictionary_is_the_same_every_time() -> None:
    assert dictionary() == dictionary()


def test_a_dictionary_just_written_passes_the_check(tmp_path: Path) -> None:
    write_document(tmp_path / "docs" / "data_dictionary.md", dictionary())
    assert _check(tmp_path / "docs" / "data_dictionary.md").exit_code == 0


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text + "\n", id="one_more_line"),
        pytest.param(lambda text: text.replace("`geo_id`", "`geo`"), id="another_name"),
        pytest.param(lambda text: "", id="empty"),
        pytest.param(lambda text: None, id="missing"),
    ],
)
def test_a_stale_dictionary_is_refused_in_one_line_that_names_the_command(
    change, tmp_path: Path
) -> None:
    path = tmp_path / "data_dictionary.md"
    content = change(dictionary())
    if content is not None:
        path.write_text(content, encoding="utf-8")
    result = _check(path)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "data_dictionary.md" in result.output
    assert "make docs" in result.output
    assert path.exists() is (content is not None), "a check writes nothing"


@pytest.mark.parametrize("table", [pytest.param(t, id=t.name) for t in TABLES.values()])
def test_a_table_is_described_with_all_its_columns(table: Table) -> None:
    section = _section(f"### {table.name}")
    assert f"* Grain: {table.grain}" in section
    (path,) = (line for line in section.splitlines() if line.startswith("* Path: `"))
    assert f"{table.path}/" in path
    rows = _rows(section)
    assert list(rows) == [*table.partitions, *table.columns]
    for name, (kind, unit, null, _, description, source) in rows.items():
        column = COLUMNS[name]
        assert column.type in kind
        assert unit == (column.unit or "")
        assert null == ("yes" if table.is_nullable(name) else "no")
        assert description == column.description
        assert source == (column.source or "")


def test_every_column_is_in_some_table() -> None:
    tables = (*TABLES.values(), *SWEEP_TABLES.values())
    described = {name for table in tables for name in (*table.partitions, *table.columns)}
    assert described == set(COLUMNS)


@pytest.mark.parametrize(
    ("name", "structure"), [("messages", MESSAGE_TYPE), ("attachments", ATTACHMENT_TYPE)]
)
def test_a_nested_structure_is_described_with_all_its_fields(name: str, structure) -> None:
    assert list(_rows(_section(f"### {name}"))) == [field.name for field in structure]


@pytest.mark.parametrize(
    "column", [pytest.param(c, id=c.name) for c in COLUMNS.values() if c.allowed is not None]
)
def test_an_enumeration_is_listed_once_with_all_its_values(column) -> None:
    first = next(c.name for c in COLUMNS.values() if c.allowed == column.allowed)
    section = _section(f"### Values of {first}")
    listed = [line.split("`")[1] for line in section.splitlines() if line.startswith("* ")]
    assert listed == list(column.allowed)
    assert f"`{column.name}`" in section
    assert dictionary().count(f"### Values of {first}\n") == 1
