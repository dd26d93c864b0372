"""Readings of lines: how each line moves in each current data set that meets it, and where it breaks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from numpy.typing import NDArray
from shapely import from_wkb

from ground_motion.methods.deformation.motion.series import WITHIN_90
from ground_motion.methods.structures import SAME_M
from ground_motion.methods.structures.lines import WIDTHS_M, Break
from ingest.models import Product
from ingest.products.encoding import pack_int16
from ml.runs.structures.lines import LineMotion, fields_along, motion_along
from monitor.models.lines import Line, LineBreak, LineReading
from monitor.subscribers.organisations.lines import line_bytes
from monitor.subscribers.quotas.known import organisations_trusted

RATE_DIGITS, CURVATURE_DIGITS = 3, 6
MAX_MM = 3000.0  # Displacements of a strip are cut here, so that they fit 16 bits.


def lines_due() -> QuerySet[Line]:
    """Return lines that changed, or meet a newer field or datum, since they were last read; strangers' come last."""
    fields = _fields_unread(OuterRef(OuterRef("pk")), OuterRef(OuterRef("changed_at")))
    fields = fields.filter(footprint__intersects=OuterRef("geometry"))
    is_trusted = Exists(organisations_trusted().filter(pk=OuterRef("organisation")))
    return Line.objects.filter(Exists(fields)).order_by(is_trusted.desc(), "pk")


def _fields_unread(line: Any, changed_at: Any) -> QuerySet[Product]:
    """Return current fields in which a line was not read since it was changed, or the field's datum."""
    made = LineReading.objects.filter(line=line, product=OuterRef("pk"), made_at__gte=changed_at)
    since = Q(product__datum_moved_at=None) | Q(made_at__gte=F("product__datum_moved_at"))
    return fields_along().filter(~Exists(made.filter(since)))


def line_read(*, line: Line) -> None:
    """Read a line in every current field that meets it and in which it was not read since it was changed."""
    for product in _fields_unread(line, line.changed_at).filter(footprint__intersects=line.geometry).order_by("pk"):
        motion = motion_along(
            product=product,
            line=from_wkb(bytes(line.geometry.wkb)),  # type: ignore[arg-type]  # It is a LineString.
            length_m=line.length_m,
            half_width_m=line.half_width_m,
            min_height=line.limit_mm_m_yr * min(WIDTHS_M),
        )
        _keep(line, product, motion)


@transaction.atomic
def _keep(line: Line, product: Product, motion: LineMotion) -> None:
    """Store a line's reading; it replaces earlier ones and those of earlier releases. Skip it if the line changed."""
    now = timezone.now()
    if not Line.objects.select_for_update().filter(pk=line.pk, changed_at=line.changed_at).exists():
        return
    line.readings.filter(product=product).delete()
    line.readings.exclude(product__superseded_by=None).delete()
    profile = motion.profile
    reading = LineReading.objects.create(
        line=line,
        product=product,
        made_at=now,
        n_points=motion.n_points,
        step_m=2 * float(profile.station_m[0]),
        rate_mm_yr=_known(profile.mean),
        sigma_mm_yr=_known(profile.sigma),
        slope_mm_m_yr=_known(profile.slope),
        curvature_mm_m2_yr=_known(profile.curvature, CURVATURE_DIGITS),
        dates=motion.dates,
        strip=pack_int16(np.clip(motion.strip, -MAX_MM, MAX_MM)).tobytes(),
    )
    line.breaks.filter(reading=None, notice=None).delete()
    reported = list(line.breaks.exclude(notice=None).values_list("station_m", "notice"))
    rows = [_break(line, reading, found, reported) for found in motion.breaks]
    LineBreak.objects.bulk_create(rows)
    known_m = [row.station_m for row in rows if row.notice_id]
    for lost in line.breaks.filter(reading=None):
        if any(abs(lost.station_m - station_m) <= SAME_M for station_m in known_m):
            lost.delete()
    line.size_bytes = line_bytes(n_corners=line.geometry.num_points, n_readings=line.readings.count())
    line.save(update_fields=["size_bytes"])


def _break(line: Line, reading: LineReading, found: Break, reported: Sequence[tuple[float, Any]]) -> LineBreak:
    """Return the row of a break. reported: station and notice of each break that members know already."""
    # One that is within the limit for now stays known, too, so that it is no news when it is beyond it again.
    notice_id = next((one for station_m, one in reported if abs(station_m - found.station_m) <= SAME_M), None)
    return LineBreak(
        line=line,
        reading=reading,
        notice_id=notice_id,
        station_m=round(found.station_m, 1),
        from_m=round(max(0.0, found.from_m), 1),
        to_m=round(min(line.length_m, found.to_m), 1),
        height_mm_yr=round(found.height, 2),
        sigma_mm_yr=round(found.sigma, 2),
        width_m=found.width_m,
        mm_m_yr=round(found.ratio, 3),
        mm_m_yr_sigma=round(found.ratio_sigma, 3),
        is_beyond=found.ratio - WITHIN_90 * found.ratio_sigma > line.limit_mm_m_yr,
    )


def _known(values: NDArray[np.float64], digits: int = RATE_DIGITS) -> list[float | None]:
    return [round(value, digits) if np.isfinite(value) else None for value in values.tolist()]
