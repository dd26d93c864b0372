"""Images over a place that a search service lists, for tests of the next look."""

from datetime import datetime, timedelta

from ground_motion.core.areas import box_of
from ingest.foundation.geos import geos
from ingest.models import SceneDownload
from ingest.scenes.next_pass import CYCLE

HERE = (-12.5, 46.5, -11.5, 47.5)  # around the made alert


def catalogued(
    last: datetime,
    n: int = 7,
    every: timedelta = CYCLE,
    box: tuple[float, float, float, float] = HERE,
    **values: object,
) -> None:
    """Images of one orbit that a search service lists, the last one at `last`; none is loaded."""
    usual = {"platform": "S1A", "track": 37, "direction": "ascending"} | values
    for number in range(n):
        at = last - number * every
        name = " ".join(map(str, (*usual.values(), at, *box)))
        SceneDownload.objects.create(
            source="asf",
            scene_id=name,
            acquired_at=at,
            footprint=geos(box_of(box)),
            state=SceneDownload.State.WANTED,
            **usual,
        )
