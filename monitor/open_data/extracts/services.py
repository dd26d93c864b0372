"""Points of an area as a file: counted, and written at once if they are few enough for one answer."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry
from django.db.models import Count
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from ingest.models import MeasurementPoint
from ml.runs.provisional import provisional_days
from monitor.maps.charts.selectors import bounded, products_over
from monitor.open_data.extracts.formats import KINDS
from monitor.open_data.extracts.layers import layers_of
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal

AT_ONCE = 20_000  # Points of one answer.
COUNTED = 1_000_000  # Where more points are likely, their number is estimated: counting them takes seconds.
NUMBER_BYTES = 9  # What a number takes in a GeoPackage, the largest format.
MAX_BYTES = 2**26  # Of series; 20,000 points may have 370 dates.


def points_of(*, area: GEOSGeometry, file_format: str, with_series: bool = True) -> dict[int, int]:
    """Count an area's points in the releases shown now, by the data set's key.

    Raises Refusal for none, and for more than one answer has.
    """
    products = list(products_over(area=area).only("n_points", "dates", "has_series", "footprint"))
    shares = {
        product.pk: product.footprint.intersection(area).area / (product.footprint.area or 1.0) for product in products
    }
    n_points = round(sum(product.n_points * shares[product.pk] for product in products))
    found: dict[int, int] = {}
    if n_points <= COUNTED:
        with bounded():
            found = _points_in(area, shares)
        n_points = sum(found.values())
        if not n_points:
            raise Refusal(_("No measurement point lies in this area. Choose a larger one, or another place."))
    if n_points > AT_ONCE:
        words = {"number": whole(n_points), "most": whole(AT_ONCE)}
        raise Refusal(
            _("%(number)s points lie in this area; one file holds at most %(most)s. Choose a smaller area.") % words
        )
    if with_series:  # They have the release's values and those of the passes after it.
        now = timezone.now()
        shown = [one for one in products if one.pk in found]
        dates = {one.pk: one.n_dates + len(provisional_days(product=one, known_at=now)) for one in shown}
        _check_series(max(dates.values()), sum(n * dates[pk] for pk, n in found.items()), KINDS[file_format].most_dates)
    return found


def _points_in(area: GEOSGeometry, products: Iterable[int]) -> dict[int, int]:
    inside = MeasurementPoint.objects.filter(product__in=[*products], tile_point__intersects=area)
    return dict(inside.order_by().values_list("product_id").annotate(n=Count("pid")))


def _check_series(longest: int, n_numbers: int, most_dates: int) -> None:
    """Raise Refusal if series have too many dates for a format, or all of them too many numbers for one answer."""
    if longest > most_dates:
        words = {"number": whole(longest), "most": whole(most_dates)}
        raise Refusal(
            _(
                "A series has %(number)s dates here; a GeoPackage holds at most %(most)s. "
                "Choose another format, or leave out the series."
            )
            % words
        )
    if NUMBER_BYTES * n_numbers > MAX_BYTES:
        sizes = {"size": filesizeformat(NUMBER_BYTES * n_numbers), "most": filesizeformat(MAX_BYTES)}
        raise Refusal(
            _(
                "The series of this area fill about %(size)s; one file holds at most %(most)s. "
                "Choose a smaller area, or leave out the series."
            )
            % sizes
        )


def extract_open(*, area: GEOSGeometry, file_format: str, points: dict[int, int], with_series: bool) -> IO[bytes]:
    """Write the points of an area into a file that is on no disk any more once it is closed. Raises Refusal.

    points: those in the area, by the data set's key.
    """
    kind = KINDS[file_format]
    Path(settings.WORK_DIR).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="extract-", dir=settings.WORK_DIR) as folder:
        path = Path(folder) / f"points{kind.suffix}"
        kind.write(path, layers_of(area=area, n_points=points, with_series=with_series))
        return path.open("rb")
