"""XES 1.0 (IEEE 1849-2016): one trace per ticket, one event per status entered or term extended.

Text is escaped as the standard library does for attributes in double quotes
(`xml.sax.saxutils.quoteattr`), a column at a time. A character that XML 1.0 cannot hold, escaped or
not, becomes U+FFFD.
"""

from collections import Counter
from typing import IO, Final
from xml.sax.saxutils import quoteattr

import polars as pl

from pqrs_kedro.event_log.cases import (
    ACTIVITY,
    CASE,
    CASE_ID,
    EVENT_ID,
    INSTANT,
    LIFECYCLE,
    ROLE,
    TEXT,
    case_events,
    case_facts,
)
from pqrs_kedro.event_log.facts import (
    CONTENT_COUNTS,
    EVENT_FACTS,
    INSTANT_FORMAT,
    TICKET_FACTS,
    fact_type,
)
from pqrs_kedro.event_log.log import Log, Slice

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
# XML 1.0 section 2.2: no other control character, and no non-character of the first plane.
_FORBIDDEN: Final = (*(chr(n) for n in range(0x20) if n not in (9, 10, 13)), "\ufffe", "\uffff")
# A bare line feed or tab in an attribute would be read as a space.
_ENTITIES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
    **dict.fromkeys(_FORBIDDEN, REPLACEMENT),
}
_TAGS: Final = {"string": "string", "int64": "int", "bool": "boolean", "timestamp": "date"}

_HEAD: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
 <extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
 <extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
 <extension name="Lifecycle" prefix="lifecycle" uri="http://www.xes-standard.org/lifecycle.xesext"/>
 <extension name="Organizational" prefix="org" uri="http://www.xes-standard.org/org.xesext"/>
 <extension name="Identity" prefix="identity" uri="http://www.xes-standard.org/identity.xesext"/>
 <global scope="trace">
  <string key="concept:name" value="UNKNOWN"/>
  <string key="source_channel" value="UNKNOWN"/>
  <string key="current_status" value="UNKNOWN"/>
 </global>
 <global scope="event">
  <string key="concept:name" value="UNKNOWN"/>
  <date key="time:timestamp" value="1970-01-01T00:00:00.000000+00:00"/>
  <string key="lifecycle:transition" value="complete"/>
  <string key="org:role" value="UNKNOWN"/>
  <id key="identity:id" value="00000000-0000-0000-0000-000000000000"/>
 </global>
 <classifier name="Activity" keys="concept:name"/>
 <classifier name="Activity and role" keys="concept:name org:role"/>
"""


def write_xes(log: Log, out: IO[bytes]) -> Counter[str]:
    """Write the log; how many traces and events it has."""
    counts = Counter(traces=0, events=0)
    out.write(_head(log).encode())
    for part in log.slices():
        events = case_events(part, log.with_texts)
        out.write(_traces(part, events, log.with_texts).encode())
        counts.update(traces=len(part.tickets), events=len(events))
    out.write(b"</log>\n")
    return counts


def _head(log: Log) -> str:
    """Declarations, and of the run what equal data has equal in every run."""
    manifest = log.run.manifest
    facts = {"concept:name": "PQRS", "origin": manifest["origin"], "digest": manifest["digest"]}
    lines = (f' <string key="{key}" value={quoteattr(text)}/>\n' for key, text in facts.items())
    return _HEAD + "".join(lines)


def _traces(part: Slice, events: pl.DataFrame, with_texts: bool) -> str:
    by_case = events.select(CASE_ID, _event(with_texts).alias("events"))
    by_case = by_case.group_by(CASE_ID, maintain_order=True).agg(pl.col("events").str.join())
    cases = case_facts(part).join(by_case, on=CASE_ID, how="left", maintain_order="left")
    trace = pl.concat_str(
        pl.lit(" <trace>\n"),
        _attribute("string", "concept:name", CASE_ID, "  "),
        *(_attribute(_TAGS[fact_type(name)], name, f"{CASE}{name}", "  ") for name in TICKET_FACTS),
        pl.col("events"),
        pl.lit(" </trace>\n"),
        ignore_nulls=True,
    )
    return cases.select(trace.str.join()).item()


def _event(with_texts: bool) -> pl.Expr:
    attributes = [("string", ACTIVITY), ("date", INSTANT), ("string", LIFECYCLE), ("string", ROLE),
                  ("id", EVENT_ID)]  # fmt: skip
    attributes += [(_TAGS[fact_type(name)], name) for name in (*EVENT_FACTS, *CONTENT_COUNTS)]
    attributes += [("string", TEXT)] if with_texts else []
    return pl.concat_str(
        pl.lit("  <event>\n"),
        *(_attribute(tag, name, name, "   ") for tag, name in attributes),
        pl.lit("  </event>\n"),
        ignore_nulls=True,
    )


def _attribute(tag: str, key: str, column: str, indent: str) -> pl.Expr:
    """The element of one attribute; null where it has no value."""
    value = pl.col(column)
    if tag == "date":
        value = value.dt.strftime(INSTANT_FORMAT)
    elif tag in ("string", "id"):
        value = value.str.replace_many(_ENTITIES)
    return pl.format(f'{indent}<{tag} key="{key}" value="{{}}"/>\n', value)
