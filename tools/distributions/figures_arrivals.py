"""Figures of arrivals: a year of days, dispersion, shares, hours and weekdays."""

from datetime import date
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats
from tools.distributions import laws
from tools.distributions.rows import Share, attachment_shares, channel_exposure, profile_shares
from tools.distributions.samples import base_profile
from tools.distributions.study import Study
from tools.distributions.style import BLUE, CYAN, GREY, INK, RED, YELLOW, only_grid, svg

from pqrs_kedro.domain.calendar import day_number
from pqrs_kedro.domain.channels import CHANNEL_IDS

_WEEK: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_BAND: Final = 0.3
_YEAR: Final = 2026


def arrivals_year(study: Study) -> bytes:
    """Every day of 2026: its count, its mean by the law, the band of 30 % around it."""
    days = study.days
    chosen = np.array([day.year == _YEAR for day in days.dates])
    dates = [day for day in days.dates if day.year == _YEAR]
    place = np.array([day_number(day) for day in dates])
    means, counts, peak = days.means[chosen], days.counts[chosen], days.in_peak[chosen]
    holiday = np.array([laws.is_holiday(day) for day in dates])

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.fill_between(
            place, (1 - _BAND) * means, (1 + _BAND) * means, step="mid", color=GREY, alpha=0.45,
            linewidth=0, label="mean ± 30 %",
        )  # fmt: skip
        axes.step(place, means, where="mid", color=INK, linewidth=0.8, label="mean by the law")
        kinds = (
            (~peak & ~holiday, BLUE, "o", "ordinary day"),
            (~peak & holiday, YELLOW, "s", "holiday, mean x 0.40"),
            (peak, RED, "^", "peak day, U(3,000, 4,000)"),
        )
        for members, colour, marker, label in kinds:
            axes.plot(
                place[members], counts[members], marker, color=colour, markersize=3.8,
                markeredgecolor="white", markeredgewidth=0.3, label=label,
            )  # fmt: skip
        axes.set_xticks([day_number(date(_YEAR, month, 1)) for month in range(1, 13)], _MONTHS)
        axes.set_xlim(place[0] - 2, place[-1] + 2)
        axes.set_ylim(0, 5400)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylabel("tickets received per day")
        axes.set_xlabel(f"day of {_YEAR}, local time of Bogotá")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, columnspacing=1.2)

    return svg("arrivals_year", 9.6, 3.9, draw)


def dispersion(study: Study) -> bytes:
    """Variance of the daily counts by their mean, between Poisson and negative binomial."""
    days = study.days
    k = base_profile("documento_v1").volume.dispersion
    order = np.argsort(days.means)
    groups = np.array_split(order, 16)
    mean = np.array([days.means[group].mean() for group in groups])
    squares = [((days.counts - days.means)[group] ** 2).mean() for group in groups]
    size = np.array([len(group) for group in groups])
    low, high = (np.array(squares) * size / stats.chi2.ppf(level, size) for level in (0.975, 0.025))

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        line = np.geomspace(150, 5000, 100)
        axes.plot(line, line + line**2 / k, color=INK, label="negative binomial, k = 70: m + m²/70")
        axes.plot(line, line, color=INK, linestyle=":", label="Poisson: m")
        errors = [np.array(squares) - low, high - np.array(squares)]
        axes.errorbar(
            mean, squares, yerr=errors, fmt="o", color=BLUE, markersize=5, capsize=2,
            label="generated: 6,574 days of 2018 to 2035 in 16 groups, 95 % interval",
        )  # fmt: skip
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("mean by the law, tickets per day")
        axes.set_ylabel("variance around it, tickets² per day²")
        axes.set_xticks([200, 500, 1000, 2000, 4000], ["200", "500", "1,000", "2,000", "4,000"])
        axes.minorticks_off()
        axes.legend(loc="upper left")

    return svg("dispersion", 7.2, 4.0, draw)


def shares(study: Study) -> bytes:
    """Requested and realised shares, a dot in a ring where they agree."""
    panels = [
        ("Channel, documento_v1", profile_shares(study, "documento_v1", "channel")),
        ("Type, documento_v1", profile_shares(study, "documento_v1", "type")),
        ("Type, ley1755", profile_shares(study, "ley1755", "type")),
        ("Priority, documento_v1", profile_shares(study, "documento_v1", "priority")),
        ("Petition has a file", attachment_shares(study)),
    ]

    def draw(figure: Figure) -> None:
        left, middle, right = figure.subfigures(1, 3, squeeze=False, width_ratios=[1, 1.25, 1])[0]
        grid = [
            *left.subplots(2, 1), middle.subplots(1, 1), *right.subplots(2, 1)
        ]  # fmt: skip
        order = [grid[0], grid[1], grid[2], grid[3], grid[4]]
        for axes, (title, rows) in zip(order, panels, strict=True):
            _dots(axes, title, rows)
        order[2].legend(loc="center right")

    return svg("shares", 9.6, 4.4, draw)


def _dots(axes: Axes, title: str, rows: list[Share]) -> None:
    place = np.arange(len(rows))[::-1]
    requested = [100 * row.requested for row in rows]
    realised = [100 * row.realised for row in rows]
    axes.plot(
        requested, place, "o", markersize=9, markerfacecolor="none", markeredgecolor=INK,
        markeredgewidth=1.1, label="requested",
    )  # fmt: skip
    error = [196 * np.sqrt(row.requested * (1 - row.requested) / row.n) for row in rows]
    axes.errorbar(
        realised, place, xerr=error, fmt="o", markersize=4.5, color=BLUE, elinewidth=1.2,
        label="realised, 95 % interval",
    )  # fmt: skip
    for y, value in zip(place, realised, strict=True):
        inside = value > 0.72 * max(requested)
        offset, align = (-8, "right") if inside else (8, "left")
        axes.annotate(
            f"{value:.2f}", (value, y), (offset, 0), textcoords="offset points", va="center",
            ha=align, fontsize=8,
        )  # fmt: skip
    axes.set_yticks(place, [row.name.lower().replace("_", " ") for row in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(0, 1.12 * max(requested))
    axes.set_xlabel("share, %")
    axes.set_title(title)
    only_grid(axes, "x")


def hours(study: Study) -> bytes:
    """Hour of reception by channel."""
    batch, profile = study.document.batch, base_profile("documento_v1")

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 2, sharex=True, sharey=True)
        for number, (axes, channel) in enumerate(zip(panels.ravel(), CHANNEL_IDS, strict=True)):
            local = batch.arrivals.local_second[batch.arrivals.channel == number]
            seen = np.bincount(local % 86_400 // 3600, minlength=24)
            weights = np.array(profile.channels[channel].hour)
            axes.bar(
                np.arange(24) + 0.5, 100 * seen / seen.sum(), 0.86, color=CYAN, label="realised"
            )  # fmt: skip
            axes.stairs(
                100 * weights / weights.sum(), np.arange(25), color=INK, linewidth=1.1,
                label="requested",
            )  # fmt: skip
            axes.set_title(f"{channel}: {len(local):,} tickets")
            axes.set_xticks(range(0, 25, 4))
            axes.set_xlim(0, 24)
            only_grid(axes, "y")
        for axes in panels[:, 0]:
            axes.set_ylabel("% of tickets per hour")
        for axes in panels[1]:
            axes.set_xlabel("hour of the day, local time")
        panels[0, 0].legend(loc="upper right")

    return svg("hours", 9.6, 4.6, draw)


def weekdays(study: Study) -> bytes:
    """Weekday index by channel: tickets over what a day with index 1 would have had."""
    profile = base_profile("documento_v1")

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 4, sharex=True, sharey=True)
        for number, (axes, channel) in enumerate(zip(panels, CHANNEL_IDS, strict=True)):
            exposure = channel_exposure(study, number)
            index = np.array(profile.channels[channel].weekday)
            index = index / index.mean()
            ratio = np.divide(
                exposure.seen, exposure.unit, out=np.zeros(7), where=exposure.unit > 0
            )
            error = np.divide(
                exposure.error, exposure.unit, out=np.zeros(7), where=exposure.unit > 0
            )
            axes.bar(range(7), ratio, 0.8, color=CYAN, label="realised, 95 % interval")
            axes.errorbar(
                range(7), ratio, yerr=1.96 * error, fmt="none", ecolor=BLUE, elinewidth=1.2
            )  # fmt: skip
            axes.plot(range(7), index, "_", color=INK, markersize=15, label="requested")
            axes.set_title(channel)
            axes.set_xticks(range(7), [day[0] for day in _WEEK])
            only_grid(axes, "y")
        panels[0].set_ylabel("index, mean of the week = 1")
        panels[0].set_ylim(0, 2.15)
        panels[1].set_xlabel("weekday, ordinary days without holidays and peaks", loc="left")
        panels[0].legend(loc="upper left")

    return svg("weekdays", 9.6, 3.0, draw)
