"""Freed memory goes back to the system where the C library can do that."""

import platform
import subprocess
import sys

from pqrs_kedro.run.memory import give_back

# Two kilobytes each: of malloc, not of Python's own pools. The last one pins the end of the heap.
SHREDS = """
import psutil
from pqrs_kedro.run.memory import give_back

blocks = [bytes(2000) for _ in range(100_000)]
kept = blocks[::50]
del blocks
before = psutil.Process().memory_info().rss
give_back()
print(before - psutil.Process().memory_info().rss)
"""


def test_what_is_freed_between_what_is_kept_goes_back():
    freed = subprocess.run(
        [sys.executable, "-c", SHREDS], capture_output=True, text=True, check=True
    )
    expected = 100e6 if platform.libc_ver()[0] == "glibc" else -1e6
    assert int(freed.stdout) > expected


def test_it_can_be_asked_for_at_any_time():
    give_back()
    give_back()
