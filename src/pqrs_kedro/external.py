"""Lines from outside, in the place of generated ones: what a run is told of them."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

# Origins of a run's raw lines.
SYNTHETIC: Final = "synthetic"
EXTERNAL: Final = "external"
ORIGINS: Final = (SYNTHETIC, EXTERNAL)


class SourceFile(BaseModel):
    """A file that lines were imported from, as it was when it was read; `name` has no folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    bytes: int
    sha256: str
    lines: int


class External(BaseModel):
    """What `kedro import-raw` was given.

    `source` is that of all lines, or `auto`: each line says its own. `read` is what the files were
    when they were checked; the run holds them to it. `copy_of` is a run whose raw objects are taken
    in the place of files, to repeat it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    declared: Literal["synthetic", "anonymised"]
    source: Literal["auto", "email", "webform", "chat", "call"] = "auto"
    files: tuple[str, ...] = ()
    copy_of: str | None = None
    read: tuple[SourceFile, ...] = ()
