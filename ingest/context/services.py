"""Services that load context. A layer is loaded in one transaction, whole or not at all; each record becomes a row."""

import dataclasses
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model, Q
from django.db.models.functions import MD5
from psycopg import sql
from pyproj import CRS
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from ground_motion.core.errors import AlreadyLoaded, InputError
from ground_motion.core.files import file_sha256
from ground_motion.core.geometry import METRES_PER_DEGREE
from ground_motion.core.rasters import copy_as_cog, write_cog
from ground_motion.core.text import plain_values, search_key
from ground_motion.readers.context import elevation, open_layer, records
from ingest.context import terrain
from ingest.context.regions import slugs_give
from ingest.foundation.geos import geos
from ingest.foundation.locks import Lock, lock
from ingest.foundation.storage import delete_files, save_with_raster
from ingest.models import (
    AdministrativeRegion,
    Building,
    ContextLayer,
    ElevationTile,
    Glacier,
    Landslide,
    Mine,
    Place,
    PopulationTile,
    TransportLine,
    Water,
)
from ingest.models.context import NAMES_JOINED

# Table of each kind of context, and the columns that `_values` fills.
TABLES: dict[records.ContextKind, tuple[type[Model], tuple[str, ...]]] = {
    records.ContextKind.REGIONS: (
        AdministrativeRegion,
        (
            *("name", "names", "search_name", "country", "level", "code"),
            *("contact_name", "contact_phone", "contact_page", "outline", "view"),
        ),
    ),
    records.ContextKind.PLACES: (
        Place,
        ("name", "names", "search_name", "country", "province", "kind", "population", "position"),
    ),
    records.ContextKind.GLACIERS: (
        Glacier,
        (
            *("glacier_id", "glims_id", "name", "position", "outline"),
            *("surge_in_file", "surge", "of_surge_list", "reach_m_day", "shown"),
        ),
    ),
    records.ContextKind.MINES: (Mine, ("name", "country", "state", "position", "outline")),
    records.ContextKind.LANDSLIDES: (
        Landslide,
        ("event_id", "happened_on", "position", "accuracy_m", "landslide_type", "trigger", "size", "near"),
    ),
    records.ContextKind.BUILDINGS: (Building, ("outline", "position")),
    records.ContextKind.ROADS: (TransportLine, ("line_class", "tunnel", "line")),
    records.ContextKind.RAILWAYS: (TransportLine, ("line_class", "tunnel", "line")),
    records.ContextKind.RIVERS: (Water, ("water_class", "name", "shape")),
    records.ContextKind.LAKES: (Water, ("water_class", "name", "shape")),
}
MADE: dict[str, Callable[[Any], Any]] = {  # A record does not hold these columns as they are.
    "names": lambda record: json.dumps(_names(record)),
    "search_name": lambda record: _search_name((record.name, *_names(record).values(), *record.other_names)),
    "view": lambda record: box(*max(record.outline.geoms, key=lambda part: part.area).bounds),
    "position": lambda record: (
        record.outline.representative_point()
        if isinstance(record, records.MineRecord)
        else f"SRID=4326;POINT({record.longitude} {record.latitude})"  # PostGIS packs it many times as fast as shapely.
    ),
    "surge_in_file": lambda record: record.surge,
    "shown": lambda record: True,
}
CONTACT = ("contact_name", "contact_phone", "contact_page", "contact_by_hand")
PROGRESS_ROWS = 1000
BANDS = {"elevation_m": "m", "slope_deg": "degree", "aspect_deg": "degree"}
# A glacier's surge is what its own file states, raised to 'observed' by a list of surges. An entry of such a list is
# hidden where the glacier itself is loaded, and a position is hidden where an outline is loaded.
_SURGES = """
    UPDATE ingest_glacier SET surge = surge_in_file, shown = true WHERE surge <> surge_in_file OR NOT shown;
    UPDATE ingest_glacier g SET surge = 'observed' FROM ingest_glacier l
    WHERE l.of_surge_list AND NOT g.of_surge_list AND g.surge <> 'observed'
      AND ((l.glims_id <> '' AND g.glims_id = l.glims_id) OR (l.glacier_id <> '' AND g.glacier_id = l.glacier_id));
    UPDATE ingest_glacier l SET shown = false FROM ingest_glacier g
    WHERE g.id <> l.id AND (l.outline IS NULL)
      AND (g.outline IS NOT NULL OR (l.of_surge_list AND (NOT g.of_surge_list OR g.id < l.id)))
      AND ((l.glims_id <> '' AND g.glims_id = l.glims_id) OR (l.glacier_id <> '' AND g.glacier_id = l.glacier_id))"""
# Delete what comes with the software where other layers have it: places of the same name nearby, and regions of a level
# within regions of the same level, so that none stands twice.
_OWN_STAND = {
    records.ContextKind.PLACES: f"""
        DELETE FROM ingest_place AS given
        USING ingest_place AS own, ingest_contextlayer AS its, ingest_contextlayer AS theirs
        WHERE given.layer_id = its.id AND its.shipped
          AND own.layer_id = theirs.id AND NOT theirs.shipped AND NOT theirs.simulated
          AND own.kind = given.kind AND ST_DWithin(own.position, given.position, 0.1)
          AND split_part(own.search_name, '{NAMES_JOINED}', 1)
            = ANY (string_to_array(given.search_name, '{NAMES_JOINED}'))""",  # noqa: S608
    records.ContextKind.REGIONS: """
        DELETE FROM ingest_administrativeregion AS given
        USING ingest_administrativeregion AS own, ingest_contextlayer AS its, ingest_contextlayer AS theirs
        WHERE given.layer_id = its.id AND its.shipped
          AND own.layer_id = theirs.id AND NOT theirs.shipped AND NOT theirs.simulated
          AND own.level = given.level AND ST_Intersects(own.outline, ST_PointOnSurface(given.outline))""",
}
# A country's file does not describe its neighbour, so that a layer counts as complete only within this many
# degrees of its features. The distance is larger for railways, because these are sparse.
COVERING = {records.ContextKind.BUILDINGS: 0.1, records.ContextKind.ROADS: 0.1, records.ContextKind.RAILWAYS: 0.5}


def _names(record: records.RegionRecord | records.PlaceRecord) -> dict[str, str]:
    """Return the names in the languages of the site."""
    return {code: record.names[code] for code, _label in settings.LANGUAGES if code in record.names}


def _search_name(names: Iterable[str]) -> str:
    """Return the search keys of all names, and of names of several words also the key without spaces."""
    keys = dict.fromkeys(filter(None, map(search_key, names)))
    joined = (key.replace(" ", "") for key in keys if " " in key)
    return NAMES_JOINED.join(dict.fromkeys((*keys, *joined)))


def _values(record: records.Record, columns: Iterable[str]) -> Iterator[object]:
    """Yield the values of a record's row: texts without signs that tables cannot hold, outlines as EWKB."""
    for column in columns:
        value = MADE[column](record) if column in MADE else getattr(record, column)
        yield f"SRID=4326;{value.wkb_hex}" if isinstance(value, BaseGeometry) else plain_values(value)


Progress = Callable[[int], object]


def context_load(
    *,
    path: Path,
    kind: records.ContextKind | None = None,
    replace: bool = False,
    attribution: str = "",
    licence: str = "",
    simulated: bool = False,
    progress: Progress = lambda rows: None,
) -> ContextLayer:
    """Load one file as one layer. Raises InputError (AlreadyLoaded for the same file); then nothing has changed."""
    with open_layer(path, kind) as file:
        stated = dataclasses.replace(file, attribution=attribution or file.attribution, licence=licence or file.licence)
        return layer_load(file=stated, path=path, replace=replace, simulated=simulated, progress=progress)


def layer_load(
    *,
    file: records.ContextFile,
    path: Path,
    replace: bool,
    simulated: bool = False,
    shipped: bool = False,
    progress: Progress = lambda rows: None,
) -> ContextLayer:
    """Load an opened file as one layer. Raises as `context_load` does.

    Args:
        file: its rows and its credit
        path: named in messages
        replace: whether it may replace a layer of its name
        simulated: whether its rows are simulated
        shipped: whether it comes with the software; then rows that others have loaded stand for its own
        progress: gets the number of rows after each thousand
    """
    with transaction.atomic(), connection.cursor() as cursor:
        lock(Lock.CONTEXT_LAYERS + list(records.ContextKind).index(file.kind))
        digests = [file_sha256(part) for part in file.parts]
        sha256 = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        replaced = Q(layer__kind=file.kind, layer__name=file.name[:200]) | Q(layer__shipped=True)
        by_hand = AdministrativeRegion.objects.filter(replaced, contact_by_hand=True).defer("outline", "view")
        before = list(by_hand.order_by("slug"))
        _make_room(path, file, sha256, replace)
        layer = ContextLayer.objects.create(
            kind=file.kind,
            name=file.name[:200],
            file_name=path.name[:255],
            file_sha256=sha256,
            simulated=simulated,
            shipped=shipped,
            attribution=file.attribution[:300],
            licence=file.licence[:300],
        )
        if file.kind is records.ContextKind.ELEVATION:
            _load_elevation(path, file, layer)
        elif file.kind is records.ContextKind.POPULATION:
            _load_population(file, layer)
        else:
            _load_rows(cursor, path, file, layer, progress)
        if file.kind is records.ContextKind.GLACIERS:
            cursor.execute(_SURGES)
        cursor.execute(_OWN_STAND.get(file.kind, "SELECT 1"))
        if file.kind is records.ContextKind.REGIONS:
            slugs_give()
            left = set(by_hand.values_list("pk", flat=True))
            _contacts_put_back(layer, [one for one in before if one.pk not in left])
        if file.kind in COVERING:
            _cover(cursor, layer)
        return layer


def layer_delete(*, layer: ContextLayer) -> None:
    """Delete a layer with its rows; its raster is deleted once the transaction is committed.

    The software's own rows that it had replaced return when `world_load` is called next.
    """
    for tiles in (ElevationTile, PopulationTile):
        delete_files(tile.raster for tile in tiles.objects.filter(layer=layer))
    if not layer.shipped and layer.kind in _OWN_STAND:
        ContextLayer.objects.filter(kind=layer.kind, shipped=True).update(file_sha256=MD5("file_sha256"))
    layer.delete()


def _contacts_put_back(layer: ContextLayer, before: Sequence[AdministrativeRegion]) -> None:
    """Give contacts that people set to the same regions of a new layer; its remarks name those without a region."""
    slugs = set(AdministrativeRegion.objects.filter(layer=layer).values_list("slug", flat=True))
    for former in sorted(before, key=lambda region: region.slug not in slugs):
        same = [Q(slug=former.slug), Q(code=former.code) & ~Q(code=""), Q(name=former.name, level=former.level)]
        found = (AdministrativeRegion.objects.filter(where, layer=layer, contact_by_hand=False) for where in same)
        region = next((only[0] for rows in found if len(only := rows.only("pk")[:2]) == 1), None)
        if region:
            AdministrativeRegion.objects.filter(pk=region.pk).update(
                **{name: getattr(former, name) for name in CONTACT}
            )
        else:
            office = former.contact_name or "none"
            layer.remarks[f"a contact set by hand that is lost, because {former.name} is missing: {office}"] = 1
    layer.save(update_fields=["remarks"])


def _make_room(path: Path, file: records.ContextFile, sha256: str, replace: bool) -> None:
    """Delete the layer that a file replaces."""
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


def _load_rows(
    cursor: CursorWrapper, path: Path, file: records.ContextFile, layer: ContextLayer, progress: Progress
) -> None:
    model, columns = TABLES[file.kind]
    remarks: Counter[records.Remark] = Counter()
    copied = 0
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, ("layer_id", *columns)))
    )
    with cursor.copy(statement) as copy:
        for done, record in enumerate(file.rows(), start=1):
            if isinstance(record, records.Remark):
                remarks[record] += 1
            else:
                copy.write_row((layer.pk, *_values(record, columns)))
                copied += 1
            if done % PROGRESS_ROWS == 0:
                progress(PROGRESS_ROWS)
    progress((copied + remarks.total()) % PROGRESS_ROWS)
    layer.n_features = copied
    layer.n_refused = sum(times for remark, times in remarks.items() if remark.refused)
    layer.remarks = {remark.text: times for remark, times in remarks.items()}
    if not copied:
        reason = remarks.most_common(1)[0][0].text if remarks else "it holds no rows"
        raise InputError(path, f"nothing in it can be used ({layer.n_refused} refused: {reason})", "Check the file")
    layer.save(update_fields=["n_features", "n_refused", "remarks"])


def _cover(cursor: CursorWrapper, layer: ContextLayer) -> None:
    """Set a layer's coverage: the union of squares around its features, which are in the last column of its table."""
    kind = records.ContextKind(layer.kind)
    model, (*_, column) = TABLES[kind]
    statement = sql.SQL("""
        UPDATE ingest_contextlayer SET coverage = (
            SELECT ST_Multi(ST_Union(ST_Expand(node, %(degrees)s))) FROM (
                SELECT DISTINCT ST_SnapToGrid((ST_DumpPoints({column})).geom, %(degrees)s) AS node
                FROM {table} WHERE layer_id = %(layer)s) AS nodes)
        WHERE id = %(layer)s""").format(column=sql.Identifier(column), table=sql.Identifier(model._meta.db_table))
    cursor.execute(statement, {"degrees": COVERING[kind], "layer": layer.pk})


def _load_elevation(path: Path, file: records.ContextFile, layer: ContextLayer) -> None:
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
        footprint=geos(elevation.footprint(file.source)),
    )
    with tempfile.TemporaryDirectory() as folder:
        cog = Path(folder) / f"elevation_{layer.file_sha256[:16]}.tif"
        write_cog(cog, bands, grid.transform, grid.epsg, list(BANDS.values()), tags)
        save_with_raster(row, cog)


def _load_population(file: records.ContextFile, layer: ContextLayer) -> None:
    people, footprint = elevation.population_total(file.source), geos(elevation.footprint(file.source))
    layer.n_features = 1
    layer.coverage = footprint
    layer.save(update_fields=["n_features", "coverage"])
    row = PopulationTile(layer=layer, people=people, footprint=footprint)
    with tempfile.TemporaryDirectory() as folder:
        cog = Path(folder) / f"population_{layer.file_sha256[:16]}.tif"
        copy_as_cog(file.source, cog)
        save_with_raster(row, cog)
