"""What a person sees of a run: one line per stage while it runs, one table at the end."""

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.status import Status
from rich.table import Table

from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.run.acceptance import Criterion


class Display:
    """A calm display on standard output; on a terminal the running stage is shown live."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._rows: dict[str, int] = {}

    def begin(self, run_id: str, parameters: RunParameters) -> None:
        """Say what is run."""
        self.console.print(
            f"run {run_id} · seed {parameters.seed} · {parameters.date_min} to "
            f"{parameters.date_max} · {parameters.profile}"
        )

    def started(self, stage: str) -> None:
        """A stage begins."""
        self._rows = {}
        if self.console.is_terminal:
            self._status = self.console.status(f"{stage} …")
            self._status.start()

    def saved(self, stage: str, dataset: str, rows: int) -> None:
        """A dataset of the stage has this many rows by now."""
        self._rows[dataset] = rows
        if self._status is not None:
            self._status.update(f"{stage} … {sum(self._rows.values()):,} rows")

    def finished(self, stage: str, seconds: float) -> None:
        """A stage is done."""
        self.pause()
        self.console.print(f"  {stage:<10} {sum(self._rows.values()):>12,} rows {seconds:>7.1f} s")

    def checking(self) -> None:
        """The acceptance criteria are being checked."""
        if self.console.is_terminal:
            self._status = self.console.status("checking the acceptance criteria …")
            self._status.start()

    def pause(self) -> None:
        """Take the live line away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def summary(
        self,
        run_id: str,
        digest: str,
        rows: Mapping[str, int],
        seconds: Mapping[str, float],
        criteria: Sequence[Criterion],
        where: Mapping[str, str],
    ) -> None:
        """The last thing a run prints."""
        self.pause()
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        table.add_row("run_id", run_id)
        table.add_row("digest", digest)
        table.add_row("rows", "  ".join(f"{layer} {count:,}" for layer, count in rows.items()))
        table.add_row("seconds", "  ".join(f"{name} {value:.1f}" for name, value in seconds.items()))
        for item in criteria:
            mark = "[green]PASS[/]" if item.holds else "[red]FAIL[/]"
            table.add_row(f"criterion {item.number}", f"{mark}  {item.text}: {item.finding}")
        for name, place in where.items():
            table.add_row(name, place)
        self.console.print()
        self.console.print(table)
