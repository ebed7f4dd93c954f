"""Objects of a run as they are written: content hashes, resumption, and the run's digest."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

from pqrs_kedro.domain.calendar import local_day, to_date
from pqrs_kedro.lake.hashing import sha256_hex
from pqrs_kedro.lake.layout import hive_values, logical_key, run_folder_patterns
from pqrs_kedro.lake.store import Content, ObjectExists, Store


class ObjectDiffers(RuntimeError):
    """An object of this run exists with other content than the run would write now."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key}: exists with other content; a run never overwrites, choose another run_id"
        )
        self.key = key


class ObjectChanged(RuntimeError):
    """An object of a committed run has other bytes than when it was written."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} has other bytes than when it was written")
        self.key = key


@dataclass(frozen=True)
class LakeObject:
    """One data object of a run, as `checksums.json` lists it."""

    key: str
    rows: int
    bytes: int
    sha256: str
    logical_sha256: str | None = None
    """Hash of the logical content; null for raw objects, whose bytes are their content."""

    @property
    def content_hash(self) -> str:
        """What the digest takes: the logical hash of Parquet, the bytes' hash of raw JSONL."""
        return self.logical_sha256 or self.sha256

    def as_json(self) -> dict[str, str | int | None]:
        """Plain values for JSON."""
        return asdict(self)


def put(
    store: Store, key: str, content: Content, rows: int, logical_sha256: str | None = None
) -> LakeObject:
    """Create an object, or keep the one that an earlier attempt of the same run left, if equal.

    Raises:
        ObjectDiffers: the key holds other content; it names the key.
    """
    sha256 = sha256_hex(content)
    try:
        store.create(key, content)
    except ObjectExists:
        if sha256_hex(store.read(key)) != sha256:
            raise ObjectDiffers(key) from None
    return LakeObject(key, rows, memoryview(content).nbytes, sha256, logical_sha256)


def put_next(store: Store, keys: Callable[[int], Mapping[str, Content]]) -> tuple[str, ...]:
    """Keep documents under the first version number whose keys are free or hold the same content.

    Args:
        store: the lake.
        keys: content by key for a version, from 1.

    Returns:
        The keys.
    """
    version = 1
    while True:
        try:
            written = [put(store, key, text, rows=0) for key, text in keys(version).items()]
        except ObjectDiffers:
            version += 1
        else:
            return tuple(item.key for item in written)


def start_day(store: Store, run_id: str, now: datetime) -> date:
    """The local day under which a run's log, manifest, checksums and ledger lie.

    It is the day of the run's first attempt, which what it left in the lake tells; without that,
    today.
    """
    found = (store.glob(pattern) for pattern in run_folder_patterns(run_id))
    days = [date.fromisoformat(hive_values(key)["day"]) for keys in found for key in keys]
    today = to_date(int(local_day(int(now.timestamp() * 1_000_000))))
    return min(days, default=today)


def read_object(store: Store, item: LakeObject) -> bytes:
    """The content of an object of a committed run.

    Raises:
        ObjectChanged: it has not the hash of the checksums.
    """
    content = store.read(item.key)
    if sha256_hex(content) != item.sha256:
        raise ObjectChanged(item.key)
    return content


def digest(objects: Iterable[LakeObject]) -> str:
    """Hash over the logical key and content hash of every data object, in key order."""
    lines = sorted(f"{logical_key(item.key)}\0{item.content_hash}\n" for item in objects)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
