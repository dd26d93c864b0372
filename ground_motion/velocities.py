"""Velocity fields: measurement points out of a file, and the ground that moves among them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from ground_motion.core.projections import transformer
from ground_motion.methods.deformation.files import features_of, tags_of, write_areas
from ground_motion.methods.deformation.infer import detect_tracks
from ground_motion.methods.deformation.inputs import read_clusters
from ground_motion.methods.deformation.wide.search import Track
from ground_motion.rasters.quicklook import draw_points
from ground_motion.rasters.results import require_outputs
from ground_motion.readers.records import Declaration, Reference
from ground_motion.results import File, Result, describe, raster_dataset
from ground_motion.runtime.device import choose_device
from ground_motion.runtime.methods import MODEL, method_of
from ground_motion.runtime.progress import progress_bar


@dataclass(frozen=True)
class Velocities:
    """Measurement points of one region, made by `open_velocity`.

    Attributes:
        dataset: Variables (point): `velocity`, mm/yr, positive toward the satellite (or up, or east), corrected for
            unwrapping errors where the file has series; `velocity_sigma`, mm/yr, the usual standard deviation of the
            track; `height`, m; with the coordinates `longitude`, `latitude`, degrees, and `track`.
        changes: What was changed or left out while reading, a sentence each.
        elsewhere: Points that lie far from these, each region a field of its own.
    """

    dataset: xr.Dataset
    changes: tuple[str, ...]
    elsewhere: tuple["Velocities", ...]
    tracks: Sequence[Track] = field(repr=False)
    inputs: Sequence[Path] = field(repr=False)
    files: Sequence[Path] = field(repr=False)

    def quicklook(self, path: File) -> None:
        """Draw the points coloured by their velocity and write a PNG. Raises InputError for a wrong path."""
        require_outputs(picture=Path(path))
        points = self.dataset
        draw_points(
            Path(path), points.longitude.values, points.latitude.values, points.velocity.values, points.attrs["title"]
        )


@dataclass(frozen=True)
class Deformation(Result):
    """Ground that moves: a raster, and outlines.

    Attributes:
        dataset: Variables (y, x): `probability`, and the part of it of each kind of motion; `rate_mm_yr`, mm/yr against
            the background, positive toward the satellite (or up, or east), whose attribute `sigma` is the standard
            deviation of still ground's rates; `smallest_rate_mm_yr`, the detection limit.
        areas: GeoJSON features in degrees; `extent` is local, place (a peak inside a local one) or wide. Each has
            `class`, `score`, `rate_mm_yr`, `area_m2`, `n_points` and more.
    """

    areas: list[dict[str, Any]]

    def to_geojson(self, path: File) -> None:
        """Write the areas as GeoJSON, as `ground-motion deformation --areas` does. InputError for a wrong path."""
        require_outputs(areas=Path(path))
        write_areas(Path(path), self.areas)


def open_velocity(
    path: File | Sequence[File],
    *,
    unit: str | None = None,
    positive: str | None = None,
    mapping: File | None = None,
    reference: str | None = None,
) -> Velocities:
    """Read a velocity field of any known format; several files of one region (its other tracks) are combined.

    Args:
        path: A file or folder, or several: docs/data-sources.md lists the formats.
        unit: Unit of a table or a GeoTIFF that does not state it: mm/yr, cm/yr or m/yr.
        positive: Their positive direction: toward, away (line of sight), up, down, east or west.
        mapping: TOML file that names the columns of a table.
        reference: Zero of the velocities in place of what the files state: gnss or local.

    Returns:
        The points of the region with most points; `elsewhere` has the others.

    Raises:
        InputError: If a file cannot be used, with the problem and the remedy.
    """
    inputs = [Path(path)] if isinstance(path, str) or not isinstance(path, Sequence) else [Path(item) for item in path]
    declared = Declaration(mapping=None if mapping is None else Path(mapping), unit=unit, positive=positive)
    with progress_bar("reading"):
        read = read_clusters(inputs, declared)
    fields: list[Velocities] = []
    for cluster in read.clusters:
        tied = [track._replace(reference=Reference(reference)) for track in cluster] if reference else cluster
        dataset = _points(tied, ", ".join(file.name for file in inputs))
        fields.append(Velocities(dataset, tuple(read.changes), (), tied, inputs, read.files))
    return replace(fields[0], elsewhere=tuple(fields[1:]))


def deformation(field: Velocities, *, method: str = MODEL, device: str = "auto") -> Deformation:
    """Find the ground that moves in a velocity field, as `ground-motion deformation` and the service do.

    Args:
        field: The points of one region.
        method: model, network, without-network, gls, whitening, overwrapped-cnn, matched-filter, threshold, ada or
            getis-ord.
        device: auto, cpu or cuda.

    Raises:
        InputError: If the weights of a network are missing.
        ValueError: For an unknown method.

    Sources:
        docs/models/deformation.md.
    """
    chosen = method_of("deformation", method)
    with progress_bar("deformation"):
        found = detect_tracks([track.points for track in field.tracks], chosen, choose_device(device))
        areas = features_of(found, field.tracks)
    attributes = found.statistics(track.name for track in field.tracks) | tags_of(field.inputs, field.files, chosen)
    attributes["backgrounds_mm_yr"] = [*found.maps.backgrounds_mm_yr]  # Attributes of a file are lists, not tables.
    dataset = raster_dataset(found.bands(), found.units(), found.transform, found.epsg, attributes)
    dataset.rate_mm_yr.attrs["sigma"] = found.maps.rate_sigma_mm_yr
    return Deformation(dataset, areas)


def _points(tracks: Sequence[Track], title: str) -> xr.Dataset:
    clouds = [track.points for track in tracks]
    sizes = [cloud.x.size for cloud in clouds]
    x, y = (np.concatenate([getattr(cloud, axis) for cloud in clouds]) for axis in "xy")
    longitude, latitude = transformer(clouds[0].epsg, 4326).transform(x, y)

    def column(values: Sequence[Any]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return a value of each track for its points, (n,), or (n,) of the track as they are; NaN for None."""
        parts = (np.nan if value is None else value for value in values)
        return np.concatenate([np.full(size, part, np.float32) for size, part in zip(sizes, parts, strict=True)])

    columns = {
        "velocity": ("mm/yr", column([cloud.velocity_mm_yr for cloud in clouds])),
        "velocity_sigma": ("mm/yr", column([cloud.sigma_mm_yr for cloud in clouds])),
        "height": ("m", column([cloud.height_m for cloud in clouds])),
    }
    return xr.Dataset(
        {name: ("point", values, describe(name, unit)) for name, (unit, values) in columns.items()},
        {
            "longitude": ("point", longitude, {"units": "degrees_east", "crs": "EPSG:4326"}),
            "latitude": ("point", latitude, {"units": "degrees_north", "crs": "EPSG:4326"}),
            "track": ("point", np.repeat([track.name for track in tracks], sizes)),
        },
        {"title": title},
    )
