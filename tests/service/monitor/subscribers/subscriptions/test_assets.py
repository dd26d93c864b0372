"""Lists of sites: read whole or not at all, and named where they lie in moving ground."""

from datetime import timedelta

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from detection.alerts.services import alert_transition
from detection.models import AlertTransition
from detection.rules.lifecycle import State
from ground_motion.core.areas import area_of
from monitor import tasks
from monitor.models.messages import Notification, OutgoingMessage
from monitor.models.subscriptions import Asset, Subscription
from monitor.notifications import digests, rounds
from monitor.subscribers.subscriptions import assets, tokens
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.subscribers.subscriptions.given_files import sites_read
from monitor.wording.refusals import Refusal
from tests.makers.organisations import FORM

WISH = FORM | {"where": "sites", "distance": "200", "unreviewed": "on", "email": "resident@example.org"}
EXPECTED = [("Dam", 47.0, -12.0, 500.0), ("Mill", 46.5, -11.25, 200.0)]
pytestmark = pytest.mark.django_db


def read(text: str | bytes) -> list[tuple[str, float, float, float]]:
    content = text if isinstance(text, bytes) else text.encode()
    _, sites = sites_read(content=content, name="sites.csv", radius_m=200)
    return [(site.name, site.latitude, site.longitude, site.radius_m) for site in sites]


@pytest.mark.parametrize(
    "table",
    [
        "name,latitude,longitude,radius_m\nDam,47,-12,500\nMill,46.5,-11.25,\n",
        "\ufeffStandort;Breitengrad;Längengrad;Umkreis\r\nDam;47,0°;-12,0°;500\r\nMill;46,5;−11,25;\r\n",
        "Nom\tLat\tLon\tRayon km\nDam\t47\t-12\t0.5\n\t\t\t\nMill\t46,5\t-11,25\t\n",
        'X,Y,Site Name,radius\n"-12,0",47,Dam,500\n"-11,25","46,5",Mill\n\n',
        "name;lat;lon;radius\nDam;47;-12;500\nMill;46.5;-11.25;200".encode("utf-16"),
        "Register;;;\n;;;\nStand: 1.2.;;;\nObjekt;Breitengrad;Längengrad;Umkreis\nDam;47;-12;500\nMill;46,5;-11,25;",
        "Estrazione del 1.2.2026\nNome|Latitudine|Longitudine|radius\nDam|47|-12|500\nMill|46,5|-11,25|\n",
        'name;"latitude\n(WGS 84)";"longitude\n(WGS 84)";radius\nDam;47;-12;500\nMill;46.5;-11.25;200',
        "stop_name,stop_lat,stop_lon,name,radius\n1,47,-12,Dam,500\n2,46.5,-11.25,Mill,\n",
        "X;Y;WGS84_LAT;WGS84_LON;name;radius\n4321;987;47;-12;Dam;500\n4330;990;46,5;-11,25;Mill;\n",
        "# lat, lon in degrees\nname,lat,lon,radius\nDam,47,-12,500\nMill,46.5,-11.25,\n",
        'nom;geo_point_2d;rayon\nDam;47, -12;500\nMill;"46.5,-11.25";\n',
        "Bezeichnung;Breite;Länge;Radius\nDam;47;-12;500\nMill;46.5;-11.25;200".encode("cp1252"),
    ],
)
def test_tables_as_spreadsheets_write_them_give_the_same_sites(table):
    assert read(table) == EXPECTED


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "is empty"),
        ("name,lat\nDam,47\n", "no column “longitude” .found: name, lat."),
        ("lat,lon\n", "no rows below its header"),
        ("lat,lon\n47,-12\nnorth,-12\n", "Row 3: “north” in column “latitude” is not a number"),
        ("lat,lon\n47,-12\n-112,47\n", "Row 3: latitude -112 and longitude 47 are no place on Earth. Check whether"),
        ("lat,lon,radius\n47,-12,80000\n", "Row 2: The distance must be more than 0 and at most 50 km"),
        ("lat,lon,radius\n47,-12,nan\n", "Row 2: “nan” in column “radius” is not a number"),
        ("lat,lon\n" + "x,y\n" * 5, "3 more rows have faults"),
        ("List of sites\n\nlat,lon\n47,-12\nnorth,-12\n", "Row 5: “north” in column “latitude”"),
        ("lat deg,lon deg,lat min,lon min\n47,-12,30,30\n", "no column “latitude”"),
        ("a point of lat and lon,text\n47,-12\n", "no column “latitude”"),
        ("lat,lon\n" + "47,-12\n" * 2001, "more than 2,000 sites"),
        ("lat,lon\n47,-12\n" + "9" * 2**20, "the limit is 1,024 kB"),
        (b"\x00\x01\x02", "not a text table"),
        ('lat;lon\n47;-12\n"Dam;46;-12\n46;-12\n', "cannot be read as a table"),
    ],
)
def test_one_bad_row_refuses_the_table_and_says_which(table, message):
    with pytest.raises(Refusal, match=message) as refusal:
        read(table)
    assert "sites.csv" in str(refusal.value)
    assert len(str(refusal.value)) <= 200


def test_a_site_without_a_name_gets_its_number_and_a_disc_and_a_refusal_of_many_has_200_letters_at_most():
    _, (site,) = sites_read(content=b"lat,lon\n47,-12\n", name="s.csv", radius_m=800)
    assert site.name == "Site 1"
    assert area_of(site.area) == pytest.approx(3.1416 * 800**2, rel=0.02)
    with pytest.raises(Refusal) as refusal, override("de"):
        sites_read(content=b"lat,lon\n" + b"-112,47\n" * 9, name=" ".join(["Kläranlagen"] * 9), radius_m=200)
    assert len(str(refusal.value)) <= 200


def post(email: str = "resident@example.org", rows: int = 340) -> Subscription:
    """Subscribe to a list: the first twelve sites lie in the made alert, the others far from it."""
    near = [f"Near {n},{47 + n / 1e5:.5f},-12" for n in range(12)]
    far = [f"Far {n},{40 + n / 100:.2f},5" for n in range(rows - 12)]
    table = SimpleUploadedFile("sites.csv", "\n".join(["name,lat,lon", *near, *far]).encode())
    assert Client().post("/subscribe/", WISH | {"sites": table, "email": email, "name": "Our dams"}).status_code == 302
    return Subscription.objects.latest("pk")


def test_the_page_names_the_sites_in_moving_ground_and_everything_goes_with_the_person(alert):
    subscription = post()
    subscriptions.subscription_confirm(subscription=subscription)
    assert subscription.label == "340 sites of a list"
    token, visitor = tokens.manage_token(subscription.pk), Client()
    page = visitor.get(f"/subscriptions/{token}/").content.decode()
    assert "Our dams" in page
    assert "12 of your 340 sites lie in moving ground: Near 0, Near 1," in page
    assert "Near 9 and 2 more." in page
    held = visitor.get(f"/subscriptions/{token}/export.json").json()["subscriptions"][0]
    assert len(held["sites"]) == 340
    assert held["sites"][0] == {"name": "Near 0", "latitude": 47.0, "longitude": -12.0, "radius_m": 200.0}
    move = f"/subscriptions/{token}/{subscription.pk}/where/"
    fewer = SimpleUploadedFile("sites.csv", b"lat,lon\n40,5\n")
    assert visitor.post(move, {"where": "sites", "sites": fewer, "distance": "200"}).status_code == 302
    assert "Your site does not lie in moving ground." in visitor.get(f"/subscriptions/{token}/").content.decode()
    bad = SimpleUploadedFile("sites.csv", b"lat,lon\n40,5\nx,y\n")
    assert visitor.post(move, {"where": "sites", "sites": bad}).status_code == 422
    assert Asset.objects.count() == 1  # nothing half-done
    visitor.post(f"/subscriptions/{token}/", {"deed": "delete"})
    assert not Asset.objects.exists()


def test_a_list_of_one_site_is_called_by_its_name(alert):
    table = SimpleUploadedFile("sites.csv", b"name,lat,lon\nDam,47,-12\n")
    Client().post("/subscribe/", WISH | {"sites": table, "email": "one@example.org"})
    subscription = Subscription.objects.get()
    assert assets.sites_now(subscription) == "Your site Dam lies in moving ground."
    Notification.objects.create(transition=AlertTransition.objects.get(), subscription=subscription)
    assert assets.sites_of_news(Notification.objects.all()) == ["Your site Dam is concerned."]


@pytest.mark.parametrize("frequency", ["at-once", "daily"])
def test_a_mail_says_how_many_of_the_sites_are_concerned_and_names_them(alert, frequency):
    ours, other = post(), post("neighbour@example.org", rows=20)
    Subscription.objects.update(confirmed_at=timezone.now(), frequency=frequency)
    mail.outbox.clear()
    alert_transition(alert=alert, to=State.PROVISIONAL, reason="seen again")
    tasks.announce_transitions()
    later = timezone.now() + timedelta(days=2)
    if frequency == "daily":
        digests.digests_queue(now=later)
    else:
        digests.messages_gather(now=later)
    OutgoingMessage.objects.filter(state="queued").update(next_try_at=timezone.now())
    rounds.messages_send()
    for subscription, n in ((ours, 340), (other, 20)):
        (letter,) = [one for one in mail.outbox if one.to == [subscription.email] and "concerned" in one.body]
        line = f"12 of your {n} sites are concerned: Near 0, Near 1, Near 2,"
        assert line in letter.body
        assert "Near 9 and 2 more." in letter.body
        assert line in letter.alternatives[0][0]
        assert "Far" not in letter.body
