"""Reporting: what a run comes to, in one small table."""
