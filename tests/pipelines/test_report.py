"""The report of a run: its numbers are gold's, and the page is one file that stands alone."""

import copy
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.conftest import ForkedKedro, Project, Run, copy_project
from tests.pages import Page, read_number, rounded
from tests.runs import link_run

from pqrs_kedro.contracts.columns import (
    EQUAL_TO_EARLIER,
    QUARANTINE_REASONS,
    REJECTION_REASONS,
)
from pqrs_kedro.contracts.tables import TABLES
from pqrs_kedro.domain.readable import readable
from pqrs_kedro.lake.layout import report_key
from pqrs_kedro.lake.store import FolderStore
from pqrs_kedro.report.evidence import Evidence, Example, Reason
from pqrs_kedro.report.facts import SOURCES
from pqrs_kedro.report.material import Accepted
from pqrs_kedro.report.page import render_page
from pqrs_kedro.report.spanish import (
    CHECKS,
    NONE,
    REASONS,
    SCOPES,
    SEVERITIES,
    STATUS_NAMES,
    UNITS,
    exact,
    number,
)
from pqrs_kedro.report.spark import sparkline
from pqrs_kedro.report.tickets import SILVER
from pqrs_kedro.run.acceptance import Criterion
from pqrs_kedro.run.manifest import RunNotFound, read_run
from pqrs_kedro.run.repetition import check_repetition
from pqrs_kedro.run.report import keep_report, report_frames, report_page

CRITERIA = [
    Criterion(1, "raw events.jsonl exists", True, "7 raw objects"),
    Criterion(2, "manifest.json has the counts and paths", False, "an object is missing"),
]
HOSTILE = """<script src="https://evil.example/x.js">alert('$x$')</script>&amp;"""


def frames(run: Run) -> dict[str, pd.DataFrame]:
    store = FolderStore(run.lake)
    return dict(report_frames(store, read_run(store, run.run_id)))


def written(run: Run) -> Page:
    store = FolderStore(run.lake)
    return Page(report_page(store, read_run(store, run.run_id), CRITERIA))


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {}


@pytest.fixture
def page(small_run: Run, pages: dict[str, Page]) -> Page:
    """The report of each of the finished runs."""
    if small_run.run_id not in pages:
        pages[small_run.run_id] = written(small_run)
    return pages[small_run.run_id]


# Numbers


def test_the_headline_figures_are_those_of_gold(page: Page, small_run: Run) -> None:
    gold = frames(small_run)
    sla = gold["gold_kpi_sla_daily"]
    backlog = gold["gold_kpi_backlog_daily"].groupby("day")["backlog_count"].sum()
    summary = gold["gold_run_summary"].set_index(["measure", "group"]).loc["breach_rate", "total"]
    value = {
        title: read_number(shown)
        for title, (shown, _) in page.cards.items()
        if title != "Calidad de datos"
    }
    note = {title: text for title, (_, text) in page.cards.items()}
    assert value["Peticiones recibidas"] == gold["gold_kpi_volume_daily"]["tickets_count"].sum()
    share = 100 * sla["within_count"].sum() / sla["stopped_count"].sum()
    assert value["Dentro de término"] == rounded(share)
    assert value["Tasa de incumplimiento"] == rounded(summary["value_pct"])
    assert note["Tasa de incumplimiento"].startswith("solicitada 9,5\xa0%; ")
    assert value["Backlog máximo"] == backlog.max()
    peak = backlog[backlog == backlog.max()].index[0]
    assert note["Backlog máximo"].startswith(f"el {peak.day} de ")
    assert value["Backlog final"] == backlog.sort_index().iloc[-1]
    for title, name, average, count in (
        ("Hasta la primera respuesta", "gold_kpi_first_response_daily",
         "avg_hours_to_first_response", "responded_count"),
        ("Hasta el cierre", "gold_kpi_close_time_daily", "avg_hours_to_close", "closed_count"),
    ):  # fmt: skip
        rows = gold[name].dropna(subset=[average])
        mean = (rows[average] * rows[count]).sum() / rows[count].sum() / 24
        assert value[title] == pytest.approx(mean, abs=0.0501)


def test_means_are_those_of_the_tickets(page: Page, small_run: Run) -> None:
    """Daily means weighted by their counts combine to the mean over silver."""
    tickets = small_run.table("silver_tickets").to_pandas()
    for title, column in (
        ("Hasta la primera respuesta", "first_response_at"),
        ("Hasta el cierre", "closed_at"),
    ):
        mean = (tickets[column] - tickets["created_at"]).mean() / pd.Timedelta(days=1)
        assert read_number(page.cards[title][0]) == pytest.approx(mean, abs=0.0501)


def test_the_tables_by_type_are_those_of_gold(page: Page, small_run: Run) -> None:
    gold = frames(small_run)
    names = {
        code: item["name"]
        for code, item in small_run.document("manifest.json")["inputs"]["parameters"]["profile"][
            "types"
        ].items()
    }
    volume = gold["gold_kpi_volume_daily"].groupby("pqrs_type")["tickets_count"].sum()
    sla = gold["gold_kpi_sla_daily"].groupby("pqrs_type").sum(numeric_only=True)
    expected = [
        [names[code], volume[code], *sla.loc[code, ["stopped_count", "within_count", "late_count"]]]
        for code in sorted(names)
    ]
    shown = page.table("Ciclos de SLA detenidos")
    assert [[row[0], *map(read_number, row[1:5])] for row in shown] == expected
    closed = gold["gold_kpi_close_time_daily"].groupby("pqrs_type")["closed_count"].sum()
    times = page.table("Tiempos medios")
    assert [read_number(row[3]) for row in times] == [closed[code] for code in sorted(names)]


def test_the_transition_matrix_is_that_of_gold(page: Page, small_run: Run) -> None:
    moves = frames(small_run)["gold_status_transitions_daily"]
    counted = moves.groupby(["status_from", "status_to"])["transitions_count"].sum()
    left = moves.groupby("status_from")["transitions_count"].sum()
    expected = {
        (STATUS_NAMES[a], STATUS_NAMES[b]): (n, rounded(100 * n / left[a]))
        for (a, b), n in counted.items()
    }
    (head, *rows) = next(r for c, r in page.tables.items() if c.startswith("Transiciones de toda"))
    shown = {}
    for origin, *cells in rows:
        for target, cell in zip(head[1:], cells, strict=True):
            if cell.strip() != "·":
                count, share = cell.split(maxsplit=1)
                shown[origin.strip(), target.strip()] = (read_number(count), read_number(share))
    assert shown == expected


def test_every_check_is_shown_with_its_outcome(page: Page, small_run: Run) -> None:
    run = read_run(FolderStore(small_run.lake), small_run.run_id)
    repeated = check_repetition(FolderStore(small_run.lake), run)
    checks = small_run.rows("data_quality") + [check.as_row() for check in repeated]
    checks.sort(key=lambda check: (check["dataset"], check["check_name"]))
    rows = page.table("Todas las comprobaciones")
    assert [row[0] for row in rows] == [check["dataset"] for check in checks]
    for row, check in zip(rows, checks, strict=True):
        not_compared = check["check_name"] == EQUAL_TO_EARLIER
        assert row[2] == (f"{NONE} sin corrida anterior" if not_compared else "✔ cumple")
        for shown, name in ((row[3], "value"), (row[4], "threshold")):
            assert (None if shown == NONE else read_number(shown)) == check[name]
        details = json.loads(check["details_json"])
        assert row[5:] == [UNITS[details["unit"]], SEVERITIES[details["severity"]]]
    made = len(checks) - len(repeated)
    assert page.cards["Calidad de datos"][:2] == (f"{made} de {made}", "comprobaciones superadas")


def test_every_check_has_a_spanish_name(small_run: Run) -> None:
    names = {check["check_name"] for check in small_run.rows("data_quality")}
    named = {name for name in names if not name.startswith(("reference_", "silent_days_"))}
    assert named | {EQUAL_TO_EARLIER} == set(CHECKS)


def test_every_reason_has_a_spanish_name() -> None:
    assert set(REASONS) == {*QUARANTINE_REASONS, *REJECTION_REASONS}


def test_the_run_is_identified(page: Page, small_run: Run) -> None:
    manifest = small_run.document("manifest.json")
    for text in (
        manifest["run_id"],
        manifest["digest"],
        manifest["fingerprint"],
        manifest["inputs"]["git_sha"],
        manifest["inputs"]["config_hash"],
        f"duckdb {manifest['versions']['duckdb']}",
    ):
        assert text in page.html
    assert [read_number(cell) for cell in page.table("Filas por capa")[0]] == list(
        manifest["rows_by_layer"].values()
    )


@pytest.mark.xdist_group("doc")
def test_each_criterion_is_shown_as_met_not_met_or_not_checked(documento_run: Run) -> None:
    html = written(documento_run).html
    html = html[html.index('<ul class="criteria">') :]
    items = re.findall(r'<li class="(\w+)">.*?<b>(\d)\. ', html, flags=re.DOTALL)
    assert items == [
        ("pass", "1"), ("fail", "2"), ("unknown", "3"), ("unknown", "4"), ("unknown", "5"),
    ]  # fmt: skip
    assert "an object is missing" in html


# The page


def test_the_page_needs_nothing_but_itself(page: Page) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "img", "base"}
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "data", "action"):
            assert (attributes.get(name) or "#").startswith("#")
    assert "http:" not in page.html
    assert "https:" not in page.html
    assert "@import" not in page.html
    assert set(re.findall(r"url\((.)", page.html)) <= {"#"}


def test_the_page_is_accessible(page: Page) -> None:
    assert ("html", {"lang": "es"}) in page.elements
    svgs = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert sum(svg["class"] != "spark" for svg in svgs) == 22
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in svgs)
    assert sum(tag == "figcaption" for tag, _ in page.elements) == 11
    heads = [attributes for tag, attributes in page.elements if tag == "th"]
    assert all(head.get("scope") in ("col", "row") for head in heads)
    assert all(page.tables)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    pointed = {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a}
    used = {(a.get("href") or "#")[1:] for tag, a in page.elements if tag == "use"}
    assert pointed | used <= set(ids)


def test_every_figure_and_table_names_its_source(page: Page) -> None:
    found = r"\b(?:gold_\w+|silver_\w+|dim_geo|data_quality|quarantine_(?:raw|silver)\w*)\b"
    named = set(re.findall(found, page.html))
    assert {*SOURCES, *SILVER} - {"gold_run_summary", "dim_business_day"} <= named
    assert named <= set(TABLES)


@pytest.mark.xdist_group("doc")
def test_the_same_run_has_the_same_bytes(documento_run: Run, page: Page) -> None:
    assert written(documento_run).html == written(documento_run).html


@pytest.mark.xdist_group("doc")
def test_hostile_text_stays_text(documento_run: Run) -> None:
    manifest = copy.deepcopy(documento_run.document("manifest.json"))
    manifest["inputs"]["profile"] = HOSTILE
    manifest["inputs"]["git_sha"] = HOSTILE
    for item in manifest["inputs"]["parameters"]["profile"]["types"].values():
        item["name"] = HOSTILE
    gold = frames(documento_run)
    quality = gold["data_quality"].copy()
    for name, value in (("check_name", HOSTILE), ("details_json", HOSTILE), ("result", "fail")):
        quality.loc[3, name] = value
    gold["data_quality"] = quality
    page = Page(render_page(gold, manifest, [Accepted(1, True, HOSTILE)]))
    assert "script" not in {tag for tag, _ in page.elements}
    assert "<script" not in page.html
    # Three labels per type and figure in both forms are matplotlib's; it escapes them as well.
    assert page.html.count("&lt;script") > 10
    assert page.table("Ciclos de SLA detenidos")[0][0] == HOSTILE


@pytest.mark.xdist_group("doc")
def test_a_failing_check_is_shown_first_with_what_it_found(documento_run: Run) -> None:
    gold = frames(documento_run)
    quality = gold["data_quality"].copy()
    row = quality.index[quality["check_name"] == "bounded_loops"][0]
    for name, value in (("result", "fail"), ("value", 2.0), ("details_json", '{"found":"it"}')):
        quality.loc[row, name] = value
    gold["data_quality"] = quality
    page = Page(render_page(gold, documento_run.document("manifest.json"), []))
    (failure,) = re.findall(r'<div class="failure">(.*?)</div>', page.html, flags=re.DOTALL)
    assert "silver_status_events" in failure
    assert "Valor 2,\n" in failure
    assert "{&#34;found&#34;:&#34;it&#34;}" in failure
    made = len(documento_run.rows("data_quality"))
    assert page.cards["Calidad de datos"][0] == f"{made - 1} de {made}"


@pytest.mark.xdist_group("doc")
def test_a_run_of_which_nothing_has_happened_yet_has_a_page(documento_run: Run) -> None:
    """No closing, no reply, no transition, no due ticket: dashes and no error."""
    gold = frames(documento_run)
    for name, rows in gold.items():
        counts = [column for column in rows if column.endswith("_count")]
        means = [column for column in rows if column.startswith("avg_") or column == "value_pct"]
        gold[name] = rows.assign(**dict.fromkeys(counts, 0), **dict.fromkeys(means, float("nan")))
    gold["gold_status_transitions_daily"] = gold["gold_status_transitions_daily"].iloc[:0]
    gold["gold_run_summary"] = gold["gold_run_summary"].assign(numerator=0, denominator=0)
    page = Page(render_page(gold, documento_run.document("manifest.json"), []))
    assert page.cards["Peticiones recibidas"][0] == "0"
    assert page.cards["Hasta el cierre"][0] == "—"
    assert page.cards["Tasa de incumplimiento"][0] == "—"


def test_a_run_of_one_day_and_few_tickets_has_a_page(make_project: Callable[[], Project]) -> None:
    run = make_project().run(run_id="tiny", date_max="2026-01-01", volume_scale=0.01)
    page = written(run)
    assert read_number(page.cards["Peticiones recibidas"][0]) == len(run.rows("silver_tickets"))


# Quality


@pytest.mark.xdist_group("doc")
def test_trends_have_the_values_of_the_runs_that_ended_up_to_this_one(
    documento_run: Run, documento_snapshot: Run, tmp_path: Path
) -> None:
    """Three runs in one lake; the page of the second does not know of the third."""
    ends = {}
    for position, (run, name) in enumerate(
        ((documento_run, "first"), (documento_snapshot, "second"), (documento_run, "third"))
    ):
        link_run(run, tmp_path, name)
        (path,) = tmp_path.glob(f"manifests/day=*/run_id={name}/manifest.json")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["finished_at"] = f"2026-02-0{position + 1}T00:00:00+00:00"
        path.write_text(json.dumps(manifest), encoding="utf-8")
        ends[name] = run
    store = FolderStore(tmp_path)
    page = Page(report_page(store, read_run(store, "second"), []))
    (head, *rows) = next(r for c, r in page.tables.items() if c.startswith("Valor de cada"))
    assert [cell.strip() for cell in head[2:]] == ["first", "second"]
    values = {
        name: {
            (row["dataset"], row["check_name"]): row["value"]
            for row in ends[name].rows("data_quality")
            if json.loads(row["details_json"])["severity"] == "warn"
        }
        for name in ("first", "second")
    }
    wanted = [[exact(values[name][key]) for name in values] for key in sorted(values["second"])]
    assert [row[2:] for row in rows] == wanted
    assert len(wanted) > 10
    sparks = [a for tag, a in page.elements if tag == "svg" and a["class"] == "spark"]
    assert len(sparks) == len(wanted)
    # The third repeats the first: dataset by dataset they are equal.
    third = check_repetition(store, read_run(store, "third"))
    assert {(check.value, check.details["compared_with"]) for check in third} == {(0, "first")}
    assert all(check.value is None for check in check_repetition(store, read_run(store, "second")))


@pytest.mark.xdist_group("doc")
def test_a_dataset_that_is_not_that_of_the_run_before_is_told(
    documento_run: Run, tmp_path: Path
) -> None:
    for name, ended in (("before", "2026-02-01"), ("after", "2026-02-02")):
        link_run(documento_run, tmp_path, name)
        (path,) = tmp_path.glob(f"manifests/day=*/run_id={name}/manifest.json")
        manifest = json.loads(path.read_text(encoding="utf-8"))
        manifest["finished_at"] = f"{ended}T00:00:00+00:00"
        path.write_text(json.dumps(manifest), encoding="utf-8")
    (path,) = tmp_path.glob("manifests/day=*/run_id=after/checksums.json")
    checksums = json.loads(path.read_text(encoding="utf-8"))
    item = next(o for o in checksums["objects"] if o["key"].startswith("gold/kpi_sla/"))
    item["logical_sha256"] = "0" * 64
    path.write_text(json.dumps(checksums), encoding="utf-8")
    store = FolderStore(tmp_path)
    found = {c.dataset: c for c in check_repetition(store, read_run(store, "after"))}
    assert [name for name, check in found.items() if not check.passed] == ["gold_kpi_sla_daily"]
    row = found["gold_kpi_sla_daily"].as_row()
    details = json.loads(row["details_json"])
    assert (row["result"], row["value"], row["threshold"]) == ("fail", 1, 0)
    assert (details["severity"], details["failed_rows"]) == ("warn", 1)
    assert details["compared_with"] == "before"
    assert details["examples"] == [{"object": item["key"].replace("/run_id=after", "")}]
    page = Page(report_page(store, read_run(store, "after"), []))
    assert "gold_kpi_sla_daily</b>: Igual a la corrida anterior" in page.html
    made = len(documento_run.rows("data_quality")) + len(found)
    assert page.cards["Calidad de datos"][:2] == (
        f"{made - 1} de {made}",
        f"comprobaciones superadas, {len(found)} frente a la corrida anterior de iguales entradas",
    )


def test_a_run_without_quarantine_says_so(page: Page) -> None:
    assert "Nada está en cuarentena" in page.html
    assert '<details class="reason"' not in page.html


@pytest.fixture(scope="module")
def dirty_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    project = copy_project(tmp_path_factory.mktemp("dirty-report") / "project")
    given = {"date_max": "2026-01-02", "volume_scale": 0.03, "defects": {"profile": "hostile"}}
    return project.run(run_id="dirty", **given)


@pytest.mark.xdist_group("dirty_report")
def test_the_first_screen_says_how_much_is_in_quarantine(dirty_run: Run, page: Page) -> None:
    header = written(dirty_run).html.partition("</header>")[0]
    rejected = [row for row in dirty_run.rows("quarantine_silver") if row["scope"] == "ticket"]
    tickets = len(rejected) + dirty_run.table("silver_tickets").num_rows
    share = number(round(100 * len(rejected) / tickets, 6), 2)
    assert f"Porcentaje de tickets en cuarentena (quarantine_silver): <b>{share} %</b>" in header
    failed = [row for row in dirty_run.rows("data_quality") if row["result"] == "fail"]
    assert f"<strong>{len(failed)} comprobaciones de calidad no se cumplen:</strong>" in header
    assert header.count("<li>") == min(5, len(failed)) + (len(failed) > 5)
    assert "no se cumple" not in page.html.partition("</header>")[0]


@pytest.mark.xdist_group("dirty_report")
def test_quarantine_is_shown_by_reason_with_the_bytes_of_its_lines(dirty_run: Run) -> None:
    page = written(dirty_run)
    lines = dirty_run.rows("quarantine_raw_lines")
    rejected = dirty_run.rows("quarantine_silver")
    of_scope = {
        "line": Counter(row["reason"] for row in lines),
        "ticket": Counter(row["reason"] for row in rejected if row["scope"] == "ticket"),
        "event": Counter(row["reason"] for row in rejected if row["scope"] == "event"),
    }
    section = page.html.partition('id="cuarentena"')[2].partition("</section>")[0]
    parts = section.split("<h3>")[1:]
    assert len(parts) == 3
    shown = 0
    for part, (scope, counted) in zip(parts, of_scope.items(), strict=True):
        assert part.startswith(f"{SCOPES[scope]['title']}: {number(sum(counted.values()))}<")
        found = re.findall(
            r'<span class="code">(\w+)</span>\s*<span class="count">([\d.]+)</span>', part
        )
        assert {code: read_number(count) for code, count in found} == counted
        examples = re.findall(
            r'<span class="code">(raw/\S+), línea ([\d.]+)</span>.*?· ([\d.]+) bytes\s*'
            r"<pre[^>]*>(.*?)</pre>", part, flags=re.DOTALL,
        )  # fmt: skip
        assert len(examples) == sum(min(count, 3) for count in counted.values())
        for where, line_number, size, text in examples:
            path = dirty_run.lake / where.replace("/events.jsonl", "/run_id=dirty/events.jsonl")
            line = path.read_bytes().split(b"\n")[int(read_number(line_number)) - 1]
            assert read_number(size) == len(line)
            # Of a longer line only the beginning is read.
            kept = unescape(text)
            assert readable(line[:4096], 220) == kept
            assert len(kept) < 1000
            shown += 1
    assert shown > 20


@pytest.mark.xdist_group("doc")
def test_lines_in_quarantine_are_never_markup(documento_run: Run) -> None:
    line = HOSTILE.encode() + b"\x00\x1b[2J\xff\xe2\x80\xae"
    example = Example(HOSTILE, 3, HOSTILE, line, len(line))
    evidence = Evidence(quarantine=[Reason("line", "invalid_json", 1, [example])])
    manifest = documento_run.document("manifest.json")
    page = Page(render_page(frames(documento_run), manifest, [], evidence))
    assert "script" not in {tag for tag, _ in page.elements}
    assert page.html.count("&lt;script") == 3
    assert "\\x00\\x1b[2J\\xff\\u202e" in page.html
    assert not set("\x00\x1b\u202e") & set(page.html)


@pytest.mark.parametrize(
    ("values", "threshold", "points"),
    [
        pytest.param([0, 5, 10], 0, "4.0,18.0 48.0,11.0 92.0,4.0", id="rising"),
        pytest.param([1, None, 3], None, "4.0,18.0 92.0,4.0", id="with a gap"),
        pytest.param([2], 2, "48.0,11.0", id="one run"),
    ],
)
def test_a_sparkline_goes_from_left_to_right(
    values: list[float | None], threshold: float | None, points: str
) -> None:
    svg = sparkline(values, threshold, False, "<nada>")
    assert f'<polyline points="{points}"/>' in svg
    assert ('class="limit"' in svg) == (threshold is not None)
    assert "var(--bad)" in svg
    assert "&lt;nada&gt;" in svg


def test_a_sparkline_of_nothing_is_empty() -> None:
    svg = sparkline([None, None], None, True, "nada")
    assert "polyline" not in svg
    assert svg.endswith("</svg>")


# In the lake


@pytest.fixture
def copied(documento_run: Run, tmp_path: Path) -> FolderStore:
    """The lake of a finished run, to write into; the run's own report is left out."""
    leave_out = shutil.ignore_patterns("reports")
    shutil.copytree(documento_run.lake, tmp_path / "lake", ignore=leave_out)
    return FolderStore(tmp_path / "lake")


@pytest.mark.xdist_group("doc")
def test_the_report_lies_under_the_day_of_the_run_and_is_never_overwritten(
    copied: FolderStore, documento_run: Run
) -> None:
    run = read_run(copied, documento_run.run_id)
    folder = run.manifest_path.replace("manifests/", "reports/").rpartition("/")[0]
    first = keep_report(copied, run.run_id, CRITERIA)
    assert first == f"{folder}/report.html"
    content = copied.read(first)
    assert content.decode() == report_page(copied, run, CRITERIA)
    assert keep_report(copied, run.run_id, CRITERIA) == first
    second = keep_report(copied, run.run_id, CRITERIA[:1])
    assert second == f"{folder}/report-2.html"
    assert keep_report(copied, run.run_id, CRITERIA[:1]) == second
    assert copied.read(first) == content
    assert len(copied.glob("reports/*/*/*")) == 2


@pytest.mark.xdist_group("doc")
def test_the_report_is_no_data_object(copied: FolderStore, documento_run: Run) -> None:
    before = read_run(copied, documento_run.run_id)
    keep_report(copied, documento_run.run_id, CRITERIA)
    assert read_run(copied, documento_run.run_id) == before


def test_a_run_that_is_not_committed_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound):
        keep_report(FolderStore(tmp_path), "never", [])


def test_report_keys() -> None:
    day: Any = pd.Timestamp("2026-02-24").date()
    assert report_key(day, "mine") == "reports/day=2026-02-24/run_id=mine/report.html"
    assert report_key(day, "mine", 3) == "reports/day=2026-02-24/run_id=mine/report-3.html"


@pytest.mark.xdist_group("doc")
def test_the_command_makes_the_report_again_with_equal_bytes(
    documento_run: Run, forked_kedro: ForkedKedro, tmp_path: Path
) -> None:
    """Of a run whose criteria have the findings that they had: the page that is there stays."""
    project = copy_project(tmp_path / "again")
    shutil.copytree(documento_run.lake, project.lake)
    assert forked_kedro(project, "warehouse", "publish", documento_run.run_id).code == 0
    (before,) = project.lake.glob("reports/*/*/report.html")
    content = before.read_bytes()
    outcome = forked_kedro(project, "report", documento_run.run_id)
    assert (outcome.code, outcome.out) == (0, f"{before}\n")
    assert list(project.lake.glob("reports/*/*/*")) == [before]
    assert before.read_bytes() == content


@pytest.mark.parametrize("run_id", ["never", "../x"])
def test_the_command_refuses_what_is_no_run(
    run_id: str, make_project: Callable[[], Project], forked_kedro: ForkedKedro
) -> None:
    outcome = forked_kedro(make_project(), "report", run_id)
    assert outcome.code == 2
    assert outcome.err.startswith("Error: ")
    assert run_id in outcome.err
    assert outcome.out == ""
