"""Event logs for process mining: a committed run as XES, OCEL 2.0 or CSV."""
