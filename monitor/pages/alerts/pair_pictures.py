"""Pictures of the two images behind an alert, and of what a run found between them; for everybody."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from affine import Affine
from django.utils.translation import gettext as _
from rasterio.errors import RasterioError
from shapely.geometry import MultiPolygon

from detection.models import Detection
from ingest.models import Scene, ScenePair
from ingest.pixel_grids import PixelGrid
from ingest.projections import transformer
from ingest.scenes.images import PairImages, read_scene
from ingest.storage import stored_tiff
from monitor.maps.imaging.drawing import arrows, window_values
from monitor.maps.imaging.evidence import Frame, Pointer, picture
from monitor.maps.imaging.pixels import RATIO_DB, RATIO_STOPS, common_stretch, decibels, ratio_db
from monitor.maps.rasters.answers import ImageGone
from monitor.maps.rasters.catalogue import images_of
from monitor.maps.rasters.layers import ARROW_LAYER, LAYER_OF_TASK, RASTER_LAYERS_BY_NAME
from monitor.pages.pairs.pictures import gone_words, missing_images
from monitor.wording.dates import day_words

FREE_LICENCE = "Copernicus Sentinel data terms"  # free, full and open, with attribution
GREYS = RASTER_LAYERS_BY_NAME["radar"].stops
MOST_ARROWS = 600


class Captioned(NamedTuple):
    """A picture of a page: which, what it shows, and what its colours mean."""

    name: str
    title: str
    caption: str


def may_be_shown(scene: Scene) -> bool:
    """Whether an image itself may be shown to everybody: its licence allows it, or it is simulated."""
    return scene.simulated or scene.licence.startswith(FREE_LICENCE)


def pair_captions(detection: Detection) -> Iterator[Captioned]:
    """Yield the available pictures of a detection in a pair of images."""
    pair = detection.scan.prediction.run.pair
    scenes = (pair.reference, pair.secondary)
    if all(may_be_shown(scene) for scene in scenes) and not missing_images(pair):
        yield from _image_captions(pair)
    layer = LAYER_OF_TASK[detection.scan.prediction.run.model_version.task]
    measured = _("What the computer measured: %(layer)s") % {"layer": layer.label}
    yield Captioned("result", measured, layer.caption)


def _image_captions(pair: ScenePair) -> Iterator[Captioned]:
    earlier = _("The earlier of the two radar images. Bright: much of the radar's signal came back. Dark: little.")
    later = _("The later of the two radar images. Bright: much of the radar's signal came back. Dark: little.")
    for name, scene, shown in (("before", pair.reference, earlier), ("after", pair.secondary, later)):
        title = _("Radar image of %(day)s") % {"day": day_words(scene.acquired_at.date())}
        yield Captioned(name, title, f"{shown} {_thanks(scene)}".strip())
    yield Captioned(
        "difference",
        _("What became brighter or darker"),
        _("Red: brighter in the later image. Blue: darker. White: the same. Single spots differ by chance."),
    )


def pair_picture(detection: Detection, name: str, frame: Frame, epsg: int, outline: MultiPolygon) -> bytes:
    """Return the picture of `pair_captions` with this name. Raises ImageGone where a file is gone or broken."""
    pair = detection.scan.prediction.run.pair
    try:
        if name == "result":
            return _result(detection, frame, epsg, outline)
        if gone := missing_images(pair):
            raise ImageGone(gone_words(gone))
        images = _images(pair, frame, epsg)
    except (FileNotFoundError, RasterioError, ValueError) as fault:
        raise ImageGone(_("A file behind this picture is no longer in the storage, or it is broken.")) from fault
    if name == "difference":
        return picture(ratio_db(*images), RATIO_STOPS, -RATIO_DB, RATIO_DB, frame, outline)
    stretch = common_stretch(images)
    shown = decibels(images.reference if name == "before" else images.secondary)
    return picture(shown, GREYS, *stretch, frame, outline)


def _images(pair: ScenePair, frame: Frame, epsg: int) -> PairImages:
    """Read both images on the frame, linear power."""
    west, _, east, north = frame.bounds_m
    rows, cols = frame.shape
    side = (east - west) / cols
    grid = PixelGrid(epsg, Affine(side, 0, west, 0, -side, north), rows, cols)
    return PairImages(read_scene(pair.reference, grid), read_scene(pair.secondary, grid))


def _result(detection: Detection, frame: Frame, epsg: int, outline: MultiPolygon) -> bytes:
    prediction = detection.scan.prediction
    layer, images = LAYER_OF_TASK[prediction.run.model_version.task], images_of(prediction)
    with stored_tiff(prediction.raster) as raster:
        bands = window_values(raster, layer.bands, epsg, frame.bounds_m, frame.shape)
        pointers = []
        if layer is ARROW_LAYER:
            west, south, east, north = frame.bounds_m
            corners = transformer(epsg, 4326).transform([west, east, west, east], [south, south, north, north])
            box = min(corners[0]), min(corners[1]), max(corners[0]), max(corners[1])
            drawn = arrows(raster, images, box, MOST_ARROWS)
            project = transformer(4326, epsg).transform
            pointers = [Pointer(*project(one.longitude, one.latitude), one.bearing_deg) for one in drawn]
    values = np.asarray(layer.value(layer.of_pair(bands, images)), dtype=np.float32)
    return picture(values, layer.stops, layer.low, layer.high, frame, outline, pointers)


def _thanks(scene: Scene) -> str:
    return f"{scene.attribution}, {scene.acquired_at:%Y}." if scene.attribution else ""
