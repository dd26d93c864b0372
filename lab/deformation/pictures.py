"""`python -m lab.deformation.pictures --out FILE.png`: where the network fails on validation tiles, to look at.

A row for each case: false alarms, then missed objects, the largest first. Left the rates of the cells, right the
probability; black: the outline of what moves by 2 mm/yr, yellow: of what was flagged.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from lab.deformation.benchmark_tiles import NATIONAL, cloud, field_tile
from lab.deformation.scoring import STILL_MM_YR, areas_of, matched, on_tile, truth_of
from lab.simulation.seeds import Purpose
from lab.simulation.tiles import CELLS
from lab.workers import over_seeds
from ml.deformation.gridding.cells import Cells, cell_median
from ml.deformation.infer import CONFIGS, detect_all_with

FIRST_TILE = 7_000
ZOOM, GAP, HEAD = 3, 12, 18  # pixels
LIMIT_MM_YR = 8.0
AWAY, STILL, TOWARD, UNKNOWN = (178, 24, 43), (245, 245, 245), (33, 102, 172), (90, 90, 90)
WHITE, YELLOW = (255, 255, 255), (255, 210, 0)


class Failure(NamedTuple):
    """One case of a tile. what: in words; planes: rate and probability, (rows, cols); truth, flagged: outlines."""

    what: str
    cells: int
    rate_mm_yr: NDArray[np.float32]
    probability: NDArray[np.float32]
    truth: NDArray[np.bool_]
    flagged: NDArray[np.bool_]


def failures(method: str, number: int) -> list[Failure]:
    """False alarms of the first track of a validation tile, and objects that it does not find."""
    tile = field_tile(NATIONAL, number, Purpose.VALIDATION)
    tracks, points = tile.tracks[:1], cloud(tile.tracks[0])
    bands = on_tile(detect_all_with([points], CONFIGS[method]()), tile)
    truth, areas = truth_of(tile, tracks), areas_of(bands, tile, tracks)
    moving = np.abs(truth.rate_mm_yr) >= STILL_MM_YR
    partner = {j for j, _ in matched(areas, truth.objects).values()}
    alarms = [("false alarm", area.mask) for area in areas if not (area.mask & moving).any()]
    missed = [(f"missed: {thing.name}", thing.mask) for j, thing in enumerate(truth.objects) if j not in partner]
    nothing = np.zeros((CELLS, CELLS), dtype=bool)
    outlines = [
        _outline(np.logical_or.reduce([nothing, *(one.mask for one in some)])) for some in (truth.objects, areas)
    ]
    row, col = tile.terrain.cell_of(points.x, points.y)
    rate, _ = cell_median(Cells(row * CELLS + col, (CELLS, CELLS), tile.transform), points.velocity_mm_yr)
    about = f"tile {number}: {{}}, {{}} ha" + "".join(f", {kind}" for kind in tracks[0].errors.kinds[4:])
    return [
        Failure(about.format(what, int(mask.sum())), int(mask.sum()), rate, bands["probability"], *outlines)
        for what, mask in alarms + missed
    ]


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels of ZOOM times the size that lie on a mask's edge."""
    large = mask.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
    return np.asarray(large & ~ndimage.binary_erosion(large))


def picture(cases: list[Failure]) -> Image.Image:
    """Two maps a case, one case below the other."""
    side = CELLS * ZOOM
    sheet = Image.new("RGB", (2 * side + GAP, len(cases) * (side + HEAD)), WHITE)
    pen = ImageDraw.Draw(sheet)
    for number, case in enumerate(cases):
        top = number * (side + HEAD)
        pen.text((2, top + 3), case.what, fill=(0, 0, 0))
        share = np.clip(case.rate_mm_yr / LIMIT_MM_YR, -1, 1)
        for left, colours in ((0, _diverging(share)), (side + GAP, _diverging(-case.probability))):
            large = colours.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
            large[case.truth], large[case.flagged] = (0, 0, 0), YELLOW
            sheet.paste(Image.fromarray(large), (left, top + HEAD))
    return sheet


def _diverging(share: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Red at -1, pale at 0, blue at 1, grey unknown; (rows, cols, 3)."""
    known = np.nan_to_num(share)[..., None]
    away, still, toward = (np.array(colour, dtype=np.float32) for colour in (AWAY, STILL, TOWARD))
    colours = still + np.where(known < 0, away - still, toward - still) * np.abs(known)
    colours[np.isnan(share)] = UNKNOWN
    return np.asarray(colours, dtype=np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--method", default="model")
    parser.add_argument("--tiles", type=int, default=200)
    parser.add_argument("--cases", type=int, default=6)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    flagged = [one for each in over_seeds(partial(failures, args.method), args.tiles, FIRST_TILE) for one in each]
    flagged.sort(key=lambda case: -case.cells)
    halves = [[case for case in flagged if ("false alarm" in case.what) == alarm] for alarm in (True, False)]
    cases = [case for half in halves for case in half[: args.cases // 2]]
    picture(cases).save(args.out, optimize=True)
    print(f"{args.tiles} tiles: {len(halves[0])} false alarms, {len(halves[1])} missed; {len(cases)} drawn")


if __name__ == "__main__":
    main()
