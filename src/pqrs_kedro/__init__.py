"""Synthetic PQRS tickets for Colombia: a reproducible tracking lakehouse on Kedro."""

__version__ = "0.1.0"
