"""Work on many objects at a time, with results in the order of what was given."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from pqrs_kedro.lake.store import Store

T = TypeVar("T")
R = TypeVar("R")
# Of objects that are under way; a single one may be larger.
_BYTES: Final = 64 << 20


def in_order(
    work: Callable[[T], R],
    items: Iterable[T],
    at_once: int,
    size: Callable[[T], int] = lambda _: 0,
    alone_from: int = 0,
) -> Iterator[R]:
    """The result of `work` for each item, a few ahead of what is taken.

    Args:
        work: what is done to an item, in some thread.
        items: taken as they are needed.
        at_once: items that are worked on, or wait to be taken, at the same time.
        size: bytes that an item holds meanwhile.
        alone_from: bytes from which an item is worth a thread of its own. Handing small ones over
            took a fifth of the processor time of a run of some hundred tickets.
    """
    with ThreadPoolExecutor(at_once) as pool:
        running = deque[tuple[Future[R], int]]()
        held = 0
        for item in items:
            coming = size(item)
            if coming < alone_from and not running:
                yield work(item)
                continue
            while running and (len(running) >= at_once or held + coming > _BYTES):
                done, its = running.popleft()
                yield done.result()
                held -= its
            running.append((pool.submit(work, item), coming))
            held += coming
        while running:
            yield running.popleft()[0].result()


def emptied(items: list[T]) -> Iterator[T]:
    """The items of a list, from which each goes as it is taken.

    Kedro hands the outputs of a generator on by `itertools.tee`, which keeps up to 57 of what was
    yielded: lists of raw objects, unless they are empty by then, of five gigabytes.
    """
    items.reverse()
    while items:
        yield items.pop()


def read_in_order(store: Store, keys: Iterable[str]) -> Iterator[bytes]:
    """The content of each object."""
    return in_order(store.read, keys, store.in_flight, store.size, store.alone_from)
