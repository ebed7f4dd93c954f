"""Tables of life cycles: durations, response ratio, breach, cases, first replies, variants."""

from collections.abc import Iterator
from typing import Final

import numpy as np
from tools.distributions import durations, laws
from tools.distributions.clock import DAY, OFFICE_DAY
from tools.distributions.markdown import Row, markdown, percent, verdict, within
from tools.distributions.observed import yardsticks
from tools.distributions.samples import PROFILES, base_profile
from tools.distributions.study import RATE, Study

from pqrs_kedro.analysis import checks
from pqrs_kedro.analysis.checks import Check
from pqrs_kedro.domain.channels import CHANNEL_IDS
from pqrs_kedro.parameters import Lognormal
from pqrs_kedro.pipelines.synthesis.paths import REPEATED_PETITION, TRANSFERRED

_UNITS: Final = {
    "minutes": (60, "min"),
    "office_hours": (3600, "office h"),
    "office_days": (OFFICE_DAY, "office d"),
    "calendar_days": (DAY, "calendar d"),
}
_TOLERANCE: Final = 0.0025


def durations_table(study: Study) -> str:
    """Median and sigma of every segment, and whether it has the (capped, truncated) law."""
    rows = [
        *_radication_rows(study),
        *_early_rows(study),
        *_closing_rows(study),
        *_late_rows(study),
    ]
    header = (
        "Segment",
        "Median drawn",
        "comes out",
        "Sigma drawn",
        "comes out",
        "Steps",
        "Verdict",
    )
    return markdown(header, rows)


def _duration(name: str, law: Lognormal, values: laws.Int, found: list[Check]) -> Row:
    seconds, unit = _UNITS[law.unit]
    return (
        name,
        f"{law.median:g} {unit}",
        f"{np.median(values) / seconds:.2f}",
        f"{law.sigma:g}",
        f"{np.log(values).std():.3f}",
        f"{len(values):,}",
        verdict(*found),
    )


def _radication_rows(study: Study) -> Iterator[Row]:
    for name in CHANNEL_IDS:
        law = base_profile("documento_v1").channels[name].radication
        values = durations.radication(study.document, name)
        found = durations.lognormal_checks(values, law)
        yield _duration(f"RECEIVED to RADICATED, {name}", law, values, found)


def _early_rows(study: Study) -> Iterator[Row]:
    profile = base_profile("documento_v1")
    values = durations.early_seconds(study.document, 15, transferred=False)
    found = durations.early_checks(profile, study.document, 15, transferred=False)
    laws_of = profile.segments
    for number, (step, law) in enumerate(
        (
            ("RADICATED to CLASSIFIED", laws_of.radicated_to_classified),
            ("CLASSIFIED to ASSIGNED", laws_of.classified_to_assigned),
            ("ASSIGNED to IN_PROGRESS", laws_of.assigned_to_in_progress),
        )
    ):
        yield _duration(f"{step}, term 15 (1)", law, values[:, number], [found[number]])


def _closing_rows(study: Study) -> Iterator[Row]:
    law = base_profile("documento_v1").segments.responded_to_closed
    values = durations.closings(study.document)[15]
    found = durations.capped_checks(values, law, 15)
    yield _duration("RESPONDED to CLOSED, term 15 (1)", law, values, found)
    law = base_profile("ley1755").segments.responded_to_closed
    values = study.law.office(durations.after_stop(study.law, "RESPONDED", "CLOSED"))
    found = durations.lognormal_checks(values, law)
    yield _duration("RESPONDED to CLOSED, ley1755", law, values, found)


def _late_rows(study: Study) -> Iterator[Row]:
    sample, profile = study.document, base_profile("documento_v1")
    hold, law = sample.segment("ON_HOLD", "IN_PROGRESS"), profile.segments.on_hold
    found = checks.uniform_places(durations.hold_places(profile, sample))
    yield _duration("ON_HOLD to IN_PROGRESS (2)", law, hold.end - hold.start, found)
    law = profile.segments.closed_to_reopened
    values = sample.office(sample.segment("CLOSED", "REOPENED"))
    yield _duration("CLOSED to REOPENED", law, values, durations.lognormal_checks(values, law))
    law, places = profile.segments.closed_to_archived, durations.archive_places(profile, sample)
    ready = np.rint(laws.seconds_law(law).ppf(places)).astype(np.int64)
    found = checks.uniform_places(places)
    yield _duration("CLOSED to ready for archiving (3)", law, ready, found)


def ratio_table(study: Study) -> str:
    """The response ratio of first cycles that have the drawn one: no hold, no transfer."""
    rows = [row for name in PROFILES for row in _ratio_rows(study, name)]
    return markdown(("Response ratio", "By the law", "Realised", "Cycles", "Verdict"), rows)


def _ratio_rows(study: Study, name: str) -> Iterator[Row]:
    sample, law = study.sample(name), study.ratio_law(name)
    cycle, _ = durations.plain_first_cycles(sample)
    ratio, n = sample.ratios[cycle], len(cycle)
    before_due = float(law.cdf(np.array(1.0)) - law.cdf(np.array(0.925)))
    for fact, asked, seen in (
        ("0.925 < x ≤ 1, where the hurried ones are", before_due, (ratio > 0.925) & (ratio <= 1)),
        ("x > 1, late", law.late_probability, ratio > 1),
    ):
        count = int(seen.sum())
        check = checks.share(count, n, asked)
        yield f"{name}: {fact}", percent(asked), percent(count / n), f"{n:,}", verdict(check)
    whole = verdict(*durations.ratio_checks(law, sample))
    yield f"{name}: distribution of max(x, least work)", "", "", f"{n:,}", whole


def breach_table(study: Study) -> str:
    """Realised breach rates of the runs of the figure; differences and spreads in points."""
    rows = [
        (
            run.profile,
            percent(run.requested, 1),
            percent(run.realised),
            f"{100 * (run.realised - run.requested):+.2f}",
            f"{100 * run.spread:.2f}",
            f"{100 * np.sqrt(run.requested * (1 - run.requested) / run.tickets):.2f}",
            f"{run.tickets:,}",
            verdict(checks.normal(run.realised - run.requested, run.spread, run.tickets)),
        )
        for run in study.breaches
    ]
    header = ("Profile", "Requested", "Realised", "Difference", "Standard deviation",
              "of independent draws", "Tickets", "Verdict")  # fmt: skip
    return markdown(header, rows)


def cases_table(study: Study) -> str:
    """Shares of the cases grounded in law, and the breach rate of the long samples."""
    rows = [row for name in PROFILES for row in _case_rows(study, name)]
    return markdown(("Case", "Requested", "Realised", "Tickets", "Verdict"), rows)


def _case_rows(study: Study, name: str) -> Iterator[Row]:
    sample, shares = study.sample(name), base_profile(name).resolutions
    n = len(sample.breached)
    for case, asked, seen in (
        ("TRASLADO", shares.transfer, sample.batch.resolution == TRANSFERRED),
        ("REITERATIVA", shares.repeated, sample.batch.resolution == REPEATED_PETITION),
        ("PRORROGA", shares.extension, sample.batch.timeline.extension_announced > 0),
    ):
        check = checks.share(int(seen.sum()), n, asked)
        yield f"{name}: {case}", percent(asked), percent(seen.mean()), f"{n:,}", verdict(check)
    late = float(sample.breached.mean())
    inside = within([late], RATE - _TOLERANCE, RATE + _TOLERANCE)
    yield f"{name}: breached", percent(RATE), percent(late), f"{n:,}", inside


def replies_table(study: Study) -> str:
    """First human replies by channel, against the law and the answer that cuts them off."""
    header = ("Channel", "Law", "Median as seen", "Cut off by the answer", "Tickets", "Verdict")
    return markdown(header, [_reply_row(study, name) for name in CHANNEL_IDS])


def _reply_row(study: Study, name: str) -> Row:
    law = base_profile("documento_v1").channels[name].first_reply
    replies = study.document.replies(name)
    if law is None:
        return (name, "at once", "in the call itself", "", "", "")
    seconds, unit = _UNITS[law.unit]
    return (
        name,
        f"{law.median:g} {unit}, sigma {law.sigma:g}",
        f"{np.median(replies.waited) / seconds:.2f} {unit}",
        percent(float((replies.waited >= replies.latest).mean()), 1),
        f"{len(replies.waited):,}",
        verdict(*durations.reply_checks(law, study.document, name)),
    )


def variants_table(study: Study) -> str:
    """The yardsticks, over all seeds."""
    found = [yardsticks(paths) for paths in study.variants.values()]
    rows: list[Row] = [
        _range_row(name, (low, high), [100 * value for value in values], "{:.1f} %")
        for name, low, high, values in (
            ("most frequent variant, %", 50, 70, [item.top_1 for item in found]),
            ("five most frequent, %", 77, 90, [item.top_5 for item in found]),
            ("tickets with a repeated status, %", 6, 35, [item.repeats for item in found]),
        )
    ]
    covering = [float(item.for_80) for item in found]
    rows.append(_range_row("variants for 80 % of the tickets", (3, 7), covering, "{:.0f}"))
    slopes = [item.slope for item in found]
    slope = "slope of log frequency over log rank, first 50"
    rows.append(_range_row(slope, (-1.9, -1.6), slopes, "{:.2f}"))
    singles = [item.singletons for item in found]
    rows.append(
        ("variants that occur once", "a long tail", f"{min(singles)} to {max(singles)}", "")
    )
    return markdown(("Yardstick, 10,000 tickets", "Aim", "Realised, five seeds", "Verdict"), rows)


def _range_row(name: str, limits: tuple[float, float], values: list[float], form: str) -> Row:
    ends = dict.fromkeys(form.format(value) for value in (min(values), max(values)))
    low, high = limits
    return (name, f"{low:g} to {high:g}", " to ".join(ends), within(values, low, high))
