"""What the doctor says of archives of images: refused sign-ins, tokens that end, images that wait for days."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from ingest.models import SceneDownload

pytestmark = pytest.mark.django_db
NAME = "image archive"


@pytest.fixture(autouse=True)
def acquiring(settings):
    settings.ACQUIRE_SOURCE, settings.EARTHDATA_TOKEN, settings.STAC_TOKEN = "asf", "", ""


def waiting(days: float = 0.0, **values) -> None:
    row = SceneDownload.objects.create(source="asf", scene_id="S1A_one", **values)
    SceneDownload.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(days=days))


def token(end: datetime) -> str:
    """A token as NASA's are, which ends then."""
    claims = json.dumps({"exp": end.timestamp(), "uid": "anna"}).encode()
    return f"e30.{urlsafe_b64encode(claims).decode().rstrip('=')}.signature"


@pytest.mark.parametrize(
    "values",
    [
        {"cause": "archive", "error": "h.org is busy (503). It goes on later.", "days": 0.9},
        {"days": 3},  # in the queue
        {"cause": "sign-in", "error": "h.org does not accept our sign-in (401).", "state": "cancelled"},
    ],
)
def test_hours_without_an_archive_are_usual(doctor, values):
    waiting(**values)
    assert doctor() == {}


def test_an_archive_that_refuses_the_sign_in_is_reported_at_once_with_what_to_correct(doctor, settings):
    waiting(cause="sign-in", error="urs.earthdata.nasa.gov does not accept our sign-in (401). Set EARTHDATA_TOKEN.")
    assert doctor() == {
        NAME: "images wait, because the archive does not accept the sign-in: urs.earthdata.nasa.gov does not accept our"
        " sign-in (401). Set EARTHDATA_TOKEN. If it is the sign-in, correct EARTHDATA_TOKEN or STAC_TOKEN, or accept"
        " the data's terms with that account; else see whether this machine reaches the archive. Then restart every"
        " process: what waits is fetched by itself."
    }
    settings.ACQUIRE_SOURCE = ""
    assert doctor() == {}


def test_an_archive_that_is_away_for_more_than_a_day_is_reported(doctor):
    waiting(cause="archive", error="h.org is busy (503). It goes on later.", days=2)
    assert doctor()[NAME].startswith("S1A_one has waited for 2 days; the last reason: h.org is busy (503).")


@pytest.mark.parametrize("setting", ["EARTHDATA_TOKEN", "STAC_TOKEN"])
@pytest.mark.parametrize(
    ("days", "words"),
    [
        (15, None),
        (13, "ends on {end:%Y-%m-%d}: make a new one in time"),
        (-0.1, "ended on {end:%Y-%m-%d}: nothing is fetched"),
    ],
)
def test_a_tokens_end_is_announced_two_weeks_before(doctor, settings, setting, days, words):
    end = datetime.now(UTC) + timedelta(days=days)
    setattr(settings, setting, token(end))
    reported = doctor()
    if words is None:
        assert reported == {}
    else:
        assert reported[NAME].startswith(f"the token of {setting} {words.format(end=end)} If it")
        assert token(end) not in str(reported)
