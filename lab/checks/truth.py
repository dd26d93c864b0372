"""Comparison of detected and simulated motion, place by place."""

from detection.kinds import Extent
from detection.models import Alert
from ingest.context.simulated_truth import truth_share
from ingest.models import SimulatedTruth


def compare() -> str:
    """Return one line: places with and without an alert, false alerts, and the simulated share of each region.

    The alert of a wide region does not count for the places inside it.
    """
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
