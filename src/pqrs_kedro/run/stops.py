"""Ctrl-C and SIGTERM as exceptions, so that what is under way can be ended in order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final


class Terminated(BaseException):
    """SIGTERM, as an exception that no `except Exception` swallows."""


_STOPS: Final[dict[int, type[BaseException]]] = {
    signal.SIGINT: KeyboardInterrupt,
    signal.SIGTERM: Terminated,
}


@contextmanager
def stop_signals() -> Iterator[list[BaseException]]:
    """Turn Ctrl-C and SIGTERM into exceptions; the list has those that were raised.

    Signals reach the main thread only.
    """
    raised: list[BaseException] = []
    if threading.current_thread() is not threading.main_thread():
        yield raised
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raised.append(_STOPS[signum]())
        raise raised[-1]

    previous = {signum: signal.signal(signum, stop) for signum in _STOPS}
    try:
        yield raised
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
