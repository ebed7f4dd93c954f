"""The story of one ticket of a committed run, from its raw lines to the KPI cells it counts in."""
