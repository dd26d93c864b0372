"""The page, the report and the API of an alert lead to its sealed evidence, or say why there is none."""

import zipfile
from io import BytesIO

import pytest
from django.utils import timezone

from detection.alerts.sealed import evidence_seal
from detection.models import Alert, SealedEvidence
from detection.selectors import detections_current, evidence_basis
from monitor.pages.alerts.evidence import WHY_UNSEALED, sealed_block

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(watched_region):
    return Alert.objects.filter(kind="subsidence", extent="local").order_by("peak_rate_mm_yr").first()


def test_evidence_is_downloaded_from_the_page_and_named_by_its_seal_on_paper(client, alert, settings):
    sealed = evidence_seal(alert=alert)
    address = f"{alert.get_absolute_url()}evidence-{sealed.seal[:16]}.zip"
    page, paper = (client.get(f"{alert.get_absolute_url()}{part}").content.decode() for part in ("", "report/"))
    assert (page.count(address), address in paper) == (2, True)
    shown = " ".join(sealed.seal[at : at + 4] for at in range(0, 16, 4))
    assert shown in page
    assert shown in paper
    assert f"{settings.PUBLIC_URL}{address}" in paper
    answer = client.get(address)
    assert answer["Content-Disposition"] == f'attachment; filename="{alert.code}.zip"'
    with zipfile.ZipFile(BytesIO(b"".join(answer) if answer.streaming else answer.content)) as package:
        assert "manifest.json" in package.namelist()
    assert client.get(address, headers={"range": "bytes=0-3"}).status_code == 206
    told = client.get(f"/api/v1/alerts/{alert.code}").json()["evidence"]
    assert (told["url"], told["seal"], told["size_bytes"], told["why"]) == (address, sealed.seal, sealed.size_bytes, "")


def test_an_earlier_seal_still_leads_to_its_package(client, alert):
    first = evidence_seal(alert=alert)
    SealedEvidence.objects.create(alert=alert, basis="later", why="code", checked_at=timezone.now())
    assert client.head(f"{alert.get_absolute_url()}evidence-{first.seal[:16]}.zip").status_code == 200
    other = Alert.objects.exclude(pk=alert.pk).first()
    for one, seal in ((alert, first.seal[:8]), (alert, "0" * 16), (other, first.seal[:16])):
        assert client.get(f"{one.get_absolute_url()}evidence-{seal}.zip").status_code == 404


def test_a_package_of_earlier_figures_is_called_so(client, alert):
    first = evidence_seal(alert=alert)
    Alert.objects.filter(pk=alert.pk).update(rate_mm_yr=-99.0)
    page = client.get(alert.get_absolute_url()).content.decode()
    assert page.count(f"evidence-{first.seal[:16]}.zip") == 1  # and no button
    assert "This package is of earlier figures, sealed " in page
    assert "The evidence of this alert is not sealed yet." in page
    told = client.get(f"/api/v1/alerts/{alert.code}").json()["evidence"]
    assert (told["seal"], "earlier figures" in told["why"]) == (first.seal, True)


def test_the_page_says_why_there_is_no_package(client, alert):
    assert "The evidence of this alert is not sealed yet." in client.get(alert.get_absolute_url()).content.decode()
    basis = evidence_basis(alert=alert, current=detections_current(alert=alert))
    SealedEvidence.objects.create(alert=alert, basis=basis, why="code", checked_at=timezone.now())
    for why in SealedEvidence.Why:
        SealedEvidence.objects.update(why=why)
        assert str(sealed_block(alert).why) == str(WHY_UNSEALED[why])
    assert str(WHY_UNSEALED[why]) in client.get(alert.get_absolute_url()).content.decode()
    Alert.objects.filter(pk=alert.pk).update(extent="region", reference="local")
    page = client.get(alert.get_absolute_url()).content.decode()
    assert "There is sealed evidence only for alerts of one place that rest on a velocity field." in page
