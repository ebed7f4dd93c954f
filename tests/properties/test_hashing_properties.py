"""Whatever the rows are: the logical hash is the slow one, and does not see how they are held."""

import math
from datetime import UTC, date, datetime
from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.slow_hash import slow_hash

from pqrs_kedro.lake.hashing import logical_hash

TEXTS = st.text(max_size=6)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.datetimes(
    datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)  # noqa: DTZ001
)  # fmt: skip
FILE = st.fixed_dictionaries(
    {"file_name": st.none() | TEXTS, "size_kb": st.none() | NUMBERS, "is_read": st.booleans()}
)
NESTED = pa.struct([("file_name", pa.string()), ("size_kb", pa.int64()), ("is_read", pa.bool_())])
COLUMNS = {
    "text": (pa.string(), TEXTS),
    "content": (pa.binary(), st.binary(max_size=6)),
    "count": (pa.int64(), NUMBERS),
    "share": (pa.float64(), st.floats(allow_nan=False)),
    "flag": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "ts": (pa.timestamp("us", tz="UTC"), INSTANTS),
    "words": (pa.list_(pa.string()), st.lists(st.none() | TEXTS, max_size=3)),
    "file": (NESTED, FILE),
    "files": (pa.list_(NESTED), st.lists(st.none() | FILE, max_size=3)),
    "lists": (pa.list_(pa.list_(pa.int64())), st.lists(st.none() | st.lists(NUMBERS, max_size=2))),
}
TYPES = {"key": pa.int64()} | {name: kind for name, (kind, _) in COLUMNS.items()}
ROW = st.fixed_dictionaries(
    {"key": NUMBERS} | {name: st.none() | values for name, (_, values) in COLUMNS.items()}
)
ROWS = st.lists(ROW, max_size=9, unique_by=lambda row: row["key"])


def table(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema(TYPES))


def hash_of(rows: pa.Table) -> str:
    return logical_hash(rows, ["key"])


@settings(max_examples=30)
@given(rows=ROWS)
def test_any_table_hashes_as_defined(rows):
    assert hash_of(table(rows)) == slow_hash(rows, TYPES, ["key"])


@settings(max_examples=20)
@given(rows=ROWS, data=st.data())
def test_any_order_chunking_and_slicing_has_the_same_hash(rows, data):
    expected = hash_of(table(rows))
    shuffled = data.draw(st.permutations(rows))
    around = data.draw(st.lists(ROW, max_size=2))
    inside = table([*around, *shuffled, *around]).slice(len(around), len(rows))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)), max_size=3)) | {0, len(rows)})
    pieces = [inside.slice(a, b - a) for a, b in pairwise(cuts)]
    assert hash_of(pa.concat_tables(pieces) if pieces else inside) == expected


@settings(max_examples=30)
@given(rows=ROWS, data=st.data())
def test_any_slice_in_key_order_hashes_as_its_own_rows(rows, data):
    ordered = sorted(rows, key=lambda row: row["key"])
    start, end = sorted(data.draw(st.integers(0, len(rows))) for _ in range(2))
    piece = table(ordered).slice(start, end - start)
    assert logical_hash(piece, ["key"], ordered=True) == hash_of(table(ordered[start:end]))


@settings(max_examples=20)
@given(rows=ROWS)
def test_any_texts_in_a_dictionary_have_the_same_hash(rows):
    plain = table(rows)
    place = plain.schema.get_field_index("text")
    encoded = plain.set_column(place, "text", plain["text"].dictionary_encode())
    assert hash_of(encoded) == hash_of(plain)


@settings(max_examples=30)
@given(rows=ROWS.filter(bool), data=st.data())
def test_any_single_other_value_has_another_hash(rows, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(list(COLUMNS)))
    before = rows[place][name]
    after = data.draw(st.none() | COLUMNS[name][1])
    other = [*rows[:place], rows[place] | {name: after}, *rows[place + 1 :]]
    same = before == after and type(before) is type(after)
    assert (hash_of(table(other)) == hash_of(table(rows))) is same


@given(number=st.floats(allow_nan=False))
def test_two_numbers_have_one_hash_exactly_when_they_are_equal(number):
    def of(value: float) -> str:
        return logical_hash(pa.table({"k": [1], "v": [value]}), ["k"])

    assert of(number) == of(0.0 if number == 0 else number)
    assert of(number) != of(math.nextafter(number, -math.inf) if number != -math.inf else 1.0)
