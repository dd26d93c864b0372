"""The two files of a pair of images: how a command and the library open them, and what a result says of them."""

import hashlib
import warnings
from pathlib import Path
from typing import NamedTuple

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from ground_motion.core.files import file_sha256
from ground_motion.rasters.control_points import has_control_points, resampled_to_one_grid, store_in_pieces
from ground_motion.rasters.geotiffs import open_pair
from ground_motion.rasters.imagery import PairSource
from ground_motion.rasters.pieces import Pieces


class OpenPair(NamedTuple):
    """Images on one grid. resampled: whether swaths were resampled to it by their ground control points.

    apart_px: by which part of a pixel the secondary's grid lies to the right of the reference's, and below it.
    """

    source: PairSource
    resampled: bool
    apart_px: tuple[float, float] = (0.0, 0.0)

    def kept_in(self, pieces: Pieces) -> PairSource:
        """Return the images; resampled ones are stored in pieces, because resampling is expensive."""
        return store_in_pieces(self.source, pieces) if self.resampled else self.source


class PairFiles(NamedTuple):
    """Reference (earlier) and secondary image. scale: of their values, power, amplitude or db."""

    reference: Path
    secondary: Path
    scale: str = "power"

    def open(self, slack_px: int = 0, lay: bool = False) -> OpenPair:
        """Check the images and lay them on one grid. slack_px: as in open_pair; lay: resample swaths. InputError."""
        if lay and has_control_points(self.reference) and has_control_points(self.secondary):
            return OpenPair(resampled_to_one_grid(self.reference, self.secondary, self.scale), True)
        source = open_pair(self.reference, self.secondary, self.scale, slack_px)
        return OpenPair(source, False, self._apart_px())

    def _apart_px(self) -> tuple[float, float]:
        transforms = []
        for path in (self.reference, self.secondary):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                with rasterio.open(path, driver="GTiff") as image:
                    transforms.append(image.transform)
        if transforms[0] == transforms[1]:
            return 0.0, 0.0
        col, row = ~transforms[0] @ (transforms[1].c, transforms[1].f)
        return col - round(col), row - round(row)

    def tags(self, method: str, version: str) -> dict[str, str]:
        """Return the tags by which the result of a method can be traced to these files."""
        return {
            "method": method,
            "model_version": f"{method} {version}",
            "input_sha256": pair_sha256(file_sha256(self.reference), file_sha256(self.secondary)),
            "reference": self.reference.name,
            "secondary": self.secondary.name,
        }


def pair_sha256(reference_sha256: str, secondary_sha256: str) -> str:
    """Return one hash for two inputs, in their order."""
    return hashlib.sha256(f"{reference_sha256} {secondary_sha256}".encode()).hexdigest()
