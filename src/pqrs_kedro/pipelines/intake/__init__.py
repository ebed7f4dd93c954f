"""Intake: lines from outside become the raw objects of a run."""
