"""A user's own municipal polygons as a Kedro dataset that is only read."""

import logging
from pathlib import Path
from typing import Any, Final, NoReturn

import pyarrow as pa
from kedro.io.core import AbstractDataset, DatasetError
from kedro_datasets._typing import TablePreview

from pqrs_kedro.polygons.source import BOUNDARIES, Polygons, read_polygons

LOGGER = logging.getLogger(__name__)
_SHOWN: Final = ("dane_code", "parts", "vertices")


class MunicipalPolygons(AbstractDataset[NoReturn, pa.Table]):
    """One row per municipality that the user's file has a polygon of; none without a file.

    Columns: dane_code; boundary (MultiPolygon, EWKB, EPSG:4326). The session has read and checked
    the file before the run began; `sha256` says that it is still the same.
    """

    def __init__(
        self,
        *,
        filepath: str | None,
        layer: str | None = None,
        code_column: str | None = None,
        sha256: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = filepath
        self._layer = layer
        self._code_column = code_column
        self._sha256 = sha256
        self.metadata = metadata

    def load(self) -> pa.Table:
        """The polygons, sorted by code."""
        if self._filepath is None:
            return BOUNDARIES.empty_table()
        found = self._read(self._filepath)
        LOGGER.info("%d polygons of %s, %s", len(found.boundaries), self._filepath, found.sha256)
        if found.had_numbers:
            LOGGER.warning(
                "territory.polygons: codes of %s are numbers; leading zeros were put back, as in "
                "05001",
                self._filepath,
            )
        return found.boundaries

    def _read(self, filepath: str) -> Polygons:
        return read_polygons(Path(filepath), self._layer, self._code_column, self._sha256)

    def save(self, data: NoReturn) -> None:
        """Refused: the file is the user's."""
        raise DatasetError("municipal polygons are read from the user's file, never saved")

    def _exists(self) -> bool:
        return self._filepath is None or Path(self._filepath).is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "layer": self._layer}

    def preview(self, nrows: int = 20) -> TablePreview:
        """The first municipalities with the size of their polygons, for Kedro-Viz."""
        cells: list[list[Any]] = []
        if self._filepath is not None:
            import shapely

            rows = self._read(self._filepath).boundaries.slice(0, nrows)
            shapes = shapely.from_wkb(rows["boundary"].to_pylist())
            sizes = (shapely.get_num_geometries(shapes), shapely.get_num_coordinates(shapes))
            columns = [rows["dane_code"].to_pylist(), *(size.tolist() for size in sizes)]
            cells = [list(row) for row in zip(*columns, strict=True)]
        return TablePreview({"index": list(range(len(cells))), "columns": list(_SHOWN),
                             "data": cells})  # fmt: skip
