"""What can go wrong with the warehouse, in one line."""

import click


class WarehouseError(click.ClickException):
    """The warehouse cannot be had, or does not do what is asked; the message says why.

    A command that raises it prints the message and exits with code 1.
    """


class NotPublished(WarehouseError):
    """A run is not in the warehouse: as any other run that is not there, wrong usage."""

    exit_code = 2

    def __init__(self, run_id: str) -> None:
        super().__init__(f"run {run_id} is not published in this warehouse")


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type where it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
