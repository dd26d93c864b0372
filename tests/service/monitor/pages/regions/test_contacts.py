"""Who is responsible: from a file of regions to the pages, mails, messages and programs that name it."""

import json

import pytest
from django.test import Client

from detection.models import Alert, AuditEntry
from ground_motion.readers.context.records import ContextKind
from ingest.context.selectors import Contact, whereabouts_of
from ingest.context.services import context_load
from ingest.models import AdministrativeRegion, ContextLayer
from monitor.open_data.cap.services import message_issue, transitions_due
from monitor.wording.cards.cards import alert_card
from tests.makers.people import words
from tests.makers.regions import make_region

pytestmark = pytest.mark.django_db
OFFICE = {
    "contact_name": "Geological Survey of Westshore",
    "contact_phone": "+43 1 234 56",
    "contact_page": "https://survey.example.org/ground",
}
NEW = {"name": "Town hall", "phone": "+43 1 999", "page": "https://hall.example.org"}
SQUARE = {"type": "Polygon", "coordinates": [[[-13, 46], [-11, 46], [-11, 48], [-13, 48], [-13, 46]]]}


def texts(client: Client, alert: Alert, region: AdministrativeRegion) -> dict[str, str]:
    """Everything that names who is responsible, by where it stands."""
    addresses = {
        "alert": alert.get_absolute_url(),
        "report": f"{alert.get_absolute_url()}report/",
        "region": f"/regions/{region.slug}/",
        "report of the region": f"/regions/{region.slug}/report/",
        "widget": f"/embed/regions/{region.slug}/",
        "program": f"/api/v1/alerts/{alert.code}",
        "feed": "/alerts.atom",
    }
    texts = {name: client.get(address).content.decode() for name, address in addresses.items()}
    texts["CAP"] = message_issue(transition=transitions_due().get()).xml
    return texts | {"mail": " ".join(alert_card(alert).sentences)}


def test_who_is_responsible_is_named_wherever_the_alert_is(client, alert):
    said = texts(client, alert, make_region(**OFFICE))
    for where, text in said.items():
        for part in OFFICE.values():
            assert part in text, (where, part)
    assert 'href="tel:+4312345' in said["alert"], "a call is one touch away"
    assert 'href="https://survey.example.org/ground"' in said["alert"]
    parts = {name.removeprefix("contact_"): value for name, value in OFFICE.items()} | {"region": "Westshore"}
    assert json.loads(said["program"])["contact"] == parts


def test_without_a_contact_nobody_is_named(client, alert):
    for where, text in texts(client, alert, make_region()).items():
        assert "Responsible" not in text, where
        assert "<contact>" not in text


@pytest.mark.parametrize(
    ("phone", "number"), [("+43 (0)1 234-56", "+43123456"), ("01/234 56", "0123456"), ("(01) 234", "01234")]
)
def test_a_number_is_dialled_without_the_zero_of_calls_within_the_country(phone, number):
    assert Contact("Town hall", phone, "", "Town").number == number


def test_the_smallest_unit_with_a_contact_is_responsible_and_simulated_units_only_for_simulated_ground(client):
    make_region("State", level=1, **OFFICE)
    district = make_region("District without", level=2)
    make_region("Town", bounds=(-12.05, 46.95, -11.95, 47.05), level=3, **OFFICE | {"contact_name": "Town hall"})
    places = whereabouts_of(points=[(-12.0, 47.0, False), (-12.08, 47.0, False), (-12.0, 47.0, True)])
    inside, beside, made = (place.contact for place in places)
    assert inside == Contact("Town hall", OFFICE["contact_phone"], OFFICE["contact_page"], "Town")
    assert (beside.name, beside.region) == (OFFICE["contact_name"], "State")
    assert made is None
    assert [place.region for place in places] == ["Town", "District without", ""]
    page = client.get(f"/regions/{district.slug}/").content.decode()
    assert "Responsible in State:" in page
    assert "Town hall" not in page


def test_a_file_of_regions_brings_its_contacts(load_context):
    load_context("regions", SQUARE, name="Westshore", **OFFICE)
    assert AdministrativeRegion.objects.values(*OFFICE).get() == OFFICE
    assert ContextLayer.objects.get().remarks == {}


@pytest.mark.parametrize(
    ("wrong", "kept"),
    [
        ({"contact_page": "javascript:alert(1)"}, ("contact_name", "contact_phone")),
        ({"contact_page": "https://user:secret@example.org/"}, ("contact_name", "contact_phone")),
        ({"contact_page": "https://example.org/" + 300 * "a"}, ("contact_name", "contact_phone")),
        ({"contact_phone": "call us"}, ("contact_name", "contact_page")),
        ({"contact_phone": "1" * 50}, ("contact_name", "contact_page")),
        ({"contact_phone": "call us", "contact_page": "javascript:alert(1)"}, ("contact_name",)),
        ({"contact_name": ""}, ()),
    ],
)
def test_what_is_no_contact_is_left_out_and_remarked(load_context, wrong, kept):
    load_context("regions", SQUARE, name="Westshore", **OFFICE | wrong)
    expected = {name: OFFICE[name] if name in kept else "" for name in OFFICE}
    assert AdministrativeRegion.objects.values(*OFFICE).get() == expected
    assert len(ContextLayer.objects.get().remarks) == 1


def test_an_operator_changes_who_is_responsible_and_the_audit_says_so(client, operator, alert):
    region = make_region(**OFFICE)
    address = f"/regions/{region.slug}/contact/"
    assert address in operator.get(f"/regions/{region.slug}/").content.decode()
    assert address not in client.get(f"/regions/{region.slug}/").content.decode()
    assert OFFICE["contact_name"] in operator.get(address).content.decode()
    assert operator.post(address, NEW).status_code == 302
    assert "Town hall" in client.get(alert.get_absolute_url()).content.decode()
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == ("anna", "contact")
    assert entry.detail == (
        "Westshore: Geological Survey of Westshore, +43 1 234 56, https://survey.example.org/ground"
        " → Town hall, +43 1 999, https://hall.example.org"
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": ""}, "Type the name of the office."),
        ({"phone": "call us"}, "Type a telephone number"),
        ({"page": "javascript:alert(1)"}, "Type an address that begins with https://"),
        ({"page": "https://user:secret@example.org/"}, "Type an address that begins with https://"),
    ],
)
def test_an_invalid_contact_is_refused_and_nothing_changes(operator, change, fault):
    region = make_region(**OFFICE)
    answer = operator.post(f"/regions/{region.slug}/contact/", NEW | change)
    assert answer.status_code == 422
    assert fault in words(answer)
    region.refresh_from_db()
    assert region.contact_name == OFFICE["contact_name"]
    assert not AuditEntry.objects.exists()


def test_a_contact_set_by_hand_outlasts_a_new_file_of_regions_follows_a_renamed_one_or_is_named_as_lost(
    operator, tmp_path
):
    def load(office: str, *regions: tuple[str, str]) -> ContextLayer:
        features = [
            {
                "type": "Feature",
                "geometry": SQUARE,
                "properties": {"name": name, "iso_3166_2": code, "contact_name": office},
            }
            for name, code in regions
        ]
        path = tmp_path / "regions.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        return context_load(path=path, kind=ContextKind.REGIONS, replace=True)

    kept, of_file = ("Midshore", "AT-4"), ("Southshore", "AT-5")
    load("Old office", ("Westshore", "AT-1"), ("Eastshore", "AT-2"), kept, of_file)
    for slug, office in (("westshore", "Town hall"), ("eastshore", "Harbour office"), ("midshore", "Market hall")):
        operator.post(f"/regions/{slug}/contact/", NEW | {"name": office})
    layer = load("New office", ("West Shore District", "AT-1"), kept, of_file)
    names = dict(AdministrativeRegion.objects.values_list("name", "contact_name"))
    assert names == {"West Shore District": "Town hall", "Midshore": "Market hall", "Southshore": "New office"}
    (remark,) = ContextLayer.objects.get(pk=layer.pk).remarks
    assert "Eastshore" in remark
    assert "Harbour office" in remark
