"""Which verdicts count, how sure a share of them is, and labels that carry no name."""

import json

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from scipy.stats import beta
from shapely import from_wkb

from detection.models import Alert, AlertTransition
from detection.reviews.record import judgements, n_unjudged, precision
from detection.reviews.services import review_take_back
from detection.rules.verdicts import Verdict
from ground_motion.core.errors import InputError
from ground_motion.readers.tables import geoparquet
from ground_motion.statistics.intervals import jeffreys
from tests.makers.reviews import say

pytestmark = pytest.mark.django_db


def test_the_last_standing_verdict_counts_once_and_one_taken_back_does_not(make_alert, anna):
    alerts = [make_alert(longitude=place, kind="subsidence" if place < 2 else "uplift") for place in range(5)]
    say(alerts[0], Verdict.CONFIRM, anna)
    say(alerts[0], Verdict.REJECT, anna)  # thought better of
    say(alerts[1], Verdict.CONFIRM, anna)
    review_take_back(review=say(alerts[2], Verdict.CONFIRM, anna), reviewer=anna)
    say(alerts[3], Verdict.FIELD_VISIT, anna)
    AlertTransition.objects.create(alert=alerts[4], from_state="first", to_state="provisional", reason="seen again")
    Alert.objects.filter(pk=alerts[4].pk).update(state="provisional")
    alerts[4].refresh_from_db()
    say(alerts[4], Verdict.CONFIRM, anna)
    standing = list(judgements())
    said = {review.alert_id: (review.verdict, review.found_as) for review in standing}
    assert said == {
        alerts[0].pk: ("reject", "first"),
        alerts[1].pk: ("confirm", "first"),
        alerts[4].pk: ("confirm", "provisional"),
    }
    by_kind = {one.group: one[1:3] for one in precision(standing, lambda review: review.alert.kind)}
    assert by_kind == {"subsidence": (1, 2), "uplift": (1, 1)}
    assert n_unjudged(simulated=False) == 2
    assert n_unjudged(simulated=True) == 0


@pytest.mark.parametrize(("right", "judged"), [(0, 4), (4, 4), (31, 38)])
def test_the_interval_of_a_share_is_that_of_jeffreys(right, judged):
    share = jeffreys(right, judged)
    low, high = beta.ppf([0.025, 0.975], right + 0.5, judged - right + 0.5)
    assert share.value == right / judged
    assert share.low == pytest.approx(low if right else 0.0)
    assert share.high == pytest.approx(high if right < judged else 1.0)


def test_labels_can_be_traced_and_carry_no_name(watched_region, anna, tmp_path, capsys):
    first, second = Alert.objects.filter(extent="local").order_by("id")[:2]
    say(first, Verdict.CONFIRM, anna)
    say(second, Verdict.REJECT, anna)
    path = tmp_path / "labels.parquet"
    call_command("labels", path)
    table = pq.read_table(path)
    rows = {(row["alert"], row["input_sha256"]): row for row in table.to_pylist()}
    detections = [*first.detections.all(), *second.detections.all()]
    assert f"{len(detections)} labels" in capsys.readouterr().out
    assert len(rows) == table.num_rows == len(detections)
    for detection in detections:
        run = detection.scan.prediction.run
        row = rows[detection.alert.code, run.input_sha256]
        assert row["verdict"] == ("confirm" if detection.alert_id == first.pk else "reject")
        assert from_wkb(row["geometry"]).equals(from_wkb(bytes(detection.area.wkb)))
        assert (row["rate_mm_yr"], row["n_points"]) == (detection.rate_mm_yr, detection.n_points)
        assert (row["track"], row["source_sha256"]) == (run.product.track, [run.product.file_sha256])
        assert (row["first_date"], row["last_date"]) == (run.product.dates[0], run.product.dates[-1])
        assert json.loads(row["thresholds"]) == detection.scan.thresholds
    assert b"anna" not in path.read_bytes()
    assert "anna" not in str(rows)
    with pytest.raises(InputError, match="its geometries are MultiPolygon, not points"):
        geoparquet.source(path)  # the service's own reader understands the metadata, and wants points
