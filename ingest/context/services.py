"""Loading context: a layer in one transaction, or nothing."""

import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from psycopg import sql
from pyproj import CRS
from shapely.geometry import Point, box
from shapely.geometry.base import BaseGeometry

from ingest.context import terrain
from ingest.errors import AlreadyLoaded, InputError
from ingest.hashing import file_sha256
from ingest.locks import Lock, lock
from ingest.models import ContextLayer, ElevationTile
from ingest.rasters import write_cog
from ingest.readers.context import elevation, opened
from ingest.readers.context.records import (
    ContextFile,
    ContextKind,
    GlacierRecord,
    LandslideRecord,
    MineRecord,
    PlaceRecord,
    Record,
    RegionRecord,
    Remark,
)
from ingest.readers.context.text import search_key
from ingest.readers.records import METRES_PER_DEGREE
from ingest.storage import save_with_raster

Progress = Callable[[int], None]
Values = tuple[Any, ...]
PROGRESS_ROWS = 1000
BANDS = {"elevation_m": "m", "slope_deg": "degree", "aspect_deg": "degree"}

# What a row says of a surge: its own file's word, raised to 'observed' by a list of surges; the list's own point is
# hidden where the glacier itself is loaded, and so is a bare position beside an outline.
_SURGES = """
    UPDATE ingest_glacier SET surge = surge_in_file, shown = true WHERE surge <> surge_in_file OR NOT shown;
    UPDATE ingest_glacier g SET surge = 'observed' FROM ingest_glacier l
    WHERE l.of_surge_list AND NOT g.of_surge_list AND g.surge <> 'observed'
      AND ((l.glims_id <> '' AND g.glims_id = l.glims_id) OR (l.glacier_id <> '' AND g.glacier_id = l.glacier_id));
    UPDATE ingest_glacier l SET shown = false FROM ingest_glacier g
    WHERE g.id <> l.id AND (l.outline IS NULL)
      AND (g.outline IS NOT NULL OR (l.of_surge_list AND (NOT g.of_surge_list OR g.id < l.id)))
      AND ((l.glims_id <> '' AND g.glims_id = l.glims_id) OR (l.glacier_id <> '' AND g.glacier_id = l.glacier_id))"""


def context_load(
    *,
    path: Path,
    kind: ContextKind | None = None,
    replace: bool = False,
    attribution: str = "",
    licence: str = "",
    simulated: bool = False,
    progress: Progress = lambda rows: None,
) -> ContextLayer:
    """Load one file as one layer. Raises InputError (AlreadyLoaded for the same file); then nothing has changed."""
    with opened(path, kind) as file, transaction.atomic(), connection.cursor() as cursor:
        lock(Lock.CONTEXT_LAYERS + list(ContextKind).index(file.kind))
        sha256 = parts_sha256(file.parts)
        _make_room(path, file, sha256, replace)
        layer = ContextLayer.objects.create(
            kind=file.kind,
            name=file.name[:200],
            file_name=path.name[:255],
            file_sha256=sha256,
            simulated=simulated,
            attribution=(attribution or file.attribution)[:300],
            licence=(licence or file.licence)[:300],
        )
        if file.kind is ContextKind.ELEVATION:
            _load_elevation(path, file, layer)
        else:
            _load_rows(cursor, path, file, layer, progress)
        if file.kind is ContextKind.GLACIERS:
            cursor.execute(_SURGES)
        return layer


def parts_sha256(parts: Iterable[Path]) -> str:
    """The SHA-256 of a file, or of those of several files one after the other."""
    digests = [file_sha256(part) for part in parts]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def layer_delete(*, layer: ContextLayer) -> None:
    """Remove a layer with its rows; its raster goes when the transaction holds."""
    for tile in ElevationTile.objects.filter(layer=layer):
        transaction.on_commit(lambda raster=tile.raster: raster.storage.delete(raster.name))
    layer.delete()


def _make_room(path: Path, file: ContextFile, sha256: str, replace: bool) -> None:
    of_kind = ContextLayer.objects.filter(kind=file.kind)
    same = of_kind.filter(file_sha256=sha256).first()
    if same:
        raise AlreadyLoaded(path, f"this very file is already loaded as {same.kind} ({same.name})", "Nothing to do")
    older = of_kind.filter(name=file.name[:200]).first()
    if older and not replace:
        problem = f"other {older.kind} of this name are loaded ({older.file_name}, {older.loaded_at:%Y-%m-%d})"
        raise InputError(path, problem, "Add --replace, or give the file another name")
    if older:
        layer_delete(layer=older)


def _load_rows(cursor, path: Path, file: ContextFile, layer: ContextLayer, progress: Progress) -> None:
    table, columns, values = TABLES[file.kind]
    remarks: Counter[Remark] = Counter()
    copied = 0
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, ("layer_id", *columns)))
    )
    with cursor.copy(statement) as copy:
        for record in _counted(file.rows(), progress):
            if isinstance(record, Remark):
                remarks[record] += 1
                continue
            copy.write_row((layer.pk, *(_clean(value) for value in values(record))))
            copied += 1
    layer.n_features = copied
    layer.n_refused = sum(times for remark, times in remarks.items() if remark.refused)
    layer.remarks = {remark.text: times for remark, times in remarks.items()}
    if not copied:
        reason = remarks.most_common(1)[0][0].text if remarks else "it holds no rows"
        raise InputError(path, f"nothing in it can be used ({layer.n_refused} refused: {reason})", "Check the file")
    layer.save(update_fields=["n_features", "n_refused", "remarks"])


def _counted(rows: Iterator[Record | Remark], progress: Progress) -> Iterator[Record | Remark]:
    waiting = 0
    for row in rows:
        yield row
        waiting += 1
        if waiting == PROGRESS_ROWS:
            progress(waiting)
            waiting = 0
    progress(waiting)


def _clean(value: Any) -> Any:
    """Text without the one character that PostgreSQL cannot keep."""
    return value.replace("\0", "") if isinstance(value, str) else value


def _region(record: RegionRecord) -> Values:
    largest = max(record.outline.geoms, key=lambda part: part.area)
    key = search_key(record.name)[:200]
    return record.name, key, record.country, record.level, _hex(record.outline), _hex(box(*largest.bounds))


def _place(record: PlaceRecord) -> Values:
    position = _hex(Point(record.longitude, record.latitude))
    return record.name, search_key(record.name)[:200], record.country, record.population, position


def _glacier(record: GlacierRecord) -> Values:
    outline = _hex(record.outline) if record.outline else None
    position, surge = _hex(Point(record.longitude, record.latitude)), record.surge.value
    named = record.glacier_id, record.glims_id, record.name
    return *named, position, outline, surge, surge, record.of_surge_list, record.reach_m_day, True


def _mine(record: MineRecord) -> Values:
    return record.name, record.country, _hex(record.outline.representative_point()), _hex(record.outline)


def _landslide(record: LandslideRecord) -> Values:
    position = _hex(Point(record.longitude, record.latitude))
    facts = record.landslide_type, record.trigger, record.size, record.near
    return record.event_id, record.happened_on, position, record.accuracy_m, *facts


def _hex(geometry: BaseGeometry) -> str:
    return f"SRID=4326;{geometry.wkb_hex}"


TABLES: dict[ContextKind, tuple[str, tuple[str, ...], Callable[[Any], Values]]] = {
    ContextKind.REGIONS: (
        "ingest_administrativeregion",
        ("name", "search_name", "country", "level", "outline", "view"),
        _region,
    ),
    ContextKind.PLACES: ("ingest_place", ("name", "search_name", "country", "population", "position"), _place),
    ContextKind.GLACIERS: (
        "ingest_glacier",
        (
            "glacier_id",
            "glims_id",
            "name",
            "position",
            "outline",
            "surge_in_file",
            "surge",
            "of_surge_list",
            "reach_m_day",
            "shown",
        ),
        _glacier,
    ),
    ContextKind.MINES: ("ingest_mine", ("name", "country", "position", "outline"), _mine),
    ContextKind.LANDSLIDES: (
        "ingest_landslide",
        ("event_id", "happened_on", "position", "accuracy_m", "landslide_type", "trigger", "size", "near"),
        _landslide,
    ),
}


def _load_elevation(path: Path, file: ContextFile, layer: ContextLayer) -> None:
    grid = elevation.read(file.source)
    shape = terrain.slope_and_aspect(grid.height_m, grid.transform, CRS.from_epsg(grid.epsg))
    bands = dict(zip(BANDS, (grid.height_m, *shape), strict=True))
    tags = {"file_name": path.name, "file_sha256": layer.file_sha256, "method": "Horn 1981"}
    attribution, licence = elevation.credit(file.name)
    layer.attribution, layer.licence = layer.attribution or attribution[:300], layer.licence or licence[:300]
    layer.n_features = 1
    layer.save(update_fields=["attribution", "licence", "n_features"])
    degrees = CRS.from_epsg(grid.epsg).is_geographic
    row = ElevationTile(
        layer=layer,
        epsg=grid.epsg,
        rows=grid.height_m.shape[0],
        cols=grid.height_m.shape[1],
        posting_m=-grid.transform.e * (METRES_PER_DEGREE if degrees else 1.0),
        footprint=elevation.footprint(grid).wkb_hex,
    )
    with tempfile.TemporaryDirectory() as folder:
        cog = Path(folder) / f"elevation_{layer.file_sha256[:16]}.tif"
        write_cog(cog, bands, grid.transform, grid.epsg, list(BANDS.values()), tags)
        save_with_raster(row, cog)
