"""Two runs of the same data, object by object."""

from collections.abc import Mapping
from dataclasses import dataclass

from pqrs_kedro.lake.objects import LakeObject


@dataclass(frozen=True)
class Difference:
    """One object that is not the same in both runs."""

    logical_key: str
    what: str

    def __str__(self) -> str:
        return f"{self.logical_key}: {self.what}"


def compare_objects(
    expected: Mapping[str, LakeObject], actual: Mapping[str, LakeObject]
) -> list[Difference]:
    """Objects, by logical key, that are missing, additional, or differ in rows or hashes."""
    differences = []
    for key in sorted(expected.keys() | actual.keys()):
        what = _difference(expected.get(key), actual.get(key))
        if what:
            differences.append(Difference(key, what))
    return differences


def _difference(expected: LakeObject | None, actual: LakeObject | None) -> str | None:
    if expected is None:
        return "additional"
    if actual is None:
        return "missing"
    if expected.rows != actual.rows:
        return f"{actual.rows} rows instead of {expected.rows}"
    if expected.logical_sha256 != actual.logical_sha256:
        return "other content"
    if expected.sha256 != actual.sha256:
        return "other bytes"
    return None
