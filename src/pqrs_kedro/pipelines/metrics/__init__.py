"""Metrics: silver to gold KPIs, dense by day."""
