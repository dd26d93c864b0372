"""Vector layers (GeoJSON, KML, GeoPackage, shapefile), read by GDAL through pyogrio in batches of Arrow columns.

A file is opened only after its first bytes, sizes and parts were checked, and with no other driver than that of its
suffix: GDAL finds formats by content, and some of its drivers read other files, run commands or use the network.
pyogrio has a GDAL of its own beside that of rasterio. It is imported when a layer is read, and not before.
"""

import json
import os
import re
import shutil
import sqlite3
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree.ElementTree import ParseError

import pyarrow as pa
from defusedxml.ElementTree import iterparse
from pyproj import CRS
from pyproj.exceptions import ProjError

from ground_motion.core.errors import InputError, gettext_noop, refusing
from ground_motion.core.files import begins, names_in
from ground_motion.readers.vectors.packages import DOWNLOAD

SHAPEFILE, GEOPACKAGE, KML, GEOJSON = ".shp", ".gpkg", ".kml", frozenset({".geojson", ".json"})
FLATGEOBUF, GEODATABASE = ".fgb", ".gdb"
SUFFIXES = frozenset({SHAPEFILE, GEOPACKAGE, KML, FLATGEOBUF}) | GEOJSON  # A geodatabase is a folder.
SQLITE = b"SQLite format 3\0"
SHAPEFILE_CODE = struct.pack(">i", 9994)
STARTS = {SHAPEFILE: SHAPEFILE_CODE, GEOPACKAGE: SQLITE, FLATGEOBUF: b"fgb\3fgb"}
FORMATS = {
    SHAPEFILE: "Shapefile",
    GEOPACKAGE: "GeoPackage",
    KML: "KML",
    FLATGEOBUF: "FlatGeobuf",
    GEODATABASE: "File Geodatabase",
}
CATALOGUE = "a00000001.gdbtable"  # Each geodatabase lists its tables in it.
CATALOGUE_STARTS = tuple(struct.pack("<i", version) for version in (3, 4))
UNCHECKED = frozenset({FLATGEOBUF, GEODATABASE})  # From damaged files, GDAL's drivers return invalid arrays.
MIN_FEATURE_BYTES = 16  # A feature of a FlatGeobuf has at least this size.
KINDS = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
MAX_LAYERS = 20  # Geofabrik's extracts of OpenStreetMap have 18.
MAX_SQL_BYTES = 2**20
MAX_KML_LAYERS = 1000
HARMLESS = re.compile(
    "user_version|unrecognized|shx|Measured|field type|more than one type|coordinate epoch|DeprecationWarning"
    "|Non closed ring|winding order|with id =|At most 3 are handled",  # Harmless: rings are repaired, ids are not read.
    re.IGNORECASE,
)
SKIPPED = (  # GDAL's drivers, except those of SUFFIXES
    *("OGR_VRT", "GDALG", "VRT", "WFS", "OAPIF", "OGCAPI", "CSW", "Carto", "Elasticsearch", "AmigoCloud", "PLSCENES"),
    *("NGW", "HTTP", "ADBC", "EEDA", "PDF", "GPSBabel", "ESRIJSON", "TopoJSON", "GeoJSONSeq", "JSONFG", "GML", "GPX"),
    *("MapML", "GeoRSS", "SQLite", "MBTiles", "MVT", "PMTiles", "OSM", "CSV", "XLSX", "ODS", "PGDUMP"),
    *("MapInfo File", "LVBAG", "S57", "DGN", "OGR_GMT", "DXF", "VFK", "EDIGEO", "JML", "GTFS", "VDV", "SXF", "Selafin"),
)
IS_MISSING, WAS_CUT_OFF = gettext_noop("the file %(name)s is missing beside it"), gettext_noop("%(name)s was cut off")
NO_FILE = gettext_noop("its part %(name)s is not a regular file")
ALL_PARTS = gettext_noop("Give all its parts (.shp, .dbf, .prj) in one folder or zip")
EXPORT = gettext_noop("Export it again")
UNKNOWN_SYSTEM = gettext_noop("its reference system is unknown (%(system)s)")
EXPORT_4326 = gettext_noop("Export it in degrees (EPSG:4326)")
EXPORT_GEOJSON = gettext_noop("Export it as GeoJSON")
ONE_TYPE = gettext_noop("Save each type of geometry in a layer of its own")
# These views belong to the GeoPackage standard (OGC 12-128); neither this module nor GDAL asks for them.
STANDARD_VIEWS = frozenset({"st_spatial_ref_sys", "spatial_ref_sys", "st_geometry_columns", "geometry_columns"})
CRS_MEMBER = re.compile(rb'"crs"\s*:\s*\{[^{}]*(?:\{[^{}]*)?"name"\s*:\s*"([^"{}]*)"')
DAMAGED = gettext_noop("the GeoPackage is damaged (%(fault)s)")
UNREADABLE = gettext_noop("it cannot be read as %(format)s (%(fault)s)")


class Layer(NamedTuple):
    """A layer. names: of its columns; numbers: those of numbers; crs: EPSG number or WKT; kind: of its shapes."""

    name: str
    names: list[str]
    numbers: frozenset[str]
    crs: int | str | None
    kind: str
    rows: int


def suffix_of(path: Path) -> str:
    """Return the suffix of a layer in lower case; a folder is a geodatabase, whatever its name."""
    return GEODATABASE if path.is_dir() else path.suffix.lower()


def is_layer(path: Path, suffix: str) -> bool:
    """Return whether a file has a suffix of STARTS and begins like such files. Never raises."""
    return begins(path, {suffix}, STARTS[suffix])


def parts_of(path: Path) -> tuple[Path, ...]:
    """Return the files of a geodatabase, those of .shp, .dbf, .prj that exist, or the path itself for other layers."""
    if path.is_dir():
        return tuple(path / name for name in names_in(path))
    if path.suffix.lower() != SHAPEFILE:
        return (path,)
    return tuple(part for suffix in (".shp", ".dbf", ".prj") if (part := _sibling(path, suffix)) is not None)


def layers_in(path: Path) -> list[Layer]:
    """Return the layers of a file, after it was checked. Raises InputError."""
    listed = _check(path)
    with _readable(path) as file:
        listed = listed or _guard(path, lambda: _pyogrio().list_layers(file).tolist())
        most = MAX_KML_LAYERS if path.suffix.lower() == KML else MAX_LAYERS
        if len(listed) > most:
            problem = gettext_noop("it holds %(number)s layers; the limit is %(most)s")
            remedy = gettext_noop("Give a file with a single layer")
            raise InputError(path, problem, remedy, number=len(listed), most=most)
        return [_layer(path, file, str(name), str(kind)) for name, kind in listed if kind is not None]


def batches_of(
    path: Path, layer: Layer, names: Sequence[str], rows: int, known: str = ""
) -> Iterator[tuple[pa.RecordBatch, pa.Array]]:
    """Yield (named columns, geometries as well-known binary) of about `rows` rows. Raises InputError.

    known: a column of a GeoPackage; rows in which it is null are skipped.
    """
    where = f'"{known}" IS NOT NULL' if known in layer.names and path.suffix.lower() == GEOPACKAGE else None
    if path.suffix.lower() == GEOPACKAGE:
        _check_values(path, layer, [name for name in names if name in layer.numbers])
    with _readable(path) as file, ExitStack() as stack:
        options = {"columns": list(names), "where": where, "batch_size": rows, "use_pyarrow": True} | _options(path)
        source = _pyogrio().raw.open_arrow(file, layer=layer.name, **options)
        described, reader = _guard(path, lambda: stack.enter_context(source))
        geometry, batches = described["geometry_name"] or "wkb_geometry", iter(reader)
        while (batch := _guard(path, lambda: next(batches, None))) is not None:
            if suffix_of(path) in UNCHECKED:
                _guard(path, partial(batch.validate, full=True))
            yield batch.select(list(names)), batch.column(geometry)


@cache
def _pyogrio() -> Any:
    """Import pyogrio with the drivers of four formats only."""
    before = os.environ.get("GDAL_SKIP")
    os.environ["GDAL_SKIP"] = ",".join(SKIPPED)  # GDAL reads it once, when it is loaded
    try:
        import pyogrio.raw
    finally:
        if before is None:
            del os.environ["GDAL_SKIP"]
        else:
            os.environ["GDAL_SKIP"] = before
    pyogrio.set_gdal_config_options({"OGR_GEOJSON_MAX_OBJ_SIZE": 200})
    return pyogrio


def _options(path: Path) -> dict[str, str]:
    if path.suffix.lower() == GEOPACKAGE:  # A journal beside the file may be forged, so none is read.
        return {"IMMUTABLE": "YES", "LIST_ALL_TABLES": "NO"}
    cpg = _sibling(path, ".cpg") if path.suffix.lower() == SHAPEFILE else None
    named = re.search(r"(?:ANSI|OEM|CP)[ _-]?(\d{3,5})", cpg.read_text("latin-1")[:80]) if cpg else None
    return {"ENCODING": f"CP{named[1]}"} if named else {}


def _layer(path: Path, file: Path, name: str, kind: str) -> Layer:
    describe = _pyogrio().read_info
    described = _guard(path, lambda: describe(file, layer=name, force_feature_count=True, **_options(path)))
    names = [str(field) for field in described["fields"]]
    crs = described["crs"]
    if crs is None and (prj := _sibling(path, ".prj") if path.suffix.lower() == SHAPEFILE else None) is not None:
        problem = gettext_noop("%(name)s states no reference system (%(fault)s)")
        remedy = gettext_noop("Export it again, or with EPSG:4326")
        raise InputError(path, problem, remedy, name=prj.name, fault="GDAL")
    with refusing(path, UNKNOWN_SYSTEM, EXPORT_4326, ProjError, system=str(crs)[:60]):
        system = None if crs is None else CRS.from_user_input(crs)
    epsg = None if system is None else system.to_epsg() or system.to_wkt()
    shapes, rows = int(described["features"]), int(described["features"])
    if path.suffix.lower() == SHAPEFILE:
        rows, _, _ = _table_head(_sibling(path, ".dbf") or path)
    if path.suffix.lower() == FLATGEOBUF and shapes * MIN_FEATURE_BYTES > path.stat().st_size:
        raise InputError(path, WAS_CUT_OFF, DOWNLOAD, name=path.name)
    if shapes != rows:
        problem = gettext_noop("it holds %(shapes)s shapes and its table %(rows)s rows")
        raise InputError(path, problem, gettext_noop("Give parts that belong together"), shapes=shapes, rows=rows)
    kinds = zip(names, described["dtypes"], strict=True)
    numbers = frozenset(name for name, kind in kinds if not str(kind).startswith(("object", "datetime")))
    return Layer(name, names, numbers, epsg, kind, rows)


def _guard(path: Path, call: Callable[[], Any]) -> Any:
    """Return what a call of pyogrio returns; its errors and warnings, which show misread files, become InputError."""
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            answer = call()
        bad = [str(warning.message) for warning in seen if HARMLESS.search(str(warning.message)) is None]
        if bad:
            raise ValueError(bad[0])
    except (RuntimeError, ValueError, pa.ArrowException, OSError, MemoryError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None and not isinstance(fault, pa.ArrowException):
            raise
        text = " ".join(re.sub(r"\S*/\S*|; It might help.*", "", str(fault)).split())[:120]
        named, remedy = FORMATS.get(suffix_of(path), "GeoJSON"), ONE_TYPE if "eometry type" in text else DOWNLOAD
        if named == "GeoJSON" and "not recognized" in text and (other := _other_json(path)):
            text, remedy = other, EXPORT_GEOJSON
        raise InputError(path, UNREADABLE, remedy, format=named, fault=text) from fault
    return answer


def _other_json(path: Path) -> str:
    """Return what a JSON file is that is no GeoJSON; empty if it is no JSON."""
    content = path.read_bytes()
    try:
        json.loads(content)
    except ValueError:
        return ""
    return "TopoJSON" if b'"Topology"' in content else "EsriJSON" if b'"esriGeometry' in content else "other JSON"


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """Yield a path that GDAL can open.

    GDAL writes a missing index beside a copied shapefile; odd names, which it does not quote, get a link.
    """
    suffix = suffix_of(path)
    if suffix not in {GEOPACKAGE, GEODATABASE} and (suffix != SHAPEFILE or _sibling(path, ".shx") is not None):
        yield path
        return
    with TemporaryDirectory(prefix="layer-") as folder:
        for part in [path] if suffix == GEODATABASE else parts_of(path):
            inside = Path(folder, f"layer{suffix_of(part)}")
            if part.suffix.lower() == SHAPEFILE:  # GDAL writes its index beside the file itself, not beside a link.
                shutil.copyfile(part, inside)
            else:
                inside.symlink_to(part.resolve())
        # Only here, because with this option GDAL also writes beside files that have an index.
        _pyogrio().set_gdal_config_options({"SHAPE_RESTORE_SHX": "YES" if suffix == SHAPEFILE else None})
        try:
            yield Path(folder, f"layer{suffix}")
        finally:
            _pyogrio().set_gdal_config_options({"SHAPE_RESTORE_SHX": None})


def _check(path: Path) -> list[tuple[str, str]]:
    """Check a file before GDAL opens it; return (name, kind) of the layers of a GeoPackage. Raises InputError."""
    suffix = suffix_of(path)
    if suffix == GEODATABASE:
        if odd := next((part for part in parts_of(path) if part.is_symlink() or not part.is_file()), None):
            raise InputError(path, NO_FILE, EXPORT, name=odd.name)
        return []
    with path.open("rb") as stream:
        first = stream.read(1000).removeprefix(b"\xef\xbb\xbf").lstrip()
    expected = (STARTS | {KML: b"<"}).get(suffix, b"{")
    if not first.startswith(expected):
        problem = gettext_noop("its content is not %(format)s")
        raise InputError(path, problem, EXPORT, format=FORMATS.get(suffix, "GeoJSON"))
    if suffix == SHAPEFILE:
        _check_shapefile(path)
    elif suffix == GEOPACKAGE:
        page_bytes, pages = struct.unpack(">16xH10xI", first[:32].ljust(32))
        if path.stat().st_size < (page_bytes if page_bytes > 1 else 2**16) * pages:
            raise InputError(path, WAS_CUT_OFF, DOWNLOAD, name=path.name)
        return _layers_in_database(path)
    elif suffix == KML:
        _check_kml(path)
    elif suffix in GEOJSON and (named := CRS_MEMBER.search(path.read_bytes())) is not None:
        _check_system(path, named[1].decode("utf-8", "replace"))
    return []


def _check_system(path: Path, name: str) -> None:
    """Raise InputError for a reference system of GeoJSON that is not known; GDAL would take degrees instead."""
    spelled = re.fullmatch(r"(?:urn:ogc:def:crs:|http://www.opengis.net/def/crs/)?(OGC|EPSG)\W+.*?(CRS84h?|\d+)", name)
    with refusing(path, UNKNOWN_SYSTEM, EXPORT_4326, ProjError, system=name[:60]):
        if spelled is None or (spelled[1] == "EPSG" and not CRS.from_epsg(int(spelled[2]))):
            raise ProjError(name)


def _check_shapefile(path: Path) -> None:
    """Raise InputError if the parts of a shapefile are missing or shorter than they declare."""
    table_path = _sibling(path, ".dbf")
    if table_path is None:
        raise InputError(path, IS_MISSING, ALL_PARTS, name=f"{path.stem}.dbf")
    with path.open("rb") as stream:
        declared = 2 * struct.unpack(">i", stream.read(28).ljust(28)[24:])[0]
    if declared > path.stat().st_size:  # Some programs append bytes, which are not read.
        problem = gettext_noop("it declares %(declared)s bytes and has %(size)s")
        raise InputError(path, problem, DOWNLOAD, declared=declared, size=path.stat().st_size)
    rows, header, width = _table_head(table_path)
    if table_path.stat().st_size < header + rows * width:
        raise InputError(path, WAS_CUT_OFF, DOWNLOAD, name=table_path.name)


def _table_head(table_path: Path) -> tuple[int, int, int]:
    """Return (rows, bytes of the header, bytes of a row) of a .dbf."""
    with table_path.open("rb") as stream:
        rows, header, width = struct.unpack("<4xLHH", stream.read(12).ljust(12, b"\xff"))
    return rows, header, width


def _layers_in_database(path: Path) -> list[tuple[str, str]]:
    """Return (name, kind) of each layer of a GeoPackage.

    Raises InputError if it is damaged, or has views or the like, because reading them runs what is in the file.
    """
    with _database(path) as connection:
        made = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchmany(100_000)
        for kind, name, sql in made:
            text = str(sql).upper()
            is_idle = "USING RTREE" in text or kind in {"index", "trigger"}
            is_idle |= kind == "view" and str(name).lower() in STANDARD_VIEWS
            if not is_idle and (not text.lstrip().startswith("CREATE TABLE") or re.search(r"\bAS\s*\(", text)):
                refusal = gettext_noop("layer '%(layer)s' is not a plain table")
                raise InputError(path, refusal, gettext_noop("Save the layer as a table of its own"), layer=str(name))
        (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if answer != "ok":
            raise InputError(path, DAMAGED, EXPORT, fault=str(answer)[:100])
        listed = []
        if any(str(name).lower() == "gpkg_geometry_columns" for _, name, _ in made):  # Packages of tiles have none.
            query = "SELECT table_name, geometry_type_name FROM gpkg_geometry_columns"
            listed = connection.execute(query).fetchmany(1000)
        kinds = {kind.upper(): kind for kind in KINDS}
        layers = [(str(name), kinds.get(str(kind).upper(), "Unknown")) for name, kind in listed]
        named = {name.lower() for name, _ in layers}
        if not layers or len(named) < len(layers) or named & STANDARD_VIEWS:
            refusal = gettext_noop("it holds no layer, or lists the same layer more than once")
            raise InputError(path, refusal, EXPORT)
        return layers


def _check_values(path: Path, layer: Layer, names: Sequence[str]) -> None:
    """Raise InputError if a column of numbers holds a text: GDAL would read it as 0, without a word."""
    with _database(path) as connection:
        for name in names:
            column, table = (text.replace('"', '""') for text in (name, layer.name))
            query = f'SELECT "{column}" FROM "{table}" WHERE typeof("{column}") IN (\'text\', \'blob\') LIMIT 1'  # noqa: S608
            found = connection.execute(query).fetchone()
            if found is not None:
                problem = gettext_noop("column '%(column)s' holds '%(value)s', which is no number")
                remedy = gettext_noop("Correct it, or leave it empty")
                raise InputError(path, problem, remedy, column=name[:60], value=str(found[0])[:40])


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a GeoPackage for reading only, without the journals beside it. Raises InputError if it is damaged."""
    name = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    readable = refusing(path, DAMAGED, EXPORT, sqlite3.Error, OverflowError, MemoryError, fault="")
    with readable, closing(sqlite3.connect(name, uri=True)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_SQL_BYTES)
        connection.text_factory = lambda content: content.decode("utf-8", "replace")
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
            connection.execute(f"PRAGMA {pragma}")
        yield connection


def _check_kml(path: Path) -> None:
    """Raise InputError if a file is no KML, or declares entities."""
    readable = refusing(path, UNREADABLE, EXPORT, ParseError, ValueError, LookupError, format="KML")
    with readable, path.open("rb") as stream:
        events = iterparse(stream, events=("start", "end"), forbid_dtd=True)
        _, root = next(events)
        if root.tag.rpartition("}")[2] not in {"kml", "Document", "Placemark"}:
            raise InputError(path, gettext_noop("it is XML, but no KML"), gettext_noop("Export it again as KML"))
        for event, element in events:
            text = element.text or "" if event == "end" and element.tag.endswith("coordinates") else ""
            if (odd := re.search(r"[^\s,]*[^\s,\d.eE+-][^\s,]*", text)) is not None:
                problem = gettext_noop("the corner '%(corner)s' is no longitude and latitude")
                raise InputError(path, problem, EXPORT, corner=odd[0][:40])
            if event == "end":
                element.clear()


def _sibling(path: Path, suffix: str) -> Path | None:
    """Return the file of a shapefile with this suffix, in lower or upper case; None if there is none."""
    return next((part for s in (suffix, suffix.upper()) if (part := path.with_suffix(s)).is_file()), None)
