"""The parts of the notebooks that need no run: findings, what is shown, rates, forecasts."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pqrs_kedro.analysis.backlog import BackTest, OpenSpells, forecasts
from pqrs_kedro.analysis.checks import Check
from pqrs_kedro.analysis.durations import OfficeClock, Segment
from pqrs_kedro.analysis.findings import LEAST, Finding, by_tests, inside, summary
from pqrs_kedro.analysis.shown import Judged, table
from pqrs_kedro.analysis.sla import Rate, by_dimension
from pqrs_kedro.parameters import Lognormal
from pqrs_kedro.report.spanish import number

STILL_OPEN = np.iinfo(np.int64).max


def finding(p: float | None, observations: int = 100) -> Finding:
    return Finding("Hecho", 1.0, 2.0, observations, number, p)


@pytest.mark.parametrize(
    ("given", "holds", "text"),
    [
        pytest.param(finding(0.3), True, "concuerda, p = 0,30", id="agrees"),
        pytest.param(finding(1e-9), False, "NO CONCUERDA, p < 0,0001", id="does_not"),
        pytest.param(finding(1e-9, LEAST - 1), None, "sin veredicto: menos de 30 observaciones",
                     id="too_few"),
        pytest.param(finding(None), None, "sin prueba propia", id="not_tested"),
        pytest.param(inside("Hecho", (1, 3), 2, number, 50), True, "dentro de la banda",
                     id="inside"),
        pytest.param(inside("Hecho", (1, 3), 4, number, 50), False, "FUERA DE LA BANDA",
                     id="outside"),
    ],
)  # fmt: skip
def test_a_finding_is_judged(given: Finding, holds: bool | None, text: str) -> None:
    assert given.holds is holds
    assert given.judged == Judged(text, holds)


def test_several_tests_make_one_verdict_by_bonferroni() -> None:
    checks = [Check(1.0, p, 50) for p in (0.5, 0.02, 0.9)]
    assert by_tests("Hecho", 1, 1, number, 50, lambda: checks).p_value == pytest.approx(0.06)
    assert by_tests("Hecho", 1, 1, number, 5, lambda: checks).p_value is None


def test_a_summary_names_what_does_not_agree() -> None:
    shown = str(summary([[finding(0.3), finding(None)], [finding(1e-9)]]).html)
    assert "1 de 2 hechos juzgados concuerdan; de 1 no se puede decir nada." in shown
    assert shown.count('class="verdict fail"') == 2
    assert "Hecho: NO CONCUERDA" in shown


def test_what_is_shown_is_escaped() -> None:
    shown = str(table(("<a>", "b"), [("<i>", "x & y")], "<b>", "s").html)
    assert "<i>" not in shown
    assert "&lt;i&gt;" in shown
    assert "x &amp; y" in shown


def test_wilsons_interval_is_that_of_the_formula() -> None:
    rate, z = Rate("x", 7, 60), stats.norm.ppf(0.975)
    p, n = 7 / 60, 60
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    assert rate.limits_pct == pytest.approx((100 * (middle - half), 100 * (middle + half)))


def test_a_group_without_due_tickets_has_no_rate_and_is_not_compared() -> None:
    due = pd.DataFrame({"kind": ["a", "a", "b"], "is_breached": [True, False, False]})
    found = by_dimension(due, "Clase", "kind", {"a": "A", "b": "B", "c": "C"})
    assert [(r.name, r.breached, r.due, r.pct) for r in found.rates] == [
        ("A", 1, 2, 50.0), ("B", 0, 1, 0.0), ("C", 0, 0, None),
    ]  # fmt: skip
    table_of_both = stats.contingency.chi2_contingency([[1, 1], [0, 1]], correction=False)
    assert found.p_value == pytest.approx(table_of_both.pvalue)


def test_the_office_clock_runs_on_business_days_from_eight_to_five() -> None:
    days = pd.DataFrame(
        {
            # Thursday to Monday.
            "day": pd.to_datetime([f"2026-02-{n:02d}" for n in range(5, 10)]),
            "business_day_ordinal": [1, 2, 2, 2, 3],
        }
    )
    local = ["2026-02-06 07:00", "2026-02-06 09:30", "2026-02-07 12:00", "2026-02-09 08:00:10"]
    instants = pd.Series(pd.to_datetime(local, format="ISO8601")) + pd.Timedelta(hours=5)
    elapsed = OfficeClock.of(days).elapsed(instants)
    assert [b - a for a, b in pairwise(elapsed.tolist())] == [5400, 7.5 * 3600, 10]


def segment(seconds: np.ndarray, limits: np.ndarray, median: float = 2) -> Segment:
    law = Lognormal(median=median, sigma=0.8, unit="minutes")
    return Segment("x", law, seconds, limits, np.ones(len(seconds)))


def drawn(median: float, size: int = 4000) -> np.ndarray:
    shares = (np.arange(size) + 0.5) / size
    return np.rint(stats.lognorm.ppf(shares, s=0.8, scale=60 * median))


def test_durations_of_the_law_agree_though_long_ones_were_not_seen() -> None:
    random = np.random.Generator(np.random.Philox(key=1))
    seconds = random.permutation(drawn(2))
    limits = random.uniform(30, 600, len(seconds)).round()
    seen = seconds <= limits
    # Half of them were not: their median is far below the law's.
    assert 0.4 < seen.mean() < 0.9
    found = segment(seconds[seen], limits[seen]).finding()
    assert found.holds is True
    assert found.realised == pytest.approx(found.requested, rel=0.06)
    assert found.realised < 1.9


def test_durations_of_another_law_do_not_agree() -> None:
    seconds = drawn(2.2)
    found = segment(seconds, np.full(len(seconds), np.inf)).finding()
    assert found.holds is False
    assert found.requested == pytest.approx(2, abs=0.01)


def spells(began: list[int], ended: list[int]) -> OpenSpells:
    """Days from 0; every day is a business day."""
    return OpenSpells(np.array(began), np.array(ended), 0, np.arange(1, 200))


def test_the_backlog_counts_spells_open_at_the_end_of_the_day() -> None:
    given = spells([0, 0, 1, 2], [0, 2, STILL_OPEN, 3])
    assert [given.backlog(day) for day in range(4)] == [1, 2, 2, 1]
    assert given.seen_by(1).ended.tolist() == [0, STILL_OPEN, STILL_OPEN]


def test_a_steady_flow_is_forecast_exactly() -> None:
    # Ten a day, each open for exactly four days: the backlog is forty.
    began = np.repeat(np.arange(60), 10)
    known = spells(began.tolist(), (began + 4).tolist()).seen_by(40)
    assert known.backlog(40) == 40
    assert forecasts(known, 40, (1, 3, 10)) == pytest.approx([40, 40, 40])


def test_an_interval_is_made_of_what_was_known() -> None:
    expected = np.full(12, 100.0)
    actual = np.array([90, 91, 92, 95, 100, 101, 104, 108, 110, 500, 500, 500])
    test = BackTest(2, np.arange(12), expected, actual)
    # By day 9 the forecasts of days 0 to 7 have come true: too few.
    assert test.interval_ratios(9) is None
    # Of nine errors the least and the greatest hold the next with probability 80 %.
    assert test.interval_ratios(10) == (0.9, 1.1)
    # Days 10 and 11 have an interval; that of day 11 knows what day 9 had not expected.
    assert (test.coverage().breached, test.coverage().due) == (1, 2)
