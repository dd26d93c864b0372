"""The next passes over a place, predicted from images that archives have published, loaded or not."""

from collections import defaultdict
from datetime import UTC, datetime, time
from typing import Any, NamedTuple

from django.contrib.gis.geos import GEOSGeometry
from django.db.models import QuerySet
from django.db.models.functions import TruncMinute

from ingest.models import Interferogram, Product, Scene, SceneDownload
from ingest.products.selectors import last_date
from ingest.scenes.next_pass import CYCLE, LIKELY, LOOKED_BACK, expected_passes

PAST = (LOOKED_BACK + 1) * CYCLE  # Older passes say nothing of the next one.
MAX_PASSES = 5000  # Images of one minute count once; a large country has 1,000 such minutes in PAST.
MAX_FIELDS = 50
NISAR = "NISAR"  # NISAR numbers its tracks independently of Sentinel-1.
NOON = time(12, tzinfo=UTC)  # Time used if the time of day is unknown.
Pass = tuple[datetime, int, str, str]  # time, track, direction, platform


class Look(NamedTuple):
    """Expected pass; at noon, UTC, without has_time. platform, last_at: of the orbit's last image; probability: 0–1."""

    at: datetime
    track: int
    direction: str
    platform: str
    probability: float
    last_at: datetime
    has_time: bool

    @property
    def is_likely(self) -> bool:
        """Whether an image is more likely than none."""
        return self.probability >= LIKELY


def looks_at(*, area: GEOSGeometry, after: datetime) -> list[Look]:
    """Return the next pass of each orbit in use over an area (EPSG:4326), only to the day where no image is known."""
    images = _seen(SceneDownload.objects.all(), area, after).union(_seen(Scene.objects.all(), area, after))
    known: list[Pass] = list(images[:MAX_PASSES])
    tracks: dict[tuple[int, bool], list[Pass]] = defaultdict(list)
    for one in known or _days(area, after):
        tracks[one[1], one[3] == NISAR].append(one)
    looks = []
    for passes in tracks.values():
        for at, probability in expected_passes((one[0] for one in passes), after):
            last_at, track, direction, platform = max(one for one in passes if not (at - one[0]) % CYCLE)
            looks.append(Look(at, track, direction, platform, probability, last_at, bool(known)))
    return sorted(looks)


def _seen(images: QuerySet[Any], area: GEOSGeometry, after: datetime) -> QuerySet[Any]:
    over = images.filter(footprint__intersects=area, acquired_at__range=(after - PAST, after), track__isnull=False)
    return over.order_by().values_list(TruncMinute("acquired_at", tzinfo=UTC), "track", "direction", "platform")


def _days(area: GEOSGeometry, after: datetime) -> list[Pass]:
    fields: QuerySet[Any] = Product.objects.current().filter(derived_from=None, has_series=True, track__isnull=False)
    recent = fields.annotate(last=last_date("dates")).filter(last__gte=after - PAST, footprint__intersects=area)
    rows = recent.order_by("-last", "pk").values_list("dates", "track", "direction")[:MAX_FIELDS]
    added = Interferogram.objects.filter(footprint__intersects=area, secondary_day__gte=after - PAST, track__gte=0)
    days = {(day, *of) for dates, *of in rows for day in dates}
    days |= set(added.order_by().values_list("secondary_day", "track", "direction").distinct()[:MAX_PASSES])
    passes = ((datetime.combine(day, NOON), track, direction, "") for day, track, direction in days)
    return [one for one in passes if after - PAST <= one[0] <= after]
