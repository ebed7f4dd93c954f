"""docs/distributions.md: its figures are there, its verdicts good, and a stale page is noticed.

Whether its numbers are those of the generator is checked by `make check`, which computes them anew.
"""

import re
from pathlib import Path
from string import Template
from xml.etree import ElementTree

import pytest
from tools.distributions.page import FIGURES, TABLES, TEXT, problems
from tools.distributions.study import Study

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "distributions.md").read_text(encoding="utf-8")
LARGEST = 150_000


def test_the_page_has_the_text_and_a_table_in_every_place():
    text = TEXT.read_text(encoding="utf-8")
    assert set(Template(text).get_identifiers()) == set(TABLES)
    first, *pieces, last = re.split(r"\$\w+", text)
    assert PAGE.startswith(first)
    tables, rest = [], PAGE.removeprefix(first).removesuffix(last)
    for piece in pieces:
        table, _, rest = rest.partition(piece)
        tables.append(table)
    for table in (*tables, rest):
        rows = table.split("\n")
        assert len(rows) > 3
        assert all(row.startswith("| ") and row.endswith(" |") for row in rows)


def test_the_page_shows_every_figure_and_no_other():
    assert sorted(re.findall(r"\]\(figures/([^)]+)\)", PAGE)) == sorted(FIGURES)
    assert sorted(path.name for path in (DOCS / "figures").iterdir()) == sorted(FIGURES)


def test_every_verdict_of_the_page_is_good():
    verdicts = re.findall(r"agrees|inside|differs|outside", PAGE.partition("## 1.")[2])
    assert len(verdicts) > 100
    assert set(verdicts) == {"agrees", "inside"}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_small_well_formed_and_without_a_date(name: str):
    content = (DOCS / "figures" / name).read_bytes()
    assert len(content) < LARGEST
    if name.endswith(".svg"):
        assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
        assert b"<metadata" not in content
        assert b"<dc:date" not in content
    else:
        assert content.startswith(b"\x89PNG")
        assert b"Software" not in content


def test_a_figure_drawn_twice_has_the_same_bytes():
    # Those that need no tickets; the others are drawn by the same two functions.
    for name in ("arrivals_year.svg", "dispersion.svg"):
        once, again = (FIGURES[name](Study()) for _ in range(2))
        assert once == again


def test_a_stale_page_and_a_missing_figure_are_named(tmp_path: Path):
    (tmp_path / "figures").mkdir()
    for name in FIGURES:
        (tmp_path / "figures" / name).touch()
    (tmp_path / "distributions.md").write_text("as it should be\n", encoding="utf-8")
    assert problems(tmp_path, "as it should be\n") == []
    (tmp_path / "figures" / "map.png").unlink()
    assert problems(tmp_path, "otherwise\n") == [
        "figures/map.png is missing",
        "distributions.md is not what the generator gives",
    ]
    (tmp_path / "distributions.md").unlink()
    assert "distributions.md is not what the generator gives" in problems(tmp_path, "")
