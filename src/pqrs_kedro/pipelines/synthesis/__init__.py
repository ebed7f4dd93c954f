"""Synthesis: the generator of raw PQRS events, a library without I/O."""
