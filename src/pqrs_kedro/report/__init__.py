"""The report of a run: one page in Spanish, made from its gold tables and its manifest."""
