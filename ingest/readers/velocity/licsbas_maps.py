"""LiCSBAS results as maps: a folder with `vel.geo.tif` and also `vstd`, `mask` and the unit vectors `E`, `N`, `U`.

Source: LiCSBAS_flt2geotiff (Morishita et al. 2020, doi 10.3390/rs12030424). `vel` and `vstd` are mm/yr in the line of
sight, positive toward the satellite, so no sign is changed here; `mask` is 1 where a pixel is good. All lie on one
grid. The frame's name (014A_04939_131313) before a layer's name or as the folder's gives track and direction.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from ingest.errors import InputError
from ingest.readers import raster, records
from ingest.readers.files import names_in
from ingest.readers.tables.mapping import agreed
from ingest.readers.velocity.licsbas import unit_vectors

NAME = "licsbas-maps"
TITLE = "LiCSBAS maps"
SUFFIXES = frozenset[str]()  # always a folder
LAYER = re.compile(r"(?:.*[._])?(?P<layer>vel|vstd|mask|hgt|E|N|U)(?:\.mskd)?\.geo\.tiff?")
FRAME = re.compile(r"(?<!\d)(?P<track>\d{3})(?P<way>[AD])_\d{5}_\d{6}(?!\d)")
WAYS = {"A": records.Direction.ASCENDING, "D": records.Direction.DESCENDING}
VECTOR = ("E", "N", "U")
GOOD = 1.0


def recognises(path: Path) -> bool:
    """Return whether a folder has a map of velocities and at least one of the other layers. Never raises."""
    layers = {layer for layer, _ in _files(path)}
    return "vel" in layers and len(layers) > 1


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Read the headers of all layers; good pixels are read later, in batches. Raises InputError."""
    layers = _layers(path)
    with ExitStack() as stack:
        maps = {name: stack.enter_context(raster.opened(file)) for name, file in layers.items()}
        velocity = maps["vel"]
        for name, one in maps.items():
            _check_grid(layers[name], one, velocity)
        epsg = raster.epsg_of(layers["vel"], velocity)
        posting, metric = raster.posting_m(velocity.transform, velocity.crs), raster.is_metric(velocity.crs)
        pixels = velocity.width * velocity.height
    first = next(_batches(layers), None)
    if first is None:
        raise InputError(path, "no pixel has a velocity and is good by the mask", "Relax the mask of LiCSBAS")
    frame = FRAME.search(layers["vel"].name) or FRAME.search(path.resolve().name)
    ways = {"the frame": WAYS[frame["way"]] if frame else None, "E": records.Direction.from_los_east(first.los_east)}
    header = records.FieldHeader(
        source_format=NAME,
        level="velocity",
        component=records.Component.LOS,
        dates=declared.period or (),
        has_series=False,
        track=agreed(path, "track", {"--track": declared.track, "the frame": int(frame["track"]) if frame else None}),
        direction=records.Direction(agreed(path, "direction", ways) or ""),
        posting_m=posting,
        grid_epsg=epsg if metric else None,
        attribution="LiCSBAS velocity maps; their source is not stated in the files",
        extras={"layers": ", ".join(layers)} | ({"frame": frame[0]} if frame else {}),
    )
    files = tuple(layers.values())
    return (
        records.VelocityField(header=header, batches=partial(_batches, layers), files=files, expected_points=pixels),
    )


def _files(path: Path) -> list[tuple[str, Path]]:
    named = [(match["layer"], path / name) for name in names_in(path) if (match := LAYER.fullmatch(name))]
    return [(layer, file) for layer, file in named if raster.is_geotiff(file)]


def _layers(path: Path) -> dict[str, Path]:
    """Return layer -> its file. Raises InputError if a layer has several, or only parts of the vector exist."""
    files = _files(path)
    layers = dict(files)
    doubled = next((layer for layer in layers if sum(layer == other for other, _ in files) > 1), None)
    if doubled is not None:
        raise InputError(path, f"it holds several maps {doubled!r}", "Give one frame per folder, masked or not")
    missing = [part for part in VECTOR if part not in layers]
    if 0 < len(missing) < len(VECTOR):
        raise InputError(path, f"the layer {missing[0]}.geo.tif of the unit vector is missing", "Give E, N and U")
    return layers


def _check_grid(path: Path, one: DatasetReader, velocity: DatasetReader) -> None:
    same = one.shape == velocity.shape and one.crs == velocity.crs
    if one.count != 1 or not same or not np.allclose(one.transform[:6], velocity.transform[:6], atol=1e-9):
        raise InputError(path, "it does not lie on the grid of the velocities", "Give the layers of one frame")


def _batches(layers: Mapping[str, Path]) -> Iterator[records.PointBatch]:
    with ExitStack() as stack:
        maps = {name: stack.enter_context(raster.opened(file)) for name, file in layers.items()}
        height, width = maps["vel"].shape
        lines = max(1, raster.BLOCK_PIXELS // width)
        for top in range(0, height, lines):
            window = Window(0, top, width, min(lines, height - top))
            batch = _block(layers, maps, window)
            if batch.pid.size:
                yield batch


def _block(layers: Mapping[str, Path], maps: Mapping[str, DatasetReader], window: Window) -> records.PointBatch:
    values = {name: raster.values_of(layers[name], one, window) for name, one in maps.items()}
    good = np.isfinite(values["vel"])
    if "mask" in values:
        good &= values["mask"] == GOOD
    row, col = np.nonzero(good)

    def layer(name: str) -> records.Float32:
        if name not in values:
            return np.full(row.size, np.nan, dtype=np.float32)
        return values[name][row, col].astype(np.float32)

    # file: mm/yr, positive toward the satellite; ours: the same
    velocity = layer("vel")
    raster.refuse_too_fast(layers["vel"], velocity, records.Technique.INSAR)
    east, north, up = unit_vectors(layers.get("E", layers["vel"]), [layer(part) for part in VECTOR])
    lines: NDArray[np.int64] = row + int(window.row_off)
    epsg = raster.epsg_of(layers["vel"], maps["vel"])
    longitude, latitude = raster.degrees(layers["vel"], epsg, *raster.centres(maps["vel"].transform, lines, col))
    known = {"height_m": layer("hgt"), "velocity_std_mm_yr": layer("vstd")}
    vector = {"los_east": east, "los_north": north, "los_up": up}
    return raster.batch(lines, col, longitude, latitude, velocity, records.Component.LOS, **known, **vector)
