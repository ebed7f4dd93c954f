"""Reporting: what a run comes to, and how good its data are."""
