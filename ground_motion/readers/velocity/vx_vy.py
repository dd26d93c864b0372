"""Velocities along map x and y from feature tracking: a folder with the GeoTIFFs `*_vx.tif` and `*_vy.tif`.

autoRIFT, CARST, vmap and GLAFT's examples use these names. Few such files state their unit: it is declared, as for
any GeoTIFF of velocities. The sign needs no declaration: positive is along the axis in the name.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

from ground_motion.core.errors import InputError
from ground_motion.core.files import names_in
from ground_motion.readers import gate, raster
from ground_motion.readers.records import Component, Declaration, FieldHeader, PointBatch, Technique, VelocityField
from ground_motion.readers.tables import text_table

NAME = "vx-vy"
TITLE = "Tracked motion"
ORDER = 170
SUFFIXES: frozenset[str] = frozenset()  # A product is a folder.
AXIS = re.compile(r"(?P<stem>.*)_(?P<axis>vx|vy)\.tiff?", re.IGNORECASE)
PERIOD = re.compile(r"(?<!\d)([12]\d{7})[-_]([12]\d{7})(?!\d)")


def recognises(path: Path) -> bool:
    """Return whether a folder has exactly one vx and one vy with the same prefix, both GeoTIFFs. Never raises."""
    return _pair_in(path) is not None


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read headers; eastward and northward velocities are read later. Raises InputError if no unit is declared."""
    pair = _pair_in(path)
    if pair is None:
        raise InputError(path, "it does not hold one *_vx.tif and one *_vy.tif", "Give one pair per folder")
    along = replace(declared, positive="east")  # Values along an axis of the map have a known sign.
    with raster.open_geotiff(pair[0]) as dataset:
        stated = {"the band": raster.unit_of(dataset)}
    units = gate.units(path, along, unit=stated, dates_known=bool(_period(pair[0])))
    shapes = []
    for file in pair:
        with raster.open_geotiff(file) as dataset:
            if dataset.count != 1 or not dataset.crs.is_projected:
                raise InputError(file, f"it holds {dataset.count} bands on {dataset.crs}", "Give one band on a map")
            epsg = raster.epsg_of(file, dataset)
            posting, metric_epsg = raster.spacing_of(file, epsg, dataset.transform)
            shapes.append((dataset.shape, epsg, tuple(np.round(dataset.transform[:6], 6))))
    if shapes[0] != shapes[1]:
        raise InputError(pair[1], "it does not lie on the grid of vx", "Give two images on one grid")
    fields = []
    for component in (Component.EAST, Component.NORTH):
        header = FieldHeader(
            source_format=NAME,
            level="pair",
            component=component,
            dates=declared.period or _period(pair[0]),
            has_series=False,
            technique=Technique.TRACKING,
            posting_m=posting,
            grid_epsg=metric_epsg,
            attribution="Tracked motion; its source is not stated in the files",
            extras={"unit": units.unit},
        )
        points, pixels = partial(_batches, pair, units.factor, component), shapes[0][0][0] * shapes[0][0][1]
        fields.append(VelocityField(header=header, batches=points, files=pair, expected_points=pixels))
    return tuple(fields)


def _pair_in(path: Path) -> tuple[Path, Path] | None:
    matches = [match for name in names_in(path) if (match := AXIS.fullmatch(name))]
    axes = {match["axis"].lower(): path / match[0] for match in matches}
    if len(matches) != 2 or len(axes) != 2 or matches[0]["stem"] != matches[1]["stem"]:
        return None
    return (axes["vx"], axes["vy"]) if all(raster.is_geotiff(file) for file in axes.values()) else None


def _period(file: Path) -> tuple[date, ...]:
    """Return the two days in the file's name; empty if there are none or they are not in order."""
    with suppress(ValueError):
        days = tuple(map(text_table.day_of, named.groups())) if (named := PERIOD.search(file.name)) else ()
        return days if days and days[0] < days[1] else ()
    return ()


def _batches(pair: tuple[Path, Path], factor: float, component: Component) -> Iterator[PointBatch]:
    with raster.open_geotiff(pair[0]) as first, raster.open_geotiff(pair[1]) as second:
        epsg = raster.epsg_of(pair[0], first)
        for window in raster.rows_of(first):
            vx, vy = raster.values_of(pair[0], first, window), raster.values_of(pair[1], second, window)
            # The gate does not see these fills, as axes are turned here.
            missing = (vx == vy) & np.isin(np.abs(vx), gate.FILLS)
            at = row, col = np.nonzero(np.isfinite(vx) & np.isfinite(vy) & ~missing)
            if row.size:
                row = row + window.row_off
                places = raster.degrees(pair[0], epsg, *raster.centres(first.transform, row, col))
                # file: declared unit, along map x and y; ours: mm/yr, positive to true east and true north
                speeds = (np.asarray(band[at] * factor, dtype=np.float64) for band in (vx, vy))
                velocity = raster.true_velocity(component, epsg, *places, *speeds)
                yield raster.batch(row, col, *places, velocity.astype(np.float32), component)
