"""Ingestion: raw lines to bronze events and quarantine."""
