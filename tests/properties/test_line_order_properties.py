"""The order of lines: by day, channel, instant and identifier, ties of any kind among them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.domain.calendar import end_of_local_day, local_day
from pqrs_kedro.pipelines.synthesis.events import EventTable

# Around a local midnight, and a few instants, so that many events share one.
MIDNIGHT = int(end_of_local_day(20_454)) + 1
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 1, MIDNIGHT + 10**12]),
        st.integers(0, 2**64 - 1),
    ),
    max_size=30,
)


@given(events=EVENTS)
def test_events_are_in_the_order_of_their_keys(events: list[tuple[int, int, int]]) -> None:
    channel, at, bits = zip(*events, strict=True) if events else ((), (), ())
    batch: Any = SimpleNamespace(
        arrivals=SimpleNamespace(channel=np.array(channel, dtype=np.int64))
    )
    none = np.zeros(len(events), dtype=np.int64)
    table = EventTable(
        batch, none, np.arange(len(events)), none, none, none,
        np.array(at, dtype=np.int64), np.array(bits, dtype=np.uint64),
    )  # fmt: skip

    def key(event: int) -> tuple[int, ...]:
        return int(local_day(at[event])), channel[event], at[event], bits[event], event

    assert table.line_order.tolist() == sorted(range(len(events)), key=key)
