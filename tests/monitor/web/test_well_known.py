"""security.txt and robots.txt, as the programs that look for them read them."""

from datetime import UTC, datetime, timedelta
from urllib.robotparser import RobotFileParser

import pytest
from django.utils import timezone

from monitor.web.well_known import FOLLOWED, LEFT_ALONE

pytestmark = pytest.mark.django_db
SECURITY = "/.well-known/security.txt"


def fields(client) -> dict[str, list[str]]:
    answer = client.get(SECURITY)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/plain; charset=utf-8")
    read: dict[str, list[str]] = {}
    for line in answer.content.decode().splitlines():
        name, value = line.split(": ", 1)
        read.setdefault(name, []).append(value)
    return read


def test_where_nobody_is_named_there_is_no_such_page(client):
    assert client.get(SECURITY).status_code == 404


@pytest.mark.parametrize("years", [0, 3])
def test_it_names_whom_to_write_and_is_never_out_of_date(client, settings, monkeypatch, years):
    settings.SECURITY_CONTACT = ["security@motion.example.org", "https://motion.example.org/weakness"]
    settings.PUBLIC_URL = "https://motion.example.org"
    now = datetime.now(UTC) + timedelta(days=365 * years)
    monkeypatch.setattr(timezone, "now", lambda: now)
    read = fields(client)
    assert read["Contact"] == ["mailto:security@motion.example.org", "https://motion.example.org/weakness"]
    assert read["Canonical"] == [f"https://motion.example.org{SECURITY}"]
    assert read["Preferred-Languages"] == ["en, de, fr, es"]
    (expires,) = (datetime.fromisoformat(value) for value in read["Expires"])
    assert now + timedelta(days=90) < expires < now + timedelta(days=365)


def test_pages_may_be_found_and_what_is_costly_or_private_is_left_alone(client):
    text = client.get("/robots.txt").content.decode()
    robots = RobotFileParser()
    robots.parse([line for line in text.splitlines() if "*" not in line or line.startswith("User-agent")])
    for path in ("/", "/about/", "/alerts/", "/alerts/4F7K/", "/regions/bern/", "/glaciers/", "/record/", "/static/a"):
        assert robots.can_fetch("anybot", path), path
    for path in (
        *("/tiles/ground/0/0/0.mvt", "/rasters/1.tif", "/charts/series.json", "/workbench/", "/ogc/", "/api/v1/alerts"),
        *("/subscriptions/TOKEN/", "/subscribe/stop/TOKEN/", "/feeds/KEY/alerts.atom", "/accounts/join/", "/review/"),
    ):
        assert not robots.can_fetch("anybot", path), path
    rules = {f"Disallow: {path}" for path in LEFT_ALONE} | {f"Allow: {path}" for path in FOLLOWED}
    assert rules < set(text.splitlines())
