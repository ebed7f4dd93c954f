"""Whatever the seed, the days and the strata are: draws depend on their own coordinates alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pqrs_kedro.pipelines.synthesis.draws import DayDraws, choose, to_uniform

SEEDS = st.integers(0, 2**63 - 1)
STREAMS = st.text(max_size=12)
DAYS = st.lists(
    st.tuples(st.integers(17_000, 25_000), st.integers(0, 12)),
    min_size=1,
    max_size=5,
    unique_by=lambda pair: pair[0],
)
WIDTHS = st.none() | st.integers(1, 4)


def days_and_counts(pairs: list[tuple[int, int]]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    days, counts = zip(*pairs, strict=True)
    return days, counts


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, stream=STREAMS, pairs=DAYS, width=WIDTHS, data=st.data())
def test_any_days_in_any_order_draw_what_they_draw_alone(seed, stream, pairs, width, data):
    order = data.draw(st.permutations(pairs))
    together = DayDraws(seed, *days_and_counts(order)).raw(stream, width)
    alone = [DayDraws(seed, (day,), (count,)).raw(stream, width) for day, count in order]
    assert together.tolist() == np.concatenate(alone).tolist()


@settings(max_examples=60, deadline=None)
@given(seeds=st.lists(SEEDS, min_size=2, max_size=2, unique=True), stream=STREAMS)
def test_any_two_seeds_draw_differently(seeds, stream):
    first, second = (DayDraws(seed, (20_454,), (8,)).raw(stream).tolist() for seed in seeds)
    assert set(first).isdisjoint(second)


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, streams=st.lists(STREAMS, min_size=2, max_size=2, unique=True))
def test_any_two_streams_draw_differently(seed, streams):
    first, second = (DayDraws(seed, (20_454,), (8,)).raw(stream).tolist() for stream in streams)
    assert set(first).isdisjoint(second)


@given(bits=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=20))
def test_uniform_draws_lie_strictly_between_0_and_1(bits):
    drawn = to_uniform(np.array(bits, dtype=np.uint64))
    assert ((drawn > 0) & (drawn < 1)).all()


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, pairs=DAYS, data=st.data())
def test_each_cell_of_a_day_and_stratum_holds_exactly_one_ticket(seed, pairs, data):
    days, counts = days_and_counts(pairs)
    total = sum(counts)
    strata = np.array(data.draw(st.lists(st.integers(0, 3), min_size=total, max_size=total)), int)
    drawn = DayDraws(seed, days, counts).stratified("quantile", strata)
    assert ((drawn > 0) & (drawn < 1)).all()
    day = np.repeat(np.arange(len(days)), counts)
    for group in {(d, s) for d, s in zip(day.tolist(), strata.tolist(), strict=True)}:
        members = drawn[(day == group[0]) & (strata == group[1])]
        cells = np.floor(members * len(members)).astype(int)
        assert sorted(cells) == list(range(len(members)))


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, pairs=DAYS, data=st.data())
def test_a_stratum_does_not_notice_what_the_other_tickets_are(seed, pairs, data):
    days, counts = days_and_counts(pairs)
    total = sum(counts)
    labels = st.lists(st.integers(0, 3), min_size=total, max_size=total)
    before = np.array(data.draw(labels), dtype=np.int64)
    other = np.array(data.draw(labels), dtype=np.int64)
    # The tickets of stratum 0 keep theirs; all others get strata anew, 1 to 4.
    after = np.where(before == 0, 0, other + 1)
    draws = DayDraws(seed, days, counts)
    kept = before == 0
    assert (
        draws.stratified("quantile", before)[kept].tolist()
        == draws.stratified("quantile", after)[kept].tolist()
    )


@settings(max_examples=80, deadline=None)
@given(seed=SEEDS, pairs=DAYS, data=st.data())
def test_a_day_does_not_notice_the_strata_of_other_days(seed, pairs, data):
    days, counts = days_and_counts(pairs)
    total = sum(counts)
    strata = np.array(data.draw(st.lists(st.integers(0, 3), min_size=total, max_size=total)), int)
    together = DayDraws(seed, days, counts).stratified("quantile", strata)
    parts, start = [], 0
    for day, count in pairs:
        alone = DayDraws(seed, (day,), (count,))
        parts.append(alone.stratified("quantile", strata[start : start + count]))
        start += count
    assert together.tolist() == np.concatenate(parts).tolist()


@given(
    uniform=st.floats(0, 1, exclude_min=True, exclude_max=True),
    weights=st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any),
)
def test_a_choice_has_a_positive_share_and_contains_the_draw(uniform, weights):
    cumulative = np.cumsum(weights) / sum(weights)
    index = int(choose(np.array([uniform]), cumulative)[0])
    assert weights[index] > 0
    assert (cumulative[index - 1] if index else 0) <= uniform < cumulative[index]
