"""What remains after data are taken back: alerts that other data show, rests of releases, and earlier turns."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.contrib.gis.geos import MultiPolygon, Point
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from detection.alerts import standing
from detection.models import Alert, Detection
from ground_motion.core.errors import AlreadyLoaded
from ground_motion.readers.records import Submission
from ingest import tasks
from ingest.models import Product, StepFailure
from ingest.products.life import product_correct, product_restore, product_withdraw
from ingest.products.releases import releases_settle
from ingest.products.services import product_points_delete
from ml.models import Run
from monitor.operations.management.commands import withdraw
from monitor.operations.retention.services import prune
from monitor.pages.products.life import sealed_rows
from tests.makers.generic import TOWARD
from tests.service.ingest.products import test_orders_of_loading
from tests.service.ingest.products.test_orders_of_loading import FILES, LEFT, RIGHT, load, search_due
from tests.waiting import reread

pytestmark = pytest.mark.django_db
WHY = "its sign was turned"


def states() -> list[tuple[str, float]]:
    return sorted(Alert.objects.values_list("state", "rate_mm_yr"))


@pytest.mark.parametrize("joint", [False, True])
def test_alerts_that_other_data_show_stay_with_their_figures(joint, tmp_path, monkeypatch):
    whole, other = load(tmp_path, "whole"), load(tmp_path, "older", track=23)
    search_due(monkeypatch)
    for run in Run.objects.all() if joint else ():
        run.companions.set([whole if run.product_id == other.pk else other])
    area = MultiPolygon(Point(LEFT, srid=4326).buffer(0.002), srid=4326)  # It never rested on these data.
    days = {"first_motion": date(2021, 1, 1), "last_motion": date(2022, 1, 1)}
    Alert.objects.create(state="finished", kind="subsidence", severity="low", area=area, area_m2=1e5, **days)
    call_command("withdraw", whole.pk, why=WHY, now=True)
    if joint:
        search_due(monkeypatch)
        standing.alerts_settle()
    assert sorted(Alert.objects.values_list("state", "rate_mm_yr")) == [
        ("finished", None),
        ("provisional", -30.0),
        ("provisional", -30.0),
    ]


def test_a_rest_and_what_is_made_of_it_go_with_the_release_before_it_is_deleted(tmp_path, client, monkeypatch):
    whole, half = load(tmp_path, "whole"), load(tmp_path, "half")
    rest, tile = Product.objects.rests().get(), load(tmp_path, "older", track=23)
    Product.objects.filter(pk=tile.pk).update(level="derived")
    tile.derived_from.set([rest])

    def refuse(*_args):
        raise ValueError("a search goes on")

    monkeypatch.setattr(withdraw, "product_delete_with_results", refuse)
    with pytest.raises(CommandError, match="a search goes on"):
        call_command("withdraw", whole.pk, why=WHY, now=True)
    assert list(Product.objects.all()) == [half]
    assert client.get(reverse("product-detail", args=[rest.pk])).status_code == 404
    with pytest.raises(ValueError, match="was not taken back"):
        product_restore(product=rest, by="operator")
    Product.every.exclude(withdrawn_at=None).update(withdrawn_at=timezone.now() - timedelta(days=31))
    prune()
    assert list(Product.every.all()) == [half]


def test_alerts_that_withdrawn_data_had_merged_return_and_are_merged_again_by_an_undo(tmp_path, monkeypatch):
    load(tmp_path, "whole")
    search_due(monkeypatch)
    monkeypatch.setitem(FILES, "newest", (0, "20240103", -21.0))
    newest = load(tmp_path, "newest")
    both = MultiPolygon(Point(LEFT, srid=4326).buffer(0.002).union(Point(RIGHT, srid=4326).buffer(0.002)).convex_hull)
    both.srid = 4326
    Product.objects.update(footprint=both)  # The points lie on one line.
    monkeypatch.setattr(test_orders_of_loading, "Detection", lambda area, **figures: Detection(area=both, **figures))
    search_due(monkeypatch)
    merged = [("first", -21.0), ("merged", -20.0)]
    assert states() == merged
    product_withdraw(product=newest, why=WHY, by="operator")
    assert states() == [("first", -20.0), ("first", -20.0)]
    product_restore(product=newest, by="operator")
    assert states() == merged


def test_a_corrected_release_keeps_its_turn_also_when_the_earlier_version_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setitem(FILES, "zero", (50, "20230103", -15.0))
    half, zero = load(tmp_path, "half"), load(tmp_path, "zero")
    assert reread(half).superseded_by == zero
    for positive in ("away", "toward"):
        turned = Submission(declared=replace(TOWARD, track=22, positive=positive))
        (half,) = product_correct(path=tmp_path / "half.csv", submission=turned, why=WHY, by="operator")
        assert half.superseded_by == zero
        assert sealed_rows() == []
    Product.every.exclude(withdrawn_at=None).update(withdrawn_at=timezone.now() - timedelta(days=31))
    prune()
    releases_settle(like=reread(half))
    assert set(Product.every.values_list("pk", "superseded_by")) == {(half.pk, zero.pk), (zero.pk, None)}
    product_points_delete(product=half)
    with pytest.raises(AlreadyLoaded, match="is already loaded as product"):
        load(tmp_path, "half")


def test_a_product_that_cannot_be_settled_stops_no_other(tmp_path, monkeypatch):
    first, second = (
        load(tmp_path, "whole"),
        load(tmp_path, "older", track=23),
    )
    Product.objects.update(newer_releases=None)
    settle = tasks.releases_settle

    def fail_once(*, like):
        if like == first:
            raise ValueError("its points cannot be compared")
        settle(like=like)

    monkeypatch.setattr(tasks, "releases_settle", fail_once)
    for full, left in (("full", [None, None]), ("", [None, 0])):
        monkeypatch.setattr(tasks, "disk_full", lambda full=full: full)
        tasks.compare_releases()
        assert [reread(one).newer_releases for one in (first, second)] == left
    assert StepFailure.objects.get().subject_id == first.pk
