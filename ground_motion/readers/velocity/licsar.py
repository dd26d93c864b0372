"""COMET-LiCSAR: a frame's folder of unwrapped interferograms, `GEOC/<d1>_<d2>/<d1>_<d2>.geo.unw.tif`.

Source: LiCSAR products (Lazecky et al. 2020, doi 10.3390/rs12152430) and the folder that LiCSBAS reads (Morishita et
al. 2020, doi 10.3390/rs12030424). Phases are rad, plus is away from the satellite; coherence `.geo.cc.tif` is 0-255;
`<frame>.geo.E|N|U.tif` are the parts of the unit vector from the ground to the satellite. Sentinel-1.
"""

import re
from pathlib import Path

from ground_motion.core.errors import refusing
from ground_motion.core.files import names_in
from ground_motion.readers import raster
from ground_motion.readers.records import Declaration, Direction, Float32, VelocityField
from ground_motion.readers.tables import text_table
from ground_motion.readers.velocity import stacks

NAME = "licsar"
TITLE = "LiCSAR"
ORDER = 130
SUFFIXES: frozenset[str] = frozenset()  # A product is a folder.
PAIR = re.compile(r"(?P<first>[12]\d{7})_(?P<second>[12]\d{7})")
FRAME = re.compile(r"(?P<track>\d{3})(?P<direction>[AD])_\d{5}_\d{6}")
# LiCSBAS and the portal keep pairs in these; else they lie in the folder itself.
PAIR_FOLDERS = ("GEOC", "interferograms", ".")
SIDE_FOLDERS = (".", "GEOC", "metadata", "..", "../metadata")
ATTRIBUTION = "COMET-LiCSAR, contains modified Copernicus Sentinel data, analysed by the Centre for COMET"
LICENCE = "LiCSAR products: free for use with attribution (COMET); Copernicus Sentinel data terms"


def recognises(path: Path) -> bool:
    """Return whether a folder is a frame's: its first pair is a folder named by two dates, with an unwrapped phase."""
    return any(raster.is_geotiff(_phase(folder)) for folder in _pair_folders(path)[:20])


def read(path: Path, declared: Declaration) -> tuple[VelocityField, ...]:
    """Read the headers of all interferograms; series are inverted later, in batches. Raises InputError."""
    stack = _stack(path)
    grid = stacks.check(stack)
    frame = _frame(path)
    header = stacks.header_of(
        stack,
        grid,
        {"frame": frame[0]} if frame else {},
        source_format=NAME,
        track=int(frame["track"]) if frame else declared.track,
        direction=Direction.from_letter(frame["direction"]) if frame else stacks.direction(stack, grid),
        tile=f"LiCSAR/{frame[0]}" if frame else "",
        attribution=ATTRIBUTION,
        licence=LICENCE,
    )
    return (stacks.field(stack, grid, header),)


def _pair_folders(path: Path) -> list[Path]:
    """Return the folders of pairs in a frame's folder, in its GEOC, or as the portal stores them. Never raises."""
    found = ([path / name / pair for pair in names_in(path / name) if PAIR.fullmatch(pair)] for name in PAIR_FOLDERS)
    return next(filter(None, found), [])


def _phase(folder: Path) -> Path:
    return folder / f"{folder.name}.geo.unw.tif"


def _stack(path: Path) -> stacks.Stack:
    pairs = []
    for folder in _pair_folders(path):
        days = PAIR.fullmatch(folder.name)
        if days is None or not _phase(folder).exists():  # A pair without this file could not be unwrapped.
            continue
        with refusing(folder, "its name holds an invalid date ({})", "Download it again", ValueError):
            first, second = text_table.day_of(days["first"]), text_table.day_of(days["second"])
        coherence = folder / f"{folder.name}.geo.cc.tif"
        known = coherence if coherence.exists() else None
        pairs.append(stacks.Pair(first=first, second=second, phase=_phase(folder), coherence=known))
    # file: rad, plus is away; ours: mm, plus is toward
    return stacks.Stack(
        folder=path,
        pairs=tuple(pairs),
        mm=stacks.mm_per_radian(stacks.SENTINEL1_WAVELENGTH_M),
        look_vectors=_look_vectors(path),
        height=_side(path, "hgt"),
    )


def _side(path: Path, layer: str) -> Path | None:
    for name in SIDE_FOLDERS:
        if name.startswith("..") and path.name not in PAIR_FOLDERS:
            continue
        images = [*(path / name).glob(f"*geo.{layer}.tif")]
        if len(images) == 1:
            return images[0]
    return None


def _look_vectors(path: Path) -> stacks.LookVectors | None:
    east, north, up = (_side(path, layer) for layer in "ENU")
    return stacks.LookVectors((east, north, up), _unchanged_vector) if east and north and up else None


def _unchanged_vector(layers: list[Float32]) -> tuple[Float32, Float32, Float32]:
    """Return the unit vector (east, north, up) as in the files, NaN where `up` is 0, which means missing."""
    east, north, up = layers
    for layer in (east, north):
        layer[(up == 0) | (up != up)] = float("nan")
    up[up == 0] = float("nan")
    return east, north, up


def _frame(path: Path) -> re.Match[str] | None:
    """Match the frame's name in the name of its folder or of the look vectors; None if neither has one."""
    whole = path.resolve()
    east = _side(path, "E")
    names = (whole.name, whole.parent.name if whole.name in PAIR_FOLDERS else "", east.name if east else "")
    return next((match for name in names if (match := FRAME.match(name))), None)
