"""What other methods say of an alert is kept beside it; alerts of an earlier release get it, and their series."""

import pytest
from django.utils import timezone
from shapely import box

from detection.alerts import evidence
from detection.models import Alert, AlertMethods, AlertMotion
from detection.search.areas import points_in
from detection.selectors import alerts_uncompared
from detection.tasks import complete_evidence
from ingest.models import Product, StepFailure

pytestmark = pytest.mark.django_db


def test_every_alert_of_velocity_fields_is_looked_at_once_and_again_when_it_changes(watched_region):
    motions = AlertMotion.objects.count()
    AlertMotion.objects.all().delete()  # as in a database that is older than the table
    assert motions
    complete_evidence()
    assert not StepFailure.objects.exists()
    assert AlertMethods.objects.count() == Alert.objects.count()
    assert AlertMotion.objects.count() == motions
    assert not alerts_uncompared().exists()
    local = AlertMethods.objects.filter(alert__extent="local")
    assert {look["method"] for row in local for look in row.looks} == {"ada"}  # the matched filter made these alerts
    assert any(look["share"] > 0.5 and look["score"] > 0.5 for row in local for look in row.looks)
    alert = local.first().alert
    alert.save()
    assert list(alerts_uncompared()) == [alert]


def test_a_product_that_does_not_reach_the_place_has_no_points_there(watched_region):
    assert not points_in(Product.objects.first(), box(300_000, 4_000_000, 310_000, 4_010_000), 32629).x.size


def test_done_again_nothing_is_computed_and_deleted_points_take_nothing_away(watched_region, monkeypatch):
    alert = Alert.objects.filter(extent="local").first()
    before = evidence.evidence_complete(alert=alert)
    monkeypatch.setattr(evidence, "results_at", None)
    after = evidence.evidence_complete(alert=alert)
    assert (after.looks, after.basis) == (before.looks, before.basis)
    assert after.compared_at > before.compared_at
    Product.objects.update(points_deleted_at=timezone.now())
    AlertMethods.objects.update(basis="older")
    assert evidence.evidence_complete(alert=alert).looks == before.looks
