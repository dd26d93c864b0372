"""OPERA RTC-S1: calibrated, terrain-corrected Sentinel-1 backscatter, one burst and polarisation per file.

Names and contents: NASA/JPL, OPERA RTC-S1 product specification, JPL D-108758. gamma0, linear power.
"""

import re
from pathlib import Path

from ground_motion.core.errors import InputError, refusing
from ground_motion.readers import raster
from ground_motion.readers.images import raster as scene_raster
from ground_motion.readers.images.scenes import ParsedName, SceneFile, direction_at, maybe_time, time_of
from ground_motion.readers.records import Declaration

NAME = "opera-rtc"
TITLE = "OPERA RTC-S1"
ORDER = 200
SUFFIXES = raster.SUFFIXES
FILE_NAME = re.compile(
    r"OPERA_L2_RTC-S1_T(?P<track>\d{3})-(?P<burst>\d{6}-IW\d)_(?P<acquired>\d{8}T\d{6})Z_(?P<made>\d{8}T\d{6})Z"
    r"_(?P<platform>S1[A-D])_(?P<posting>\d+)_v(?P<version>[\d.]+)_(?P<layer>VV|VH|HH|HV|mask)\.tiff?"
)
MAX_PIXELS = 10**8  # A burst has about 5 million.
ATTRIBUTION = "Contains modified Copernicus Sentinel data, processed by NASA/JPL OPERA"
LICENCE = "Copernicus Sentinel data terms; OPERA products are free and open"


def parse_name(path: Path) -> ParsedName:
    """Return the facts stated by the name of an image, which may itself be damaged."""
    named = FILE_NAME.fullmatch(path.name)
    if named is None:
        return ParsedName()
    layer, acquired_at = named["layer"].replace("mask", ""), maybe_time(named["acquired"])
    return ParsedName(
        platform=named["platform"], track=int(named["track"]), mode="IW", polarisation=layer, acquired_at=acquired_at
    )


def recognises(path: Path) -> bool:
    """Return whether a name is as OPERA publishes it; its GeoTIFFs do not state their source in another way."""
    return path.name.startswith("OPERA_L2_RTC-S1_") and raster.is_geotiff(path)


def read(path: Path, declared: Declaration) -> tuple[SceneFile, ...]:
    """Read name and grid; the image is read later, in blocks. Raises InputError if something is unusable."""
    named = FILE_NAME.fullmatch(path.name)
    if named is None:
        raise InputError(path, "its name is not that of an OPERA RTC-S1 image", "Give it the name that it came with")
    if named["layer"] == "mask":
        problem = "this is the layover and shadow mask, not an image"
        raise InputError(path, problem, "Give the files ending with VV or VH")
    raster = scene_raster.look(path, MAX_PIXELS)
    if raster.degrees:
        problem = f"its reference system is EPSG:{raster.own.epsg}, not a projected one"
        raise InputError(path, problem, "Download it again")
    if len(raster.bands) != 1 or raster.types[0] not in {"float32", "float64"}:
        problem = f"it holds {len(raster.bands)} bands of {raster.types[0]}, not one of floats"
        raise InputError(path, problem, "Export it again")
    with refusing(path, "its name holds an impossible date ({})", "Download it again", ValueError):
        acquired_at = time_of(named["acquired"])
    header = raster.header(
        source_format=NAME,
        platform=named["platform"],
        track=int(named["track"]),
        direction=direction_at(acquired_at, raster.longitude),
        mode="IW",
        burst=named["burst"],
        polarisation=named["layer"],
        backscatter="gamma0",
        acquired_at=acquired_at,
        attribution=ATTRIBUTION,
        licence=LICENCE,
        extras={"made": named["made"], "version": named["version"]},
    )
    return (scene_raster.image(path, header, raster, "power"),)
