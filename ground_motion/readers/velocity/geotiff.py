"""GeoTIFF of velocities. Unit and sign are the submitter's, or the band's where its unit is stated."""

import re
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from rasterio.io import DatasetReader

from ground_motion.core.errors import InputError
from ground_motion.readers import gate, raster, records
from ground_motion.readers.raster import COMPONENT_OF_SIGN, open_geotiff

NAME = "geotiff"
TITLE = "GeoTIFF"
ORDER = 900
SUFFIXES = raster.SUFFIXES
TRACKED_UNITS = {"m/day"}  # Phase measurements are never given in these units.
_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["layers"]
_LAST_WORD = r"(?:^|[\d._-])(?:{})(?:\.geo)?(?=_\d{{7,8}}|(?:_ll|_looked|_clip(?:ped)?)?$)"
DISPLACED = "the displacement of one date or pair"
PERIOD = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T\d{6})?[_-](\d{4})(\d\d)(\d\d)")
DIRECTIONS = {  # What names say about the direction of motion.
    records.Component.UP: re.compile(r"(?<![a-z])(?:UD|vert(?:ical)?)(?![a-z])", re.IGNORECASE),
    records.Component.EAST: re.compile(r"(?<![a-z])EW(?![a-z])", re.IGNORECASE),
    records.Component.LOS: re.compile(r"(?<![a-z])(?:v|vel)?los(?:vel)?(?![a-z])", re.IGNORECASE),
}
OTHER_LAYERS = {what: re.compile(_LAST_WORD.format(words), re.IGNORECASE) for what, words in _TABLE}
RATE = re.compile(r"vel|rate|trend|slope", re.IGNORECASE)


def recognises(path: Path) -> bool:
    """Return whether a path is a GeoTIFF; readers of particular formats come before this one."""
    return raster.is_geotiff(path)


def other_layer(path: Path) -> str:
    """Return what a file holds instead of velocities, by its name; empty if its name says nothing of the kind."""
    said = next((what for what, word in OTHER_LAYERS.items() if word.search(path.stem)), "")
    if RATE.search(path.stem) and said != "errors or counts":  # The name may also say where, as in vel_mask.tif.
        return ""
    if said == DISPLACED and (days := PERIOD.search(path.stem)):
        return "the displacement from {}-{}-{} to {}-{}-{}".format(*days.groups())
    return said


def refuse_other_layer(path: Path, declared: records.Declaration, unit: str = "") -> None:
    """Raise InputError, before a unit is asked for, if unit or name show another quantity or direction."""
    said = "an unwrapped interferogram" if gate.unit_of(unit) == "radians" else other_layer(path)
    if said.endswith("interferogram"):
        problem = f"this is {said} (radians), not a velocity"
        raise InputError(path, problem, "Give the whole stack of HyP3, LiCSAR or PyRate, or velocities made of it")
    if said:
        remedy = "Give the velocities; if these are, name the file vel.tif; of an image, add --scale"
        raise InputError(path, f"by its name it holds {said}, not velocities", remedy)
    named = next((component for component, word in DIRECTIONS.items() if word.search(path.stem)), None)
    is_declared = {"--positive": COMPONENT_OF_SIGN.get(declared.positive or "")}
    gate.agree(path, "component", {"its name": named} | is_declared)


def read(path: Path, declared: records.Declaration) -> tuple[records.VelocityField, ...]:
    """Prepare the only band as velocities. Raises InputError, also for a unit or sign that is not stated."""
    with open_geotiff(path) as dataset:
        stated = raster.unit_of(dataset)
        refuse_other_layer(path, declared, stated)
        _refuse_other_kinds(path, dataset)
        posting, metric_epsg = raster.spacing_of(path, raster.epsg_of(path, dataset), dataset.transform)
    otherwise = "; or --scale power|amplitude|db if it is a radar image"
    units = gate.units(path, declared, unit={"the band": stated}, dates_known=False, otherwise=otherwise)
    header = records.FieldHeader(
        source_format=NAME,
        level="velocity",
        component=units.component,
        dates=declared.period or (),
        has_series=False,
        technique=records.Technique.TRACKING if units.unit in TRACKED_UNITS else records.Technique.INSAR,
        track=declared.track,
        posting_m=posting,
        grid_epsg=metric_epsg,
        attribution="Velocity raster; its source is not stated in the file",
        extras={"unit": units.unit, "positive": units.positive},
    )
    return (field(path, units, header),)


def _refuse_other_kinds(path: Path, dataset: DatasetReader) -> None:
    """Raise InputError for pictures, several bands and complex numbers, before other checks."""
    if dataset.count > 1 and dataset.dtypes[0] == "uint8":
        problem = f"it holds {dataset.count} bands of 8-bit numbers, as of a picture"
        raise InputError(path, problem, "Give the velocities themselves")
    if dataset.count != 1:
        problem = f"it holds {dataset.count} bands, and the file does not state which of them is the velocity"
        raise InputError(path, problem, f"Give one band (gdal_translate -b 1 {path.name} {path.stem}_1.tif)")
    if dataset.dtypes[0].startswith("complex"):
        raise InputError(path, f"its values are {dataset.dtypes[0]} numbers", "Give real velocities")


def field(path: Path, units: gate.Units, header: records.FieldHeader) -> records.VelocityField:
    """Return the only band as a velocity field with a given header; values are read later."""
    with open_geotiff(path) as dataset:  # Refuse what cannot be used before its points are read.
        epsg = raster.epsg_of(path, dataset)
        _refuse_other_kinds(path, dataset)
        pixels = dataset.width * dataset.height
        packing = dataset.scales[0], dataset.offsets[0]
        picture = dataset.dtypes[0] in {"uint8", "int8"} and packing[0] == 1
    stated = records.Stated(crs=epsg, velocity_scale=units.factor, picture=picture, packing=packing)
    batches = partial(_batches, path, units.factor, header)
    return records.VelocityField(header=header, batches=batches, expected_points=pixels, stated=stated)


def _batches(path: Path, factor: float, header: records.FieldHeader) -> Iterator[records.PointBatch]:
    with open_geotiff(path) as dataset:
        epsg = raster.epsg_of(path, dataset)
        for window in raster.rows_of(dataset):
            # file: its unit and sign; ours: mm/yr, positive toward the satellite, up, east or north
            values = raster.values_of(path, dataset, window) * factor
            row, col = np.nonzero(np.isfinite(values))
            if row.size:
                velocity, row = values[row, col].astype(np.float32), row + window.row_off
                places = raster.degrees(path, epsg, *raster.centres(dataset.transform, row, col))
                yield raster.batch(row, col, *places, velocity, header.component)
