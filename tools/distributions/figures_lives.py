"""Figures of life cycles: durations, response ratio, breach, first replies, variants."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats
from tools.distributions import durations, laws
from tools.distributions.clock import DAY, OFFICE_DAY
from tools.distributions.observed import variants, yardsticks
from tools.distributions.samples import PROFILES, base_profile
from tools.distributions.study import Study
from tools.distributions.style import (
    BLUE,
    CYAN,
    GREEN,
    GREY,
    INK,
    PROFILE_COLOURS,
    PURPLE,
    RED,
    YELLOW,
    only_grid,
    svg,
)

_HOUR: Final = 3600
_LEVELS: Final = np.linspace(0.002, 0.998, 40)


@dataclass(frozen=True)
class _Panel:
    """Durations in a unit, and their law's distribution function of seconds."""

    title: str
    unit: str
    unit_seconds: int
    values: laws.Int
    cdf: Callable[[laws.Float], laws.Float]


def _empirical(simulated: laws.Float) -> Callable[[laws.Float], laws.Float]:
    """Distribution function of a large simulated sample."""
    ordered = np.sort(simulated)
    return lambda x: np.searchsorted(ordered, x, side="right") / len(ordered)


def _panels(study: Study) -> list[_Panel]:
    sample, profile = study.document, base_profile("documento_v1")
    laws_of, channels = profile.segments, profile.channels
    found = [
        _Panel(
            f"RECEIVED→RADICATED, {name}",
            "office hours" if name == "email" else "minutes",
            _HOUR if name == "email" else 60,
            durations.radication(sample, name),
            laws.seconds_law(channels[name].radication).cdf,
        )
        for name in ("email", "webform", "chat", "call")
    ]
    simulated = laws.simulate_early(profile, 15, 250_000, 0.25 * 15, key=15)
    early = durations.early_seconds(sample, 15, transferred=False)
    steps = ("RADICATED→CLASSIFIED", "CLASSIFIED→ASSIGNED", "ASSIGNED→IN_PROGRESS")
    found += [
        _Panel(f"{step}, term 15", "office hours", _HOUR, early[:, n],
               _empirical(simulated.segments[:, n]))
        for n, step in enumerate(steps)
    ]  # fmt: skip
    closing = laws.seconds_law(laws_of.responded_to_closed)
    cap = 0.25 * 15 * OFFICE_DAY
    hold = sample.segment("ON_HOLD", "IN_PROGRESS")
    reopening = sample.office(sample.segment("CLOSED", "REOPENED"))
    after = study.law.office(durations.after_stop(study.law, "RESPONDED", "CLOSED"))
    return [
        *found,
        _Panel("RESPONDED→CLOSED, term 15", "office days", OFFICE_DAY,
               durations.closings(sample)[15],
               lambda x: np.where(x >= cap, 1.0, closing.cdf(x))),
        _Panel("RESPONDED→CLOSED, ley1755", "office days", OFFICE_DAY, after,
               laws.seconds_law(base_profile("ley1755").segments.responded_to_closed).cdf),
        _Panel("ON_HOLD→IN_PROGRESS", "calendar days", DAY, hold.end - hold.start,
               durations.hold_cdf(profile, sample)),
        _Panel("CLOSED→REOPENED", "office days", OFFICE_DAY, reopening,
               laws.seconds_law(laws_of.closed_to_reopened).cdf),
    ]  # fmt: skip


def segment_durations(study: Study) -> bytes:
    """Cumulative shares of durations, generated and by law, on logarithmic time."""
    panels = _panels(study)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(3, 4, sharey=True)
        for axes, panel in zip(grid.ravel(), panels, strict=False):
            _ecdf(axes, panel)
        _archiving(grid[2, 3], study)
        for axes in grid[:, 0]:
            axes.set_ylabel("cumulative share")
        grid[0, 0].legend(loc="upper left", handlelength=1.4)

    return svg("segment_durations", 9.6, 6.6, draw)


def _ecdf(axes: Axes, panel: _Panel) -> None:
    values = np.sort(panel.values)
    low, high = np.quantile(values, [0.001, 0.999])
    line = np.geomspace(max(low, 1), high, 50)
    shown = np.quantile(values, _LEVELS)
    axes.plot(shown / panel.unit_seconds, _LEVELS, color=CYAN, linewidth=4, label="generated")
    axes.plot(line / panel.unit_seconds, panel.cdf(line), color=INK, linewidth=1, label="law")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_title(panel.title, fontsize=7.6)
    axes.set_xlabel(panel.unit)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.minorticks_off()
    axes.text(0.97, 0.06, f"n = {len(values):,}", transform=axes.transAxes, ha="right", fontsize=8)


def _archiving(axes: Axes, study: Study) -> None:
    """Share archived with the first, second, ... Friday after closing."""
    batches = durations.friday_batches(base_profile("documento_v1"), study.document, 8)
    n = len(study.document.segment("CLOSED", "ARCHIVED").ticket)
    place = np.arange(1, len(batches.seen) + 1)
    axes.bar(place, batches.seen / n, 0.8, color=CYAN)
    axes.plot(place, batches.expected / n, "_", color=INK, markersize=11)
    axes.set_title("CLOSED→ARCHIVED, share", fontsize=7.6)
    axes.set_xlabel("on the n-th Friday")
    axes.set_xticks(place)
    axes.text(0.97, 0.9, f"n = {n:,}", transform=axes.transAxes, ha="right", fontsize=8)


def response_ratio(study: Study) -> bytes:
    """Density of the response ratio, with the bump of those who hurry and the due day."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, name in zip(panels, ("ley1755", "documento_v1"), strict=True):
            _ratio_panel(axes, study, name)
        panels[0].set_ylabel("density")
        panels[0].legend(loc="upper right", bbox_to_anchor=(1, 0.86))

    return svg("response_ratio", 9.6, 3.9, draw)


def _ratio_panel(axes: Axes, study: Study, name: str) -> None:
    sample, law = study.sample(name), study.ratio_law(name)
    cycle, ticket = durations.plain_first_cycles(sample)
    ratio, floor = sample.ratios[cycle], np.sort(sample.floors()[ticket])
    edges = np.arange(0, 2.5001, 0.025)
    seen = np.histogram(ratio, edges)[0] / len(ratio) / 0.025
    due = int(np.searchsorted(edges, 1 - 1e-9))
    axes.stairs(seen[:due], edges[: due + 1], fill=True, color=CYAN, label="in time")
    axes.stairs(seen[due:], edges[due:], fill=True, color=RED, label="late")
    above = np.searchsorted(floor, edges, side="right") / len(floor)
    expected = np.diff(law.cdf(edges) * above) / 0.025
    axes.stairs(expected, edges, color=INK, linewidth=1, label="law of max(x, least work)")
    fine = np.linspace(0, 2.5, 200)
    axes.plot(fine, law.drawn.pdf(fine), color=INK, linewidth=0.9, linestyle=":",
              label="if nobody hurried")  # fmt: skip
    axes.axvline(1, color=INK, linewidth=0.8, linestyle="--")
    axes.text(1.02, 1.62, "end of the term", fontsize=8.5)
    share = float((ratio > 1).mean())
    axes.set_title(f"{name}: {len(ratio):,} first cycles, {100 * share:.1f} % late")
    axes.set_xlabel("response ratio x = working time / term")
    axes.set_xlim(0, 2.5)
    axes.set_ylim(0, 1.75)
    only_grid(axes, "y")


def breach(study: Study) -> bytes:
    """Requested and realised breach rate, and the difference beside its expected spread."""

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.5])
        left.plot([0, 42], [0, 42], color=INK, linewidth=0.8)
        right.axhspan(
            -0.25, 0.25, color=GREY, alpha=0.45, linewidth=0,
            label="±0.25 points, promised at 150,000 tickets",
        )  # fmt: skip
        right.axhline(0, color=INK, linewidth=0.8)
        for shift, name in ((-0.25, PROFILES[0]), (0.25, PROFILES[1])):
            runs = [run for run in study.breaches if run.profile == name]
            requested = np.array([100 * run.requested for run in runs])
            realised = np.array([100 * run.realised for run in runs])
            spread = np.array([196 * run.spread for run in runs])
            colour, marker = PROFILE_COLOURS[name], "os"[shift > 0]
            left.plot(requested, realised, marker, color=colour, markersize=5, alpha=0.8)
            right.errorbar(
                requested + shift, realised - requested, yerr=spread, fmt=marker, color=colour,
                markersize=5, capsize=2.5, label=f"{name}, 95 %",
            )  # fmt: skip
        left.set_xlabel("requested breach rate, %")
        left.set_ylabel("realised breach rate, %")
        right.set_xlabel("requested breach rate, %")
        right.set_ylabel("realised minus requested, points")
        right.set_ylim(-0.6, 0.6)
        right.legend(loc="lower left")

    return svg("breach", 9.6, 3.6, draw)


def first_replies(study: Study) -> bytes:
    """First human replies: Kaplan-Meier estimate, waits cut off by the answer, and the law."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 3, sharey=True)
        for axes, name in zip(panels, ("email", "webform", "chat"), strict=True):
            _reply_panel(axes, study, name)
        panels[0].set_ylabel("share replied to")
        panels[2].legend(loc="lower right", fontsize=7.5)

    return svg("first_replies", 9.6, 3.3, draw)


def _reply_panel(axes: Axes, study: Study, name: str) -> None:
    replies = study.document.replies(name)
    law = base_profile("documento_v1").channels[name].first_reply
    unit, label = (60, "minutes") if name == "chat" else (OFFICE_DAY, "office days")
    censored = replies.waited >= replies.latest
    data = stats.CensoredData.right_censored(replies.waited, censored)
    estimate = stats.ecdf(data).cdf
    chosen = np.searchsorted(estimate.probabilities, np.linspace(0.001, 0.995, 150))
    chosen = np.minimum(chosen, len(estimate.quantiles) - 1)
    axes.plot(
        estimate.quantiles[chosen] / unit, estimate.probabilities[chosen], color=CYAN, linewidth=4,
        label="generated (Kaplan-Meier)",
    )  # fmt: skip
    shown = np.quantile(replies.waited, _LEVELS)
    axes.plot(shown / unit, _LEVELS, color=BLUE, linewidth=1.2, linestyle="--",
              label="as seen, before the answer")  # fmt: skip
    line = np.geomspace(shown[0], estimate.quantiles[chosen[-1]], 200)
    if law is not None:
        axes.plot(line / unit, laws.seconds_law(law).cdf(line), color=INK, linewidth=1, label="law")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_title(f"{name}: {len(replies.waited):,}, {100 * censored.mean():.1f} % cut off")
    axes.set_xlabel(f"wait for the first human reply, {label}")
    axes.set_ylim(0, 1.02)


def variant_ranks(study: Study) -> bytes:
    """Frequency of variants by rank, beside the slopes of three public logs."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        slopes = [yardsticks(paths).slope for paths in study.variants.values()]
        label: str | None = f"generated, five seeds: {max(slopes):.2f} to {min(slopes):.2f}"
        for paths in study.variants.values():
            frequency = variants(paths)[1]
            axes.plot(
                np.arange(1, len(frequency) + 1), frequency, color=BLUE, alpha=0.55, linewidth=1,
                drawstyle="steps-mid", label=label,
            )  # fmt: skip
            label = None
        ranks = np.array([1.0, 50.0])
        for slope, label, colour in (
            (-1.82, "receipt phase, environmental permit (NL): -1.82", GREEN),
            (-1.59, "Helpdesk: -1.59", PURPLE),
            (-1.32, "BPIC-2012 loans: -1.32", YELLOW),
        ):
            axes.plot(ranks, 9000 * ranks**slope, color=colour, linestyle="--", label=label)
        axes.axvline(50, color=INK, linewidth=0.7, linestyle=":")
        axes.text(52, 6500, "slopes are of the\nfirst 50 ranks", fontsize=8, va="top")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel("rank of the variant")
        axes.set_ylabel("tickets of 10,000")
        axes.set_ylim(0.8, 12_000)
        axes.legend(loc="lower left")

    return svg("variant_ranks", 7.2, 4.2, draw)
