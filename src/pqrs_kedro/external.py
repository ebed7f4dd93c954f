"""Lines from outside, in the place of generated ones: what a run is told of them."""

import re
from datetime import date
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict

# Origins of a run's raw lines.
SYNTHETIC: Final = "synthetic"
EXTERNAL: Final = "external"
ORIGINS: Final = (SYNTHETIC, EXTERNAL)

Channel = Literal["email", "webform", "chat", "call"]
Declared = Literal["synthetic", "anonymised"]

# Folders of the raw layer, which say where the lines of a file were filed.
_FILED: Final = re.compile(rf"/source=({'|'.join(get_args(Channel))})/day=(\d{{4}}-\d\d-\d\d)/")


class Place(NamedTuple):
    """Where the lines of a file lie; null where each line says it itself."""

    source: str | None
    day: date | None


class SourceFile(BaseModel):
    """A file that lines were imported from, as it was when it was read; `name` has no folder.

    `source` and `day` are those of all its lines, where the file's place said them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    bytes: int
    sha256: str
    lines: int
    source: Channel | None = None
    day: date | None = None


class External(BaseModel):
    """What `kedro import-raw` was given.

    `source` is that of all lines, or `auto`: each line says its own. `read` is what the files were
    when they were checked; the run holds them to it. `copy_of` is a run whose raw objects are taken
    in the place of files, to repeat it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    declared: Declared
    source: Literal["auto", Channel] = "auto"
    files: tuple[str, ...] = ()
    copy_of: str | None = None
    read: tuple[SourceFile, ...] = ()

    def place_of(self, file: Path) -> Place:
        """Where the lines of a file lie: as its folders say, else as `source` does.

        Raises:
            ValueError: the folders name a day that does not exist, or another source.
        """
        given = None if self.source == "auto" else self.source
        filed = _FILED.findall(file.as_posix())
        if not filed:
            return Place(given, None)
        source, day = filed[-1]
        if given not in (None, source):
            raise ValueError(f"lies in a folder source={source}, and --source says {given}")
        return Place(source, date.fromisoformat(day))
