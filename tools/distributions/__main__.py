"""Writes docs/distributions.md and docs/figures, or says whether the page is up to date.

`python -m tools.distributions` writes both; with `--check` it computes the page's numbers anew and
compares (exit code 1 if they differ, or a figure is missing). Needs src on PYTHONPATH.
"""

import sys
from pathlib import Path
from typing import Final

import click
from tools.distributions.page import COMMAND, page, problems, write
from tools.distributions.study import Study

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"


@click.command(epilog="example: python -m tools.distributions --check")
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if the page is stale.")
@click.option("--docs", type=click.Path(path_type=Path), default=DOCS, help="Folder of the page.")
def main(check: bool, docs: Path) -> None:
    """Write the page of the distributions and its figures."""
    study = Study()
    if not check:
        write(docs, study)
    elif found := problems(docs, page(study)):
        click.echo(f"{'; '.join(found)}; run: {COMMAND}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
