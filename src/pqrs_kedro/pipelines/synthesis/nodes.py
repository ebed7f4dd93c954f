"""Nodes of the synthesis pipeline."""

from collections.abc import Iterator
from typing import Any

from pqrs_kedro.parameters import parse_parameters
from pqrs_kedro.pipelines.synthesis.generator import generate_raw_objects
from pqrs_kedro.pipelines.synthesis.raw_objects import RawObject
from pqrs_kedro.pipelines.synthesis.scenario import build_scenario


def generate_raw_events(parameters: dict[str, Any]) -> Iterator[list[RawObject]]:
    """Raw objects of the run's dates, complete ones first; events run past the last date."""
    typed = parse_parameters(parameters)
    yield from generate_raw_objects(
        build_scenario(typed), typed.date_min, typed.date_max, typed.days_per_chunk, typed.workers
    )
