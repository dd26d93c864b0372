"""Regions: the list, the page, the widget for other sites, the report, and mails about one."""

import re

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon

from ingest.models import ContextLayer
from monitor.models.subscriptions import Subscription
from tests.makers.organisations import FORM
from tests.makers.people import words as text
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
WISH = FORM | {"where": "region"}


def test_the_list_finds_regions_by_name_and_shows_measured_ones_first(client, watched_region):
    assert "No region matches this choice." in text(client.get("/regions/"))
    for nowhere in ("/regions/nowhere/", "/embed/regions/nowhere/"):
        assert client.get(nowhere).status_code == 404
    make_region("Mid Isle", (-12.1, 46.9, -11.9, 47.1), simulated=True, code="VM-1", country="Velmark")
    make_region("Elsewhere", (50, 10, 51, 11), simulated=True)
    measured = text(client.get("/regions/"))
    assert "Mid Isle Velmark · VM-1" in measured
    assert "Elsewhere" not in measured
    assert "Elsewhere" in text(client.get("/regions/?all=1&q=elsew"))
    assert "No region matches" in text(client.get("/regions/?q=elsew&level=0"))
    found = client.get("/places/?q=elsewhere").content.decode()
    assert 'href="/regions/elsewhere/"' in found
    assert "No measurements of Elsewhere are loaded here" in text(client.get("/regions/elsewhere/"))
    make_region("Measured", (-12.001, 46.999, -12.0, 47.0), simulated=True)
    page = text(client.get("/regions/measured/"))
    assert "The last measurement here is of" in page
    assert "No measurements" not in page


def test_a_region_shows_its_alerts_and_no_others_and_only_its_widget_may_be_framed_elsewhere(client, make_alert):
    make_region("Westshore"), make_region("Atlantis", (-13, 46, -11, 48), level=0)
    inside, beyond = make_alert(), make_alert(longitude=5.0)
    for address in ("/regions/westshore/", "/regions/westshore/report/", "/embed/regions/westshore/"):
        page = client.get(address).content.decode()
        assert inside.get_absolute_url() in page, address
        assert beyond.get_absolute_url() not in page, address
    page = text(client.get("/regions/westshore/"))
    assert "The ground moves at one place in Westshore. No specialist has confirmed it yet." in page
    assert "1 place was found. None came to rest." in page
    assert "Regions › Atlantis" in page
    assert 'href="/alerts.atom?region=westshore"' in client.get("/regions/westshore/").content.decode()
    ContextLayer.objects.update(simulated=True)
    answer = client.get("/embed/regions/westshore/")
    page = answer.content.decode()
    assert "frame-ancestors *" in answer["Content-Security-Policy"]
    assert "script-src 'none'" in answer["Content-Security-Policy"]
    assert "X-Frame-Options" not in answer
    assert not answer.cookies
    assert "<script" not in page
    assert "Simulated data." in page
    make_region('"><script>alert(1)</script>')  # Its line to copy is escaped.
    named = client.get("/regions/script-alert-1-script/").content.decode()
    assert "<script>alert" not in named
    assert "&lt;iframe src=&quot;http://testserver/embed/regions/script-alert-1-script/&quot;" in named
    links = re.findall(r"<a [^>]*>", page)
    assert links
    assert all('target="_top"' in link for link in links)
    for other in ("/regions/westshore/", "/", "/regions/westshore/report/"):
        plain = client.get(other)
        assert "frame-ancestors 'self'" in plain["Content-Security-Policy"]
        assert plain["X-Frame-Options"] == "SAMEORIGIN"


def test_mails_about_a_region_reach_as_far_as_its_border(client):
    make_region("Westshore")
    form = client.get("/subscribe/?region=westshore").content.decode()
    assert re.search(r'name="where" value="region" checked', form)
    assert 'name="region" value="Westshore"' in form
    answer = client.post("/subscribe/", WISH | {"region": "westshore", "email": "resident@example.org"})
    assert answer.status_code == 302
    one = Subscription.objects.get()
    assert one.label == "Westshore"
    assert one.region.equals(MultiPolygon(Polygon.from_bbox((-12.1, 46.9, -11.9, 47.1)), srid=4326))
    make_region("Continent", (-30, 0, 30, 60))
    refused = client.post("/subscribe/", WISH | {"region": "continent", "email": "resident@example.org"})
    assert (refused.status_code, "200,000 km²" in refused.content.decode()) == (422, True)
