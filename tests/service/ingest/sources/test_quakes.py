"""Catalogues of events: what their answers mean, and what is refused."""

import json
from datetime import UTC, datetime

import pytest

from ground_motion.core.http.allow_list import AllowList
from ground_motion.core.http.faults import HostRefused, SearchFailed
from ingest.sources.client import quakes
from tests.makers import catalogues
from tests.service.ingest.sources import replay

NOW = catalogues.KAHRAMANMARAS_AT
USGS, EMSC = "https://earthquake.usgs.gov/4.5_week.geojson", "https://www.seismicportal.eu/fdsnws/event/1/query"
VOLCANOES = "https://volcanoes.example.org/cap.xml"


def parsed(content: object, url: str = USGS) -> quakes.Reports:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return quakes.parse(raw, url, NOW)


USGS_QUAKE, EMSC_QUAKE = catalogues.usgs_quake(), catalogues.emsc_quake()


@pytest.mark.parametrize(
    ("content", "url", "ids", "position", "depth_km", "page"),
    [
        (
            catalogues.usgs([USGS_QUAKE], made_at=NOW),
            USGS,
            ("earthquake.usgs.gov", "us6000jllz"),
            (37.0143, 37.2256),
            10.0,
            "https://earthquake.usgs.gov/earthquakes/eventpage/us6000jllz",
        ),
        (
            catalogues.emsc([EMSC_QUAKE]),
            EMSC,
            ("www.seismicportal.eu", "20230206_0000008"),
            (37.08, 37.17),
            20.0,
            "https://www.seismicportal.eu/eventdetails.html?unid=20230206_0000008",
        ),
    ],
)
def test_the_answers_of_usgs_and_emsc_are_understood_and_the_depth_is_positive(
    content, url, ids, position, depth_km, page
):
    (event,) = parsed(content, url).events
    assert (event.source, event.event_id, event.kind, event.magnitude) == (*ids, "earthquake", 7.8)
    assert (event.position, event.depth_km, event.url) == (position, depth_km, page)
    assert event.happened_at.replace(second=34) == datetime(2023, 2, 6, 1, 17, 34, tzinfo=UTC)


def test_a_notice_of_a_volcano_keeps_the_id_of_its_first_one():
    first = catalogues.cap_notice("VA-1")
    update = catalogues.cap_notice("VA-2", kind="Update", references="v@example.org,VA-1,2023-02-05T00:00:00+00:00")
    events = parsed(catalogues.cap_feed(first, update), VOLCANOES).events
    assert [event.event_id for event in events] == ["VA-1", "VA-1"]
    assert (events[0].kind, events[0].name, events[0].magnitude) == ("eruption", "Mount Made", None)
    assert events[0].position == (-152.25, 61.3)


CANCEL = catalogues.cap_notice("VA-3", kind="Cancel", references="v@example.org,VA-1,2023-02-05T00:00:00+00:00")


@pytest.mark.parametrize(
    ("content", "withdrawn"),
    [
        (catalogues.usgs([catalogues.usgs_quake(status="deleted")]), {"us6000jllz"}),
        (catalogues.usgs([catalogues.usgs_quake(type="quarry blast")]), set()),
        (catalogues.usgs([catalogues.usgs_quake(mag=None)]), set()),
        (catalogues.cap_feed(catalogues.cap_notice("VA-1"), CANCEL), {"VA-1"}),
        (catalogues.cap_notice("VA-1", status="Exercise"), set()),
        (catalogues.cap_notice("VA-1", severity="Minor"), set()),
        (catalogues.cap_notice("VA-1", event="Flood"), set()),
    ],
)
def test_what_is_withdrawn_no_event_or_not_grave_is_left_out(content, withdrawn):
    reports = parsed(content, VOLCANOES)
    assert (reports.events, reports.withdrawn) == ([], withdrawn)


def test_the_page_of_another_site_is_not_linked():
    (event,) = parsed(catalogues.usgs([catalogues.usgs_quake(url="https://elsewhere.example.org/")])).events
    assert event.url == ""


BOMB = (
    b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">&d;</alert>'
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"<alert",
        BOMB,
        b"[" * 100_000,
        catalogues.usgs([catalogues.usgs_quake(mag="strong")]),
        catalogues.usgs([catalogues.usgs_quake(mag=99)]),
        catalogues.usgs([catalogues.usgs_quake(time=1e300)]),
        catalogues.usgs([catalogues.usgs_quake() | {"geometry": {"coordinates": [float("nan"), 1, 1]}}]),
        catalogues.usgs([catalogues.usgs_quake() | {"id": "x" * 1000}]),
        catalogues.usgs([catalogues.usgs_quake()] * (quakes.MAX_EVENTS + 1)),
        catalogues.usgs([], made_at=datetime(2023, 2, 1, tzinfo=UTC)),
        catalogues.cap_notice("VA-1", circle="here"),
    ],
)
def test_an_answer_that_makes_no_sense_is_one_clear_error(content):
    with pytest.raises(SearchFailed, match=r"^The catalogue at [\w.]+ "):
        parsed(content)


def test_only_listed_hosts_are_asked_and_a_refusal_is_named(server, stranger, monkeypatch):
    allowed = AllowList.parse([server.address])
    with pytest.raises(HostRefused):
        quakes.fetch(url=USGS, allowed=allowed, now=NOW)
    detailed = catalogues.usgs_quake(detail=f"{server.address}/detail")
    server.files["/quakes"] = json.dumps(catalogues.usgs([detailed])).encode()
    known = {-3: "strike-slip", "x": "", "nan": "", "inf": ""}
    for tensors, mechanism in [([], ""), *(([catalogues.tensor(rake)], name) for rake, name in known.items())]:
        detailed["properties"]["products"] = {"moment-tensor": tensors}
        server.files["/detail"] = json.dumps(detailed).encode()
        (event,) = quakes.fetch(url=f"{server.address}/quakes", allowed=allowed, now=NOW).events
        assert event.mechanism == mechanism
    detailed["properties"]["products"] = {"moment-tensor": [catalogues.tensor(-3)]}
    server.files["/detail"] = json.dumps(detailed | {"more": " " * quakes.MAX_BYTES}).encode()
    server.faults["/detail"] = [replay.redirect(f"{stranger.address}/detail")]
    for deadline_seconds, n_asked in ((60.0, 1), (60.0, 2), (0.0, 2)):
        monkeypatch.setattr(quakes, "MAX_DETAILS_SECONDS", deadline_seconds)
        (event,) = quakes.fetch(url=f"{server.address}/quakes", allowed=allowed, now=NOW).events
        asked = [request for request in server.requests if request.path == "/detail"][5:]
        assert (event.mechanism, len(asked), stranger.connections) == ("", n_asked, 0)
    server.files["/quakes"] = b""
    with pytest.raises(SearchFailed, match="cannot be understood"):
        quakes.fetch(url=f"{server.address}/quakes", allowed=allowed, now=NOW)
    server.faults["/quakes"] = [replay.status(503), replay.status(204), replay.reset]
    with pytest.raises(SearchFailed, match="answers 503"):
        quakes.fetch(url=f"{server.address}/quakes", allowed=allowed, now=NOW)
    assert quakes.fetch(url=f"{server.address}/quakes", allowed=allowed, now=NOW).events == []
    with pytest.raises(SearchFailed, match="does not answer"):
        quakes.fetch(url=f"{server.address}/quakes", allowed=allowed, now=NOW)
