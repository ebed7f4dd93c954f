"""The warehouse: a run of the lake, served by Postgres."""
