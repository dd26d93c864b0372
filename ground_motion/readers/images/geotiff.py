"""Reader of plain GeoTIFF radar images: facts are taken from the file and its name, all others must be declared.

The operator always declares the track, and the scale unless the name ends with _db, as pyroSAR's names do. Time,
satellite and polarisation may be in the name: a Sentinel-1 product name, a time as YYYYMMDDTHHMMSS, or the word VV, VH,
HH or HV. pyroSAR's names are `S1A__IW___A_20150309T173017_VV_grd_mli_geo_norm_db.tif`: satellite and mode in four
letters each, A or D for the direction, start, polarisation, processing steps (pyroSAR documentation, "file naming"). If
the direction has to be derived from time and place, the satellite is assumed to be Sentinel-1.
"""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, NoReturn

from ground_motion.core.errors import InputError, refusing
from ground_motion.readers import raster
from ground_motion.readers.images import raster as scene_raster
from ground_motion.readers.images import scenes
from ground_motion.readers.records import Declaration, Direction

NAME = "geotiff-image"
TITLE = "image (GeoTIFF)"
ORDER = 230
SUFFIXES = raster.SUFFIXES
PYROSAR = re.compile(
    r"(?P<platform>S1[A-D])__?(?P<mode>IW|EW|S[1-6]|WV)_+(?P<direction>[AD])_(?P<start>\d{8}T\d{6})"
    r"_(?P<polarisation>VV|VH|HH|HV)(?P<steps>(?:_[A-Za-z0-9-]+)*)\.tiff?"
)
WORD = re.compile(r"(?<![A-Za-z0-9])(VV|VH|HH|HV)(?![A-Za-z0-9])", re.IGNORECASE)
BACKSCATTER = re.compile(r"(gamma|sigma)[-_ ]?(?:0|nought|naught)", re.IGNORECASE)
ATTRIBUTION = "Radar image; its source is not stated in the file"
SENTINEL1 = "Contains modified Copernicus Sentinel data"


def parse_name(path: Path) -> scenes.ParsedName:
    """Return the facts stated by the name of an image, which may itself be damaged."""
    with suppress(InputError):
        return _from_name(path)
    return scenes.ParsedName()


def recognises(path: Path) -> bool:
    """Return whether a name is pyroSAR's. With a declared scale, `formats.recognise` accepts any other GeoTIFF."""
    return PYROSAR.fullmatch(path.name) is not None and raster.is_geotiff(path)


def read(path: Path, declared: Declaration) -> tuple[scenes.SceneFile, ...]:
    """Read name, bands and grid; the image is read later, in blocks. Raises InputError for missing facts."""
    named = _from_name(path)
    raster = scene_raster.look(path)
    polarisation, band = _band(path, raster, named.polarisation, declared)
    known = _facts(path, named, declared)
    sentinel1 = known.platform.startswith("S1")
    backscatter = BACKSCATTER.search(f"{path.name} {raster.bands[band - 1]}")
    header = raster.header(
        source_format=NAME,
        platform=known.platform,
        track=known.track,
        direction=known.direction or scenes.direction_at(known.acquired_at, raster.longitude),
        mode=named.mode,
        polarisation=polarisation,
        backscatter=f"{backscatter[1].lower()}0" if backscatter else "",
        acquired_at=known.acquired_at,
        absolute_orbit=named.absolute_orbit,
        attribution=SENTINEL1 if sentinel1 else ATTRIBUTION,
        licence="Copernicus Sentinel data terms" if sentinel1 else "",
        extras={"scale": known.scale},
    )
    return (scene_raster.image(path, header, raster, known.scale, band),)


class Known(NamedTuple):
    """Facts that are stated or declared about an image. direction: None if to be derived from time and place."""

    scale: str
    track: int
    acquired_at: datetime
    platform: str
    direction: Direction | None


def _facts(path: Path, named: scenes.ParsedName, declared: Declaration) -> Known:
    scale = scene_raster.agree(path, "scale", named.scale, declared.scale)
    track = scene_raster.agree(path, "track", named.track, declared.track)
    taken = declared.acquired_at.astimezone(UTC) if declared.acquired_at else None
    acquired_at = scene_raster.agree(path, "time", named.acquired_at, taken)
    platform = scene_raster.agree(path, "satellite", named.platform, declared.platform) or ""
    direction = scene_raster.agree(path, "direction", named.direction, declared.direction)
    if scale not in scenes.SCALES:
        _ask(path, "the scale of its values", f"--scale {'|'.join(scenes.SCALES)}")
    if track is None:
        _ask(path, "its relative orbit", "--track")
    if acquired_at is None:
        _ask(path, "when it was taken", "--acquired YYYY-MM-DDTHH:MM:SS")
    if direction is None and platform and not platform.startswith("S1"):
        _ask(path, f"which way {platform} flew", "--direction ascending|descending")
    return Known(scale=scale, track=track, acquired_at=acquired_at, platform=platform, direction=direction)


def _ask(path: Path, what: str, option: str) -> NoReturn:
    raise InputError(path, f"{what} is neither in its name nor declared", f"Add {option}")


def _from_name(path: Path) -> scenes.ParsedName:
    """Return the facts in the name. Raises InputError for an impossible date."""
    with refusing(path, "its name holds an impossible date ({})", "Give it another name", ValueError):
        if named := PYROSAR.fullmatch(path.name):
            direction = Direction.ASCENDING if named["direction"] == "A" else Direction.DESCENDING
            return scenes.ParsedName(
                platform=named["platform"],
                mode=named["mode"],
                direction=direction,
                acquired_at=scenes.time_of(named["start"]),
                polarisation=named["polarisation"],
                scale="db" if named["steps"].lower().endswith("_db") else "",
            )
        words = {word.upper() for word in WORD.findall(path.name)}
        polarisation = words.pop() if len(words) == 1 else ""
        granules = scenes.granules_in(path.name)
        if len(granules) == 1:
            return replace(granules[0].parse(polarisation), absolute_orbit=granules[0].absolute_orbit)
        times = set(scenes.TIME.findall(path.name))
        return scenes.ParsedName(
            acquired_at=scenes.time_of(times.pop()) if len(times) == 1 else None, polarisation=polarisation
        )


def _band(path: Path, raster: scene_raster.Raster, from_name: str, declared: Declaration) -> tuple[str, int]:
    named = [(words[0].upper() if len(words := WORD.findall(name)) == 1 else "") for name in raster.bands]
    if len(raster.bands) == 1:
        polarisation = scene_raster.agree(path, "polarisation", named[0] or from_name, declared.polarisation)
        if polarisation not in scenes.POLARISATIONS:
            _ask(path, "its polarisation", f"--polarisation {'|'.join(scenes.POLARISATIONS)}")
        return str(polarisation), 1
    if not declared.polarisation:
        names = ", ".join(name or f"band {number}" for number, name in enumerate(raster.bands, start=1))
        problem = f"it holds {len(raster.bands)} bands, one image is expected: {names}"
        raise InputError(path, problem, f"Add --polarisation {'|'.join(scenes.POLARISATIONS)}, or give one band")
    if named.count(declared.polarisation) != 1:
        problem = f"the file does not state which of its {len(raster.bands)} bands is {declared.polarisation}"
        raise InputError(path, problem, "Give one band (gdal_translate -b 1)")
    return declared.polarisation, named.index(declared.polarisation) + 1
