"""The tiles of `deformation-absent`, each identified by its family, its purpose and its number.

Any change to a tile makes a new version of the benchmark. These tiles are for neither training nor validation.
"""

import hashlib

import numpy as np

from lab.deformation.absent.errors import local
from lab.deformation.absent.families import ERRORS, FAMILIES, bowl_factor
from lab.deformation.absent.objects import OBJECTS
from lab.deformation.measures.benchmark_tiles import BOWLS as NATIONAL_BOWLS
from lab.deformation.measures.benchmark_tiles import KEEP_OFF_M, TableBowl, bowl_in
from lab.deformation.measures.benchmark_tiles import digest as national_digest
from lab.simulation.seeds import Purpose, generator
from lab.simulation.tiles import SIDE_M, Tile, make_tile, with_sources
from ml.simulation.ground.frame import Offset

NAME = "deformation-absent"
BOWLS = {key: NATIONAL_BOWLS[key] for key in ("pd_3mm_800m", "pd_4mm_300m", "pd_3mm_2000m")}
SEEN_WITHIN_M, ENOUGH_POINTS = 400.0, 40  # distance from an object's centre; points of the first track wanted within it


def _unprocessed(family: str, number: int, purpose: Purpose) -> Tile:
    configure, disturb = FAMILIES[family].configure, FAMILIES[family].disturb
    config_rng, tile_rng, error_rng = generator(purpose, f"{NAME} {family}", number).spawn(3)
    return disturb(error_rng, make_tile(tile_rng, configure(config_rng)))


def _processed(tile: Tile, family: str, number: int, purpose: Purpose) -> Tile:
    """Apply the family's processor to a tile; its parameters do not depend on the motion in the tile."""
    return FAMILIES[family].process(generator(purpose, f"{NAME} {family} processor", number), tile)


def field_tile(family: str, number: int, purpose: Purpose = Purpose.BENCHMARK) -> Tile:
    """Make a tile of a family: still for a family of errors, with one object for a family of objects."""
    tile = _unprocessed(family, number, purpose)
    if family in OBJECTS:
        rng = generator(purpose, f"{NAME} {family} object", number)
        tile = with_sources(tile, (OBJECTS[family](rng, _site(rng, tile), tile.terrain),))
    return _processed(tile, family, number, purpose)


def bowl_tiles(family: str, number: int, purpose: Purpose = Purpose.BENCHMARK) -> dict[str, Tile]:
    """Make one tile with each bowl of the table, by bowl; return none for a family of objects."""
    if family not in ERRORS:
        return {}
    still, kept = _unprocessed(family, number, purpose), ERRORS[family]
    factor = bowl_factor(kept, still.config)
    tiles = {}
    for key, cell in BOWLS.items():
        rng = generator(purpose, f"{NAME} {family} {key}", number)
        tile = bowl_in(still, TableBowl(cell.rate_mm_yr * factor, cell.radius_m), rng, kept.fewest_points)
        tiles[key] = _processed(tile, family, number, purpose)
    return tiles


def _site(rng: np.random.Generator, tile: Tile) -> Offset:
    """Draw a point of the first track away from the edge, if possible with ENOUGH_POINTS around it."""
    track = tile.tracks[0]
    x_m, y_m = local(track, tile)
    inner = (np.minimum(x_m, y_m) > 1.5 * KEEP_OFF_M) & (np.maximum(x_m, y_m) < SIDE_M - 1.5 * KEEP_OFF_M)
    candidates = rng.choice(np.flatnonzero(inner), 300)
    around = np.array([np.count_nonzero(np.hypot(x_m - x_m[i], y_m - y_m[i]) < SEEN_WITHIN_M) for i in candidates])
    at = candidates[int(np.argmax(np.minimum(around, ENOUGH_POINTS)))]  # the first candidate with enough points
    east_m, north_m = tile.terrain.frame.to_local(track.x_m[at : at + 1], track.y_m[at : at + 1])
    return Offset(float(east_m[0]), float(north_m[0]))


def digest(tile: Tile) -> bytes:
    """Return a tile's hash, 32 bytes: national digest, relief, lines of sight; heights, cover and truth of points."""
    seen = hashlib.sha256(national_digest(tile) + f"{tile.config.years:.6f}".encode())
    seen.update(np.rint(tile.terrain.height_m * 100).astype("<i4").tobytes())
    for track in tile.tracks:
        seen.update(repr(track.geometry.los).encode() + track.cover.astype("u1").tobytes())
        for values, per_unit in ((track.height_m, 100), (track.truth_mm_yr, 1_000), (track.errors.yearly_mm, 100)):
            seen.update(np.rint(values * per_unit).astype("<i4").tobytes())
    return seen.digest()
