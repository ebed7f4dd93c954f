"""CSV: one row per event, with the facts of its case; the columns are those of `cases.py`.

UTF-8, comma, a header, quotes where a value needs them. Null is an empty field, an empty text is
`""`. The character NUL, at which readers of CSV stop, becomes U+FFFD.
"""

from collections import Counter
from typing import IO, Final

import polars as pl

from pqrs_kedro.event_log.cases import CASE_ID, TEXT, case_events, case_facts
from pqrs_kedro.event_log.facts import INSTANT_FORMAT
from pqrs_kedro.event_log.log import Log

_NUL: Final = {"\0": "\N{REPLACEMENT CHARACTER}"}


def write_csv(log: Log, out: IO[bytes]) -> Counter[str]:
    """Write the log; how many traces and events it has."""
    counts = Counter(traces=0, events=0)
    for number, part in enumerate(log.slices()):
        events = case_events(part, log.with_texts)
        if log.with_texts:
            events = events.with_columns(pl.col(TEXT).str.replace_many(_NUL))
        rows = events.join(case_facts(part), on=CASE_ID, how="left", maintain_order="left")
        rows.write_csv(out, include_header=number == 0, datetime_format=INSTANT_FORMAT)
        counts.update(traces=len(part.tickets), events=len(events))
    return counts
