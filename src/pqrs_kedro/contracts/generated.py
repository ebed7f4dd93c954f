"""Documents that are generated, and checked to be what would be generated now."""

import sys
from pathlib import Path
from typing import Final

import click

COMMAND: Final = "make docs"


def write_document(path: Path, content: str) -> None:
    """Write a document, the same bytes on every machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="\n")


def write_or_check(path: Path, content: str, check: bool, source: str) -> None:
    """Write a document; to check is to end with exit code 1 if it is not what would be written.

    Args:
        path: of the document.
        content: what it is now.
        check: write nothing.
        source: what it is generated from, in a few words.
    """
    if not check:
        write_document(path, content)
    elif not path.is_file() or path.read_text(encoding="utf-8") != content:
        click.echo(f"{path.name} is not what {source} say; run: {COMMAND}", err=True)
        sys.exit(1)
