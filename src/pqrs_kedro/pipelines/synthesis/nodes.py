"""Nodes of the synthesis pipeline."""

from collections.abc import Iterator
from typing import Any

from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.pipelines.synthesis.generator import generate_objects
from pqrs_kedro.pipelines.synthesis.raw_objects import RawObject
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario
from pqrs_kedro.pipelines.synthesis.truth import TruthPart


def generate_raw_events(
    parameters: dict[str, Any],
) -> Iterator[tuple[list[RawObject], list[TruthPart], list[TruthPart]]]:
    """Raw objects of the run's dates, the ledger of tickets, that of defects; complete ones first.

    Events run past the last date of reception, or to the end of observation if one is given.
    """
    typed = parse_parameters(parameters)
    yield from generate_objects(
        build_scenario(typed),
        typed.date_min,
        typed.date_max,
        typed.days_per_chunk,
        typed.workers,
        typed.observe_until,
    )
