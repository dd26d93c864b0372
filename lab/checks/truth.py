"""Comparison of detected with simulated motion, and of a bulletin with simulated changes of trend."""

from shapely import from_wkb
from shapely.geometry import shape

from detection.kinds import Extent
from detection.models import Alert
from ground_motion.core.errors import promised
from ingest.context.simulated_truth import truth_share
from ingest.models import SimulatedTruth
from monitor.models.messages import Bulletin


def compare() -> str:
    """Return one line: places with and without alert, false alerts, and the simulated share of each wide alert."""
    put_in, every = list(SimulatedTruth.objects.order_by("id")), Alert.objects.order_by("id")
    alerts, regions = every.filter(extent=Extent.LOCAL), every.filter(extent=Extent.REGION)
    missed = [one.title for one in put_in if not any(one.outline.intersects(alert.area) for alert in alerts)]
    false = [alert.code for alert in alerts if not any(alert.area.intersects(one.outline) for one in put_in)]
    shares = [f"{region.code} ({truth_share(area=region.area):.0%} of it was put in)" for region in regions]
    return (
        f"truth: {len(put_in) - len(missed)} of {len(put_in)} simulated places have an alert, "
        f"not: {', '.join(missed) or 'none'}; alerts where nothing was put in: {', '.join(false) or 'none'}; "
        f"wide regions: {', '.join(shares) or 'none'}"
    )


def compare_bulletin() -> str:
    """Return one line on the newest bulletin: how many simulated changes of its period it names, and its other places.

    A change is named by a place that touches its outline, with the same word: faster or slower.
    """
    bulletin = Bulletin.objects.filter(simulated=True).first()
    if bulletin is None:
        return "bulletin: none was drafted"
    period = (bulletin.first_day, bulletin.last_day)
    put_in = list(SimulatedTruth.objects.filter(changed_on__range=period).order_by("id"))
    outlines = [from_wkb(bytes(one.outline.wkb)) for one in put_in]
    faster = [promised(one.change_mm_yr) * promised(one.rate_mm_yr) > 0 for one in put_in]
    places = [one for region in bulletin.content["regions"] for one in region["places"]]
    touching = [[shape(place["outline"]).intersects(outline) for outline in outlines] for place in places]
    words = [abs(place["rate_mm_yr"]) > abs(place["before_mm_yr"]) for place in places]
    named = [
        any(row[at] and word == faster[at] for row, word in zip(touching, words, strict=True))
        for at in range(len(put_in))
    ]
    return (
        f"bulletin: {sum(named)} of {len(put_in)} simulated changes of trend are named, other places: "
        f"{sum(not any(row) for row in touching)} for {bulletin.content['n_clusters']} clusters"
    )
