"""Wide motion has alerts of its own, beside those of places in it, and states what it is measured against."""

import numpy as np
import pytest

from detection.kinds import Extent
from detection.models import Alert
from ingest.products.services import product_load
from ingest.readers.records import Declaration, Submission
from tests.makers.watching import watch

pytestmark = pytest.mark.django_db
EAST_M, NORTH_M = 4_300_000, 3_000_000


def sinking_plain(folder, reference: str, seed: int = 1):
    """Vertical rates on cells of 500 m: a bowl of 40 km that sinks by 9 mm/yr, and in it one of 1.5 km that is fast."""
    rng = np.random.default_rng(seed)
    east, north = np.meshgrid(*[(np.arange(90) + 0.5) * 0.5] * 2)
    rate = -9 * np.exp(-(((east - 22) ** 2 + (north - 23) ** 2) / 15**2)) + rng.normal(0, 0.4, east.shape)
    rate += -60 * np.exp(-(((east - 25) ** 2 + (north - 20) ** 2) / 1.5**2))
    places = zip((EAST_M + 1000 * east).flat, (NORTH_M + 1000 * north).flat, rate.flat, strict=True)
    table, mapping = folder / f"{reference}{seed}.csv", folder / f"{reference}{seed}.toml"
    table.write_text("\n".join(["easting,northing,velocity", *(f"{x},{y},{v:.2f}" for x, y, v in places), ""]))
    mapping.write_text(
        f'unit = "mm/yr"\npositive = "up"\nepsg = 3035\nreference = "{reference}"\n'
        "first_day = 2018-01-01\nlast_day = 2022-12-31\n"
        '[columns]\neasting = "easting"\nnorthing = "northing"\nvelocity = "velocity"\n'
    )
    return product_load(path=table, submission=Submission(declared=Declaration(mapping=mapping)))


@pytest.mark.parametrize("reference", ["gnss", "local"])
def test_sinking_plain_is_one_region_and_the_fast_place_in_it_its_own_alert(tmp_path, client, reference):
    assert sinking_plain(tmp_path, reference).reference == reference
    watch()
    region = Alert.objects.get(extent=Extent.REGION)
    places = Alert.objects.filter(extent=Extent.LOCAL)
    assert any(abs(place.peak_rate_mm_yr) > 40 for place in places)
    assert region.kind == "subsidence"
    assert region.reference == reference
    assert region.peak_rate_mm_yr == pytest.approx(-9, abs=2.5)
    assert abs(region.peak_low_mm_yr) < abs(region.peak_rate_mm_yr) < abs(region.peak_high_mm_yr)
    assert region.area_m2 > 2 * sum(place.area_m2 for place in places)
    page = client.get(region.get_absolute_url()).content.decode()
    assert "This is the motion of a wide region" in page
    assert {"gnss": "compared with permanent GPS", "local": "the stillest ground in these data"}[reference] in page
    assert "Assumed:" in page
    assert "motion of the whole region does not show" not in page


def test_places_and_regions_keep_their_alerts_when_the_plain_is_seen_again(tmp_path):
    sinking_plain(tmp_path, "gnss")
    watch()
    before = {(alert.pk, alert.extent) for alert in Alert.objects.all()}
    sinking_plain(tmp_path, "gnss", seed=2)
    watch()
    assert {(alert.pk, alert.extent) for alert in Alert.objects.all()} >= before
    region = Alert.objects.get(extent=Extent.REGION)
    assert region.detections.count() == 2
    assert {detection.extent for detection in region.detections.all()} == {"region"}
