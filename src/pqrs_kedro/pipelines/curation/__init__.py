"""Curation: bronze events to silver entities, dimensions and SLA cycles."""
