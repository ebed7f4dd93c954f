"""Write docs/cli.md from the commands themselves: `python -m tools.cli_page [--check]`."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from pqrs_kedro.cli import TOPICS, cli
from pqrs_kedro.contracts.generated import write_or_check

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
_HEAD: Final = """# Commands

*Generated from the commands by `make docs`.* `kedro` stands for `.venv/bin/python -m kedro`.
Kedro's own commands, `kedro run` first of all, are in its documentation; `kedro --help` lists all.

"""
_TAIL: Final = """

What a program would read is printed as JSON with `--json`: the result alone on standard output,
whatever the exit code; progress and errors go to standard error.

| Exit code | Meaning |
|---|---|
| 0 | it is done, and nothing is wrong |
| 1 | something is wrong: what was checked differs, or the command could not do what it was to do |
| 2 | wrong usage: an option, a value, or a run that is not there; nothing was done |
| 130, 143 | Ctrl-C, or SIGTERM, stopped it; Ctrl-C ends a command that only reads with 1 |

"""


def page() -> str:
    """The whole page."""
    head = _HEAD + "\n\n".join(map(_topic, TOPICS)) + _TAIL
    sections = (_section(name, command) for name, command in _commands(cli, "kedro"))
    return head + "\n\n".join(sections) + "\n"


def _topic(topic: str) -> str:
    """The commands about one thing, each with what it does."""
    own = click.Group(commands=TOPICS[topic])
    rows = [
        f"| [`{name}`](#{_anchor(name)}) | {_summary(command)} |"
        for name, command in _commands(own, "kedro")
    ]
    return "\n".join([f"| {topic} | What it does |", "|---|---|", *rows])


def _commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from _commands(command, f"{prefix} {name}")
        elif not command.hidden:
            yield f"{prefix} {name}", command


def _summary(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").split("\n\n")[0].replace("\n", " ")


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    lines = [f"## {name}", "", f"`{usage}`", "", _text(command)]
    params = [item for item in command.params if isinstance(item, click.Option)]
    options = [record for item in params if (record := item.get_help_record(context))]
    if options:
        lines += ["", "| Option | Meaning |", "|---|---|"]
        lines += [f"| `{_cell(option)}` | {_cell(meaning)} |" for option, meaning in options]
    return "\n".join(lines)


def _text(command: click.Command) -> str:
    """The help text; its examples, `Example: …`, as code."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(map(_paragraph, paragraphs))


def _paragraph(text: str) -> str:
    title, colon, example = text.partition(":")
    if colon and title in ("Example", "Examples"):
        lines = "\n".join(line.strip() for line in example.strip().splitlines())
        return f"```bash\n{lines}\n```"
    return text


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit code 1 if the page is stale.")
def main(check: bool) -> None:
    """Write the page of the commands."""
    write_or_check(PAGE, page(), check, "the commands")


if __name__ == "__main__":
    main()
