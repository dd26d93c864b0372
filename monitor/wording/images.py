"""Radar images, their pairs, and the results of models in words, for operators."""

from collections.abc import Mapping
from datetime import date

from monitor.wording.compass import COMPASS
from monitor.wording.dates import two_days

PLATFORMS = {"S1A": "Sentinel-1A", "S1B": "Sentinel-1B", "S1C": "Sentinel-1C", "S1D": "Sentinel-1D"}
_WAVES = {"V": "vertically", "H": "horizontally"}
# how an image that came in the satellite's own geometry was laid on the map
PLACED = {
    "gcp": "By the product's geolocation grid, without the height of the ground between its points: in mountains "
    "hundreds of metres off, both images alike. If elevation is loaded before the images, they are placed correctly.",
    "terrain": "By the satellite's path and the height of the ground.",
}
BACKSCATTER = {
    "gamma0": "gamma nought (per area as the radar sees it, evened out for slopes)",
    "sigma0": "sigma nought (per area of flat ground)",
}
RUN_STATES = {
    "queued": "waiting",
    "running": "running",
    "succeeded": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}


def run_state(state: str, share_done: float) -> str:
    """'waiting', 'running, 40 % done': the state of a run."""
    done = f", {share_done:.0%} done".replace("%", " %") if state == "running" and share_done > 0 else ""
    return RUN_STATES[state] + done


TASKS = {"coherence": "Coherence", "coherence-change": "Change of coherence", "offsets": "Offsets"}
NOT_RUN = {
    "coherence": "No model has compared these two images yet.",
    "coherence-change": (
        "Not computed yet: it needs the coherence of this pair and of three earlier ones of the same ground."
    ),
    "offsets": "No model has looked for fast motion between these two images yet.",
}


# reasons of ml.offsets, of which statistics hold the shares
NO_VALUE = {
    "too_few_pixels": "the two images show too little ground in common",
    "no_texture": "the images show no texture that could be recognised",
    "beyond_reach": "the ground moved farther than was searched, {reach}",
    "no_match": "nothing in one image looks like the other within {reach}, as far as was searched",
}


def apart(days: int) -> str:
    """'12 days apart'."""
    return f"{days} day{'s' if days != 1 else ''} apart"


def headline(first: date, last: date, days: int) -> str:
    """'Radar images of 1 and 13 December 2021, 12 days apart'."""
    return f"Radar images of {two_days(first, last)}, {apart(days)}"


def platforms(first: str, last: str) -> str:
    """'Sentinel-1A', 'Sentinel-1A, then Sentinel-1B'; 'not stated' where a file leaves it out."""
    names = [PLATFORMS.get(name, name) or "not stated" for name in (first, last)]
    return names[0] if names[0] == names[1] else f"{names[0]}, then {names[1]}"


def polarisation(name: str) -> str:
    """'VV: sent vertically, received vertically'."""
    if len(name) != 2 or not set(name) <= set(_WAVES):
        return name or "not stated"
    return f"{name}: sent {_WAVES[name[0]]}, received {_WAVES[name[1]]}"


def look(direction: str, side: str) -> str:
    """'to the right of its path, roughly east'. direction: ascending flies to the north."""
    if direction not in ("ascending", "descending"):
        return f"to the {side} of its path"
    east = (direction == "ascending") == (side == "right")
    return f"to the {side} of its path, roughly {'east' if east else 'west'}"


def extent(west: float, south: float, east: float, north: float) -> str:
    """'35.26° to 35.29° N, 119.96° to 119.93° W': the edges of a box, degrees."""

    def along(first: float, last: float, letters: str) -> str:
        ends = [(f"{abs(edge):.2f}°", letters[edge < 0]) for edge in (first, last)]
        if ends[0][1] == ends[1][1]:
            return f"{ends[0][0]} to {ends[1][0]} {ends[1][1]}"
        return " to ".join(f"{figure} {letter}" for figure, letter in ends)

    return f"{along(south, north, 'NS')}, {along(west, east, 'EW')}"


def size(rows: int, cols: int, posting_m: float) -> str:
    """'6.0 x 4.5 km, 200 x 150 pixels': from west to east first."""
    km = [pixels * posting_m / 1000 for pixels in (cols, rows)]
    digits = 0 if min(km) >= 100 else 1
    return f"{km[0]:.{digits}f} × {km[1]:.{digits}f} km, {cols:,} × {rows:,} pixels"


def result_sentences(task: str, statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    """Statistics of a run in words, most important first; missing figures are left out."""
    sentences = {"coherence": _coherence, "coherence-change": _change, "offsets": _offsets}[task](
        statistics, posting_m, days
    )
    known = statistics.get("known_share")
    if known == 0:
        return [f"It has no value for this pair: {_why_nothing(statistics, posting_m)}."]
    if known is None or known >= 0.995:
        return sentences
    return [*sentences, f"It has values for {max(known, 0.01):.0%} of the image."]


def _why_nothing(statistics: Mapping[str, float], posting_m: float) -> str:
    """The reason that most of a result without values has."""
    likely = max(NO_VALUE, key=lambda name: statistics.get(f"{name}_share", 0.0))
    if not statistics.get(f"{likely}_share"):
        return "nothing in the two images could be matched"
    return NO_VALUE[likely].format(reach=f"{statistics.get('reach_px', 0) * posting_m:,.0f} metres")


def _coherence(statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    lines = []
    if "mean_coherence" in statistics:
        sigma = f" ({single_values(statistics['median_sigma'])})" if "median_sigma" in statistics else ""
        lines.append(
            f"The two images match to {statistics['mean_coherence']:.0%} on average{sigma}; "
            "100% would be a surface that stayed the same everywhere."
        )
    if "looks" in statistics:
        lines.append(f"Each value of the images is a mean of about {statistics['looks']:.2g} independent looks.")
    return lines


def single_values(sigma: float) -> str:
    """'single values ± 9 percentage points'. sigma: of coherence, 0-1."""
    return f"single values ± {100 * sigma:.0f} percentage points"


def _share(share: float) -> str:
    return f"{share:.1%}" if share >= 0.001 else "less than 0.1%"


def _change(statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    lines = []
    if "lowest_sigma" in statistics:
        lost = -statistics["lowest_sigma"]
        lines.append(
            f"Where most was lost, the match fell by {lost:.1f} times its usual scatter; more than 3 is rare by chance."
            if lost > 3
            else "Nowhere did the match fall by more than 3 times its usual scatter."
        )
    if "confirmed_share" in statistics:
        lines.append(
            f"Pairs that have no image in common confirm a change on {_share(statistics['confirmed_share'])} of it."
            if statistics["confirmed_share"] > 0
            else "No change is confirmed by other pairs of images so far."
        )
    if "weather" in statistics:
        points = 100 * statistics["weather"]
        way = "worse" if points < 0 else "better"
        lines.append(
            f"The image as a whole matched {abs(points):.1f} percentage points {way} than earlier pairs "
            "(rain, wind or snow do that); this is removed."
        )
    return lines


def _offsets(statistics: Mapping[str, float], posting_m: float, days: int) -> list[str]:
    lines = []
    if "median_length_px" in statistics and "largest_length_px" in statistics:
        middle, largest = (statistics[name] * posting_m for name in ("median_length_px", "largest_length_px"))
        lines.append(
            f"Half of the measurements lie within {middle:.1f} metres of where they were; the farthest is "
            f"{largest:.0f} metres away ({largest / days:.1f} metres a day), which may be an error of matching."
        )
    if "median_dx_px" in statistics and "median_dy_px" in statistics:
        lines.append(_shift(statistics["median_dx_px"] * posting_m, statistics["median_dy_px"] * posting_m))
    return lines


def _shift(east_m: float, south_m: float) -> str:
    """How the images lie on each other. The rows of a raster run to the south."""
    ways = [
        f"{abs(metres):.1f} metres to the {COMPASS[at]}"
        for metres, at in ((east_m, 2 if east_m > 0 else 6), (south_m, 4 if south_m > 0 else 0))
        if abs(metres) >= 0.05
    ]
    if not ways:
        return "The two images match in position to within 5 centimetres."
    return f"As a whole, the second image lies {' and '.join(ways)} of the first."
