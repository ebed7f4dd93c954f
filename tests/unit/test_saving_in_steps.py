"""What a generator node yields is let go once it is saved, however many steps there are."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner

from pqrs_kedro.datasets.ground_truth import GroundTruth
from pqrs_kedro.datasets.raw_events import RawEvents
from pqrs_kedro.lake.ahead import emptied
from pqrs_kedro.pipelines.synthesis.truth import TruthPart

# More than Kedro's way of handing outputs on keeps by itself.
STEPS = 80


@dataclass(eq=False)
class OneLine:
    """A raw object as the generator gives it."""

    day: date
    source: str = "web"
    rows: int = 1

    def content(self) -> bytes:
        return b"{}\n"


@pytest.mark.parametrize("steps", [1, STEPS])
def test_raw_objects_are_let_go_when_they_are_written(tmp_path: Path, steps: int):
    alive: weakref.WeakSet[OneLine] = weakref.WeakSet()
    counts: list[int] = []

    def generate() -> Iterator[tuple[list[OneLine], list[TruthPart]]]:
        for number in range(steps):
            item = OneLine(date(2026, 1, 1) + timedelta(days=number))
            alive.add(item)
            counts.append(len(alive))
            yield [item], []

    lake = str(tmp_path)
    raw = RawEvents(path=lake, run_id="steps")
    truth = GroundTruth(table="ground_truth", path=lake, run_id="steps")
    graph = Pipeline([node(generate, None, ["raw", "truth"])])
    SequentialRunner().run(graph, DataCatalog({"raw": raw, "truth": truth}))
    assert len(raw.objects) == steps == len(list(tmp_path.glob("raw/**/events.jsonl")))
    assert max(counts) <= 3


def test_a_list_is_empty_when_its_items_are_taken_and_their_order_stays():
    items = list("abc")
    taken = emptied(items)
    assert next(taken) == "a"
    assert list(taken) == ["b", "c"]
    assert items == []
