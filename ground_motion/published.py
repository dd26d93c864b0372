"""Read what a service has published as files: points, series and alerts, by ranges of what is asked for only.

    import ground_motion
    nation = ground_motion.open("https://files.example.org/motion")
    town = (13.185, 38.685, 13.19, 38.695)
    moved = nation.alerts(town).to_pandas()
    field = next(iter(nation.products.values()))
    fast = field.points(town).to_pandas().query("velocity_mm_yr > 4")
    mean = field.series(town).displacement_mm.mean("point")

DuckDB reads the same points, after `pip install duckdb`:

    import duckdb
    chosen = "bbox.xmin >= 13.185 AND bbox.xmax <= 13.19 AND bbox.ymin >= 38.685 AND bbox.ymax <= 38.695"
    found = duckdb.sql(f"SELECT pid, velocity_mm_yr FROM read_parquet('{field.points_url}') WHERE {chosen}").df()

QGIS adds that address, the one of the alerts and those of the tiles as vector layers (Protocol: HTTP(S)).
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cached_property
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
import xarray as xr
from fsspec import AbstractFileSystem

from ground_motion.core.areas import Bounds, box_of
from ground_motion.core.errors import UnusableData
from ground_motion.core.geoparquet import EDGES

MANIFEST = "manifest.json"
JOINED_ROWS = 512  # Rows of series that lie this near each other are read at once.


def open(address: str) -> "Nation":
    """Open what is published in a folder or at an address (http, https, s3, …). Raises UnusableData.

    Only the manifest is read. To read addresses, `pip install 'ground-motion-monitor[publish]'`.
    """
    files, root = fsspec.core.url_to_fs(address.removesuffix(MANIFEST).rstrip("/"))
    try:
        manifest = json.loads(files.cat_file(f"{root}/{MANIFEST}"))
    except FileNotFoundError as fault:
        raise UnusableData(f"{address} is no published nation: it has no {MANIFEST}") from fault
    return Nation(files, root, manifest)


class Published:
    """What has a place among published files. facts: as the manifest has them."""

    def __init__(self, files: AbstractFileSystem, root: str, facts: Mapping[str, Any]) -> None:
        self.files, self.root, self.facts = files, root, facts


class Nation(Published):
    """A published nation, as its manifest was when it was opened."""

    @cached_property
    def products(self) -> dict[int, "Product"]:
        """The products by number."""
        rows = self.facts["products"].items()
        return {int(number): Product(self.files, self.root, facts) for number, facts in rows}

    def alerts(self, box: Bounds | None = None, since: date | None = None) -> pa.Table:
        """Return alerts as a table, with the geometry as WKB.

        Args:
            box: West, south, east, north, degrees; west > east across 180°.
            since: Only those that moved on that day or later.
        """
        within = None if box is None else box_of(box)
        found = json.loads(self.files.cat_file(f"{self.root}/{self.facts['alerts']}"))["features"]
        rows = []
        for feature in found:
            outline, properties = shapely.geometry.shape(feature["geometry"]), feature["properties"]
            if (within is None or outline.intersects(within)) and (
                since is None or properties["last_motion"] >= since.isoformat()
            ):
                rows.append(properties | {"geometry": shapely.to_wkb(outline)})
        return pa.Table.from_pylist(rows)

    def alert(self, code: str) -> dict[str, Any]:
        """Return the properties of the alert with a code, and its geometry as WKB. Raises KeyError."""
        found: dict[str, Any] = {row["code"]: row for row in self.alerts().to_pylist()}[code]
        return found


class Product(Published):
    """A published velocity field. facts: units, signs, source and licence, in words."""

    @cached_property
    def _parquet(self) -> pq.ParquetFile:
        path = f"{self.root}/{self.facts['points']}"
        return pq.ParquetFile(self.files.open(path, cache_type="none"), pre_buffer=True)

    def points(self, box: Bounds | None = None, columns: list[str] | None = None) -> pa.Table:
        """Return points with `row`, their number in the file and in the series.

        Args:
            box: West, south, east, north, degrees; west > east across 180°. None: all points.
            columns: Names of those that are read besides longitude and latitude; None: all.
        """
        wanted = [*dict.fromkeys(("longitude", "latitude", *(columns or self._columns)))]
        parts = box_of(box or (-180.0, -90.0, 180.0, 90.0)).geoms
        tables = list(self._groups([part.bounds for part in parts], wanted))
        return pa.concat_tables(tables) if tables else self._table(0, 0, wanted).slice(0, 0)

    def series(self, box: Bounds | None = None, first: date | None = None, last: date | None = None) -> xr.Dataset:
        """Return displacements in mm by point and time, with pid, longitude and latitude of each point.

        Args:
            box: As for `points`.
            first: First day.
            last: Last day, included.
        """
        if not self.facts["series"]:
            raise UnusableData(f"{self.facts['data_set']} has no series")
        at = self.points(box, ["pid"])
        store = self.files.unstrip_protocol(f"{self.root}/{self.facts['series']}")
        period = slice(*(day and np.datetime64(day) for day in (first, last)))
        whole = xr.open_zarr(store, chunks=None).sel(time=period).assign_attrs(self.facts)
        rows = at["row"].to_numpy()
        ends = np.flatnonzero(np.diff(rows) > JOINED_ROWS) + 1
        runs = [run for run in np.split(rows, ends) if run.size]
        read = [whole.isel(point=slice(int(run[0]), int(run[-1]) + 1)).load().isel(point=run - run[0]) for run in runs]
        found = xr.concat(read, "point", data_vars="minimal") if read else whole.isel(point=slice(0, 0))
        names = ("row", "pid", "longitude", "latitude")
        placed: xr.Dataset = found.assign_coords({name: ("point", at[name].to_numpy()) for name in names})
        return placed

    @property
    def points_url(self) -> str:
        """Address of the file of points, as `fsspec`, DuckDB and GDAL read it."""
        return str(self.files.unstrip_protocol(f"{self.root}/{self.facts['points']}"))

    @property
    def _columns(self) -> list[str]:
        return [name for name in self._parquet.schema_arrow.names if name != "bbox"]

    def _groups(self, parts: list[Bounds], wanted: list[str]) -> Iterator[pa.Table]:
        """Yield the points in boxes of each group of rows that its statistics do not exclude."""
        about, first = self._parquet.metadata, 0
        paths = [about.schema.column(number).path for number in range(about.num_columns)]
        at = [paths.index(f"bbox.{edge}") for edge in EDGES]
        for number in range(about.num_row_groups):
            group = about.row_group(number)
            west, south = (group.column(one).statistics.min for one in at[:2])
            east, north = (group.column(one).statistics.max for one in at[2:])
            touched = [part for part in parts if part[0] <= east and part[2] >= west]
            if any(part[1] <= north and part[3] >= south for part in touched):
                table = self._table(number, first, wanted)
                x, y = (table[name].to_numpy() for name in ("longitude", "latitude"))
                inside = [(a <= x) & (x <= c) & (b <= y) & (y <= d) for a, b, c, d in parts]
                yield table.filter(np.logical_or.reduce(inside))
            first += group.num_rows

    def _table(self, group: int, first: int, wanted: list[str]) -> pa.Table:
        table = self._parquet.read_row_group(group, columns=wanted)
        return table.append_column("row", pa.array(np.arange(first, first + len(table))))
