"""A file of municipal polygons opened: its layer, its column of codes, its rows as they are."""

import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from pqrs_kedro.parameters import InvalidInput

if TYPE_CHECKING:
    import geopandas as gpd

KINDS: Final = (".gpkg", ".geojson", ".json", ".shp", ".zip")
# Columns that hold five digits in files of DANE (MGN 2020 and later, MGN 2018), of IGAC, and in
# tables of others, lower case; the first that a file has is taken.
KNOWN_COLUMNS: Final = (
    "mpio_cdpmp",
    "mpio_ccnct",
    "mpcodigo",
    "dane_code",
    "dane_municipality_code",
    "geo_id",
    "codigo_dane",
    "cod_dane",
    "divipola",
    "cod_divipola",
    "codigo_divipola",
    "codigo_municipio",
    "municipio_codigo",
    "cod_municipio",
    "codigo_mpio",
    "cod_mpio",
)


@dataclass(frozen=True)
class Layer:
    """A layer as GDAL finds it; `name` is null where the path holds no other."""

    path: str
    name: str | None = None


@dataclass(frozen=True)
class Rows:
    """The rows of a layer: one column of codes, and geometries in the layer's reference system."""

    file: Path
    code_column: str
    frame: "gpd.GeoDataFrame"


def refusal(file: Path, problem: str) -> InvalidInput:
    """What a person is told of a file that cannot be used."""
    return InvalidInput(f"territory.polygons: {str(file)!r} {problem}")


def check_file(file: Path) -> None:
    """Refuse what is no file of a known kind; nothing is opened.

    Raises:
        InvalidInput: see above.
    """
    with _readable(file):
        is_there = file.exists()
    if not is_there:
        raise refusal(file, "does not exist")
    if not file.is_file() or file.suffix.lower() not in KINDS:
        raise refusal(file, f"is no file of polygons; allowed: {', '.join(KINDS)}")


def read_rows(file: Path, layer: str | None, code_column: str | None) -> Rows:
    """All rows of a layer.

    Args:
        file: a file that `check_file` lets pass.
        layer: its name; null for a file that has one layer of geometries.
        code_column: the column of codes; null finds it by `KNOWN_COLUMNS`.

    Raises:
        InvalidInput: the file cannot be read, or has no such layer, column, or no reference system.
    """
    import pyogrio

    with _readable(file):
        layers = _zipped(file) if file.suffix.lower() == ".zip" else _layers(file)
    chosen = _choose(file, layers, layer)
    with _readable(file):
        info = pyogrio.read_info(chosen.path, layer=chosen.name)
    column = _code_column(file, [str(name) for name in info["fields"]], code_column)
    with _readable(file):
        frame = pyogrio.read_dataframe(chosen.path, layer=chosen.name, columns=[column])
    if not len(frame):
        raise refusal(file, "has no rows")
    if frame.crs is None:
        raise refusal(
            file, "names no coordinate reference system; give it the one it is in, as EPSG:9377"
        )
    return Rows(file, column, frame)


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Errors of the libraries that read, as one line; their remarks (of M values, say) unheard."""
    from shapely.errors import ShapelyError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (RuntimeError, ValueError, OSError, zipfile.BadZipFile, ShapelyError) as error:
        reason = " ".join(str(error).split(";")[0].split())
        raise refusal(file, f"cannot be read: {reason}") from None


def _layers(file: Path) -> dict[str, Layer]:
    """Layers with geometries, by name."""
    import pyogrio

    found = pyogrio.list_layers(file)
    return {str(name): Layer(str(file), str(name)) for name, kind in found if kind is not None}


def _zipped(file: Path) -> dict[str, Layer]:
    """The shapefiles in an archive, by their path in it without the ending."""
    with zipfile.ZipFile(file) as archive:
        members = [PurePosixPath(name) for name in archive.namelist()]
    return {
        str(member.with_suffix("")): Layer(f"/vsizip/{{{file}}}/{member}")
        for member in members
        if member.suffix.lower() == ".shp" and member.parts[0] != "__MACOSX"
    }


def _choose(file: Path, layers: Mapping[str, Layer], name: str | None) -> Layer:
    known = ", ".join(layers)
    if not layers:
        raise refusal(file, "has no layer of geometries")
    if name is None:
        if len(layers) > 1:
            raise refusal(file, f"has several layers; choose one by territory.layer: {known}")
        return next(iter(layers.values()))
    if name not in layers:
        raise InvalidInput(
            f"territory.layer: {name!r} is no layer of {str(file)!r}; its layers: {known}"
        )
    return layers[name]


def _code_column(file: Path, columns: Sequence[str], name: str | None) -> str:
    """The column of codes, as the file spells it; capitals do not matter."""
    spelt: dict[str, Any] = {column.lower(): column for column in reversed(columns)}
    known = ", ".join(columns) or "none"
    if name is not None:
        found = name if name in columns else spelt.get(name.lower())
        if found is None:
            raise InvalidInput(
                f"territory.code_column: {name!r} is no column of {str(file)!r}; its columns: "
                f"{known}"
            )
        return str(found)
    for candidate in KNOWN_COLUMNS:
        if candidate in spelt:
            return str(spelt[candidate])
    raise refusal(
        file,
        "has no column that is known to hold DANE codes; name one by territory.code_column: "
        f"{known}",
    )
