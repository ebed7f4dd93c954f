"""Synthesis: the generator of raw PQRS events, a library without I/O."""

import os

# Batches are small and generated side by side, in threads or processes: Polars' own threads only
# get in the way (measured: 8 to 20 % more events per second without them). It reads this when it
# is first imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")
