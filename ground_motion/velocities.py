"""Velocity fields: measurement points out of a file, and the ground that moves among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pyarrow as pa
import xarray as xr

from ground_motion.core.errors import InputError
from ground_motion.core.geoparquet import write_points
from ground_motion.methods.deformation.files import features_of, tags_of, write_areas
from ground_motion.methods.deformation.inputs import open_velocity_field, read_clusters
from ground_motion.methods.deformation.product import detect_product
from ground_motion.rasters.quicklook import draw_points
from ground_motion.rasters.results import require_outputs
from ground_motion.readers.records import Declaration, FieldHeader, Reference
from ground_motion.results import File, Result, describe, raster_dataset
from ground_motion.runtime.device import choose_device
from ground_motion.runtime.methods import MODEL, method_of
from ground_motion.runtime.progress import progress_bar

POSITIONS = {"longitude": "degrees_east", "latitude": "degrees_north"}
FIGURES = {  # variable: column of a reader and of the service's files, unit
    "rate_mm_yr": ("velocity_mm_yr", "mm/yr"),
    "rate_sigma_mm_yr": ("velocity_std_mm_yr", "mm/yr"),
    "height_m": ("height_m", "m"),
    "temporal_coherence": ("temporal_coherence", "1"),
    "rmse_mm": ("rmse_mm", "mm"),
    "los_east": ("los_east", "1"),
    "los_north": ("los_north", "1"),
    "los_up": ("los_up", "1"),
}
ZERO = {Reference.GNSS: "the file's: GNSS stations", Reference.LOCAL: "the file's: a point or the mean of the scene"}
ROWS_AT_ONCE = 10_000  # A row group of GeoParquet has this many rows.


@dataclass(frozen=True)
class Deformation(Result):
    """Ground that moves: a raster, and outlines.

    Attributes:
        dataset: Variables (y, x): `probability`, and the part of it of each kind of motion; `rate_mm_yr`, mm/yr against
            the background, positive toward the satellite (or up, or east), whose attribute `sigma` is the standard
            deviation of still ground's rates; `smallest_rate_mm_yr`, the detection limit.
        areas: GeoJSON features in degrees; `extent` is local, place (a peak inside a local one) or wide. Each has
            `class`, `score`, `rate_mm_yr`, `area_m2`, `n_points` and more.
        changes: What was changed or left out while reading, a sentence each.
        elsewhere: Results of points that lie far from these, each of a region of its own.
    """

    areas: list[dict[str, Any]]
    changes: tuple[str, ...] = ()
    elsewhere: tuple["Deformation", ...] = ()

    def to_geojson(self, path: File) -> None:
        """Write the areas as GeoJSON, as `ground-motion deformation --areas` does. InputError for a wrong path."""
        require_outputs(areas=Path(path))
        write_areas(Path(path), self.areas)


def open_velocity(
    path: File, *, unit: str | None = None, positive: str | None = None, mapping: File | None = None
) -> xr.Dataset:
    """Read a velocity field of any known format as one dataset, its series from a temporary file part by part.

    Args:
        path: A file or folder: docs/data-sources.md lists the formats.
        unit: Unit of a table or a GeoTIFF that does not state it: mm/yr, cm/yr or m/yr.
        positive: Positive direction of its values: toward, away (line of sight), up, down, east or west.
        mapping: TOML file that names the columns of a table.

    Returns:
        Variables (point): `rate_mm_yr` and its standard deviation `rate_sigma_mm_yr`, mm/yr, positive toward the
        satellite (or up, or east); `los_east`, `los_north`, `los_up`, unit vector to the satellite; `height_m`,
        `temporal_coherence`, `rmse_mm`; NaN unknown; with the coordinates `pid`, `longitude` and `latitude`. Variable
        (point, time), where the file has series: `displacement_mm`, mm, NaN missing. Its attributes state component,
        track, direction, source, the period, what the rates are against (`datum_…`), and `changes`, what was changed
        or left out. `.to_zarr(path)` needs zarr; `.ground_motion` has `to_geoparquet(path)` and `quicklook(path)`.

    Raises:
        InputError: If the file cannot be used, with the problem and the remedy.
    """
    source = Path(path)
    field = open_velocity_field(source, _declared(unit, positive, mapping))
    header, n_dates = field.header, len(field.header.dates) if field.header.has_series else 0
    columns: dict[str, list[np.ndarray[Any, Any]]] = {name: [] for name in ("pid", *POSITIONS)}
    columns |= {column: [] for column, _unit in FIGURES.values()}
    with progress_bar("reading"), TemporaryFile() as series:
        for batch in filter(lambda batch: batch.pid.size, field.batches()):
            for name, parts in columns.items():
                parts.append(getattr(batch, name))
            series.write(np.ascontiguousarray(batch.displacement_mm, np.float32).data)
        if not columns["pid"]:
            raise InputError(source, "no row has a position and a velocity", "Export it again")
        values = {name: np.concatenate(parts) for name, parts in columns.items()}
        n_points = values["pid"].size
        variables: dict[str, object] = {
            name: ("point", values[column], describe(name, of)) for name, (column, of) in FIGURES.items()
        }
        times: dict[str, object] = {}
        if n_dates:
            series.flush()
            held = np.memmap(series, np.float32, "c", shape=(n_points, n_dates))  # It outlives the name of its file.
            variables["displacement_mm"] = (("point", "time"), held, describe("displacement_mm", "mm"))
            times["time"] = ("time", np.array(header.dates, "datetime64[ns]"), {"long_name": "day of an image"})
    places = {
        name: ("point", values[name], {"units": of, "standard_name": name, "crs": "EPSG:4326"})
        for name, of in POSITIONS.items()
    }
    pids = np.char.decode(values["pid"], "utf-8", "replace").astype(object)  # zarr has no texts of a fixed length.
    return xr.Dataset(
        variables, {"pid": ("point", pids), **places, **times}, _attributes(source, header, field.changes)
    )


@xr.register_dataset_accessor("ground_motion")  # type: ignore[no-untyped-call]
class Points:
    """What a dataset of `open_velocity`, or a part of it, can be written as: `dataset.ground_motion`."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def to_geoparquet(self, path: File) -> None:
        """Write the points as GeoParquet, with a column per date, like the service. InputError for a wrong path."""
        require_outputs(points=Path(path))
        days = self._dataset.time.dt.strftime("d%Y%m%d").values.tolist() if "time" in self._dataset else []
        kinds = {"pid": pa.string(), **dict.fromkeys(POSITIONS, pa.float64())}
        kinds |= dict.fromkeys([*(column for column, _unit in FIGURES.values()), *days], pa.float32())
        facts = {name: value for name, value in self._dataset.attrs.items() if isinstance(value, str | int | float)}
        schema = pa.schema(list(kinds.items()))
        write_points(Path(path), schema, self._tables(schema), {"data_set": facts})

    def _tables(self, schema: pa.Schema) -> Iterator[pa.Table]:
        for at in range(0, self._dataset.sizes["point"], ROWS_AT_ONCE):
            part = self._dataset.isel(point=slice(at, at + ROWS_AT_ONCE))
            series = part.displacement_mm.values.T if "displacement_mm" in part else ()
            columns = chain((part[name].values for name in ("pid", *POSITIONS, *FIGURES)), series)
            arrays = [
                pa.array(values, kind.type, from_pandas=True) for values, kind in zip(columns, schema, strict=True)
            ]
            yield pa.table(arrays, schema=schema)

    def quicklook(self, path: File) -> None:
        """Draw the points coloured by their rate and write a PNG. Raises InputError for a wrong path."""
        require_outputs(picture=Path(path))
        points = self._dataset
        x, y, rate_mm_yr = (points[name].values for name in (*POSITIONS, "rate_mm_yr"))
        draw_points(Path(path), x, y, rate_mm_yr, points.attrs["title"])


def deformation(
    path: File | Sequence[File],
    *,
    method: str = MODEL,
    device: str = "auto",
    unit: str | None = None,
    positive: str | None = None,
    mapping: File | None = None,
    reference: str | None = None,
) -> Deformation:
    """Find the ground that moves in velocity fields, as `ground-motion deformation` and the service do.

    Args:
        path: A file or folder, or several of one region (its other tracks), which are combined.
        method: A method that `ground-motion deformation --help` explains, such as model or matched-filter.
        device: auto, cpu or cuda.
        unit: Unit of a table or a GeoTIFF, as for `open_velocity`.
        positive: Positive direction of its values, as for `open_velocity`.
        mapping: TOML file that names the columns of a table.
        reference: Zero of the velocities in place of what the files state: gnss or local.

    Returns:
        The result of the region with most points; `elsewhere` has the others.

    Raises:
        InputError: If a file cannot be used, or the weights of a network are missing.
        ValueError: For an unknown method.

    Sources:
        docs/models/deformation.md.
    """
    inputs = [Path(path)] if isinstance(path, str) or not isinstance(path, Sequence) else [Path(item) for item in path]
    chosen = method_of("deformation", method)
    with progress_bar("reading"):
        read = read_clusters(inputs, _declared(unit, positive, mapping))
    tags, results = tags_of(inputs, read.files, chosen), []
    for cluster in read.clusters:
        tracks = [track._replace(reference=Reference(reference)) for track in cluster] if reference else cluster
        with progress_bar("deformation"):
            found, null = detect_product([track.points for track in tracks], chosen, choose_device(device))
            areas = features_of(found, tracks, null=null)
        attributes = found.statistics(track.name for track in tracks) | tags
        attributes["backgrounds_mm_yr"] = [*found.maps.backgrounds_mm_yr]  # Attributes of a file are lists, not tables.
        dataset = raster_dataset(found.bands(), found.units(), found.transform, found.epsg, attributes)
        dataset.rate_mm_yr.attrs["sigma"] = found.maps.rate_sigma_mm_yr
        results.append(Deformation(dataset, areas, tuple(read.changes)))
    return replace(results[0], elsewhere=tuple(results[1:]))


def _declared(unit: str | None, positive: str | None, mapping: File | None) -> Declaration:
    return Declaration(mapping=None if mapping is None else Path(mapping), unit=unit, positive=positive)


def _attributes(source: Path, header: FieldHeader, changes: Sequence[str]) -> dict[str, object]:
    """Return what is known of a field's points as attributes that zarr and netCDF can hold."""
    known = {
        "title": source.name,
        "source": header.attribution,
        "licence": header.licence,
        "source_format": header.source_format,
        "component": header.component.value,
        "track": header.track,
        "direction": header.direction.value,
        "first_date": header.dates[0].isoformat() if header.dates else None,
        "last_date": header.dates[-1].isoformat() if header.dates else None,
        "datum_mm_yr": 0.0,
        "datum_sigma_mm_yr": "unknown",  # Nothing outside the file was asked.
        "datum_from": ZERO[header.reference],
        "changes": list(changes),
    }
    return {name: value for name, value in known.items() if value not in (None, "", [])}
