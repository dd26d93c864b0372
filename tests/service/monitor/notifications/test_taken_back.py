"""A product that was declared wrongly is corrected, taken back and restored: its alert and its readers follow."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from detection.models import Alert
from ingest.models import MeasurementPoint, Product, ProductEvent
from ml.models import Prediction
from monitor.operations.retention.services import prune
from tests.makers.towns import town, write_points
from tests.makers.watching import run_all
from tests.service.monitor.notifications.sending import mails_sent
from tests.waiting import reread

pytestmark = pytest.mark.django_db
AT = (12.5, 41.9)
DECLARED = ("--unit=mm/yr", "--track=44", "--period=2020-01-03/2024-12-31", "--positive")
WHY = "its sign was turned"


def loaded(path: Path, sign: str, *more: str) -> Product:
    """Load a table whose values have this sign, run and search it."""
    call_command("ingest", str(path), *DECLARED, sign, *more)
    run_all("matched-filter", "deformation")
    call_command("detect")
    return Product.objects.get()


def at_my_house(client: Client) -> dict[str, object]:
    return client.get(f"/api/v1/here?lon={AT[0]}&lat={AT[1]}").json()


def test_a_wrong_sign_is_corrected_and_a_product_taken_back_and_restored(client, tmp_path, make_subscription, capsys):
    make_subscription(longitude=AT[0], latitude=AT[1])
    path = write_points(tmp_path / "town.csv", town(*AT))
    wrong = loaded(path, "away")
    false = Alert.objects.get()
    assert (false.kind, false.state) == ("uplift", "first")
    assert [letter.to for letter in mails_sent()] == [["resident@example.org"]]
    assert at_my_house(client)["tracks"][0]["mean_mm_yr"] > 20

    for declared, step in (("away", "Nothing to do."), ("toward", "Correct it on its page or by --correct.")):
        with pytest.raises(SystemExit):
            call_command("ingest", str(path), *DECLARED, declared)
        assert step in capsys.readouterr().err
    right = loaded(path, "toward", "--correct", "--why", WHY)
    true = Alert.objects.exclude(pk=false.pk).get()
    assert false.total_rate_mm_yr is not None
    assert (right.corrects, true.kind, reread(false).state) == (wrong, "subsidence", "withdrawn")
    taken = client.get(f"/api/v1/alerts/{false.code}").json()
    assert (taken["state"], taken["figures"], taken["motion"]) == ("withdrawn", [], None)
    for answered in (taken, client.get(f"/ogc/collections/alerts/items/{false.code}").json()["properties"]):
        assert (answered["rate_mm_yr"], answered["total_rate_mm_yr"]) == (None, None)
        assert WHY in answered["sentence"]
    assert client.get("/api/v1/alerts?state=withdrawn").json()["items"][0]["peak_rate_mm_yr"] is None
    (letter,) = mails_sent()
    for said in (
        "the data had been declared wrongly: its sign was turned",
        "cannot be recalled",
        false.code,
        true.code,
    ):
        assert said in letter.body
    assert [one["code"] for one in at_my_house(client)["alerts"]] == [true.code]
    assert at_my_house(client)["tracks"][0]["mean_mm_yr"] < -20
    with pytest.raises(CommandError, match=f"product {right.pk} .* holds the same file"):
        call_command("withdraw", str(wrong.pk), "--undo")

    call_command("withdraw", str(right.pk), "--why", "a licence that does not allow it")
    assert (reread(true).state, Product.objects.exists(), Prediction.objects.exists()) == ("withdrawn", False, False)
    assert client.get(f"/api/v1/here?lon={AT[0]}&lat={AT[1]}").status_code == 404
    (letter,) = mails_sent()
    assert "the data were taken back: a licence that does not allow it" in letter.body
    call_command("withdraw", str(right.pk), "--undo")
    assert Product.objects.get() == right
    assert MeasurementPoint.objects.filter(product=right).count() == right.n_points
    assert (reread(true).state, true.detections.count()) == ("first", 1)
    (letter,) = mails_sent()
    assert "This alert is valid again" in letter.body
    assert [one["code"] for one in at_my_house(client)["alerts"]] == [true.code]

    Product.every.filter(pk=wrong.pk).update(withdrawn_at=timezone.now() - timedelta(days=31))
    prune()
    call_command("withdraw", str(right.pk), "--why", WHY, "--now")
    assert (Product.every.exists(), MeasurementPoint.every.exists(), reread(true).state) == (False, False, "withdrawn")
    acts = ["loaded", "loaded", "corrected", "withdrawn", "restored", "deleted", "withdrawn", "deleted"]
    assert list(ProductEvent.objects.values_list("act", flat=True)) == acts
