"""Radar images, their pairs, and the results of models in words."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Protocol

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from ground_motion.runtime.methods import methods
from monitor.wording.dates import two_days
from monitor.wording.figures import decimal, listed, percent, whole
from monitor.wording.places import toward

_SERIES = re.compile(r"track (\d+)(?: (ascending|descending))?", re.ASCII)
_CUT = re.compile(r"(burst|tile) (\S+)")
_PAIR = re.compile(r"radar images of ([\d-]{10}) and ([\d-]{10})")
NAME_PARTS = {
    "Simulated velocity field": gettext_lazy("Simulated velocity field"),
    "vertical": pgettext_lazy("measured direction", "vertical"),
    "east-west": pgettext_lazy("measured direction", "east-west"),
    "north-south": pgettext_lazy("measured direction", "north-south"),
}
PLATFORMS = {"S1A": "Sentinel-1A", "S1B": "Sentinel-1B", "S1C": "Sentinel-1C", "S1D": "Sentinel-1D"}
DIRECTION_WORDS = {
    "ascending": pgettext_lazy("direction of flight", "ascending"),
    "descending": pgettext_lazy("direction of flight", "descending"),
}
RUN_STATES = {
    "queued": pgettext_lazy("computation", "waiting"),
    "running": pgettext_lazy("computation", "running"),
    "succeeded": pgettext_lazy("computation", "finished"),
    "failed": pgettext_lazy("computation", "failed"),
    "cancelled": pgettext_lazy("computation", "cancelled"),
}
TASKS = {
    "coherence": gettext_lazy("Coherence"),
    "coherence-change": gettext_lazy("Change of coherence"),
    "offsets": gettext_lazy("Offsets"),
}
NOT_RUN = {
    "coherence": gettext_lazy("No model has compared these two images yet."),
    "offsets": gettext_lazy("No model has looked for fast motion between these two images yet."),
}
# Words for reasons of ground_motion.methods.offsets, whose shares the statistics hold.
NO_VALUE = {
    "too_few_pixels": gettext_lazy("It has no value for this pair: the two images show too little ground in common."),
    "no_texture": gettext_lazy("It has no value for this pair: the images show no texture that could be recognised."),
    "beyond_reach": gettext_lazy(
        "It has no value for this pair: the ground moved farther than was searched, %(reach)s metres."
    ),
    "no_match": gettext_lazy(
        "It has no value for this pair: nothing in one image looks like the other within %(reach)s metres, as far as "
        "was searched."
    ),
}


def run_state(state: str, share_done: float) -> str:
    """Return the state of a run in words: 'waiting', 'running, 40 % done'."""
    if state == "running" and share_done > 0:
        # Translators: %(share)s is "40 %"
        return _("running, %(share)s done") % {"share": percent(share_done)}
    return str(RUN_STATES[state])


def method_name(task: str, method: str) -> str:
    """Return the name of a method for use in a sentence; its stored name if it is no longer part of the code."""
    row = methods(task).get(method)
    return _(row.label) if row else method.replace("-", " ")


def headline(first: date, last: date, days: int) -> str:
    """Return the heading of a pair: 'Radar images of 1 and 13 December 2021, 12 days apart'."""
    # Translators: %(dates)s is "1 and 13 December 2021"
    words = ngettext(
        "Radar images of %(dates)s, %(days)s day apart", "Radar images of %(dates)s, %(days)s days apart", days
    )
    return words % {"dates": two_days(first, last), "days": whole(days)}


class TrackedImage(Protocol):
    """Image, or another row that has a track. track: None if unknown."""

    track: int | None
    direction: str
    burst: str


def piece(image: TrackedImage) -> str:
    """Return the track and burst of an image: 'track 137 ascending, burst 292320-IW2'; empty without a track."""
    if image.track is None:
        return ""
    track = track_words(image.track, image.direction)
    if not image.burst:
        return track
    # Translators: %(track)s is "track 137 ascending"; a burst is a part of a radar image
    return _("%(track)s, burst %(burst)s") % {"track": track, "burst": image.burst}


def track_words(track: int, direction: str) -> str:
    """Return a track with its direction: 'track 137 ascending'."""
    words = {"ascending": _("track %(number)s ascending"), "descending": _("track %(number)s descending")}
    return words.get(direction, _("track %(number)s")) % {"number": f"{track:03d}"}


def track_of_series(name: str) -> str:
    """Translate the stored name of a glacier's series: 'track 137 ascending'."""
    known = _SERIES.fullmatch(name)
    return track_words(int(known[1]), known[2] or "") if known else name


def data_set_name(name: str) -> str:
    """Translate the stored name of a data set; names of formats and codes stay unchanged."""
    # 'Simulated velocity field, track 901 ascending, burst 0001', 'radar images of 2023-07-11 and 2023-07-23'.
    return ", ".join(_part_of_name(part) for part in name.split(", "))


def _part_of_name(part: str) -> str:
    if days := _PAIR.fullmatch(part):
        return _("radar images of %(first)s and %(second)s") % {"first": days[1], "second": days[2]}
    if cut := _CUT.fullmatch(part):
        return (_("burst %(code)s") if cut[1] == "burst" else _("tile %(code)s")) % {"code": cut[2]}
    return str(NAME_PARTS.get(part) or track_of_series(part))


def result_sentences(task: str, statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    """Return sentences on the statistics of a run, the most important first; missing figures are left out."""
    known = statistics.get("known_share")
    if known == 0:
        return [_why_nothing(statistics, posting_m)]
    sentences = {"coherence": _coherence, "offsets": _offsets}[task](statistics, posting_m, days)
    if known is None or known >= 0.995:
        return sentences
    return [*sentences, _("It has values for %(share)s of the image.") % {"share": percent(max(known, 0.01))}]


def _why_nothing(statistics: Mapping[str, float], posting_m: float) -> str:
    """Return the most frequent reason why cells of a result have no value."""
    likely = max(NO_VALUE, key=lambda name: statistics.get(f"{name}_share", 0.0))
    if not statistics.get(f"{likely}_share"):
        return _("It has no value for this pair: nothing in the two images could be matched.")
    return str(NO_VALUE[likely]) % {"reach": whole(statistics.get("reach_px", 0) * posting_m)}


def _coherence(statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    lines = []
    if "mean_coherence" in statistics:
        sentence = _(
            "The two images match to %(share)s on average; 100 %% would be a surface that stayed the same everywhere."
        )
        lines.append(sentence % {"share": percent(statistics["mean_coherence"])})
        if "median_sigma" in statistics:
            lines.append(single_values(statistics["median_sigma"]))
    if "looks" in statistics:
        looks = statistics["looks"]
        lines.append(
            _("Each value of the images is a mean of about %(number)s independent looks.")
            % {"number": decimal(looks, 0 if looks >= 10 else 1)}
        )
    return lines


def single_values(sigma: float) -> str:
    """Return 'Single values are uncertain by ± 9 percentage points.'. sigma: of coherence, 0-1."""
    return _("Single values are uncertain by ± %(number)s percentage points.") % {"number": whole(100 * sigma)}


def _offsets(statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    lines = []
    if "median_length_px" in statistics and "largest_length_px" in statistics:
        middle, largest = (statistics[name] * posting_m for name in ("median_length_px", "largest_length_px"))
        sentence = _(
            "Half of the measurements lie within %(middle)s metres of where they were; the farthest is %(largest)s "
            "metres away (%(speed)s metres a day), which may be an error of matching."
        )
        figures = {"middle": decimal(middle, 1), "largest": whole(largest), "speed": decimal(largest / days, 1)}
        lines.append(sentence % figures)
    if "median_dx_px" in statistics and "median_dy_px" in statistics:
        lines.append(_shift(statistics["median_dx_px"] * posting_m, statistics["median_dy_px"] * posting_m))
    return lines


def _shift(east_m: float, south_m: float) -> str:
    """Return the shift of the second image against the first, in words: metres to the east and to the south."""
    ways = [
        # Translators: %(direction)s is "to the south"
        _("%(number)s metres %(direction)s") % {"number": decimal(abs(metres), 1), "direction": toward(bearing_deg)}
        for metres, bearing_deg in ((east_m, 90.0 if east_m > 0 else 270.0), (south_m, 180.0 if south_m > 0 else 0.0))
        if abs(metres) >= 0.05
    ]
    if not ways:
        return _("The two images match in position to within 5 centimetres.")
    # Translators: %(shift)s is "3.0 metres to the east and 1.5 metres to the south"
    return _("As a whole, the second image is shifted against the first: %(shift)s.") % {"shift": listed(ways)}
