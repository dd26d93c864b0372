"""Readers of context, one module per kind; `recognise` finds the kind of a file. They do not use Django."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers.context import glaciers, landslides, outlines, places, streetmap
from ground_motion.readers.context.outlines import property_names
from ground_motion.readers.context.records import ContextFile, ContextKind, Record, Remark
from ground_motion.readers.context.tables import column_names
from ground_motion.readers.vectors import features
from ground_motion.readers.vectors.layers import parts_of
from ground_motion.readers.vectors.packages import layer_name, unpack

Reader = Callable[[Path], Iterator[Record | Remark]]
OUTLINES, TABLES, RASTERS = {".geojson", ".json", ".shp", ".gpkg"}, {".csv", ".txt", ".tsv"}, {".tif", ".tiff"}
READERS: dict[ContextKind, tuple[Reader, set[str]]] = {
    ContextKind.REGIONS: (outlines.read_regions, OUTLINES),
    ContextKind.PLACES: (places.read, TABLES),
    ContextKind.GLACIERS: (glaciers.read, OUTLINES | {".csv"}),
    ContextKind.MINES: (outlines.read_mines, OUTLINES),
    ContextKind.LANDSLIDES: (landslides.read, {".csv"}),
    ContextKind.BUILDINGS: (streetmap.read_buildings, OUTLINES),
    ContextKind.ROADS: (streetmap.read_roads, OUTLINES),
    ContextKind.RAILWAYS: (streetmap.read_railways, OUTLINES),
    ContextKind.RIVERS: (streetmap.read_rivers, OUTLINES),
    ContextKind.LAKES: (streetmap.read_lakes, OUTLINES),
}
STREETMAP: dict[ContextKind, tuple[features.Wanted, re.Pattern[str]]] = {  # and their layers in Geofabrik's extracts
    ContextKind.BUILDINGS: (features.BUILDINGS, re.compile(r"gis_osm_buildings_a_free_\d+")),
    ContextKind.ROADS: (features.ROADS, re.compile(r"gis_osm_roads_free_\d+")),
    ContextKind.RAILWAYS: (features.RAILWAYS, re.compile(r"gis_osm_railways_free_\d+")),
    ContextKind.RIVERS: (features.RIVERS, re.compile(r"gis_osm_waterways_free_\d+")),
    ContextKind.LAKES: (features.LAKES, re.compile(r"gis_osm_water_a_free_\d+")),
}
# Functions that recognise a kind by the names of properties or columns.
OUTLINED: dict[ContextKind, Callable[[set[str]], bool]] = {
    ContextKind.GLACIERS: glaciers.is_recognised,
    ContextKind.MINES: outlines.MAUS.issubset,
    # Natural Earth states the type of each feature.
    ContextKind.REGIONS: lambda names: "featurecla" in names and not names.isdisjoint({"admin", "adm0_a3"}),
}
CREDITS = {
    ContextKind.GLACIERS: (glaciers.RGI_ATTRIBUTION, glaciers.RGI_LICENCE),
    ContextKind.MINES: ("Mines: Maus et al. 2022", "CC BY-SA 4.0"),
    ContextKind.REGIONS: ("Regions: Natural Earth", "public domain"),
}
LISTED: dict[ContextKind, Callable[[set[str]], bool]] = {
    ContextKind.GLACIERS: glaciers.is_recognised,
    ContextKind.LANDSLIDES: landslides.is_recognised,
    ContextKind.PLACES: places.is_recognised,
}
OSM_DUMPS = {".pbf", ".osm", ".bz2"}
SUFFIXES = OUTLINES | TABLES | RASTERS | {".zip"}


def recognise(path: Path) -> ContextKind:
    """Return the kind of context in a file, by its content. Raises InputError if the content does not identify it."""
    suffix = path.suffix.lower()
    if suffix in RASTERS:
        return ContextKind.ELEVATION
    if suffix in TABLES and places.is_geonames(path):
        return ContextKind.PLACES
    tests = OUTLINED if suffix in OUTLINES else LISTED if suffix in TABLES else {}
    names = property_names(path) if suffix in OUTLINES else set(column_names(path)) if tests else set[str]()
    kind = next((kind for kind, fits in tests.items() if fits(names)), None)
    if kind is None:
        kinds = ", ".join(ContextKind)
        raise InputError(path, "its content does not identify the kind of context", f"Name the kind: {kinds}")
    return kind


@contextmanager
def open_layer(path: Path, kind: ContextKind | None) -> Iterator[ContextFile]:
    """Open a file as a layer; a zip stays unpacked meanwhile. kind: None to recognise it. Raises InputError."""
    if not path.is_file():
        raise InputError(path, "there is no such file", "Check the path")
    if not path.stat().st_size:
        raise InputError(path, "the file is empty", "Download or export it again")
    extract = STREETMAP[kind][1] if kind in STREETMAP else None
    with unpack(path, extract) as layer, _name_zip_in_errors(path, layer):
        if layer.suffix.lower() in OSM_DUMPS:
            remedy = "Convert it (ogr2ogr -f GPKG extract.gpkg extract.osm.pbf), or take Geofabrik's shapefiles"
            raise InputError(path, "dumps of OpenStreetMap are not read", remedy)
        if layer.suffix.lower() not in SUFFIXES:
            known = ", ".join(sorted(SUFFIXES))
            problem = f"files that end with {layer.suffix or '(none)'} are not read"
            raise InputError(path, problem, f"Give one of {known}")
        chosen = kind or recognise(layer)
        parts = (path,) if layer != path else parts_of(path)
        rows, credit = partial(_rows, path, layer, chosen), _credit(layer, chosen)
        yield ContextFile(chosen, layer_name(path, extract), parts, layer, rows, *credit)


def _rows(path: Path, layer: Path, kind: ContextKind) -> Iterator[Record | Remark]:
    reader, suffixes = READERS[kind]
    if layer.suffix.lower() not in suffixes:
        known = ", ".join(sorted(suffixes))
        raise InputError(path, f"{kind} cannot be read from a file that ends with {layer.suffix}", f"Give {known}")
    with _name_zip_in_errors(path, layer):
        yield from reader(layer)


@contextmanager
def _name_zip_in_errors(path: Path, layer: Path) -> Iterator[None]:
    """Change errors about a file inside a zip to name the zip instead of a path in the temporary folder."""
    try:
        yield
    except InputError as fault:
        if fault.path == str(layer):
            fault.rename(path)
        raise


def _credit(layer: Path, kind: ContextKind) -> tuple[str, str]:
    if kind is ContextKind.PLACES and places.is_geonames(layer):
        return places.ATTRIBUTION, places.LICENCE
    if kind in STREETMAP:
        known = streetmap.is_recognised(layer, STREETMAP[kind][0])
        return (streetmap.ATTRIBUTION, streetmap.LICENCE) if known else ("", "")
    if kind is ContextKind.LANDSLIDES:
        return landslides.ATTRIBUTION, landslides.LICENCE
    if kind is ContextKind.GLACIERS and layer.suffix.lower() == ".csv":
        listed = glaciers.is_surge_list(set(column_names(layer)))
        return (glaciers.LIST_ATTRIBUTION if listed else glaciers.RGI_ATTRIBUTION), glaciers.RGI_LICENCE
    return CREDITS[kind] if kind in OUTLINED and OUTLINED[kind](property_names(layer)) else ("", "")
