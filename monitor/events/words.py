"""Events in words: their progress, and what the pair across one shows near its place. Pure."""

from datetime import datetime

from monitor.imaging.event_figures import NearCoherence, NearMotion
from monitor.wording.compass import compass
from monitor.wording.dates import day_words
from monitor.wording.images import single_values

KIND_WORDS = {
    "earthquake": "Earthquake",
    "eruption": "Eruption",
    "landslide": "Landslide",
    "calving": "Calving of a glacier",
}
LOOK_FOR = {
    "earthquake": "Look for a step across a fault in the arrows, and for towns and slopes that lost their coherence.",
    "eruption": "Look for coherence lost under fresh lava and ash, and for flanks that moved.",
    "landslide": "A slope that has collapsed leaves no arrows: look for coherence lost there, and arrows around it.",
    "calving": "Look for coherence lost at the front, and for ice behind it that flows faster than before.",
}
LARGE_M = 10.0


def when_words(first: datetime, last: datetime) -> str:
    """'on 14 October 2023' (UTC), 'on 14 October 2023 at 06:30 UTC'."""
    day = f"on {day_words(first)}"
    return day if last > first else f"{day} at {first:%H:%M} UTC"


def motion_near(near: NearMotion | None, radius_km: float) -> str:
    """One sentence of the offsets near the place."""
    if near is None:
        return f"Within {radius_km:g} km of the place these offsets have no value."
    if near.fastest_m is None:
        return (
            f"Within {radius_km:g} km nothing moved clearly: motion of less than about {_metres(5 * near.sigma_m)} "
            "would not show."
        )
    return (
        f"Within {radius_km:g} km {_percent(near.share)} of the measurements moved clearly, the fastest of it by about "
        f"{_metres(near.fastest_m)} (± {_metres(2 * near.sigma_m)}) to the {compass(near.bearing_deg)}."
    )


def coherence_near(near: NearCoherence | None, radius_km: float) -> str:
    """One sentence of the coherence near the place."""
    if near is None:
        return f"Within {radius_km:g} km of the place this coherence has no value."
    return (
        f"Within {radius_km:g} km the two images match to {near.median:.0%} or better on half of the ground "
        f"({single_values(near.sigma)}); on the 5% that changed most, to {near.lowest:.0%} or less."
    )


def waiting_sentence(before: datetime | None, after: datetime | None, days: list[int]) -> str:
    """Why there is no pair yet."""
    apart = ", ".join(map(str, days[:-1])) + (f" or {days[-1]}" if len(days) > 1 else str(days[-1]))
    if before is None and after is None:
        return "No radar image of this place is loaded."
    if before is None:
        return "No radar image of this place from before the event is loaded."
    if after is None:
        return (
            f"The last image before the event is of {day_words(before)}. None from after it is loaded yet; "
            "as soon as one makes a pair, it is run before everything else and shown here."
        )
    return (
        f"There are images of {day_words(before)} and {day_words(after)}, but no pair spans the event: "
        f"the images of a pair share a track and are {apart} days apart."
    )


def _metres(value: float) -> str:
    return f"{value:.0f} m" if value >= LARGE_M else f"{value:.1f} m"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else "less than 1%"
