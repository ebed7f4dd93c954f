"""Defects that are put into raw lines on purpose, and the ledger of them (docs/defects.md)."""
