"""Every address and every role against docs/access.csv. The list of addresses comes from the resolver.

A new address needs one row in that file; the test prints it as it should be. A parameter in its pattern that
`parameters` does not know is added there; a value that one address alone needs, in SPECIAL; what the signed link
of a subscriber carries, in `links`.
"""

import csv
import re
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from itertools import cycle
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone
from shapely import LineString

from detection.models import Alert, AlertTransition
from ground_motion.core.projections import transformer
from ingest.models import IngestJob, MeasurementPoint, Product, Scene, ScenePair, StandingOrder, Station
from ingest.products.life import product_restore, product_withdraw
from ingest.products.pyramid import HALF_WORLD_M
from ml.models import GroundEvent, Prediction, Run
from monitor.models.escalations import Contact, Escalation, EscalationStep
from monitor.models.messages import Bulletin
from monitor.models.subscriptions import Membership
from monitor.open_data.cap.services import message_issue
from monitor.open_data.standards.catalogues import CATALOGUES
from monitor.subscribers.accounts import services
from monitor.subscribers.organisations import services as organisation_services
from monitor.subscribers.organisations.contacts import contact_add
from monitor.subscribers.organisations.escalations import take_token
from monitor.subscribers.organisations.lines import line_add
from monitor.subscribers.reports.services import report_token
from monitor.subscribers.subscriptions import tokens
from monitor.web.guards import ADMINISTRATORS, OPERATORS, PUBLISHERS, VIEWERS
from monitor.web.middleware import PERMISSIONS
from tests.makers import basemaps
from tests.makers import glaciers as made_glaciers
from tests.makers import pairs as made_pairs
from tests.makers.buildings import make_building
from tests.makers.bulletins import made_draft
from tests.makers.detections import make_detection
from tests.makers.lines import WISH as RAILWAY
from tests.makers.organisations import make_organisation, share
from tests.makers.regions import make_region
from tests.makers.reports import make_report
from tests.makers.stations import make_station

pytestmark = pytest.mark.django_db
TABLE = Path(__file__).resolve().parent.parent.parent.parent / "docs" / "access.csv"
ROLES = ["anonymous", "subscriber link", "organisation member", "viewer", "operator", "publisher", "administrator"]
GROUPS = {"viewer": VIEWERS, "operator": OPERATORS, "publisher": PUBLISHERS, "administrator": ADMINISTRATORS}
SELDOM = ("PUT", "PATCH", "DELETE")  # They are refused before any view: each address is asked by one of them.
# a visit leaves a trace there, and nowhere else: that a session is in use and its language, who looks at a case
NOT_COUNTED = {"sessions.session", "usersessions.usersession", "monitor.accountlanguage", "detection.claim"}


def parameters() -> dict[str, object]:
    """Return a value that exists for every parameter of an address."""
    product, pair = Product.objects.first(), ScenePair.objects.first()
    job = IngestJob.objects.get_or_create(source="upload", state="loaded", original_name="made.csv")[0].pk
    point = MeasurementPoint.objects.filter(product=product).first()
    absent = ("file", "detection", "subscription", "organisation", "account", "invitation", "z", "x", "y")
    absent += ("report",)
    made = {"code": Alert.objects.first().code, "product": product.pk, "product_id": product.pk, "pid": point.pid}
    made |= {"prediction": Prediction.objects.first().pk, "pair": pair.pk, "pair_id": pair.pk, "job": job, "pk": job}
    made |= {"event": GroundEvent.objects.first().pk, "run": Run.objects.filter(pair__isnull=False).first().pk}
    made |= {"layer": "los", "group": "2021-12-13-12d", "kind": "glaciers", "image": "ratio", "glacier": "MADE-1"}
    made |= {"station": Station.objects.first().pk, "bulletin": Bulletin.objects.get(signed_at=None).pk}
    made |= {"slug": "westshore", "form": "json", "token": "nonsense", "name": "0123456789abcdef", "source": "points"}
    standing = {"name": "made", "processor": "ARIA", "outline": product.footprint}
    made |= {"order": StandingOrder.objects.get_or_create(**standing)[0].pk}
    about = {"basis": "made", "seal": "5ea1" * 16, "size_bytes": 4, "checked_at": timezone.now()}
    sealed, new = Alert.objects.first().sealed.get_or_create(defaults=about)
    if new:
        sealed.file.save("made.zip", ContentFile(b"made"))
    made |= {"seal": sealed.seal[:16]}
    made |= {"line": 0}
    made |= {"ident": "none", "language": "de", "version": "0123456789ab"}
    made |= {"uidb64": "MA", "object_id": "0", "app_label": "detection", "content_type_id": 1}
    return made | {"from_field": "id", "id": "0"} | dict.fromkeys(absent, 0)


# where an account without a second factor is led, at once or by way of the admin's own sign-in
SET_UP = {"/second-factor/totp/activate/", "/admin/login/"}
OF_EVERY_ACCOUNT = {"admin:logout", "admin:password_change", "admin-password", "own-password", "session-list"}
OF_EVERY_ACCOUNT |= {"account_reauthenticate", "login", "account_login"}
# name of an address: values that only it needs
SPECIAL: dict[str, dict[str, object]] = {
    "alert-picture": {"name": "score"},
    "raster-tile": {"layer": "coherence"},
    "tilejson-raster": {"layer": "coherence"},
    **{f"ogc:{name}": {"name": "alerts"} for name in ("collection", "queryables", "items", "item")},
    **{f"ogc:{name}": {"name": "alerts"} for name in ("schema", "schema-of-geojson")},
    **{f"stac:{name}": {"name": "predictions"} for name in ("collection", "queryables", "items", "item")},
    "organisation-line-file": {"name": "profile"},
    "job-retry": {"kind": "files"},
    "job-cancel": {"kind": "files"},
}


def links(make_subscription) -> dict[str, dict[str, dict[str, object]]]:
    """By role, name of an address: what a signed link carries. What it ends or confirms has a row of its own.

    The subscriber owns an organisation; its member is somebody who does not, and has a seat there.
    """
    new, old, over = (make_subscription(email=f"{name}@example.org") for name in ("new", "old", "over"))
    type(new).objects.filter(pk=new.pk).update(confirmed_at=None)
    old.refresh_from_db()
    owner, member = make_organisation(old.email, "member@example.org")
    place, ended = share(owner), share(owner, longitude=-11.0)
    course, length_m = LineString([(-12.0, 47.0), (-11.9, 47.0)]), 7600.0
    line = line_add(organisation=owner.organisation, course=course, length_m=length_m, **RAILWAY).pk
    asked = Escalation.objects.create(alert=Alert.objects.first(), organisation=owner.organisation, severity="strong")
    for contact in (owner, member):
        contact_add(organisation=owner.organisation, who=f"member-{contact.pk}", hours="1")
    steps = {
        one.member_id: EscalationStep.objects.create(escalation=asked, contact=one) for one in Contact.objects.all()
    }
    subscriber = _of_person(tokens.manage_token(old.pk), old.pk, owner.organisation_id, place.pk, line)
    seat = place.seats.get(email=member.email)
    return {
        "subscriber link": subscriber
        | {
            "subscribe-confirm": {"token": tokens.confirm_token(new.pk)},
            "subscribe-stop": {"token": tokens.stop_token([over.pk])},
            "report-link": {"token": report_token(make_report(confirmed=False).pk)},
            "organisation-join": {"token": _join_token(owner, "first@example.org")},
            "alert-take": {"token": take_token(steps[owner.pk].pk)},
            "extract-gone": {"token": "key/file"},
            "feed-gone": {"token": "key", "name": "alerts.atom"},
        },
        "organisation member": _of_person(tokens.manage_token(seat.pk), seat.pk, owner.organisation_id, place.pk, line)
        | {
            "subscribe-stop": {"token": tokens.stop_token([ended.seats.get(email=member.email).pk])},
            "organisation-join": {"token": _join_token(owner, "second@example.org")},
            "alert-take": {"token": take_token(steps[member.pk].pk)},
        },
    }


def _of_person(token: str, subscription: int, organisation: int, place: int, line: int) -> dict[str, dict[str, object]]:
    pages = ("manage", "export", "news", "ways")
    here: dict[str, object] = {"token": token, "organisation": organisation}
    names = ("organisation-list", "organisation", "organisation-add", "organisation-export", "organisation-ways")
    names += ("organisation-lines", "organisation-alerts", "organisation-contacts")
    return {
        **{f"subscription-{page}": {"token": token} for page in pages},
        "subscription-where": {"token": token, "subscription": subscription},
        **dict.fromkeys(names, here),
        "organisation-place": here | {"subscription": place},
        "organisation-line": here | {"line": line},
        **{f"organisation-line-{name}": here | {"line": line} for name in ("file", "sections")},
    }


def _join_token(owner: Membership, email: str) -> str:
    organisation_services.member_invite(owner=owner, email=email)
    return tokens.join_token(Membership.objects.get(email=email).pk)


def addresses(
    resolver: URLResolver | None = None, prefix: str = "", outer: frozenset[str] = frozenset()
) -> Iterator[tuple[str, frozenset[str]]]:
    """Name, with its namespace, and parameters of every address; only inside a group may one be without a name."""
    for pattern in (resolver or get_resolver()).url_patterns:
        named = outer | frozenset(pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            group = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from addresses(pattern, group, named)
        elif isinstance(pattern, URLPattern) and (pattern.name or not prefix):
            yield f"{prefix}{pattern.name}", named


def table() -> dict[str, list[str]]:
    """Name of an address -> what each role gets."""
    with TABLE.open(newline="") as file:
        return {row["address"]: [row[role] for role in ROLES] for row in csv.DictReader(file)}


def row_of(name: str, rows: dict[str, list[str]]) -> list[str] | None:
    """Return the row of that very name; in a group (a name with a colon) the longest pattern that fits."""
    if name in rows or ":" not in name:
        return rows.get(name)
    fitting = [pattern for pattern in rows if "*" in pattern and fnmatch(name, pattern)]
    return rows[max(fitting, key=len)] if fitting else None


class People:
    """Every role with an account or links of its own, and what addresses are made of."""

    def __init__(self, links: dict[str, dict[str, dict[str, object]]]) -> None:
        self.accounts, self.links = {}, links
        for role, group in GROUPS.items():
            self.accounts[role] = get_user_model().objects.create_user(role, is_staff=role == "administrator")
            self.accounts[role].groups.add(Group.objects.get(name=group))
        self.values = parameters()
        self.clients: dict[tuple[str, bool], Client] = {}

    def status(self, role: str, verb: str, name: str, wanted: frozenset[str], token: bool = True) -> int:
        answer = self.client(role, token).generic(verb, self.path(role, name, wanted))
        assert answer["Permissions-Policy"] == PERMISSIONS, name
        if name.endswith("logout"):
            del self.clients[role, token]
        if answer.streaming:
            assert list(answer.streaming_content)
        return answer.status_code

    def statuses(
        self, role: str, verb: str, known: list[tuple[str, frozenset[str]]], strangers: list[int]
    ) -> list[int]:
        """Ask all addresses; with a link that an address does not take, the request is that of a stranger."""
        own = self.links.get(role)
        return [
            self.status(role, verb, name, wanted) if own is None or name in own else strangers[at]
            for at, (name, wanted) in enumerate(known)
        ]

    def client(self, role: str, token: bool) -> Client:
        if (role, token) not in self.clients:
            client = self.clients[role, token] = Client(raise_request_exception=False, enforce_csrf_checks=not token)
            if role in self.accounts:
                client.force_login(self.accounts[role])
        return self.clients[role, token]

    def path(self, role: str, name: str, wanted: frozenset[str]) -> str:
        own = SPECIAL.get(name, {}) | self.links.get(role, {}).get(name, {})
        return reverse(name, kwargs={parameter: own.get(parameter, self.values.get(parameter)) for parameter in wanted})


@pytest.fixture
def people(alert, product, pair_predictions, make_subscription) -> People:
    made_glaciers.make_motion()
    made_glaciers.make_event()
    make_region("Westshore", simulated=True)
    make_station()
    made_draft(product)
    for scene in Scene.objects.all():
        made_pairs.fill_scene(scene, made_pairs.full(0.1))
    return People(links(make_subscription))


def counts() -> dict[str, int]:
    models = [
        model for model in apps.get_models() if model._meta.managed and model._meta.label_lower not in NOT_COUNTED
    ]
    return {model._meta.label_lower: model.objects.count() for model in models}


def test_every_address_has_a_row_and_every_row_an_address():
    rows, names = table(), [name for name, _ in addresses()]
    assert [name for name in names if row_of(name, rows) is None] == []
    assert [row for row in rows if not any(row_of(name, rows) is rows[row] for name in names)] == []


@pytest.mark.long
def test_every_role_gets_the_answer_of_the_table(people):
    """All look before anybody sends something: this changes nothing, and whoever is not signed in gets no session."""
    rows, known, before = table(), sorted(addresses(), key=lambda address: address[0]), counts()
    looked, sent = {}, {}
    for role in ROLES:
        looked[role] = people.statuses(role, "GET", known, looked.get("anonymous", []))
        assert role in GROUPS or not Session.objects.exists()
    assert settings.SESSION_COOKIE_NAME not in people.client("anonymous", True).cookies
    assert counts() == before
    seldom = [people.status("anonymous", verb, *address) for address, verb in zip(known, cycle(SELDOM))]
    sent["anonymous"] = people.statuses("anonymous", "POST", known, [])
    assert max(*seldom, *sent["anonymous"]) < 500
    assert counts() == before
    for role in ROLES[1:]:
        sent[role] = people.statuses(role, "POST", known, sent["anonymous"])
    wrong = []
    for at, (name, _) in enumerate(known):
        answers = [f"{looked[role][at]} / {sent[role][at]}" for role in ROLES]
        if answers != row_of(name, rows):
            wrong.append(",".join([name, *answers]))
    assert not wrong, "These rows are missing or say something else:\n" + "\n".join(wrong)


def test_without_the_token_of_a_form_nobody_changes_anything(people):
    """Administrators send a form and try another verb; other roles send what gets another answer there."""
    before, through, rows = counts(), set(), table()
    for (name, wanted), verb in zip(addresses(), cycle(SELDOM)):
        cells = dict(zip(ROLES, row_of(name, rows), strict=True))
        asked = [("administrator", "POST"), ("administrator", verb)]
        asked += [(role, "POST") for role in GROUPS if cells[role] != cells["administrator"]]
        if any(people.status(role, verb, name, wanted, token=False) < 300 for role, verb in asked):
            through.add(name)
    assert counts() == before
    assert through == set()


def test_no_role_begins_before_the_second_factor_is_set_up(people, settings):
    """Wherever operators and administrators get further than anonymous visitors, they are led to set it up first."""
    settings.MFA_REQUIRED = True
    through, requested, rows = [], 0, table()
    for name, wanted in addresses():
        cells = row_of(name, rows)
        if name in OF_EVERY_ACCOUNT or name.startswith("mfa_"):
            continue
        for role in ("operator", "publisher", "administrator"):
            cell = cells[ROLES.index(role)]
            if cell == cells[0] or cell.startswith("403"):
                continue
            # Pages that everybody reads are asked for by what only operators may send there.
            method = "post" if cell.split(" / ")[0] == cells[0].split(" / ")[0] else "get"
            answer = getattr(people.client(role, True), method)(people.path(role, name, wanted))
            requested += 1
            if answer.status_code not in (403, 405) and answer.get("Location", "").split("?")[0] not in SET_UP:
                through.append((role, name, answer.status_code, answer.get("Location")))
    assert requested > 50
    assert through == []


STANDS_FOR = 987654321  # placeholder in an address, replaced by the number to test
NUMBERS = ["9223372036854775808", "9" * 5000]  # too big for every table; for Python, too
STRANGE = [NUMBERS[1], "nan"]
QUERIED = ["page", "track", "days", "image", "given", "level", "row", "cols", "limit", "offset", "k", "on", "with"]
QUERIED += ["hit", "width", "lat", "lon", "point", "at", "bbox", "period", "after", "product", "version", "detection"]
POSTED = ["about", "endpoint", "delivery", "subscription", "review", "proposal", "edit", "visit", "hit", "case"]
POSTED += ["expected_edit", "visitor", "known", "track", "own_km", "latitude", "longitude", "radius_km"]
POSTED += ["end", "report"]
DEEDS = {
    "organisation": ["remove", "share", "end"],
    "organisation-contacts": ["first", "remove"],
    "subscription-ways": ["remove", "again", "code"],
    "": [""],
}


def own_role(people: People, name: str) -> str:
    """Return the role with access to an address: the owner of a link, or else an administrator."""
    return next((role for role in people.links if name in people.links[role]), "administrator")


@pytest.mark.long
def test_no_number_in_an_address_a_filter_or_a_form_is_an_error(people):
    wrong, n_asked = [], 0
    for name, wanted in addresses():
        if name.startswith("admin:") or "logout" in name:
            continue
        role = own_role(people, name)
        client, path = people.client(role, True), people.path(role, name, wanted)
        own = people.values | SPECIAL.get(name, {}) | people.links.get(role, {}).get(name, {})
        made = {parameter: own.get(parameter) for parameter in wanted}
        answers = []
        for parameter in (one for one, value in made.items() if str(value).isdecimal()):
            strange = reverse(name, kwargs=made | {parameter: STANDS_FOR})
            answers += [client.get(strange.replace(str(STANDS_FOR), number)) for number in NUMBERS]
        n_asked += len(answers)
        answers += [client.get(path, dict.fromkeys(QUERIED, number)) for number in STRANGE]
        for deed in next(deeds for start, deeds in DEEDS.items() if name.startswith(start)):
            body = dict.fromkeys(POSTED, NUMBERS[1]) | {"deed": deed, "where": "circle", "result": "seen"}
            answers.append(client.post(path, body))
        wrong += [(name, answer.status_code) for answer in answers if answer.status_code >= 500]
        for answer in answers:
            if answer.streaming:  # its file is closed when all of it was read
                assert list(answer.streaming_content)
    assert wrong == []
    assert n_asked > 80


# These addresses have one action each, which the address names; every other form names its action in a field.
ONE_ACTION = {"invitation-withdraw", "job-cancel", "subscribe-confirm", "subscribe-stop", "upload-withdraw"}
OF_VISITS = {"django_session", "usersessions_usersession", "monitor_accountlanguage", "detection_claim"}


def test_a_form_that_names_no_action_changes_nothing(people):
    """An empty form of whoever may send it: no view takes a missing action for one of its own."""
    boss = people.accounts["administrator"]
    get_user_model().objects.filter(pk=boss.pk).update(is_superuser=True)
    people.values |= {"account": people.accounts["viewer"].pk}
    people.values |= {"invitation": services.invitation_send(email="x@example.org", role=OPERATORS, invited_by=boss).pk}
    changed: dict[str, str] = {}
    for name, wanted in sorted(addresses()):
        if name.startswith(("admin:", "mfa_")) or name.endswith("logout"):
            continue
        role = own_role(people, name)
        client = people.client(role, True)
        if role == "administrator":
            session = client.session
            session["account_authentication_methods"] = [{"method": "password", "at": time.time()}]
            session.save()
        with CaptureQueriesContext(connection) as queries:
            client.post(people.path(role, name, wanted))
        for query in queries:
            written = re.match(r'(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"', query["sql"])
            if written and written[1] not in OF_VISITS:
                changed[name] = written[1]
    assert changed.keys() == ONE_ACTION, changed


@pytest.mark.parametrize("wrong", ["9" * 25, "9" * 5000])
def test_no_number_in_a_header_is_an_error(client, settings, tmp_path, wrong):
    settings.BASEMAP_ARCHIVE = str(basemaps.archive(tmp_path / "world.pmtiles"))
    for whole in (f"bytes={wrong}-", f"bytes=0-{wrong}", f"bytes={wrong}-{wrong}"):
        assert client.get("/basemap.pmtiles", headers={"Range": whole}).status_code in (206, 416)


@pytest.mark.parametrize("width", ["nan", "inf", "-inf", "9" * 5000, "1,2", "x"])
def test_what_is_no_number_is_refused(client, width):
    asked = {"line": "9.1,48.7;9.2,48.8", "layer": "los", "width": width}
    assert client.get("/charts/profile.json", asked).status_code == 400


@pytest.mark.parametrize("verb", ["QUERY", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "NONSENSE"])
def test_a_method_that_no_address_takes_is_named_as_such(verb):
    """The check of tokens in forms would say 403, as if somebody could sign in to it."""
    visitor = Client(enforce_csrf_checks=True)
    data = ["/alerts.atom", "/cap.atom", "/api/v1/alerts", "/ogc/collections", "/tilejson/", "/rasters.json"]
    for path in (*data, "/stac/search", "/", "/alerts/", "/login/", "/nothing/"):
        answer = visitor.generic(verb, path)
        assert answer.status_code == 405, path
        assert answer["Allow"] == ("GET, HEAD" if path in data else "GET, HEAD, POST")
        assert (answer["Content-Type"] == "application/problem+json") == (path in data or path == "/stac/search")


def test_data_for_everybody_take_no_form(client):
    visitor = Client(enforce_csrf_checks=True)
    assert visitor.post("/alerts.atom", {"a": "b"}).status_code == 405
    assert visitor.post("/stac/search", "{}", content_type="application/json").status_code == 200
    assert visitor.post("/login/", {"username": "x"}).status_code == 403  # a form without its token


def answers(people: People, role: str) -> Iterator[tuple[str, int, bytes]]:
    """Name, status and content of what a role is answered at every address, at one of each collection."""
    collections = {name: one.collections for name, one in CATALOGUES.items()}
    own = dict(people.links.get(role, {}))
    for name, wanted in addresses():
        for kind in collections.get(name.partition(":")[0], [""]) if "name" in wanted else [""]:
            people.links[role] = own | ({name: {"name": kind}} if kind else {})
            path = people.path(role, name, wanted)
            answer = people.client(role, True).get(path, QUERIES.get(name, {}))
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            body = body.replace(path.encode(), b"")  # A page that is not found may name its own address.
            yield f"{name} {kind}".strip(), answer.status_code, body
    people.links[role] = own


def test_nothing_of_a_withdrawn_product_is_in_any_answer_and_all_of_it_after_the_undo(people, product):
    """Look for the name, the file's hash, the address and a point's id in all answers to visitors."""
    Product.objects.filter(pk=product.pk).update(name="Quillon field")
    traces = ["Quillon", product.file_sha256, f"/products/{product.pk}/", people.values["pid"]]
    at = transformer(4326, 3857).transform(*product.footprint.centroid.coords)
    x, y = (int((1 + sign * metres / HALF_WORLD_M) / 2 * 2**10) for sign, metres in zip((1, -1), at, strict=True))
    people.values |= {"z": 10, "x": x, "y": y, "ident": f"{product.pk}.{people.values['pid']}"}

    def showing() -> set[str]:
        found = answers(people, "anonymous")
        return {name for name, _status, body in found if any(trace.encode() in body for trace in traces)}

    before = showing()
    assert {"points-tile", "api-1:point", "ogc:item points", "product-list", "stac:search", "workbench"} <= before
    product_withdraw(product=product, why="made", by="anna")
    assert showing() == set()
    product_restore(product=product, by="anna")
    assert showing() == before


QUERIES = {"wms": {"SERVICE": "WMS", "REQUEST": "GetCapabilities"}}
RATE = re.compile(rb'mm a year|_mm_yr": -?\d')
# These answers explain names and units, and state no rate.
EXPLAINED = ("*:collections", "*:collection *", "*:description", "*:queryables*", "*:schema*", "api-1:api-root")
EXPLAINED += ("api-1:openapi-json", "words")
STATED = {"alert-detail", "alerts-geojson", "alerts-atom", "api-1:alert", "api-1:alert_detections", "api-1:buildings"}
STATED |= {"api-1:here", "api-1:point", "cap-message", "chart-profile", "chart-series", "here", "ogc:items alerts"}
STATED |= {"ogc:items buildings", "ogc:items points", "ogc:items series", "region-embed"}
STATED |= {"stac:items alerts", "stac:items velocity-fields", "alert-report", "region-report", "alert-list"}


def test_every_answer_that_states_a_rate_says_that_nothing_confirms_its_zero(people, product, monkeypatch):
    Product.objects.update(datum_source="file", datum_n=0)
    alert, point = Alert.objects.first(), MeasurementPoint.objects.filter(product=product).first()
    place = point.position
    make_building(product, place.coords)
    make_detection(product, alert)
    message_issue(transition=AlertTransition.objects.create(alert=alert, to_state="first", reason="made"))
    here, line = {"lat": place.y, "lon": place.x}, f"{place.x - 1e-3},{place.y};{place.x + 1e-3},{place.y}"
    asked = {"here": here, "api-1:here": here, "here-report": here, "chart-profile": {"line": line, "layer": "los"}}
    asked |= {"chart-series": {"point": f"{product.pk}/{point.pid}"}}
    monkeypatch.setattr(f"{__name__}.QUERIES", QUERIES | asked)
    monkeypatch.setitem(SPECIAL, "cap-message", {"name": alert.code})
    stating, silent = set(), set()
    for role in ("anonymous", "subscriber link", "administrator"):
        for name, status, body in answers(people, role):
            if status == 200 and RATE.search(body) and not any(fnmatch(name, each) for each in EXPLAINED):
                stating.add(name)
                if b"nothing outside confirms it" not in body:
                    silent.add((role, name))
    assert silent == set()
    assert stating >= STATED
