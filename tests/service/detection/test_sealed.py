"""Alerts of velocity fields get a package whose figures follow from its inputs, or the reason why there is none."""

import pytest
from django.utils import timezone

from detection.alerts import sealed
from detection.models import Alert, Detection, SealedEvidence
from detection.tables.reviews import SetByHand
from ground_motion.cli.program import main
from ground_motion.methods.deformation.sealed.package import opened
from ingest.models import Product
from monitor import tasks
from tests.makers.watching import watch

pytestmark = pytest.mark.django_db
Why = SealedEvidence.Why


def package_of(alert):
    with SealedEvidence.objects.filter(alert=alert).first().file.open() as stored:
        return stored.read()


def test_the_package_of_every_alert_states_its_figures(tracks_in_turn, tmp_path, capsys):
    tasks.seal_evidence()
    local, packages = Alert.objects.filter(extent="local"), SealedEvidence.objects.filter(why="")
    assert packages.count() == local.count() >= 3
    for alert in local:
        path = tmp_path / f"{alert.code}.zip"
        path.write_bytes(package_of(alert))
        seal = SealedEvidence.objects.get(alert=alert).seal
        assert main(["verify", str(path), "--seal", seal]) == 0, capsys.readouterr().out
        said = capsys.readouterr().out
        assert f"alert: rate_mm_yr: {alert.rate_mm_yr} same" in said
        assert "(simulated: not a real place)" in said
        stated = opened(path.read_bytes()).stated
        assert stated["figures"]["area_m2"] == alert.area_m2
        tracks = [track for each in stated["measurements"] for track in each["facts"]["tracks"]]
        assert {track["file_sha256"] for track in tracks} <= {*Product.objects.values_list("file_sha256", flat=True)}


@pytest.mark.long
def test_joint_runs_of_a_network_are_sealed(simulated_tracks):
    watch(*simulated_tracks, method="model")
    tasks.seal_evidence()
    assert not SealedEvidence.objects.exclude(why="").exists()
    stated = opened(package_of(Alert.objects.first())).stated
    assert [len(each["facts"]["tracks"]) for each in stated["measurements"]] == [2]


def test_an_unchanged_alert_keeps_its_package_and_a_changed_one_gets_another(tracks_in_turn):
    alert = Alert.objects.filter(extent="local").first()
    rate, first = alert.rate_mm_yr, sealed.evidence_seal(alert=alert)
    alert.save()
    assert alert in sealed.alerts_unsealed()
    assert sealed.evidence_seal(alert=alert).file == first.file
    assert alert not in sealed.alerts_unsealed()
    Alert.objects.filter(pk=alert.pk).update(rate_mm_yr=rate - 1)
    assert sealed.evidence_seal(alert=alert).why == Why.OTHER_CODE  # the row counts, not what was read earlier
    assert SealedEvidence.objects.filter(alert=alert).count() == 2
    first.file.delete()  # as retention does
    Alert.objects.filter(pk=alert.pk).update(rate_mm_yr=rate)
    assert sealed.evidence_seal(alert=alert).seal == first.seal
    Alert.objects.filter(pk=alert.pk).update(kind="uplift")
    assert opened(package_of(sealed.evidence_seal(alert=alert).alert)).stated["kind"] == "uplift"


def test_what_cannot_be_computed_again_says_why(tracks_in_turn):
    alert = Alert.objects.filter(extent="local").first()
    SetByHand.objects.create(alert=alert, area=alert.area)
    Alert.objects.filter(pk=alert.pk).update(area_m2=1.0)
    assert sealed.evidence_seal(alert=alert).why == Why.BY_HAND
    Alert.objects.filter(pk=alert.pk).update(rate_mm_yr=-99.0)
    assert sealed.evidence_seal(alert=alert).why == Why.OTHER_CODE  # people set the outline only
    Detection.objects.filter(alert=alert).update(score=0.123)
    Alert.objects.filter(pk=alert.pk).update(area_m2=2.0)
    assert sealed.evidence_seal(alert=alert).why == Why.OTHER_CODE
    Product.objects.update(points_deleted_at=timezone.now())
    Alert.objects.filter(pk=alert.pk).update(area_m2=3.0)
    assert sealed.evidence_seal(alert=alert).why == Why.POINTS


def test_a_package_that_is_too_large_says_so(tracks_in_turn, monkeypatch):
    monkeypatch.setattr(sealed, "MAX_BYTES", 100_000)
    assert sealed.evidence_seal(alert=Alert.objects.filter(extent="local").last()).why == Why.LARGE
