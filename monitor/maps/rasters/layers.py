"""Table of the map's raster layers, their sources and colours; texts are translated when they are shown."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ground_motion.readers.records import Component, Direction
from ml.models import ModelVersion
from monitor.maps.imaging.drawing import Float32, InputGrid
from monitor.maps.imaging.pixels import decibels

Task = ModelVersion.Task
# These stand in place of a task: the comparison of two releases, and the rates of velocity fields.
RELEASES, VELOCITY = "releases", "velocity"


class RasterLayer(NamedTuple):
    """Raster layer of the map."""

    name: str
    label: Promise
    task: str  # The kind of prediction shown, or RELEASES or VELOCITY; empty for radar images
    bands: tuple[str, ...]
    low: float
    high: float
    stops: tuple[str, ...]  # colours evenly spaced from low to high; values beyond get the end colours
    words: tuple[str | Promise, ...]  # legend at low, middle and high
    description: str | Promise
    details: Promise
    caption: Promise  # the colours in words, for use without a legend
    overlap: str = "first"  # The value shown where rasters overlap: the first, highest or lowest.
    unit: str | Promise = ""
    value: Callable[[Float32], Float32] = lambda bands: bands[0]  # turns (bands, rows, cols) into what is shown
    # Function applied to the bands before `value`, with the grid and dates of the pair's images.
    of_pair: Callable[[Float32, InputGrid], Float32] = lambda bands, images: bands
    needs: str = ""  # a statistic that must be above 0 for a result to be shown
    classes: tuple[Promise, ...] = ()  # names of the whole values from low to high; empty for a continuous layer

    def as_dict(self) -> dict[str, object]:
        """Return the layer as JSON for the map's legend."""
        own = {name: getattr(self, name) for name in ("name", "low", "high")}
        texts = {name: str(getattr(self, name)) for name in ("label", "unit", "description", "details")}
        words = dict(zip(("low_word", "middle_word", "high_word"), map(str, self.words), strict=True))
        colours = {"colours": list(self.stops), "classes": [str(name) for name in self.classes]}
        return own | texts | words | colours | {"arrows": self.task == Task.OFFSETS}


def _metres_a_day(offsets: Float32, images: InputGrid) -> Float32:
    """Convert offsets (2, rows, cols), px, to m/day; the overall shift of the images is removed, as in detection."""
    shift = np.array(images.shift_px, dtype=np.float32)[:, None, None]
    return (offsets - shift) * np.float32(images.posting_m / images.days)


_LOS = RasterLayer(
    "velocity-los",
    _("Velocity, direction of flight not known"),
    VELOCITY,
    (),
    -10,
    10,
    ("#762100", "#944c35", "#b07563", "#c8a094", "#d2d1ce", "#97aec6", "#678aae", "#396694", "#014478"),
    (pgettext_lazy("legend", "away"), pgettext_lazy("legend", "at rest"), pgettext_lazy("legend", "nearer")),
    _("How fast the measurement points move along the satellite's line of sight."),
    _("Each cell shows the mean of its points in the newest data sets that end in the same year."),
    _("Red-brown: away from the satellite. Blue: toward it. Grey: little motion."),
    unit=pgettext_lazy("unit", "mm a year"),
)
_VELOCITIES = (
    _LOS._replace(name="velocity-ascending", label=_("Velocity, ascending")),
    _LOS._replace(name="velocity-descending", label=_("Velocity, descending")),
    _LOS,
    _LOS._replace(
        name="velocity-vertical",
        label=_("Vertical velocity"),
        words=(
            pgettext_lazy("legend", "sinking"),
            pgettext_lazy("legend", "at rest"),
            pgettext_lazy("legend", "rising"),
        ),
        description=_("How fast the measurement points sink or rise."),
        caption=_("Red-brown: sinking. Blue: rising. Grey: little motion."),
    ),
)
# Component and direction of flight of the fields of each layer, None: any. Seen from the two sides, motion to the east
# has opposite signs, so that rates of both have no mean.
FIELDS = {
    "velocity-ascending": (Component.LOS, Direction.ASCENDING),
    "velocity-descending": (Component.LOS, Direction.DESCENDING),
    "velocity-los": (Component.LOS, Direction.UNKNOWN),
    "velocity-vertical": (Component.UP, None),
}

RASTER_LAYERS = (
    *_VELOCITIES,
    RasterLayer(
        "probability",
        _("Likelihood of motion"),
        Task.DEFORMATION,
        ("probability",),
        0,
        1,
        ("#f8e6ef", "#ebbdd5", "#d98fb8", "#c06099", "#9c3178", "#6b0a52"),
        (pgettext_lazy("legend", "unlikely"), "", pgettext_lazy("legend", "nearly certain")),
        _("How likely the computer considers it that this ground moves differently from the ground around it."),
        _(
            "Found in the measurement points; empty where there are none. Where tracks overlap, the highest value "
            "counts."
        ),
        _("Dark: nearly certain that this ground moves. Pale: unlikely."),
        "highest",
    ),
    RasterLayer(
        "smallest-rate",
        _("Where we cannot see"),
        Task.DEFORMATION,
        ("smallest_rate_mm_yr",),
        2,
        20,
        ("#f3efe2", "#dccfa8", "#b9a674", "#8f7c4c", "#63532d", "#382d13"),
        (pgettext_lazy("legend", "slow motion is seen"), "", pgettext_lazy("legend", "only fast motion")),
        _("The slowest motion that we would probably notice here, in millimetres a year, as the satellite sees it."),
        _(
            "For a place 1,600 metres across: nine of ten such places would be noticed. Small places have to move "
            "faster. Computed from the number of points, their scatter, errors made by the atmosphere and the tracks. "
            "Where there is no colour, too few points stand: nothing would be noticed, whatever its speed."
        ),
        _("Pale: slow motion would be seen. Dark: only fast motion. No colour: none."),
        "lowest",
        needs="smallest_rate_mm_yr",
        unit=pgettext_lazy("unit", "mm a year"),
    ),
    RasterLayer(
        "release-change",
        _("What has changed"),
        RELEASES,
        ("verdict",),
        0,
        4,
        ("#d8d8d3", "#5fb0dd", "#46464e", "#eba13c", "#a3195b"),
        (pgettext_lazy("release", "unchanged"), "", pgettext_lazy("release", "new motion")),
        _("What differs between the last two releases of the measurements, in cells of about 100 metres."),
        _(
            "Each release has its own zero, so the usual difference of still ground is subtracted first. A difference "
            "counts if it is more than twice its uncertainty. Up to one still cell in twenty exceeds that by chance, "
            "so look for groups. Most years are in both releases, which makes a change look smaller than it is. Points "
            "vanish where the surface changes, through building work or snow, or where the ground moves too fast."
        ),
        _("Pale grey: unchanged. Orange: faster. Blue: slower. Purple: new motion. Dark grey: points vanished."),
        "highest",
        classes=(
            pgettext_lazy("release", "unchanged"),
            pgettext_lazy("release", "slower"),
            pgettext_lazy("release", "points vanished"),
            pgettext_lazy("release", "faster"),
            pgettext_lazy("release", "new motion"),
        ),
    ),
    RasterLayer(
        "coherence",
        _("Coherence"),
        Task.COHERENCE,
        ("coherence",),
        0,
        1,
        ("#dcefec", "#aed5cf", "#7fb9b1", "#4f9c93", "#237b73", "#00544e"),
        (pgettext_lazy("legend", "changed"), "", pgettext_lazy("legend", "stayed the same")),
        _("How alike two radar images of one place are. Where they are alike, the surface stayed the same in between."),
        _(
            "Water, forest and growing fields are always low. Fresh snow, ploughing or building work lower it for a "
            "time."
        ),
        _("Dark: the surface stayed the same. Pale: it changed."),
    ),
    RasterLayer(
        "coherence-change",
        _("Change of coherence"),
        Task.COHERENCE_CHANGE,
        ("change_sigma",),
        -6,
        6,
        ("#55156a", "#8a559d", "#bd9bc8", "#e4e2e0", "#a0c7a4", "#599a63", "#1a6832"),
        (
            pgettext_lazy("legend", "less alike"),
            pgettext_lazy("legend", "as before"),
            pgettext_lazy("legend", "more alike"),
        ),
        _(
            "Where two radar images are less alike than the pairs of images before them: the surface itself has "
            "changed."
        ),
        _(
            "Counted in the usual scatter of this place (robust standard deviations). "
            "Below −3 is rare by chance. Rain or snow can lower whole slopes at once."
        ),
        _("Purple: less alike than before. Grey: as before. Green: more alike."),
        unit=pgettext_lazy("unit", "times the usual scatter"),
    ),
    RasterLayer(
        "confirmed-change",
        _("Confirmed change"),
        Task.COHERENCE_CHANGE,
        ("confidence",),
        80,
        100,
        ("#fbe3b8", "#f0bd74", "#dc9440", "#b86c1c", "#874809", "#532a02"),
        (pgettext_lazy("legend", "likely"), "", pgettext_lazy("legend", "nearly certain")),
        _("Where the surface changed, as several pairs of images confirm that have no image in common."),
        _(
            "One rainy or windy day cannot do that. A harvest, building work, a flood, a fire or a landslide can. "
            "Where there is no colour, nothing is confirmed: that does not mean that nothing changed. Only dates with "
            "a confirmed change can be chosen. The figure holds for a single place, whatever the noise is like."
        ),
        _("Dark: nearly certain that the surface changed. Pale: likely."),
        needs="confirmed_share",
        unit=pgettext_lazy("unit", "% sure, at least"),
        value=lambda bands: 100 * bands[0],
    ),
    RasterLayer(
        "change-onset",
        _("When it changed"),
        Task.COHERENCE_CHANGE,
        ("onset_day",),
        0,
        24,
        ("#0b3a5c", "#2b628a", "#5a8cb1", "#8fb3cf", "#c0d6e6", "#e4edf4"),
        (pgettext_lazy("legend", "just appeared"), "", pgettext_lazy("legend", "there for weeks")),
        _("How long before the later image a confirmed change of the surface was first seen."),
        _(
            "The change happened between that image and the one before it, 6 or 12 days earlier in most places. "
            "Only dates with a confirmed change can be chosen."
        ),
        _("Dark: first seen in the later image. Pale: seen in images up to 24 days before."),
        of_pair=lambda day, images: np.float32(images.last_day) - day,
        needs="confirmed_share",
        unit=pgettext_lazy("unit", "days earlier"),
    ),
    RasterLayer(
        "speed",
        _("Speed of fast motion"),
        Task.OFFSETS,
        ("dx_px", "dy_px"),
        0,
        2,
        ("#ece7f8", "#ccc0ea", "#a997da", "#8669c6", "#633bad", "#3e1184"),
        (pgettext_lazy("legend", "slow"), "", pgettext_lazy("legend", "fast")),
        _("How far the surface moved between two radar images: glaciers, and landslides that move metres in a week."),
        _(
            "Arrows stand only where the motion is more than three times its uncertainty. The overall shift between "
            "the two images is removed. Slow motion of millimetres does not show here; the points show that."
        ),
        _("Dark: fast, 2 m a day or more. Pale: slow. Arrows point to where it moves."),
        of_pair=_metres_a_day,
        unit=pgettext_lazy("unit", "m a day"),
        value=lambda bands: np.hypot(bands[0], bands[1]),
    ),
    RasterLayer(
        "radar",
        _("Radar image"),
        "",
        (),
        -22,
        0,
        ("#0d0d0d", "#565656", "#8f8f8f", "#c4c4c4", "#f7f7f7"),
        (pgettext_lazy("legend", "smooth, calm water"), "", pgettext_lazy("legend", "rough, buildings")),
        _("The image itself, as the radar on the satellite saw it."),
        _("Backscatter of one polarisation. Steep slopes that face the satellite are bright whatever covers them."),
        _("Bright: much of the radar's signal came back. Dark: little."),
        unit="dB",
        value=lambda bands: decibels(bands[0]),
    ),
)
RASTER_LAYERS_BY_NAME = {layer.name: layer for layer in RASTER_LAYERS}
ARROW_LAYER = RASTER_LAYERS_BY_NAME["speed"]
LAYER_OF_TASK = {layer.task: layer for layer in reversed(RASTER_LAYERS) if layer.task}  # The first layer of each task
