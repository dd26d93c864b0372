"""The next looks at a place from space, what each would show, and what the last one saw, in words."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.core.cache import cache
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rasterio.errors import RasterioError

from detection.alerts.looks import is_news, least_found, searches_over
from detection.kinds import Kind
from detection.models import Alert, AlertMotion, Scan
from detection.rules.passes import passes_of
from detection.selectors import FOLLOWED_STATES
from ground_motion.core.errors import promised
from ingest.models import Scene
from ingest.scenes.looks import NISAR, Look, looks_at
from ingest.scenes.next_pass import SAME_PASS
from ml.models import ModelVersion
from monitor.wording.dates import day_words
from monitor.wording.figures import alternatives, area_label, decimal, listed, whole
from monitor.wording.images import DIRECTION_WORDS, PLATFORMS

logger = logging.getLogger(__name__)

RECENT = timedelta(days=366)  # Older observations do not describe the present.
KEPT_S = 24 * 3600
FINENESS = 0.005  # Borders are simplified within this share of a region's size.
SURE = 2.0  # Smaller differences of two dates, in standard deviations, are not called motion.
Noise = Mapping[int | None, float | None]  # track of a series -> standard deviation of one date, mm
# Translators: %(when)s is "Tuesday 3 March, 18:05 UTC", %(track)s is "track 37, ascending, Sentinel-1A"
NEXT = gettext_lazy("Next look from space: around %(when)s (%(track)s).")
MAYBE = gettext_lazy("May be seen from space around %(when)s (%(track)s). Not every pass takes an image here.")


class Least(NamedTuple):
    """Smallest change that a pass shows; None if unknown, or if the pass shows no change of this kind."""

    motion_m: float | None = None
    surface_m2: float | None = None

    @property
    def words(self) -> list[str]:
        """Return the changes as parts of a sentence."""
        parts = []
        if self.motion_m:
            # Translators: part of a sentence; %(size)s is "6 mm" or "2.4 m"
            parts.append(_("motion of more than about %(size)s") % {"size": _length(self.motion_m)})
        if self.surface_m2:
            # Translators: part of a sentence; %(size)s is "8 hectares"
            parts.append(_("a change of the surface over more than %(size)s") % {"size": area_label(self.surface_m2)})
        return parts


class NextLook(NamedTuple):
    """An expected pass in words: its time (`when`, UTC), and the sentence `before` and `after` it."""

    look: Look
    before: str
    when: str
    after: str
    least: Least

    @property
    def sentence(self) -> str:
        """Return when the place is seen, and by what."""
        return f"{self.before}{self.when}{self.after}"

    @property
    def shows(self) -> str:
        """Return what the look would show; empty if that is unknown."""
        what = listed(self.least.words)
        # Translators: %(what)s is "motion of more than about 6 mm"
        return _("It would show %(what)s since the last one.") % {"what": what} if what else ""


@dataclass(frozen=True)
class Looks:
    """Looks at a place. ahead: the earliest first; looked: what the last one saw, empty if there was none."""

    ahead: Sequence[NextLook] = ()
    looked: str = ""

    @property
    def next(self) -> NextLook | None:
        """Return the first look that is likely, or else the likeliest one; None where no look is expected."""
        likely = [one for one in self.ahead if one.look.is_likely]
        return likely[0] if likely else max(self.ahead, key=lambda one: one.look.probability, default=None)


def looks_at_alert(alert: Alert) -> Looks:
    """Return the looks at an alert's place; none at one that is not followed any more."""
    if alert.state not in FOLLOWED_STATES:
        return Looks()
    area, series = alert.area, AlertMotion.objects.filter(alert=alert)
    noise_mm = dict(series.values_list("product__track", "fit__noise_mm"))
    scans, ahead = searches_over(area=area, after=timezone.now() - RECENT), []
    for look in looks_at(area=area, after=timezone.now()):
        own = (look.track, look.platform == NISAR)
        of_track = [scan for scan in scans if own == (_taken(scan).track, _taken(scan).platform == NISAR)]
        ahead.append(_in_words(look, noise_mm, _least(of_track, area)))
    return Looks(ahead, _looked(alert, scans))


def looks_at_place(area: GEOSGeometry, noise_mm: Noise | None = None) -> Looks:
    """Return the next looks at a house or region (EPSG:4326). noise_mm: of the series there."""
    # A border of many corners, compared with each of thousands of images, takes seconds.
    west, south, east, north = area.extent
    around = area.simplify(FINENESS * max(east - west, north - south), preserve_topology=True)
    return Looks([_in_words(look, noise_mm or {}, Least()) for look in looks_at(area=around, after=timezone.now())])


def looks_body(ahead: Sequence[NextLook]) -> list[dict[str, object]]:
    """Return looks as JSON."""
    return [one.look._asdict() | one.least._asdict() | {"sentence": one.sentence, "shows": one.shows} for one in ahead]


def _looked(alert: Alert, scans: Sequence[Scan]) -> str:
    """Return what the last pass did not show of an alert; empty if it was news, or no newer than what is known."""
    last = max((promised(_taken(scan).acquired_at) for scan in scans), default=None)
    seen = passes_of(alert)
    known_until = max(alert.last_motion, seen.until) if seen else alert.last_motion
    # Surges are found in the series of a glacier, not by the search of one pair.
    if last is None or alert.kind == Kind.GLACIER_SURGE or last.date() <= known_until:
        return ""
    of_pass = [scan for scan in scans if last - promised(_taken(scan).acquired_at) <= SAME_PASS]
    what = alternatives(_least(of_pass, alert.area).words)
    if not what or is_news(alert=alert, at=last):
        return ""
    # Translators: %(what)s is "Motion of more than about 2.4 m"
    nothing = _("Looked on %(day)s: nothing new. %(what)s would have been seen.")
    return nothing % {"day": day_words(last.date()), "what": capfirst(what)}


def _taken(scan: Scan) -> Scene:
    return scan.prediction.run.its_pair.secondary


def _least(scans: Sequence[Scan], area: MultiPolygon) -> Least:
    """Return the least that searches of a pass would find, cached, because computing it opens their rasters."""
    if not scans:
        return Least()
    of = f"{[scan.pk for scan in scans]} {hashlib.sha256(area.wkb.tobytes()).hexdigest()}"
    key = f"least-found-{hashlib.sha256(of.encode()).hexdigest()}"
    try:
        found = cache.get_or_set(key, lambda: _least_of_tasks(scans, area), KEPT_S)
    except (OSError, RasterioError, ValueError) as fault:  # A raster is gone, or its storage is away.
        logger.warning("what a look would show is not known: %s", fault)
        return Least()
    return Least(*promised(found))


def _least_of_tasks(scans: Sequence[Scan], area: MultiPolygon) -> list[float | None]:
    by_task = {scan.prediction.run.model_version.task: least_found(scan=scan, area=area) for scan in scans}
    return [by_task.get(task) for task in (ModelVersion.Task.OFFSETS, ModelVersion.Task.COHERENCE_CHANGE)]


def _in_words(look: Look, noise_mm: Noise, of_pairs: Least) -> NextLook:
    platform = PLATFORMS.get(look.platform, look.platform)
    parts = [_("track %(track)s") % {"track": look.track}, str(DIRECTION_WORDS.get(look.direction, "")), platform]
    words = str(NEXT if look.is_likely else MAYBE) % {"when": "\n", "track": ", ".join(part for part in parts if part)}
    before, _line, after = words.partition("\n")
    noise = None if look.platform == NISAR else noise_mm.get(look.track)  # Series in millimetres are of Sentinel-1.
    least = of_pairs._replace(motion_m=SURE * 2**0.5 * noise / 1000) if noise else of_pairs
    weekday, day = date_format(look.at, "l"), date_format(look.at, "MONTH_DAY_FORMAT")
    # Translators: %(weekday)s is "Tuesday", %(day)s is "3 March"
    when = _("%(weekday)s %(day)s") % {"weekday": weekday, "day": day}
    if look.has_time:
        # Translators: %(day)s is "Tuesday 3 March", %(time)s is "18:05"
        when = _("%(day)s, %(time)s UTC") % {"day": when, "time": date_format(look.at, "H:i")}
    return NextLook(look, before, when, after, least)


def _length(metres: float) -> str:
    """Return '6 mm' below a decimetre, '40 cm' below a metre, and '2.4 m'."""
    if metres < 1:
        return f"{whole(max(1.0, 1000 * metres))} mm" if metres < 0.1 else f"{whole(100 * metres)} cm"
    return f"{decimal(metres, 1 if metres < 10 else 0)} m"
