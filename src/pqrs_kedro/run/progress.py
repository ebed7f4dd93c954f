"""What a person sees of a run: one line per stage while it runs, one table at the end."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.status import Status

from pqrs_kedro.parameters import RunParameters
from pqrs_kedro.run.acceptance import Criterion


class Display:
    """A calm display on standard output; on a terminal the running stage is shown live."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._status: Status | None = None
        self._rows: dict[str, dict[str, int]] = {}

    def begin(self, run_id: str, parameters: RunParameters) -> None:
        """Say what is run."""
        until = parameters.observe_until
        observed = f" | observed until {until}" if until is not None else ""
        chosen = parameters.defects
        own = " and own rates" if chosen.rates else ""
        defects = f" | defects {chosen.profile}{own}" if chosen.chosen_rates else ""
        self.console.print(
            f"run {run_id} | {_origin(parameters)} | {parameters.date_min} to "
            f"{parameters.date_max} | {parameters.profile}{observed}{defects}"
        )

    def running(self, stage: str) -> None:
        """A node of the stage begins."""
        self._show(f"{stage} ...")

    def executing(self, name: str) -> None:
        """Something begins that takes a while."""
        self._show(f"{name} ...")

    def saved(self, stage: str, dataset: str, rows: int) -> None:
        """A dataset of the stage has this many rows by now."""
        self._rows.setdefault(stage, {})[dataset] = rows
        self._show(f"{stage} ... {self._stage_rows(stage):,} rows")

    def finished(self, stage: str, seconds: float) -> None:
        """A stage is done."""
        self.pause()
        self.console.print(f"  {stage:<10} {self._stage_rows(stage):>12,} rows {seconds:>7.1f} s")

    def _stage_rows(self, stage: str) -> int:
        return sum(self._rows.get(stage, {}).values())

    def _show(self, text: str) -> None:
        if not self.console.is_terminal:
            return
        if self._status is None:
            self._status = self.console.status(text)
            self._status.start()
        self._status.update(text)

    @contextmanager
    def ending(self, step: str, seconds: dict[str, float]) -> Iterator[None]:
        """A step after the last stage; its seconds go beside those of the stages."""
        self._show(f"{step} ...")
        began = perf_counter()
        yield
        seconds[step] = perf_counter() - began

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
        self.console.print()
        self._fact("run_id", run_id)
        self._fact("digest", digest)
        self._fact("rows", "  ".join(f"{layer} {count:,}" for layer, count in rows.items()))
        self._fact("seconds", "  ".join(f"{name} {value:.1f}" for name, value in seconds.items()))
        for item in criteria:
            mark = "[green]PASS[/]" if item.holds else "[red]FAIL[/]"
            self._fact(f"criterion {item.number}", f"{mark}  {item.text}: {item.finding}")
        for name, place in where.items():
            self._fact(name, place)

    def _fact(self, name: str, value: str) -> None:
        self.console.print(f"{name:<13} {value}")


def _origin(parameters: RunParameters) -> str:
    """Where the lines of a run come from, for a person."""
    external = parameters.external
    if external is None:
        return f"seed {parameters.seed}"
    lines = sum(file.lines for file in external.read)
    return f"{lines:,} lines from outside, declared {external.declared}"
