"""Radar images, their pairs, and the results of models in words, for operators."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Protocol

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from ground_motion.runtime.methods import methods
from monitor.wording.dates import two_days
from monitor.wording.figures import decimal, listed, percent, whole
from monitor.wording.places import latitude_label, longitude_label, toward

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
POLARISATIONS = {
    "VV": gettext_lazy("VV: sent vertically, received vertically"),
    "VH": gettext_lazy("VH: sent vertically, received horizontally"),
    "HH": gettext_lazy("HH: sent horizontally, received horizontally"),
    "HV": gettext_lazy("HV: sent horizontally, received vertically"),
}
LOOKS = {  # (direction of flight, side of the radar): words
    ("ascending", "right"): gettext_lazy("to the right of its path, roughly east"),
    ("ascending", "left"): gettext_lazy("to the left of its path, roughly west"),
    ("descending", "right"): gettext_lazy("to the right of its path, roughly west"),
    ("descending", "left"): gettext_lazy("to the left of its path, roughly east"),
    ("", "right"): gettext_lazy("to the right of its path"),
    ("", "left"): gettext_lazy("to the left of its path"),
}
DIRECTION_WORDS = {
    "ascending": pgettext_lazy("direction of flight", "ascending"),
    "descending": pgettext_lazy("direction of flight", "descending"),
}
# Words for how an image in the satellite's own geometry was resampled onto the map.
PLACED = {
    "gcp": gettext_lazy(
        "By the product's geolocation grid, without the height of the ground between its points: in mountains hundreds "
        "of metres off, both images alike. If elevation is loaded before the images, they are placed correctly."
    ),
    "terrain": gettext_lazy("By the satellite's path and the height of the ground."),
}
BACKSCATTER = {
    "gamma0": gettext_lazy("gamma nought (per area as the radar sees it, evened out for slopes)"),
    "sigma0": gettext_lazy("sigma nought (per area of flat ground)"),
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
    "coherence-change": gettext_lazy(
        "Not computed yet: it needs the coherence of this pair and of three earlier ones of the same ground."
    ),
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


def apart(days: int) -> str:
    """Return the days between two images in words: '12 days apart'."""
    return ngettext("%(days)s day apart", "%(days)s days apart", days) % {"days": whole(days)}


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


def tracks_in_words(tracks: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Return (track, direction) pairs with the directions translated."""
    return [(track, str(DIRECTION_WORDS.get(direction, direction))) for track, direction in tracks]


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


def platforms(first: str, last: str) -> str:
    """Return a pair's satellites: 'Sentinel-1A', 'Sentinel-1A, then Sentinel-1B'; 'not stated' if a file names none."""
    names = [PLATFORMS.get(name, name) or not_stated() for name in (first, last)]
    if names[0] == names[1]:
        return names[0]
    # Translators: names of satellites, "Sentinel-1A, then Sentinel-1B"
    return _("%(first)s, then %(last)s") % {"first": names[0], "last": names[1]}


def not_stated() -> str:
    """Return 'not stated', for a value that a file lacks."""
    return _("not stated")


def polarisation(name: str) -> str:
    """Return a polarisation in words: 'VV: sent vertically, received vertically'."""
    return str(POLARISATIONS[name]) if name in POLARISATIONS else name or not_stated()


def look_side(direction: str, side: str) -> str:
    """Return 'to the right of its path, roughly east'. direction: ascending flies north; side: right or left."""
    return str(LOOKS.get((direction, side)) or LOOKS["", side])


def extent(west: float, south: float, east: float, north: float) -> str:
    """Return the edges of a box, degrees, in words: '35.26° N to 35.29° N, 119.96° W to 119.93° W'."""
    # Translators: the edges of a box, "35.26° N to 35.29° N, 119.96° W to 119.93° W"
    return _("%(south)s to %(north)s, %(west)s to %(east)s") % {
        "south": latitude_label(south),
        "north": latitude_label(north),
        "west": longitude_label(west),
        "east": longitude_label(east),
    }


def size(rows: int, cols: int, posting_m: float) -> str:
    """Return the size of a grid, width (west to east) first: '6.0 × 4.5 km, 200 × 150 pixels'."""
    km = [pixels * posting_m / 1000 for pixels in (cols, rows)]
    digits = 0 if min(km) >= 100 else 1
    return _("%(width)s × %(height)s km, %(columns)s × %(rows)s pixels") % {
        "width": decimal(km[0], digits),
        "height": decimal(km[1], digits),
        "columns": whole(cols),
        "rows": whole(rows),
    }


def result_sentences(task: str, statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    """Return sentences on the statistics of a run, the most important first; missing figures are left out."""
    known = statistics.get("known_share")
    if known == 0:
        return [_why_nothing(statistics, posting_m)]
    sentences = {"coherence": _coherence, "coherence-change": _change, "offsets": _offsets}[task](
        statistics, posting_m, days
    )
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


def _change(statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    lines = []
    if "lowest_sigma" in statistics:
        lost = -statistics["lowest_sigma"]
        fell = _(
            "Where most was lost, the match fell by %(number)s times its usual scatter; more than 3 is rare by chance."
        )
        nowhere = _("Nowhere did the match fall by more than 3 times its usual scatter.")
        lines.append((fell if lost > 3 else nowhere) % {"number": decimal(lost, 1)})
    if "confirmed_share" in statistics:
        share = statistics["confirmed_share"]
        confirmed = _("Pairs that have no image in common confirm a change on %(share)s of it.")
        if share <= 0:
            confirmed = _("No change is confirmed by other pairs of images so far.")
        elif share < 0.001:
            confirmed = _("Pairs that have no image in common confirm a change on less than %(share)s of it.")
        lines.append(confirmed % {"share": percent(max(share, 0.001), 1)})
    if "weather" in statistics:
        points = 100 * statistics["weather"]
        worse = _(
            "The image as a whole matched %(number)s percentage points worse than earlier pairs (rain, wind or snow do "
            "that); this is removed."
        )
        better = _(
            "The image as a whole matched %(number)s percentage points better than earlier pairs (rain, wind or snow "
            "do that); this is removed."
        )
        lines.append((worse if points < 0 else better) % {"number": decimal(abs(points), 1)})
    return lines


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
