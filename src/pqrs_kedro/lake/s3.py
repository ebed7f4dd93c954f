"""A lake in a bucket, on any server that speaks S3: RustFS, AWS and others, through s3fs.

An object is one create-only request (`If-None-Match: *`), made when all its bytes are known; a
large one is put together from parts, and appears under its key when it is complete. Immutability
rests on that: object lock alone lets a second write pass and keeps both versions.
"""

import re
import secrets
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import s3fs

from pqrs_kedro.lake.ahead import in_order
from pqrs_kedro.lake.s3_errors import CONFLICTS, TAKEN, code_of, explained, unreachable
from pqrs_kedro.lake.store import Content, LakeError, ObjectExists

PREFIX: Final = "s3://"
# A bucket's name, as all servers allow it, and folders below it.
_ROOT: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[A-Za-z0-9_.=-]+)*)/*")
# Made by the first run, kept for the later ones: nothing has to be deleted to probe.
_PROBE: Final = ".probe/create-only"
_CREATE_ATTEMPTS: Final = 5
# Who created an object: after a lost answer, a writer finds out that it was himself.
_WRITER: Final = "writer"
_CONNECT_SECONDS: Final = 5
_ATTEMPTS, _MOST_ATTEMPTS = 6, 20
_REQUESTS: Final[dict[str, Any]] = {
    "connect_timeout": _CONNECT_SECONDS,
    "read_timeout": 60,
    "max_pool_connections": 64,
    "s3": {"addressing_style": "path"},
    # Checksums in trailers are newer than many servers; content is checked by its own hash.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}


@dataclass(frozen=True)
class S3Settings:
    """Which server, and as whom; what is null is left to AWS's own variables and files."""

    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    region: str | None = None
    attempts: int = _ATTEMPTS
    """How often a request is made while the server does not answer; each wait is twice the last."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "S3Settings":
        """The settings that PQRS_S3_ENDPOINT, _ACCESS_KEY, _SECRET_KEY, _REGION, _ATTEMPTS name.

        Raises:
            LakeError: a key without its other half, an endpoint that is no URL, or attempts that
                are no number from 1 to 20.
        """
        names = ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "REGION")
        endpoint, key, secret, region = (environment.get(f"PQRS_S3_{n}") or None for n in names)
        if (key is None) != (secret is None):
            missing = "PQRS_S3_ACCESS_KEY" if key is None else "PQRS_S3_SECRET_KEY"
            raise LakeError(f"{missing} is not set, its other half is")
        if endpoint and not re.fullmatch(r"https?://[^/?#@\s]+/?", endpoint):
            raise LakeError(
                f"PQRS_S3_ENDPOINT: {endpoint!r} is not allowed; give http(s)://host:port"
            )
        return cls(endpoint, key, secret, region, _attempts(environment))


def _attempts(environment: Mapping[str, str]) -> int:
    given = environment.get("PQRS_S3_ATTEMPTS") or str(_ATTEMPTS)
    if not re.fullmatch("[0-9]{1,2}", given) or not 1 <= int(given) <= _MOST_ATTEMPTS:
        raise LakeError(
            f"PQRS_S3_ATTEMPTS: {given!r} is not allowed; give a number from 1 to {_MOST_ATTEMPTS}"
        )
    return int(given)


@cache
def open_bucket(root: str, settings: S3Settings, process: int) -> "S3Store":
    """The lake at a root, one for each process: its connections do not survive a fork."""
    return S3Store(root, settings)


class S3Store:
    """A lake in a bucket, or in a folder of it. Nothing is asked of the server before first use."""

    in_flight: Final = 32
    # What takes time is the way there and back, however small the object.
    alone_from: Final = 0

    def __init__(self, root: str, settings: S3Settings) -> None:
        named = _ROOT.fullmatch(root)
        if named is None:
            raise LakeError(
                f"lake_root: {root!r} is not allowed; give s3://bucket or s3://bucket/folder"
            )
        self.bucket = named[1]
        self._folder = f"{named[2].strip('/')}/" if named[2].strip("/") else ""
        self._settings = settings
        region = settings.region or ("us-east-1" if settings.endpoint else None)
        self._reached = False
        self._files = s3fs.S3FileSystem(
            key=settings.access_key,
            secret=settings.secret_key,
            endpoint_url=settings.endpoint,
            client_kwargs={"region_name": region} if region else {},
            config_kwargs=_REQUESTS
            | {"retries": {"mode": "standard", "total_max_attempts": settings.attempts}},
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        # Times those of the client: a server that is away for half a minute is waited for.
        self._files.retries = 3
        self._sizes: dict[str, int] = {}

    @property
    def files(self) -> Any:
        """The filesystem of s3fs.

        A server that is not there is noticed before the first request: those would be repeated for
        half a minute, which is meant for servers that go away in the middle of a run.
        """
        if not self._reached and self._settings.endpoint:
            address = urlsplit(self._settings.endpoint)
            port = address.port or (443 if address.scheme == "https" else 80)
            try:
                socket.create_connection((str(address.hostname), port), _CONNECT_SECONDS).close()
            except OSError as error:
                reason = unreachable(self._settings.endpoint)
                raise LakeError(f"{self.location('')}: {reason}: {error}") from None
        self._reached = True
        return self._files

    def create(self, key: str, content: Content) -> None:
        """See `Store.create`."""
        data, writer = bytes(content), secrets.token_hex(16)
        for attempt in range(_CREATE_ATTEMPTS):
            try:
                with explained(self.location(key), self._settings.endpoint):
                    self.files.pipe_file(
                        self.path(key), data, mode="create", Metadata={_WRITER: writer}
                    )
                return
            except (OSError, LakeError) as error:
                code = code_of(error)
                # An answer was lost on its way: the request came again, and met its own object.
                if self._writer(key) == writer:
                    return
                if code in TAKEN:
                    raise ObjectExists(key) from None
                # Of creators at the same instant, AWS asks all but one to try again.
                if code not in CONFLICTS or attempt == _CREATE_ATTEMPTS - 1:
                    raise

    def _writer(self, key: str) -> str | None:
        with suppress(OSError, LakeError):
            found = self.call("head_object", Key=self.name(key))
            return str(found.get("Metadata", {}).get(_WRITER))
        return None

    def read(self, key: str) -> bytes:
        """See `Store.read`."""
        with explained(self.location(key), self._settings.endpoint):
            # One request: with several, s3fs asks for the size first.
            content: bytes = self.files.cat_file(self.path(key), max_concurrency=1)
            return content

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        try:
            self.call("head_object", Key=self.name(key))
        except FileNotFoundError:
            return False
        return True

    def size(self, key: str) -> int:
        """See `Store.size`. Objects never change, so what a listing said holds."""
        if key not in self._sizes:
            self._sizes[key] = int(self.call("head_object", Key=self.name(key))["ContentLength"])
        return self._sizes[key]

    def glob(self, pattern: str) -> list[str]:
        """See `Store.glob`. The server is asked for all that begins like the pattern."""
        start = pattern.partition("*")[0]
        wanted = _as_expression(pattern)
        found = {}
        for item in self._pages("list_objects_v2", "Contents", Prefix=self.name(start)):
            key = str(item["Key"]).removeprefix(self._folder)
            if wanted.fullmatch(key):
                found[key] = int(item["Size"])
        self._sizes |= found
        return sorted(found)

    def versions(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Key and version id of every version of every object, markers of deletion included."""
        for kind in ("Versions", "DeleteMarkers"):
            for item in self._pages("list_object_versions", kind, Prefix=self.name(prefix)):
                yield str(item["Key"]).removeprefix(self._folder), str(item["VersionId"])

    def delete(self, key: str) -> None:
        """See `Store.delete`. All versions go; what object lock retains cannot."""
        for found, version in list(self.versions(key)):
            if found == key:
                self.call("delete_object", Key=self.name(key), VersionId=version)

    def rewritten(self, prefix: str) -> list[str]:
        """See `Store.rewritten`."""
        counted = Counter(key for key, _ in self.versions(prefix))
        return sorted(key for key, count in counted.items() if count > 1)

    def retain(self, keys: Sequence[str], until: datetime) -> None:
        """See `Store.retain`. An administrator who may bypass governance can still delete."""
        retention = {"Mode": "GOVERNANCE", "RetainUntilDate": until}

        def lock(key: str) -> None:
            self.call("put_object_retention", Key=self.name(key), Retention=retention)

        for _ in in_order(lock, keys, self.in_flight):
            pass

    def check(self, locking: bool = False) -> None:
        """See `Store.check`."""
        self.call("list_objects_v2", MaxKeys=1, Prefix=self._folder)
        if locking:
            self._check_lock()
        # The object is there since the first check: one request suffices from then on.
        for _ in range(2):
            try:
                self.create(_PROBE, b"")
            except ObjectExists:
                return
        raise LakeError(
            f"{self.location('')}: the server ignores If-None-Match, so it would let a second "
            "write replace an object; it cannot hold a lake"
        )

    def make_bucket(self) -> bool:
        """Make the bucket, with object lock, which can be had only then; false if it is there."""
        options: dict[str, Any] = {"ObjectLockEnabledForBucket": True}
        region = self._settings.region
        if not self._settings.endpoint and region not in (None, "us-east-1"):
            options["CreateBucketConfiguration"] = {"LocationConstraint": region}
        try:
            self.call("create_bucket", **options)
        except FileExistsError:
            return False
        return True

    def _check_lock(self) -> None:
        try:
            self.call("get_object_lock_configuration")
        except (FileNotFoundError, LakeError):
            raise LakeError(
                f"{self.location('')}: the bucket has no object lock, which retention_days needs; "
                "it can be had only when a bucket is made"
            ) from None

    def location(self, key: str) -> str:
        """See `Store.location`."""
        return f"{PREFIX}{self.path(key)}"

    def local(self, keys: Sequence[str], folder: Path) -> list[str]:
        """See `Store.local`. A query may read its tables many times: objects are fetched once."""

        def fetch(key: str) -> str:
            path = folder / key
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
                draft.write_bytes(self.read(key))
                draft.replace(path)
            return path.as_posix()

        return list(in_order(fetch, keys, self.in_flight, self.size))

    def name(self, key: str) -> str:
        """The object's name in the bucket."""
        return f"{self._folder}{key}"

    def path(self, key: str) -> str:
        """Bucket and name."""
        return f"{self.bucket}/{self.name(key)}"

    def call(self, method: str, **arguments: Any) -> Any:
        """One request about the bucket or an object."""
        about = str(arguments.get("Key") or arguments.get("Prefix") or "")
        with explained(f"{PREFIX}{self.bucket}/{about}", self._settings.endpoint):
            return self.files.call_s3(method, Bucket=self.bucket, **arguments)

    def _pages(self, method: str, part: str, **arguments: Any) -> Iterator[dict[str, Any]]:
        """What a listing lists, page by page."""
        while True:
            page = self.call(method, **arguments)
            yield from page.get(part) or ()
            if not page.get("IsTruncated"):
                return
            if method == "list_objects_v2":
                arguments["ContinuationToken"] = page["NextContinuationToken"]
            else:
                arguments["KeyMarker"] = page["NextKeyMarker"]
                arguments["VersionIdMarker"] = page.get("NextVersionIdMarker", "")


def _as_expression(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression: `*` within one path part, `**/` for any parts."""
    parts = []
    for part in re.split(r"(\*\*/|\*)", pattern):
        match part:
            case "**/":
                parts.append(r"(?:[^/]+/)*")
            case "*":
                parts.append(r"[^/]*")
            case _:
                parts.append(re.escape(part))
    return re.compile("".join(parts))
