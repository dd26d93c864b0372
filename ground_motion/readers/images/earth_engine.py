"""Google Earth Engine exports of Sentinel-1 GRD: one GeoTIFF of the bands VV, VH (or HH, HV) and perhaps angle.

Source: Earth Engine data catalog, COPERNICUS/S1_GRD (decibels) and its twin COPERNICUS/S1_GRD_FLOAT (linear power):
thermal noise removed, calibrated to sigma0, corrected for terrain in place but not in brightness. `system:index`, with
which exports are commonly named, is the name of the product, `S1A_IW_GRDH_1SDV_<start>_<stop>_<orbit>_<take>_<crc>`;
time, satellite, orbit and track come from it. Exports are in degrees (EPSG:4326) unless another system was chosen.
"""

import re
from contextlib import suppress
from pathlib import Path

import numpy as np

from ground_motion.core.errors import InputError, refusing
from ground_motion.readers import raster
from ground_motion.readers.images import raster as scene_raster
from ground_motion.readers.images import scenes
from ground_motion.readers.records import Declaration

NAME = "earth-engine"
TITLE = "Earth Engine export of Sentinel-1"
ORDER = 220
SUFFIXES = raster.SUFFIXES
OF_ONE_BAND = re.compile(r"[._](VV|VH|HH|HV)\.tiff?", re.IGNORECASE)  # how a download band by band names its files
FLOAT = "S1_GRD_FLOAT"
DB_SHARE = 0.05  # If this share of the values is below 0, they are decibels without doubt.
ATTRIBUTION = "Contains modified Copernicus Sentinel data, processed by Google Earth Engine"
LICENCE = "Copernicus Sentinel data terms"


def parse_name(path: Path) -> scenes.ParsedName:
    """Return the facts stated by the name of an image, which may itself be damaged."""
    single = OF_ONE_BAND.search(path.name)
    with suppress(ValueError):
        if len(granules := scenes.granules_in(path.name)) == 1:
            return granules[0].parse(single[1].upper() if single else "")
    return scenes.ParsedName()


def recognises(path: Path) -> bool:
    """Return whether file name and band names are those of an Earth Engine export. Never raises."""
    if not (scenes.GRANULE.search(path.name) and raster.is_geotiff(path)):
        return False
    if OF_ONE_BAND.search(path.name):
        return True
    with suppress(InputError), scene_raster.open_raster(path) as dataset:
        return not {*scenes.POLARISATIONS}.isdisjoint(dataset.descriptions)
    return False


def read(path: Path, declared: Declaration) -> tuple[scenes.SceneFile, ...]:
    """Read name, bands and grid; images are read later, in blocks. Raises InputError if something is unusable."""
    with refusing(path, "its name holds an impossible date ({})", "Export it again", ValueError):
        granules = scenes.granules_in(path.name)
    if len(granules) != 1:
        raise InputError(path, f"its name names {len(granules)} products", "Give one image a file, named by its own")
    (granule,) = granules
    raster = scene_raster.look(path)
    bands = _bands(path, raster)
    if declared.polarisation and declared.polarisation not in bands:
        raise InputError(path, f"it holds {', '.join(bands)}, not {declared.polarisation}", "Choose one of them")
    track = scene_raster.agree(path, "track", granule.track, declared.track)
    if track is None:
        problem = f"the relative orbit of {granule.platform} cannot be derived from orbit {granule.absolute_orbit}"
        raise InputError(path, problem, "Add --track")
    images = []
    for polarisation in [declared.polarisation] if declared.polarisation else list(bands):
        scale = declared.scale or _scale(path, bands[polarisation])
        header = raster.header(
            source_format=NAME,
            platform=granule.platform,
            track=track,
            direction=declared.direction or scenes.direction_at(granule.start, raster.longitude),
            mode=granule.mode,
            polarisation=polarisation,
            backscatter="sigma0",
            acquired_at=granule.start,
            absolute_orbit=granule.absolute_orbit,
            attribution=ATTRIBUTION,
            licence=LICENCE,
            extras={"granule": granule.name, "scale": scale},
        )
        images.append(scene_raster.image(path, header, raster, scale, bands[polarisation]))
    return tuple(images)


def _bands(path: Path, raster: scene_raster.Raster) -> dict[str, int]:
    bands = {name: number for number, name in enumerate(raster.bands, start=1) if name in scenes.POLARISATIONS}
    if len(bands) < sum(name in scenes.POLARISATIONS for name in raster.bands):
        raise InputError(path, f"two of its bands have one name ({', '.join(raster.bands)})", "Export it again")
    single = OF_ONE_BAND.search(path.name)
    if not bands and single and len(raster.bands) == 1:
        return {single[1].upper(): 1}
    if not bands:
        raise InputError(path, f"none of its {len(raster.bands)} bands is called VV, VH, HH or HV", "Export it again")
    return bands


def _scale(path: Path, band: int) -> str:
    """Return 'power' if the name states it, 'db' if the values leave no doubt. Raises InputError otherwise."""
    if FLOAT in path.name:
        return "power"
    values = scene_raster.sample(path, band)
    if values.size and np.mean(values < 0) >= DB_SHARE:
        return "db"
    problem = "it is not stated whether its values are decibels or power"
    if not values.size:
        problem = f"no sampled pixel has a value, and {problem}"
    raise InputError(path, problem, "Add --scale db, or --scale power if it is of S1_GRD_FLOAT")
