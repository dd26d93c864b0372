"""Sentences about events: kind, time, and results of image pairs near the place. Pure: figures in, text out."""

from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ground_motion.methods.deformation.quakes import Mechanism, Reach
from monitor.maps.imaging.pixels import NearCoherence, NearMotion
from monitor.wording.dates import day_words
from monitor.wording.exposure import count_words
from monitor.wording.figures import alternatives, decimal, percent, percent_or_less, short, whole
from monitor.wording.images import single_values
from monitor.wording.places import toward

KIND_WORDS = {
    "earthquake": gettext_lazy("Earthquake"),
    "eruption": gettext_lazy("Eruption"),
    "landslide": gettext_lazy("Landslide"),
    "calving": gettext_lazy("Calving of a glacier"),
}
LOOK_FOR = {
    "earthquake": gettext_lazy(
        "Look for a step across a fault in the arrows, and for towns and slopes that lost their coherence."
    ),
    "eruption": gettext_lazy("Look for coherence lost under fresh lava and ash, and for flanks that moved."),
    "landslide": gettext_lazy(
        "A slope that has collapsed leaves no arrows: look for coherence lost there, and arrows around it."
    ),
    "calving": gettext_lazy(
        "Look for coherence lost at the front, and for ice behind it that flows faster than before."
    ),
}
MECHANISM_WORDS: dict[Mechanism | None, Any] = {
    Mechanism.STRIKE_SLIP: gettext_lazy("The two sides of the fault slipped past each other sideways (strike-slip)."),
    Mechanism.THRUST: gettext_lazy("One side of the fault was pushed up over the other (thrust)."),
    Mechanism.NORMAL: gettext_lazy("One side of the fault sank along it (normal fault)."),
    None: gettext_lazy("How the fault slipped is not known: the figures are the largest of all kinds."),
}
LARGE_M = 10.0
CATALOGUES = {"earthquake.usgs.gov": "USGS", "www.seismicportal.eu": "EMSC"}
NOT_YET = {
    "image": gettext_lazy("Not yet: it takes an image from after the event."),
    "pair": gettext_lazy("Not yet: no pair of images spans the event."),
    "run": gettext_lazy("Not yet: the images are being compared, before all others."),
    "failed": gettext_lazy("Not known: the images could not be compared."),
    "withdrawn": gettext_lazy("Nothing: the report was withdrawn before the images were compared."),
}
INTERFEROGRAM_NEEDED = gettext_lazy(
    "Motion this small seldom shows between two single images: it takes an interferogram."
)


def when_words(first: datetime, last: datetime) -> str:
    """Return the time of an event: 'on 14 October 2023' (UTC) or 'on 14 October 2023 at 06:30 UTC'."""
    if last > first:
        return _("on %(day)s") % {"day": day_words(first)}
    return _("on %(day)s at %(time)s UTC") % {"day": day_words(first), "time": f"{first:%H:%M}"}


def moment_words(moment: datetime) -> str:
    """Return a time: 'Thursday, 5 December 2024, 05:12 UTC'."""
    when = {"weekday": date_format(moment, "l"), "day": day_words(moment), "time": f"{moment:%H:%M}"}
    return _("%(weekday)s, %(day)s, %(time)s UTC") % when


def size_words(magnitude: float | None, depth_km: float | None) -> str:
    """Return 'Magnitude 6.2, at a depth of 4 km.'; empty for an eruption."""
    if magnitude is None or depth_km is None:
        return ""
    figures = {"magnitude": decimal(magnitude, 1), "depth": whole(max(depth_km, 0.0))}
    return _("Magnitude %(magnitude)s, at a depth of %(depth)s km.") % figures


def expected_words(reach: Reach | None, radius_km: float, mechanism: Mechanism | None) -> str:
    """Describe what motion such an earthquake leads to. reach: None if it is too little; mechanism: None if unknown."""
    if reach is None:
        return _("By its newest figures it moved the ground by less than satellites can measure.")
    most = f"{decimal(reach.peak_m, 1)} m" if reach.peak_m >= 1 else f"{whole(100 * reach.peak_m)} cm"
    # Translators: %(most)s is "1.2 m" or "24 cm"
    expected = _(
        "An earthquake like this moves the ground by up to about %(most)s. Motion that can be measured is expected "
        "within about %(radius)s km."
    ) % {"most": most, "radius": whole(radius_km)}
    return f"{MECHANISM_WORDS[mechanism]} {expected}"


def look_words(at: datetime | None, track: str, is_taken: bool) -> str:
    """Describe the first image after an event. at: None if it cannot be predicted; track: in words."""
    if at is None:
        return _("Not known yet: no image from the last weeks shows when a satellite passes here.")
    if is_taken:
        return _("Taken on %(when)s (%(track)s).") % {"when": moment_words(at), "track": track}
    # Translators: %(when)s is "Thursday, 5 December 2024, 05:12 UTC", %(track)s is "track 137 ascending"
    return _("Expected on %(when)s (%(track)s).") % {"when": moment_words(at), "track": track}


def people_words(people: float | None, radius_km: float) -> str:
    """Return how many people live within a distance."""
    if people is None:
        return _("Not known: no count of people is loaded for this place.")
    # Translators: %(count)s is "3" or "about 1,300"
    living = ngettext(
        "%(count)s person lives within %(radius)s km.", "%(count)s people live within %(radius)s km.", round(people)
    )
    return capfirst(living % {"count": count_words(people), "radius": whole(radius_km)})


def motion_near(near: NearMotion | None, radius_km: float) -> str:
    """Describe the motion near an event in one sentence."""
    if near is None:
        return _("Within %(radius)s km of the place these offsets have no value.") % {"radius": short(radius_km)}
    if near.fastest_m is None:
        sentence = _(
            "Within %(radius)s km nothing moved clearly: motion of less than about %(least)s m would not show."
        )
        return sentence % {"radius": short(radius_km), "least": _metres(5 * near.sigma_m)}
    # Translators: %(share)s is "12 %" or "less than 1 %"; %(direction)s is "to the east"
    return _(
        "Within %(radius)s km %(share)s of the measurements moved clearly, the fastest of it by about %(fastest)s m "
        "(± %(margin)s m) %(direction)s."
    ) % {
        "radius": short(radius_km),
        "share": percent_or_less(near.share),
        "fastest": _metres(near.fastest_m),
        "margin": _metres(2 * near.sigma_m),
        "direction": toward(near.bearing_deg),
    }


def coherence_near(near: NearCoherence | None, radius_km: float) -> str:
    """Describe the coherence near an event and its uncertainty."""
    if near is None:
        return _("Within %(radius)s km of the place this coherence has no value.") % {"radius": short(radius_km)}
    match = _(
        "Within %(radius)s km the two images match to %(median)s or better on half of the ground; on the %(part)s that "
        "changed most, to %(lowest)s or less."
    ) % {
        "radius": short(radius_km),
        "median": percent(near.median),
        "part": percent(0.05),
        "lowest": percent(near.lowest),
    }
    return f"{match} {single_values(near.sigma)}"


def waiting_sentence(before: datetime | None, after: datetime | None, days: list[int]) -> str:
    """Explain why no pair spans an event yet. before, after: times of the images around it; days: allowed baselines."""
    if before is None and after is None:
        return _("No radar image of this place is loaded.")
    if before is None:
        return _("No radar image of this place from before the event is loaded.")
    if after is None:
        return _(
            "The last image before the event is of %(day)s. None from after it is loaded yet; as soon as one makes a "
            "pair, it is run before everything else and shown here."
        ) % {"day": day_words(before)}
    # Translators: %(days)s is a list of numbers, "6, 12 or 24"
    return _(
        "There are images of %(before)s and %(after)s, but no pair spans the event: the images of a pair share a track "
        "and are %(days)s days apart."
    ) % {"before": day_words(before), "after": day_words(after), "days": alternatives([str(day) for day in days])}


def _metres(value: float) -> str:
    return decimal(value, 0 if value >= LARGE_M else 1)
