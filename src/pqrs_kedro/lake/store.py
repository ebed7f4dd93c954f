"""The lake as a store of objects that are created once and never overwritten.

They are deleted by a purge alone (`run.purge`).
"""

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import click

# Bytes, or what lies in memory like bytes (an Arrow buffer).
Content: TypeAlias = Any


class ObjectExists(FileExistsError):
    """An object of this key exists already; objects are never overwritten."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: exists already; lake objects are never overwritten")
        self.key = key


class LakeError(click.ClickException):
    """The lake cannot be had, or does not do what is asked; the message says why.

    A command that raises it prints the message and exits with code 1.
    """


class Store(Protocol):
    """What the project asks of a lake."""

    @property
    def in_flight(self) -> int:
        """Objects that are worth reading or writing at the same time."""

    @property
    def alone_from(self) -> int:
        """Bytes from which an object is worth a thread of its own."""

    def create(self, key: str, content: Content) -> None:
        """Create an object whole or not at all; raise `ObjectExists` if the key is taken."""

    def read(self, key: str) -> bytes:
        """The content of an object; raise `FileNotFoundError` if there is none."""

    def exists(self, key: str) -> bool:
        """Whether the key is taken."""

    def size(self, key: str) -> int:
        """Bytes of an object; raise `FileNotFoundError` if there is none."""

    def glob(self, pattern: str) -> list[str]:
        """The keys that match a pattern, sorted: `*` within one path part, `**` for any parts."""

    def delete(self, key: str) -> None:
        """Remove an object, for a purge only; nothing happens if there is none."""

    def location(self, key: str) -> str:
        """Where a person finds the key or pattern."""

    def rewritten(self, prefix: str) -> list[str]:
        """Keys with more than one version, where the store keeps versions; sorted."""

    def retain(self, keys: Sequence[str], until: datetime) -> None:
        """Keep objects from being deleted; raise `LakeError` where there is no object lock."""

    def check(self, locking: bool = False) -> None:
        """Make sure that the lake can be written and keeps its rules; raise `LakeError` if not.

        Args:
            locking: objects are to be retained.
        """

    def local(self, keys: Sequence[str], folder: Path) -> list[str]:
        """Files with the content of objects, for a query engine; those that are made, in a folder.

        Their paths end in the keys, which say the partitions.
        """


class FolderStore:
    """A lake in a folder of this machine."""

    # Hashing and writing release Python's lock; two objects at a time keep two cores busy.
    in_flight: Final = 2
    alone_from: Final = 1 << 18

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)

    def create(self, key: str, content: Content) -> None:
        """See `Store.create`.

        The bytes go to a temporary name first and are then linked to the key, which fails if it is
        taken: of two writers one wins, and a killed one leaves no partial object under a key.
        """
        target = self.root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.parent / f".{target.name}.{secrets.token_hex(8)}"
        try:
            draft.write_bytes(content)
            os.link(draft, target)
        except FileExistsError:
            raise ObjectExists(key) from None
        finally:
            draft.unlink(missing_ok=True)

    def read(self, key: str) -> bytes:
        """See `Store.read`."""
        return (self.root / key).read_bytes()

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        return (self.root / key).is_file()

    def size(self, key: str) -> int:
        """See `Store.size`."""
        return (self.root / key).stat().st_size

    def glob(self, pattern: str) -> list[str]:
        """See `Store.glob`."""
        found = (path for path in self.root.glob(pattern) if path.is_file())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def delete(self, key: str) -> None:
        """See `Store.delete`.

        Folders of the object's run that are empty then go as well; others may just be filled.
        """
        path = self.root / key
        path.unlink(missing_ok=True)
        for folder in path.parents:
            is_of_run = "run_id=" in folder.relative_to(self.root).as_posix()
            if not is_of_run or any(folder.iterdir()):
                break
            folder.rmdir()

    def location(self, key: str) -> str:
        """See `Store.location`."""
        return (self.root / key).as_posix()

    def rewritten(self, prefix: str) -> list[str]:
        """See `Store.rewritten`: a folder keeps no versions."""
        return []

    def retain(self, keys: Sequence[str], until: datetime) -> None:
        """See `Store.retain`: a folder cannot."""
        raise LakeError(f"{self.root}: a folder has no object lock; retention needs a bucket")

    def check(self, locking: bool = False) -> None:
        """See `Store.check`: a folder keeps the rules by itself."""
        if locking:
            self.retain((), datetime.max.replace(tzinfo=UTC))

    def local(self, keys: Sequence[str], folder: Path) -> list[str]:
        """See `Store.local`: the objects are files."""
        return [self.location(key) for key in keys]


def open_store(root: str, project: Path | None = None) -> Store:
    """The lake at a root: a folder, or a bucket. Nothing is touched before the first use.

    Args:
        root: where the lake is, as configured.
        project: what a relative root is relative to; null is the working folder.

    Raises:
        LakeError: it is neither, or the settings of the server are not allowed.
    """
    scheme, mark, _ = root.partition("://")
    if not mark:
        return FolderStore(root if project is None else project / root)
    if scheme != "s3":
        raise LakeError(f"lake_root: {root!r} is not allowed; give a folder or s3://bucket")
    # Only a lake in a bucket needs the library, which takes half a second.
    from pqrs_kedro.lake.s3 import S3Settings, open_bucket

    return open_bucket(root, S3Settings.from_environment(os.environ), os.getpid())
