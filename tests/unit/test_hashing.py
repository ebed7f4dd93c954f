"""The logical hash of a table: equal for equal data whatever holds it, different otherwise."""

import hashlib
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.slow_hash import slow_hash

from pqrs_kedro.contracts.schema import ARROW_TYPES
from pqrs_kedro.lake.hashing import logical_hash, sha256_hex

MESSAGES = ARROW_TYPES["messages"]
TYPES = {
    "number": pa.int64(),
    "name": pa.string(),
    "line": pa.binary(),
    "share": pa.float64(),
    "is_late": pa.bool_(),
    "day": pa.date32(),
    "ts": pa.timestamp("us", tz="UTC"),
    "messages": MESSAGES,
}
AT = datetime(2026, 3, 27, 14, 0, 0, 123456, tzinfo=UTC)


def message(text: str | None, at: datetime | None = AT) -> dict[str, Any]:
    return {"ts": at, "author_kind": "citizen", "subject": None, "text": text}


def row(number: int, **values: Any) -> dict[str, Any]:
    return dict.fromkeys(TYPES) | {"number": number} | values


ROWS = [
    row(3, name="c", line=b"\0\xff", share=-1.5, is_late=True, day=date(2026, 3, 27), ts=AT),
    row(1, name="", line=b"", share=0.0, is_late=False, day=date(1969, 12, 31), messages=[]),
    row(2),
    row(5, name="ñ → 字", share=math.inf, messages=[message("x"), message(None, None)]),
    row(4, name="a", share=1e-300, messages=[None, message("")]),
    row(9, ts=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), messages=[None]),
    row(8, name="a", is_late=True, share=5e-324),
    row(7, name="a\0b", line=b"a\nb", messages=[message("y")]),
    row(6, name=None, line=b"x", is_late=False, day=date(2026, 3, 28), share=2.5),
]


def table(rows: list[dict[str, Any]] = ROWS) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema(TYPES))


def hash_of(made: pa.Table) -> str:
    return logical_hash(made, ["number"])


EXPECTED = hash_of(table())


def with_column(name: str, values: pa.Array) -> pa.Table:
    return table().set_column(table().schema.get_field_index(name), name, values)


# --- The definition -----------------------------------------------------------------------------


@pytest.mark.parametrize("column", [name for name in TYPES if name != "number"])
def test_a_column_of_each_type_hashes_as_defined(column: str):
    types = {name: TYPES[name] for name in ("number", column)}
    rows = [{name: values[name] for name in types} for values in ROWS]
    assert logical_hash(table().select(list(types)), ["number"]) == slow_hash(
        rows, types, ["number"]
    )


def test_a_whole_table_hashes_as_defined():
    assert slow_hash(ROWS, TYPES, ["number"]) == EXPECTED


def test_a_table_without_rows_hashes_as_defined():
    assert hash_of(table([])) == slow_hash([], TYPES, ["number"])


def test_a_table_of_nulls_hashes_as_defined():
    rows = [row(number) for number in range(20)]
    assert hash_of(table(rows)) == slow_hash(rows, TYPES, ["number"])


def test_rows_are_ordered_by_the_whole_key_in_the_order_of_unicode():
    types = {"name": pa.string(), "number": pa.int64()}
    rows = [
        {"name": name, "number": n} for name in ("Z", "a", "ñ", "字", "🚲", "") for n in (2, -1)
    ]
    made = pa.Table.from_pylist(rows, schema=pa.schema(types))
    expected = slow_hash(rows, types, ["name", "number"])
    assert logical_hash(made, ["name", "number"]) == expected
    assert logical_hash(made, ["number", "name"]) == slow_hash(rows, types, ["number", "name"])


def test_the_hash_of_a_known_table_stays_as_it_is():
    # If this value changes, the digests of all earlier runs change with it.
    known = pa.table({"id": pa.array([2, 1]), "name": pa.array(["b", None])})
    column_id = (
        b"id\0int\0" + b"2\0" + b"\xc0" + (1).to_bytes(8, "little") + (2).to_bytes(8, "little")
    )
    column_name = b"name\0text\0" + b"2\0" + b"\x40" + (1).to_bytes(8, "little") + b"b"
    parts = [hashlib.sha256(column).digest() for column in (column_id, column_name)]
    assert logical_hash(known, ["id"]) == hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"abc", id="bytes"),
        pytest.param(memoryview(b"abc"), id="view"),
        pytest.param(pa.py_buffer(b"abc"), id="arrow_buffer"),
        pytest.param(pa.py_buffer(b"xabcx")[1:4], id="slice_of_a_buffer"),
    ],
)
def test_bytes_have_their_sha256_wherever_they_lie(content: Any):
    assert sha256_hex(content) == hashlib.sha256(b"abc").hexdigest()


# --- Equal data ---------------------------------------------------------------------------------


def chunked(made: pa.Table, rows_per_chunk: int) -> pa.Table:
    pieces = [made.slice(at, rows_per_chunk) for at in range(0, len(made), rows_per_chunk)]
    return pa.concat_tables(pieces)


def written_and_read(made: pa.Table, **settings: Any) -> pa.Table:
    sink = pa.BufferOutputStream()
    pq.write_table(made, sink, **settings)
    return pq.read_table(pa.BufferReader(sink.getvalue()))


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(table(ROWS[::-1]), id="rows_in_another_order"),
        pytest.param(table().select(sorted(TYPES, reverse=True)), id="columns_in_another_order"),
        pytest.param(chunked(table(), 2), id="chunks_of_two"),
        pytest.param(chunked(table(), 1), id="chunks_of_one"),
        pytest.param(table([row(0, name="x"), *ROWS, row(10)]).slice(1, 9), id="slice"),
        pytest.param(table([row(0, messages=[None]), *ROWS]).slice(1), id="slice_of_lists"),
        pytest.param(table().replace_schema_metadata({"writer": "x"}), id="metadata"),
        pytest.param(written_and_read(table(), row_group_size=2), id="parquet"),
        pytest.param(
            written_and_read(table(), compression="zstd", use_dictionary=False, version="1.0"),
            id="parquet_of_another_version",
        ),
    ],
)
def test_equal_data_has_one_hash(made: pa.Table):
    assert hash_of(made) == EXPECTED


NAMES = [values["name"] for values in ROWS]
NUMBERS = [values["number"] for values in ROWS]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param("number", pa.array(NUMBERS, pa.int32()), id="int32"),
        pytest.param("number", pa.array(NUMBERS, pa.uint8()), id="uint8"),
        pytest.param("name", pa.array(NAMES, pa.large_string()), id="large_string"),
        pytest.param("name", pa.array(NAMES, pa.string_view()), id="string_view"),
        pytest.param("name", pa.array(NAMES).dictionary_encode(), id="dictionary"),
        pytest.param(
            "name", pa.array(NAMES, pa.dictionary(pa.int8(), pa.large_string())), id="int8_keys"
        ),
        pytest.param(
            "name",
            pa.chunked_array(
                [pa.array(NAMES[:4]).dictionary_encode(), pa.array(NAMES[4:]).dictionary_encode()]
            ),
            id="two_dictionaries",
        ),
        pytest.param(
            "line", pa.array([r["line"] for r in ROWS], pa.large_binary()), id="large_binary"
        ),
        pytest.param(
            "line", pa.array([r["line"] for r in ROWS], pa.binary_view()), id="binary_view"
        ),
        pytest.param(
            "ts", pa.array([r["ts"] for r in ROWS], pa.timestamp("us", "America/Bogota")),
            id="other_zone",
        ),
        pytest.param(
            "ts", pa.array([r["ts"] for r in ROWS], pa.timestamp("ns", "UTC")), id="nanoseconds"
        ),
        pytest.param(
            "messages", pa.array([r["messages"] for r in ROWS], pa.large_list(MESSAGES.value_type)),
            id="large_list",
        ),
    ],
)  # fmt: skip
def test_a_wider_or_encoded_type_has_the_same_hash(column: str, values: pa.Array):
    assert hash_of(with_column(column, values)) == EXPECTED


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(pa.large_string(), id="large_string"),
        pytest.param(pa.string_view(), id="string_view"),
        pytest.param(pa.dictionary(pa.int32(), pa.string()), id="dictionary"),
    ],
)
def test_a_key_of_a_wider_or_encoded_type_orders_alike(kind: pa.DataType):
    keys = ["b", "a", "ñ", ""]
    plain = pa.table({"key": pa.array(keys), "number": pa.array([1, 2, 3, 4])})
    other = plain.set_column(0, "key", pa.array(keys, kind))
    assert logical_hash(other, ["key"]) == logical_hash(plain, ["key"])


ORDERED = sorted(ROWS, key=lambda values: values["number"])


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(table(ORDERED), id="whole"),
        pytest.param(chunked(table(ORDERED), 2), id="chunks"),
        pytest.param(
            table([row(0, name="xx", messages=[None, message("x")]), *ORDERED, row(10)]).slice(
                1, 9
            ),
            id="slice",
        ),
    ],
)
def test_rows_in_key_order_need_no_ordering(made: pa.Table):
    assert logical_hash(made, ["number"], ordered=True) == EXPECTED


@pytest.mark.parametrize("column", ["name", "line", "messages", "is_late"])
def test_a_slice_without_nulls_hashes_its_own_values_only(column: str):
    # Without a null to drop, and in order already, nothing copies the slice.
    full = row(0, name="a", line=b"a", is_late=True, messages=[message("a")])
    rows = [full | {"number": number} for number in range(20)]
    rows[0] |= {"name": "zz", "line": b"zz", "is_late": False, "messages": [None, None]}
    types = {name: TYPES[name] for name in ("number", column)}
    made = table(rows).select(list(types)).slice(3, 11)
    expected = slow_hash([{name: r[name] for name in types} for r in rows[3:14]], types, ["number"])
    assert logical_hash(made, ["number"], ordered=True) == expected


def test_a_negative_zero_is_zero():
    shares = [-0.0 if values["share"] == 0 else values["share"] for values in ROWS]
    assert math.copysign(1, shares[1]) == -1
    assert hash_of(with_column("share", pa.array(shares))) == EXPECTED


def test_values_under_a_null_do_not_count():
    # Arrow leaves any bytes under a null; here "hidden" lies under one.
    names = pa.array(["hidden" if name is None else name for name in NAMES])
    masked = pa.Array.from_buffers(
        pa.string(), len(NAMES), [pa.array(NAMES).buffers()[0], *names.buffers()[1:]]
    )
    assert masked.to_pylist() == NAMES
    assert hash_of(with_column("name", masked)) == EXPECTED


def test_an_array_without_nulls_needs_no_validity():
    with_bitmap = pa.array(["a", None, "b"]).filter(pa.array([True, False, True]))
    assert with_bitmap.null_count == 0
    assert logical_hash(pa.table({"k": with_bitmap}), ["k"]) == logical_hash(
        pa.table({"k": pa.array(["a", "b"])}), ["k"]
    )


# --- Different data -----------------------------------------------------------------------------


def changed(place: int, **values: Any) -> list[dict[str, Any]]:
    return [*ROWS[:place], ROWS[place] | values, *ROWS[place + 1 :]]


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(table(changed(0, name="d")), id="a_text"),
        pytest.param(table(changed(0, number=10)), id="a_number"),
        pytest.param(table(changed(0, line=b"\0\xfe")), id="a_byte"),
        pytest.param(table(changed(4, share=1.1e-300)), id="a_last_digit"),
        pytest.param(table(changed(0, is_late=False)), id="a_flag"),
        pytest.param(table(changed(0, day=date(2026, 3, 28))), id="a_day"),
        pytest.param(table(changed(0, ts=AT.replace(microsecond=123457))), id="a_microsecond"),
        pytest.param(table(changed(1, name=None)), id="null_instead_of_an_empty_text"),
        pytest.param(table(changed(1, line=None)), id="null_instead_of_no_bytes"),
        pytest.param(table(changed(1, share=None)), id="null_instead_of_zero"),
        pytest.param(table(changed(1, messages=None)), id="null_instead_of_an_empty_list"),
        pytest.param(table(changed(1, messages=[None])), id="a_null_message_instead_of_none"),
        pytest.param(table(changed(4, messages=[message(""), None])), id="messages_reversed"),
        pytest.param(table(changed(4, messages=[None, message(None)])), id="a_null_text"),
        pytest.param(table(changed(3, messages=[message("x")])), id="a_message_less"),
        pytest.param(table(ROWS[:-1]), id="a_row_less"),
        pytest.param(table().drop_columns(["day"]), id="a_column_less"),
        pytest.param(table().append_column("zz", pa.array([1] * 9)), id="a_column_more"),
        pytest.param(
            table().rename_columns({"name": "nombre"}), id="another_column_name"
        ),
        pytest.param(
            with_column("number", pa.array([float(n) for n in NUMBERS])), id="another_type"
        ),
        pytest.param(
            with_column("name", pa.array([None if n is None else n.encode() for n in NAMES])),
            id="bytes_instead_of_text",
        ),
    ],
)  # fmt: skip
def test_other_data_has_another_hash(made: pa.Table):
    assert hash_of(made) != EXPECTED


def test_texts_cut_at_another_place_have_another_hash():
    first, second = (pa.table({"k": [1, 2], "t": texts}) for texts in (["ab", "c"], ["a", "bc"]))
    assert logical_hash(first, ["k"]) != logical_hash(second, ["k"])


def test_lists_cut_at_another_place_have_another_hash():
    first, second = (
        pa.table({"k": [1, 2], "l": lists}) for lists in ([["a", "b"], ["c"]], [["a"], ["b", "c"]])
    )
    assert logical_hash(first, ["k"]) != logical_hash(second, ["k"])


def test_values_of_two_columns_exchanged_have_another_hash():
    first = pa.table({"k": [1], "a": ["x"], "b": ["y"]})
    second = pa.table({"k": [1], "a": ["y"], "b": ["x"]})
    assert logical_hash(first, ["k"]) != logical_hash(second, ["k"])


def test_a_field_of_a_structure_by_another_name_has_another_hash():
    first, second = (pa.table({"k": [1], "s": [{name: "x"}]}) for name in ("a", "b"))
    assert logical_hash(first, ["k"]) != logical_hash(second, ["k"])


def test_a_type_without_a_definition_is_refused_by_name():
    with pytest.raises(TypeError, match="decimal128"):
        logical_hash(pa.table({"k": pa.array([Decimal("1.50")])}), ["k"])
