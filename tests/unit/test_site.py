"""The documents as a site: whole, and asking no other server for anything."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools import cli_page, parameters_page

ROOT = Path(__file__).parents[2]
# What a browser fetches by itself.
FETCHED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]+)\"|<link\b([^>]+)>")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*command, "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_and_link_is_there(site: Path):
    """`--strict`: a page in no menu, a link or an anchor that leads nowhere is an error."""
    pages = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert len(pages) > 25
    assert all((site / page).with_suffix(".html").is_file() for page in pages)


def test_pages_fetch_nothing_from_elsewhere(site: Path):
    for page in site.rglob("*.html"):
        for source, link in FETCHED.findall(page.read_text(encoding="utf-8")):
            if link and not re.search(r'rel="(?:stylesheet|preload|icon|preconnect)"', link):
                continue
            assert "//" not in (source or link), page.name


def test_the_page_of_commands_is_what_the_commands_say():
    assert cli_page.PAGE.read_text(encoding="utf-8") == cli_page.page()


def test_the_page_of_parameters_is_what_the_parameters_say():
    assert parameters_page.PAGE.read_text(encoding="utf-8") == parameters_page.page()


def test_every_configured_parameter_is_on_the_page():
    def leaves(values: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from leaves(value, (*path, name))
            else:
                yield ".".join((*path, name))

    text = parameters_page.PAGE.read_text(encoding="utf-8")
    configured = yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text(encoding="utf-8"))
    names = list(leaves(configured))
    assert len(names) > 25
    assert [name for name in names if f"\n| `{name}` |" not in text] == []
    assert "\n| `profiles.<profile>.segments.on_hold.median` | number more than 0 |" in text


def test_every_command_has_an_example_that_begins_with_its_name():
    sections = cli_page.page().split("\n## ")[1:]
    assert len(sections) > 10
    for section in sections:
        name = section.splitlines()[0]
        examples = re.findall(r"```bash\n(.*?)\n```", section, re.DOTALL)
        assert examples, name
        assert all(name in line for text in examples for line in text.splitlines()), name
