"""Kedro datasets of the lake, one class per module."""
