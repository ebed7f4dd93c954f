"""Lines of raw objects are counted as a person would count them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kedro.io.core import DatasetError

from pqrs_kedro.datasets.raw_line_counts import RawLineCounts, count_lines


@pytest.mark.parametrize(
    ("content", "lines", "blank"),
    [
        pytest.param(b"", 0, 0, id="nothing"),
        pytest.param(b"\n", 1, 1, id="an empty line"),
        pytest.param(b"{}\n{}\n", 2, 0, id="two lines"),
        pytest.param(b"{}\n{}", 2, 0, id="the last line not ended"),
        pytest.param(b"{}\n ", 2, 1, id="a blank at the end"),
        pytest.param(b" \t\r\n{}\r\n\r\n", 3, 2, id="blanks and carriage returns"),
        pytest.param(b"  {}\n", 1, 0, id="an indented line"),
        pytest.param(b"\xef\xbb\xbf\n\xff\n\x00\n", 3, 0, id="a byte order mark, no UTF-8, a zero"),
    ],
)
def test_lines_are_counted(content: bytes, lines: int, blank: int) -> None:
    assert count_lines(content) == (lines, blank)


@given(st.lists(st.sampled_from([b"{}", b" ", b"\t", b"\r", b"\n", b"\xff"])).map(b"".join))
def test_lines_are_counted_as_split_does(content: bytes) -> None:
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    blank = [line for line in lines if set(line) <= set(b" \t\r")]
    assert count_lines(content) == (len(lines), len(blank))


def test_a_row_per_object_without_its_run(tmp_path: Path) -> None:
    for source, content in (("email", b"{}\n\n"), ("chat", b"{}\n{}\n")):
        folder = tmp_path / f"raw/pqrs/source={source}/day=2026-01-10/run_id=mine"
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_bytes(content)
    counts = RawLineCounts(path=str(tmp_path), run_id="mine")
    assert counts.exists()
    assert counts.load().to_pydict() == {
        "source_object": [
            "raw/pqrs/source=chat/day=2026-01-10/events.jsonl",
            "raw/pqrs/source=email/day=2026-01-10/events.jsonl",
        ],
        "lines_count": [2, 2],
        "blank_lines_count": [0, 1],
    }
    assert counts.preview()["data"][1] == [
        "raw/pqrs/source=email/day=2026-01-10/events.jsonl", 2, 1,
    ]  # fmt: skip


def test_counts_of_no_run_are_none_and_cannot_be_saved(tmp_path: Path) -> None:
    counts = RawLineCounts(path=str(tmp_path), run_id="none")
    assert not counts.exists()
    assert counts.load().num_rows == 0
    with pytest.raises(DatasetError, match="never saved"):
        counts.save([])  # type: ignore[arg-type]
