"""What an S3 server, or the way to it, has to say, as one line that names the thing to mend."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.exceptions import ConnectionError as UnreachableError

from pqrs_kedro.lake.store import LakeError

TAKEN: Final = ("PreconditionFailed", "412")
CONFLICTS: Final = ("ConditionalRequestConflict", "OperationAborted", "409")
_KEYS: Final = "PQRS_S3_ACCESS_KEY and PQRS_S3_SECRET_KEY"
_REASONS: Final = {
    "InvalidAccessKeyId": "the server does not know the access key: PQRS_S3_ACCESS_KEY",
    "SignatureDoesNotMatch": "the secret key is not that of the access key: PQRS_S3_SECRET_KEY",
    "ExpiredToken": "the credentials have expired",
    "RequestTimeTooSkewed": "the clocks of this machine and of the server differ by more than the "
    "server allows (15 minutes as a rule): set the clock",
    "AccessDenied": "the access key may not do this",
    "NoSuchBucket": "there is no such bucket: make it, or name another lake_root",
    "InvalidBucketName": "that is no name of a bucket",
    "PermanentRedirect": "the bucket is in another region: PQRS_S3_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region: PQRS_S3_REGION",
    "ServiceUnavailable": "the server is overloaded or unavailable, again and again",
    "SlowDown": "the server asks for fewer requests, again and again",
    "InternalError": "the server fails, again and again",
    # Answers without a body, as to HEAD, have a number only.
    "403": f"the server refuses the access key, or it may not do this: {_KEYS}",
    "500": "the server fails, again and again",
    "503": "the server is overloaded or unavailable, again and again",
}
# What callers tell apart is left as it is.
_OWN: Final = (*TAKEN, *CONFLICTS, "NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404")


@contextmanager
def explained(where: str, endpoint: str | None) -> Iterator[None]:
    """Turn errors of S3 into a `LakeError` that names the object and the reason.

    A missing object and a taken key stay `FileNotFoundError` and what `code_of` tells.
    """
    try:
        yield
    except (OSError, BotoCoreError) as error:
        if code_of(error) in _OWN or isinstance(error, FileExistsError):
            raise
        raise LakeError(f"{where}: {_reason(error, endpoint)}") from error


def code_of(error: BaseException | None) -> str | None:
    """The server's code of an error, however it was wrapped."""
    while error is not None:
        if isinstance(error, ClientError):
            return str(error.response.get("Error", {}).get("Code"))
        error = error.__cause__
    return None


def _reason(error: BaseException, endpoint: str | None) -> str:
    code = code_of(error)
    if code is not None:
        return _REASONS.get(code) or f"{code}: {_one_line(error)}"
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return f"no credentials: set {_KEYS}"
    if isinstance(error, HTTPClientError | UnreachableError | OSError):
        return f"{unreachable(endpoint)} or broke off: {_one_line(error)}"
    return _one_line(error)


def unreachable(endpoint: str | None) -> str:
    """What is said of a server that does not answer."""
    return f"the server {endpoint or 'of AWS'} (PQRS_S3_ENDPOINT) cannot be reached"


def _one_line(error: BaseException) -> str:
    return re.sub(r"\s+", " ", str(error)).strip() or type(error).__name__
