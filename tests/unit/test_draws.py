"""Random numbers by coordinates: seed, stream, day and index, in any order and by any worker."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pqrs_kedro.pipelines.synthesis.draws import (
    DayDraws,
    TicketDraws,
    choose,
    raw_block,
    raw_blocks,
    stream_key,
    to_uniform,
)

DAY = 20_454  # 2026-01-01
LARGEST = 2**64 - 1


def raw(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


# --- Blocks -------------------------------------------------------------------------------------


def test_a_block_is_the_philox_sequence_of_its_key_and_counter():
    # The words of the counter: 64 bits of position, 64 bits of nothing, then the day.
    generator = np.random.Philox(key=stream_key(7, "path"), counter=[0, 0, DAY, 0])
    assert raw_block(7, "path", DAY, 9).tolist() == generator.random_raw(9).tolist()


@given(
    days=st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 9)), max_size=4),
    column=st.integers(0, 2**31),
    first=st.integers(0, 11),
)
def test_blocks_from_any_draw_on_are_those_of_numpy(
    days: list[tuple[int, int]], column: int, first: int
):
    key, expected = stream_key(7, "path"), list[int]()
    for day, size in days:
        generator = np.random.Philox(key=key, counter=[0, column, day, 0])
        expected += generator.random_raw(first + size)[first:].tolist()
    blocks, sizes = [day for day, _ in days], [size for _, size in days]
    assert raw_blocks(7, "path", blocks, sizes, column, first).tolist() == expected


def test_each_column_of_wide_draws_is_a_block_of_its_own():
    days, counts = (DAY, DAY + 3), (5, 2)
    wide = TicketDraws(7, days, counts).raw("path", 3)
    for column in range(3):
        blocks = [raw_block(7, "path", *block, column) for block in zip(days, counts, strict=True)]
        assert wide[:, column].tolist() == np.concatenate(blocks).tolist()


def test_a_longer_block_begins_with_the_shorter_one():
    assert raw_block(7, "path", DAY, 50)[:9].tolist() == raw_block(7, "path", DAY, 9).tolist()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((8, "path", DAY), id="another_seed"),
        pytest.param((7, "paths", DAY), id="another_stream"),
        pytest.param((7, "path", DAY + 1), id="another_day"),
    ],
)
def test_other_coordinates_share_no_draw(other: tuple[int, str, int]):
    here = set(raw_block(7, "path", DAY, 5000).tolist())
    assert len(here) == 5000
    assert here.isdisjoint(raw_block(*other, 5000).tolist())


def test_a_seed_and_a_stream_cannot_be_confused_with_another_pair():
    assert stream_key(1, "2/path").tolist() != stream_key(12, "/path").tolist()


def test_a_days_draws_do_not_run_into_the_next_day():
    long = raw_block(7, "path", DAY, 100_000)
    assert not np.isin(raw_block(7, "path", DAY + 1, 100), long).any()


# --- Uniform draws ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bits",
    [
        pytest.param(0, id="smallest"),
        pytest.param(1, id="next_to_smallest"),
        pytest.param(2**63, id="middle"),
        pytest.param(LARGEST - 2**12, id="next_to_largest"),
        pytest.param(LARGEST, id="largest"),
    ],
)
def test_a_uniform_draw_is_never_0_nor_1(bits: int):
    assert 0 < to_uniform(raw([bits]))[0] < 1


def test_uniform_draws_grow_with_their_bits():
    bits = np.sort(raw_block(7, "path", DAY, 10_000))
    assert (np.diff(to_uniform(bits)) > 0).all()


def test_uniform_draws_are_spread_evenly():
    drawn = to_uniform(raw_block(7, "path", DAY, 100_000))
    counts, _ = np.histogram(drawn, bins=20, range=(0, 1))
    # Chi-square with 19 degrees of freedom exceeds 43.8 once in a thousand.
    assert ((counts - 5000) ** 2 / 5000).sum() < 43.8


# --- Days ---------------------------------------------------------------------------------------


def test_a_day_drawn_alone_equals_its_slice_of_many_days():
    many = DayDraws(7, (DAY, DAY + 1, DAY + 2), (30, 20, 40))
    alone = DayDraws(7, (DAY + 1,), (20,))
    assert many.raw("path")[30:50].tolist() == alone.raw("path").tolist()
    assert many.raw("path", 3)[30:50].tolist() == alone.raw("path", 3).tolist()
    assert many.uniform("path", 3)[30:50].tolist() == alone.uniform("path", 3).tolist()


@pytest.mark.parametrize("start", range(10))
@pytest.mark.parametrize("size", [0, 1, 4, 7])
def test_tickets_drawn_alone_equal_their_slice_of_the_day(start: int, size: int):
    day, end = DayDraws(7, (DAY,), (20,)), start + size
    some = day.of_tickets(start, end)
    assert some.raw("path").tolist() == day.raw("path")[start:end].tolist()
    assert some.raw("path", 3).tolist() == day.raw("path", 3)[start:end].tolist()
    assert some.uniform("path", 3).tolist() == day.uniform("path", 3)[start:end].tolist()
    if size > 2:
        fewer = some.of_tickets(2, size)
        assert fewer.raw("path").tolist() == day.raw("path")[start + 2 : end].tolist()


def test_tickets_of_several_days_have_no_place_in_a_day():
    with pytest.raises(ValueError, match="tickets 1 to 4 of 2 days"):
        DayDraws(7, (DAY, DAY + 1), (20, 20)).of_tickets(1, 4)


def test_the_first_tickets_of_a_day_do_not_depend_on_how_many_follow():
    few, more = DayDraws(7, (DAY,), (20,)), DayDraws(7, (DAY,), (40,))
    assert few.raw("path", 3).tolist() == more.raw("path", 3)[:20].tolist()


@pytest.mark.parametrize(
    ("days", "counts"),
    [
        pytest.param((), (), id="no_days"),
        pytest.param((DAY,), (0,), id="a_day_without_tickets"),
        pytest.param((DAY, DAY + 1), (0, 5), id="a_day_without_tickets_first"),
    ],
)
def test_there_is_one_row_per_ticket_and_one_column_per_draw(
    days: tuple[int, ...], counts: tuple[int, ...]
):
    draws = DayDraws(7, days, counts)
    assert draws.raw("path").shape == (sum(counts),)
    assert draws.raw("path", 4).shape == (sum(counts), 4)
    assert draws.uniform("path", 1).shape == (sum(counts), 1)


def test_draws_of_one_column_are_those_of_width_one():
    draws = DayDraws(7, (DAY, DAY + 1), (30, 20))
    assert draws.raw("path").tolist() == draws.raw("path", 1)[:, 0].tolist()


def test_drawing_leaves_numpys_global_generator_alone():
    state = np.random.get_state(legacy=False)["state"]["pos"]
    DayDraws(7, (DAY,), (30,)).uniform("path", 3)
    assert np.random.get_state(legacy=False)["state"]["pos"] == state


# --- Stratified draws ---------------------------------------------------------------------------


def test_stratified_draws_fall_one_in_each_cell_of_day_and_stratum():
    draws = DayDraws(7, (DAY, DAY + 1), (60, 40))
    strata = np.tile([0, 1, 1, 2, 1], 20)
    drawn = draws.stratified("quantile", strata)
    day = np.repeat([0, 1], draws.counts)
    for group in {(d, s) for d, s in zip(day.tolist(), strata.tolist(), strict=True)}:
        members = drawn[(day == group[0]) & (strata == group[1])]
        assert sorted((members * len(members)).astype(int)) == list(range(len(members)))


def test_the_cell_a_ticket_gets_is_not_its_place_in_the_day():
    drawn = DayDraws(7, (DAY,), (1000,)).stratified("quantile", np.zeros(1000, dtype=np.int64))
    # Of independent ranks, 1,000 correlations lie within 4 / sqrt(1,000) of zero.
    assert abs(np.corrcoef(np.arange(1000), drawn)[0, 1]) < 0.127


def test_streams_of_stratified_draws_are_independent():
    draws, strata = DayDraws(7, (DAY,), (1000,)), np.zeros(1000, dtype=np.int64)
    first, second = (draws.stratified(f"quantile/{n}", strata) for n in (0, 1))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.127


def test_a_ticket_alone_in_its_stratum_gets_any_draw():
    draws = DayDraws(7, (DAY,), (200,))
    drawn = draws.stratified("quantile", np.arange(200))
    counts, _ = np.histogram(drawn, bins=4, range=(0, 1))
    assert counts.min() > 25


# --- Choice -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uniform", "cumulative", "index"),
    [
        pytest.param(1e-17, [0.3, 0.5, 1.0], 0, id="least_draw"),
        pytest.param(0.2999999, [0.3, 0.5, 1.0], 0, id="below_an_edge"),
        pytest.param(0.3, [0.3, 0.5, 1.0], 1, id="an_edge_belongs_to_the_next"),
        pytest.param(0.5, [0.3, 0.5, 1.0], 2, id="last_edge"),
        pytest.param(1 - 2**-53, [0.3, 0.5, 1.0], 2, id="greatest_draw"),
        pytest.param(1e-17, [0.0, 0.5, 1.0], 1, id="first_category_is_impossible"),
        pytest.param(0.5, [0.5, 0.5, 1.0], 2, id="middle_category_is_impossible"),
        pytest.param(1 - 2**-53, [0.5, 1.0, 1.0], 1, id="last_category_is_impossible"),
        pytest.param(0.7, [1.0], 0, id="only_one_category"),
    ],
)
def test_a_draw_falls_in_its_category(uniform: float, cumulative: list[float], index: int):
    assert choose(np.array([uniform]), np.array(cumulative)).tolist() == [index]


def test_categories_are_chosen_as_often_as_they_should_be():
    uniform = (np.arange(1000) + 0.5) / 1000
    chosen = choose(uniform, np.array([0.3, 0.5, 1.0]))
    assert np.bincount(chosen).tolist() == [300, 200, 500]
