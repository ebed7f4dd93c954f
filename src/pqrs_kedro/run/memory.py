"""Memory that the process has freed, given back to the system."""

import ctypes
from collections.abc import Callable
from functools import cache


def give_back() -> None:
    """Return freed memory to the system, where the C library can (glibc); else nothing happens.

    Buffers of many sizes, freed in another order, leave glibc with pages that it keeps for later:
    a gigabyte by the end of a million tickets. See malloc_trim(3).
    """
    trim = _trim()
    if trim is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        # Another C library; on Windows there is no library without a name.
        return None
    return found
