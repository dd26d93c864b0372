"""ASF HyP3 RTC (GAMMA): terrain-corrected Sentinel-1 images of one product, as a folder or file by file.

Source: ASF, Sentinel-1 RTC Product Guide (hyp3-docs.asf.alaska.edu/guides/rtc_product_guide), naming convention
`S1x_yy_aaaaaaaaTbbbbbb_ppo_RTCzz_u_defklm_ssss`: d gamma0 (g) or sigma0 (s); e power (p), decibel (d) or amplitude (a);
f unmasked (u) or water-masked (w); k not filtered (n) or filtered (f); l entire (e) or clipped (c); m dead reckoning
(d) or matched to the elevation (m). Already in UTM; nodata 0. The name holds no orbit: the track comes from the name of
the granule in the product's README or log, and must be declared where neither is there.
"""

import re
from contextlib import suppress
from pathlib import Path

from ground_motion.core import files
from ground_motion.core.errors import InputError, refusing
from ground_motion.readers import raster
from ground_motion.readers.images import raster as scene_raster
from ground_motion.readers.images import scenes
from ground_motion.readers.records import Declaration
from ground_motion.readers.tables import text_table

NAME = "hyp3-rtc"
TITLE = "HyP3 RTC"
ORDER = 210
SUFFIXES = raster.SUFFIXES
PRODUCT = (
    r"(?P<product>(?P<platform>S1[A-D])_(?P<mode>\w\w)_(?P<start>\d{8}T\d{6})_[SD][HV][PRO]_RTC\d+_G"
    r"_(?P<radiometry>[gs])(?P<scale>[pda])(?P<masked>[uw])(?P<filtered>[nf])[ec][dm]_[0-9A-F]{4})"
)
FILE_NAME = re.compile(PRODUCT + r"_(?P<layer>\w+?)(?:_clip(?:ped)?)?\.tiff?")
RADIOMETRY = {"g": "gamma0", "s": "sigma0"}
SCALE = {"p": "power", "d": "db", "a": "amplitude"}
TEXTS = (".README.md.txt", ".log")
ATTRIBUTION = "Contains modified Copernicus Sentinel data, processed by ASF HyP3"
LICENCE = "Copernicus Sentinel data terms; HyP3 products are free and open"


def parse_name(path: Path) -> scenes.ParsedName:
    """Return the facts stated by the name of an image, which may itself be damaged."""
    named = FILE_NAME.fullmatch(path.name) or re.fullmatch(PRODUCT + r"(?:\.zip)?(?P<layer>)", path.name)
    if named is None:
        return scenes.ParsedName()
    acquired_at = scenes.maybe_time(named["start"])
    layer = named["layer"] if named["layer"] in scenes.POLARISATIONS else ""
    return scenes.ParsedName(
        platform=named["platform"], mode=named["mode"], polarisation=layer, acquired_at=acquired_at
    )


def recognises(path: Path) -> bool:
    """Return whether a folder holds images with HyP3's names, or a file has such a name. Never raises."""
    if path.is_dir():
        return len({named["product"] for named in _match_names(path) if named["layer"] in scenes.POLARISATIONS}) == 1
    return FILE_NAME.fullmatch(path.name) is not None and raster.is_geotiff(path)


def read(path: Path, declared: Declaration) -> tuple[scenes.SceneFile, ...]:
    """Read names and headers; images are read later, in blocks. Raises InputError if something is unusable."""
    named = _match_names(path)
    products = {each["product"] for each in named}
    if len(products) != 1:
        raise InputError(path, f"it holds {len(products)} HyP3 RTC products", "Give one product")
    polarisations = sorted({each["layer"] for each in named} & {*scenes.POLARISATIONS}, key=scenes.POLARISATIONS.index)
    if not polarisations:
        layer = named[0]["layer"]
        problem = f"this is the layer {layer} of a product, not an image"
        raise InputError(path, problem, "Give the files ending with VV or VH")
    if declared.polarisation and declared.polarisation not in polarisations:
        problem = f"it holds {', '.join(polarisations)}, not {declared.polarisation}"
        raise InputError(path, problem, "Choose one of them")
    granule = _granule(path, named[0])
    wanted = [declared.polarisation] if declared.polarisation else polarisations
    return tuple(_scene(path, named[0], polarisation, granule, declared) for polarisation in wanted)


def _scene(
    path: Path, named: re.Match[str], polarisation: str, granule: scenes.Granule | None, declared: Declaration
) -> scenes.SceneFile:
    track = scene_raster.agree(path, "track", granule.track if granule else None, declared.track)
    if track is None:
        problem = "its name does not hold its relative orbit, and no README or log beside it names its granule"
        raise InputError(path, problem, "Give the whole product as folder or zip, or add --track")
    scale = scene_raster.agree(path, "scale", SCALE[named["scale"]], declared.scale) or ""
    with refusing(path, "its name holds an impossible date ({})", "Download it again", ValueError):
        acquired_at = scenes.time_of(named["start"])
    file = _file(path, polarisation)
    raster = scene_raster.look(file)
    if len(raster.bands) != 1:
        raise InputError(path, f"{file.name} holds {len(raster.bands)} bands, not one", "Download it again")
    header = raster.header(
        source_format=NAME,
        platform=named["platform"],
        track=track,
        direction=declared.direction or scenes.direction_at(acquired_at, raster.longitude),
        mode=named["mode"],
        polarisation=polarisation,
        backscatter=RADIOMETRY[named["radiometry"]],
        acquired_at=acquired_at,
        absolute_orbit=granule.absolute_orbit if granule else None,
        attribution=ATTRIBUTION,
        licence=LICENCE,
        extras=_extras(named, scale, granule),
    )
    scene_raster.refuse_other_scale(file, scene_raster.sample(file), scale)
    return scenes.SceneFile(header=header, blocks=lambda: scene_raster.blocks(file, raster, scale))


def _extras(named: re.Match[str], scale: str, granule: scenes.Granule | None) -> dict[str, str]:
    extras = {
        "product": named["product"],
        "scale": scale,
        "speckle filter": "yes" if named["filtered"] == "f" else "no",
        "water": "masked" if named["masked"] == "w" else "not masked",
    }
    return extras | ({"granule": granule.name} if granule else {})


def _match_names(path: Path) -> list[re.Match[str]]:
    """Return a match of the name pattern for each file of a product, of all layers. Never raises."""
    inside = [name for name in files.names_in(path) if raster.is_geotiff(path / name)]
    return [match for name in inside or [path.name] if (match := FILE_NAME.fullmatch(name))]


def _granule(path: Path, named: re.Match[str]) -> scenes.Granule | None:
    """Return the granule named in the product's README or log; None if there is neither, or no name in it."""
    for ending in TEXTS:
        with suppress(ValueError):
            for granule in scenes.granules_in(_text(path, named["product"] + ending)):
                if f"{granule.start:%Y%m%dT%H%M%S}" == named["start"]:
                    return granule
    return None


def _text(path: Path, name: str) -> str:
    """Return the content of a text file in the images' folder; an empty text if there is none."""
    file = (path if path.is_dir() else path.parent) / name
    if not file.is_file() or file.is_symlink():
        return ""
    with file.open("rb") as stream:
        return stream.read(text_table.MAX_SIDE_BYTES).decode("utf-8", "replace")


def _file(path: Path, polarisation: str) -> Path:
    """Return the image file of one polarisation. Raises InputError."""
    if not path.is_dir():
        return path
    images = [path / named[0] for named in _match_names(path) if named["layer"] == polarisation]
    if len(images) != 1:
        raise InputError(path, f"it holds {len(images)} images of {polarisation}", "Keep one of them")
    return images[0]
