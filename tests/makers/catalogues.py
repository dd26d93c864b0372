"""Answers of catalogues of events, in the form of the USGS, of the EMSC, and of CAP 1.2."""

from datetime import UTC, datetime
from typing import Any

KAHRAMANMARAS_AT = datetime(2023, 2, 6, 1, 17, 34, tzinfo=UTC)
CAP = "urn:oasis:names:tc:emergency:cap:1.2"


def milliseconds(moment: datetime) -> int:
    return round(1000 * moment.timestamp())


def usgs(features: list[dict[str, Any]], made_at: datetime | None = None) -> dict[str, Any]:
    """A summary: https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php."""
    made = {"generated": milliseconds(made_at)} if made_at else {}
    return {"type": "FeatureCollection", "metadata": {**made, "status": 200}, "features": features}


def usgs_quake(
    quake_id: str = "us6000jllz",
    at: datetime = KAHRAMANMARAS_AT,
    place: tuple[float, float, float] = (37.0143, 37.2256, 10.0),
    **values: Any,
) -> dict[str, Any]:
    """A feature of a summary. place: longitude, latitude, depth in km."""
    properties = {"mag": 7.8, "place": "Pazarcik earthquake", "time": milliseconds(at), "updated": milliseconds(at)}
    properties |= {"status": "automatic", "type": "earthquake", "net": quake_id[:2], "code": quake_id[2:]}
    properties["url"] = f"https://earthquake.usgs.gov/earthquakes/eventpage/{quake_id}"
    shape = {"type": "Point", "coordinates": list(place)}
    return {"type": "Feature", "id": quake_id, "properties": properties | values, "geometry": shape}


def tensor(rake_deg: object) -> dict[str, Any]:
    """Return a moment tensor as catalogues report it, with figures as texts."""
    return {"properties": {"nodal-plane-1-rake": f"{rake_deg}", "nodal-plane-1-dip": "80"}}


def emsc(features: list[dict[str, Any]]) -> dict[str, Any]:
    """An answer of the FDSN event service: https://www.seismicportal.eu/fdsn-wsevent.html."""
    return {"type": "FeatureCollection", "metadata": {"count": len(features)}, "features": features}


def emsc_quake(
    quake_id: str = "20230206_0000008",
    at: datetime = KAHRAMANMARAS_AT,
    place: tuple[float, float, float] = (37.08, 37.17, 20.0),
    **values: Any,
) -> dict[str, Any]:
    """A feature of the EMSC, whose third coordinate is a height."""
    stated = f"{at:%Y-%m-%dT%H:%M:%S}.0Z"
    properties = {"unid": quake_id, "auth": "EMSC", "evtype": "ke", "mag": 7.8, "magtype": "mw", "depth": place[2]}
    properties |= {"time": stated, "lastupdate": stated, "flynn_region": "CENTRAL TURKEY"}
    shape = {"type": "Point", "coordinates": [place[0], place[1], -place[2]]}
    return {"type": "Feature", "id": quake_id, "properties": properties | values, "geometry": shape}


def cap_notice(identifier: str, kind: str = "Alert", references: str = "", **values: str) -> bytes:
    """A notice of an observatory."""
    said = {"status": "Actual", "event": "Volcanic eruption", "severity": "Severe", "circle": "61.3,-152.25 10"}
    said |= {"sent": "2023-02-06T00:30:00+00:00", **values}
    refers = f"<references>{references}</references>" if references else ""
    return f"""<alert xmlns="{CAP}"><identifier>{identifier}</identifier><sender>v@example.org</sender>
        <sent>{said["sent"]}</sent><status>{said["status"]}</status><msgType>{kind}</msgType><scope>Public</scope>{refers}
        <info><category>Geo</category><event>{said["event"]}</event><urgency>Immediate</urgency>
        <severity>{said["severity"]}</severity><certainty>Observed</certainty>
        <area><areaDesc>Mount Made</areaDesc><circle>{said["circle"]}</circle></area></info></alert>""".encode()


def cap_feed(*notices: bytes) -> bytes:
    """A feed that contains whole notices."""
    return b"<feed>" + b"".join(b"<entry><content>" + notice + b"</content></entry>" for notice in notices) + b"</feed>"
