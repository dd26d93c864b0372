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
from ingest.products.life import product_restore, product_withdraw
from ingest.products.releases import releases_settle
from ingest.products.services import product_points_delete, products_load
from ml.models import ModelVersion, Prediction, Run
from monitor.operations.management.commands import withdraw
from monitor.operations.retention.services import prune
from monitor.pages.products.life import sealed_rows
from monitor.wording.cards.cards import alert_card, alert_title, what_happened
from tests.makers.generic import TOWARD
from tests.service.ingest.products import test_orders_of_loading
from tests.service.ingest.products.test_orders_of_loading import (
    FILES,
    FIRST_HALF,
    LEFT,
    NO_POINTS,
    RIGHT,
    load,
    search_due,
)
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


def test_a_search_that_was_given_up_keeps_no_alert_for_ever(tmp_path, monkeypatch):
    whole = load(tmp_path, "whole")
    search_due(monkeypatch)
    version, other = ModelVersion.objects.get(), load(tmp_path, "older", track=23)
    run = Run.objects.create(model_version=version, product=other, state="succeeded", finished_at=timezone.now())
    unsearched = Prediction.objects.create(run=run, statistics={})
    product_withdraw(product=whole, why=WHY, by="operator")
    for given_up, state in ((False, "first"), (True, "withdrawn")):
        if given_up:
            StepFailure.objects.create(step="search", subject_id=unsearched.pk, state="failed", cause="program")
        standing.alerts_settle()
        assert [known for known, _ in states()] == [state, state]


@pytest.mark.parametrize(("step", "reason"), [("datum_moved_at", "zero of the data"), ("loaded_at", "taken back")])
def test_an_alert_that_the_next_search_does_not_find_says_why_its_data_went(step, reason, tmp_path, monkeypatch):
    whole = load(tmp_path, "whole")
    search_due(monkeypatch)
    Run.objects.all().delete()  # The next search replaces it.
    Run.objects.create(model_version=ModelVersion.objects.get(), product=whole, state="succeeded")
    Product.objects.update(**{step: timezone.now()})
    standing.alerts_settle()
    assert {known for known, _ in states()} == {"withdrawn"}
    assert reason in what_happened(Alert.objects.first().transitions.last())
    card = alert_card(Alert.objects.first())
    said = [card.figure, card.rate_label, card.brief, card.trend, alert_title(card), *card.sentences, *card.figures]
    assert not [words for words in said if " mm" in str(words)]


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
    monkeypatch.setitem(FILES, "newest", (NO_POINTS, "20240103", -21.0))
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


@pytest.mark.parametrize("missed", [True, False])
def test_an_alert_that_withdrawn_releases_finished_returns_and_is_finished_again_by_an_undo(
    missed, tmp_path, monkeypatch
):
    load(tmp_path, "whole")
    search_due(monkeypatch)
    alert, other = Alert.objects.order_by("pk")
    around = MultiPolygon(Point(LEFT, srid=4326).buffer(0.01), srid=4326)  # It holds enough points to be missed.
    Alert.objects.filter(pk=alert.pk).update(area=around)
    at_rest = []
    for year in (2023, 2024):
        monkeypatch.setitem(FILES, f"rest {year}", (NO_POINTS, f"{year}0103", 0.4))
        at_rest.append(load(tmp_path, f"rest {year}"))
        if missed:
            monkeypatch.setattr(test_orders_of_loading, "LEFT", (0.0, 0.0))
        assert reread(alert).state == "first"
        search_due(monkeypatch)
    assert (reread(alert).state, reread(other).state) == ("finished", "finished")
    for release in at_rest:  # Two observations of rest are required.
        product_withdraw(product=release, why=WHY, by="operator")
        assert reread(alert).state == "first"
        assert "open again: the data that showed its end" in what_happened(alert.transitions.last())
        product_restore(product=release, by="operator")
        assert reread(alert).state == "finished"
        assert "no motion after 3 January 2022 in" in alert.transitions.last().reason


def test_a_corrected_release_keeps_its_turn_also_when_the_earlier_version_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setitem(FILES, "zero", (FIRST_HALF, "20230103", -15.0))
    half, zero = load(tmp_path, "half"), load(tmp_path, "zero")
    assert reread(half).superseded_by == zero
    for positive in ("away", "toward"):
        turned = Submission(declared=replace(TOWARD, track=22, positive=positive))
        (half,) = products_load(path=tmp_path / "half.csv", submission=turned, why=WHY)
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
