"""The data of one small run, pinned in docs/testing.md: nothing changes it unnoticed."""

from collections.abc import Callable

from tests.conftest import ROOT, Project, params

TESTING = ROOT / "docs" / "testing.md"
GOLDEN = {
    "seed": 42,
    "date_max": "2026-01-03",
    "volume_scale": 0.05,
    "defects": {"profile": "none"},
}
MARK = "<!-- golden run -->"

CHANGED = """the data of the golden run changed. If that is intended, say in CHANGELOG.md what
changes in the data, and put these lines into docs/testing.md under {mark}:

{lines}
"""


def documented() -> str:
    """The lines of the block that follows the mark."""
    _, found, rest = TESTING.read_text(encoding="utf-8").partition(MARK)
    assert found, f"docs/testing.md has no {MARK!r}"
    return rest.split("```")[1].removeprefix("text").strip()


def printed(digest: str, rows: dict[str, int]) -> str:
    """What a run prints of its digest and rows."""
    counts = "  ".join(f"{layer} {count:,}" for layer, count in rows.items())
    return f"digest        {digest}\nrows          {counts}"


def test_the_golden_run_has_the_documented_digest_and_rows(
    make_project: Callable[[], Project],
) -> None:
    manifest = make_project().run(run_id="golden", **GOLDEN).document("manifest.json")
    lines = printed(manifest["digest"], manifest["rows_by_layer"])
    assert lines == documented(), CHANGED.format(mark=MARK, lines=lines)


def test_the_documented_command_is_that_of_the_golden_run() -> None:
    option, value = params(**GOLDEN)
    assert f'kedro run {option} "{value}"' in TESTING.read_text(encoding="utf-8")
