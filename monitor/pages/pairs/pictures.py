"""Pictures of a window of a pair's images and of the results of its runs, drawn from stored files."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from rasterio.errors import RasterioError

from ground_motion.core.errors import promised
from ground_motion.core.pixel_grids import PixelGrid
from ingest.foundation.storage import stored_tiff
from ingest.models import Scene, ScenePair
from ingest.scenes.images import read_pair, read_scene
from ml.models import Prediction
from monitor.maps.imaging import drawing as rasters
from monitor.maps.imaging import pixels
from monitor.maps.imaging.drawing import Float32
from monitor.maps.rasters.answers import GONE, ImageGone, etag_of
from monitor.maps.rasters.catalogue import images_of
from monitor.maps.rasters.layers import RasterLayer
from monitor.wording.dates import day_words
from monitor.wording.figures import listed

IMAGES = ("reference", "secondary", "ratio")
OVERVIEW_PX = 400  # longer side of the overview from which the stretch is computed
STRETCH_KEPT_S = 24 * 3600
PAINT_VERSION = 2  # raise when pictures of the same files look different


def missing_images(pair: ScenePair) -> list[Scene]:
    """Return the images of a pair whose files are missing from the storage."""
    scenes = (pair.reference, pair.secondary)
    return [scene for scene in scenes if not (scene.raster.name and scene.raster.storage.exists(scene.raster.name))]


def pair_png(pair: ScenePair, image: str, piece: pixels.Piece) -> bytes:
    """Return a PNG of a window of one image, or of the ratio of both. Raises ImageGone."""
    part = pair.pixel_grid.part(*piece[:4])
    with _files_of(pair):
        if image == "ratio":
            return pixels.ratio_png(_ratio(pair, piece))
        scene = pair.reference if image == "reference" else pair.secondary
        return pixels.grey_png(read_scene(scene, part, piece.shape), pair_stretch(pair))


def _ratio(pair: ScenePair, piece: pixels.Piece) -> Float32:
    """Return the ratio, dB, of means over RATIO_MEAN_PX pixels a side at full resolution, also in coarser pictures."""
    # Pixels around the window are read too at full resolution, so that adjacent windows match at their edges.
    factor = piece.shape[1] / piece.cols
    side = 2 * round((pixels.RATIO_MEAN_PX * factor - 1) / 2) + 1
    if piece.shape != (piece.rows, piece.cols):
        return pixels.ratio_db(*read_pair(pair, pair.pixel_grid.part(*piece[:4]), piece.shape), max(1, side))
    reach = pixels.RATIO_MEAN_PX // 2
    row, col = max(0, piece.row - reach), max(0, piece.col - reach)
    bottom, right = min(pair.rows, piece.row + piece.rows + reach), min(pair.cols, piece.col + piece.cols + reach)
    around = pair.pixel_grid.part(row, col, bottom - row, right - col)
    ratio = pixels.ratio_db(*read_pair(pair, around))
    top, left = piece.row - row, piece.col - col
    return ratio[top : top + piece.rows, left : left + piece.cols]


def pair_stretch(pair: ScenePair) -> pixels.Stretch:
    """Return the common stretch of both images, computed from an overview and cached."""
    grid = pair.pixel_grid
    factor = min(1.0, OVERVIEW_PX / max(grid.rows, grid.cols))
    shape = (max(1, round(grid.rows * factor)), max(1, round(grid.cols * factor)))
    key = f"pair-stretch-{etag_of(*_of_files(pair))}"
    stretch = cache.get_or_set(key, lambda: pixels.common_stretch(read_pair(pair, grid, shape)), STRETCH_KEPT_S)
    return pixels.Stretch(*promised(stretch))


def run_png(prediction: Prediction, layer: RasterLayer, piece: pixels.Piece) -> bytes:
    """Return a PNG of a run's result in a window of the pair's grid. Raises ImageGone."""
    pair = promised(prediction.run.pair)
    part: PixelGrid = pair.pixel_grid.part(*piece[:4])
    try:
        with stored_tiff(prediction.raster) as dataset:
            values = rasters.window_values(dataset, layer.bands, part.epsg, part.bounds_m, piece.shape)
    except (FileNotFoundError, RasterioError, ValueError) as fault:
        raise ImageGone(GONE) from fault
    value = layer.value(layer.of_pair(values, images_of(prediction)))
    return rasters.paint(value, layer.stops, layer.low, layer.high)


def fingerprint(pair: ScenePair, image: str, piece: pixels.Piece) -> str:
    """Return an ETag of `pair_png` that changes with the files and with the way they are painted."""
    appearance = (PAINT_VERSION, image, piece, pixels.RATIO_DB, pixels.RATIO_MEAN_PX, pixels.RATIO_STOPS)
    return etag_of(*appearance, *_of_files(pair))


def run_fingerprint(prediction: Prediction, layer: RasterLayer, piece: pixels.Piece) -> str:
    """Return an ETag of `run_png` that changes with the result and with the way it is painted."""
    appearance = (PAINT_VERSION, layer.name, layer.bands, layer.low, layer.high, layer.stops, piece)
    return etag_of(*appearance, prediction.pk, prediction.raster_sha256)


@contextmanager
def _files_of(pair: ScenePair) -> Iterator[None]:
    """Guard a block that reads the files of a pair: raise ImageGone if one is missing or cannot be read."""
    gone = missing_images(pair)
    if gone:
        raise ImageGone(gone_words(gone))
    try:
        yield
    except (FileNotFoundError, RasterioError) as fault:
        raise ImageGone(_("A file of this pair cannot be read: it is broken. Load the image again.")) from fault


def gone_words(scenes: list[Scene]) -> str:
    """Return the message that the files of these images are missing."""
    # Translators: %(days)s is "1 December 2021", or two such days
    return ngettext(
        "The file of the image of %(days)s is no longer in the storage, so there is nothing to show. Load it again.",
        "The files of the images of %(days)s are no longer in the storage, so there is nothing to show. Load them "
        "again.",
        len(scenes),
    ) % {"days": listed([day_words(promised(scene.acquired_at).date()) for scene in scenes])}


def _of_files(pair: ScenePair) -> list[object]:
    scenes = (pair.reference, pair.secondary)
    return [*((scene.pk, scene.raster.name, scene.file_sha256) for scene in scenes), pair.epsg, pair.grid, pair.rows]
