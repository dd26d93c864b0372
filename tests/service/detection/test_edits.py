"""What a person sets of an alert, or draws: it stays, is reported as such, can be taken back, and is kept."""

import io
import json
from datetime import date

import pyarrow.parquet as pq
import pytest
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from PIL import Image
from shapely import box, from_wkb, to_geojson

from detection.alerts.importance import alert_recount
from detection.by_hand import as_json, keep_by_hand
from detection.models import Alert, AuditEntry, CaseNote
from detection.reviews.claims import Claimed, Overtaken, claim_take
from detection.reviews.edits import alert_edit, edit_take_back, last_edit, may_take_back_edit
from detection.reviews.labels import labels_write
from detection.reviews.notes import Given, note_add
from detection.reviews.outlines import Unfit, outline_of
from detection.reviews.record import judgements
from detection.rules.verdicts import Verdict
from lab.replay.machine import Machine, clock_at
from lab.replay.scenario import Event, Found, Measure, square
from tests.makers.reports import CAMERA, photo
from tests.makers.reviews import drawn_alert, edit, say
from tests.service.detection.test_histories import nothing_is_impossible
from tests.waiting import reread

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(make_alert) -> Alert:
    return make_alert()


def shifted(alert: Alert, degrees: float = 0.01) -> str:
    """The box around the alert, a little further east."""
    west, south, east, north = alert.area.extent
    return to_geojson(box(west + degrees, south, east + degrees, north))


def test_an_edit_changes_the_alert_and_is_reported_as_an_update(alert, anna):
    before, outline = as_json(alert.area), shifted(alert)
    edit(alert, anna, kind="landslide", severity="strong", area=outline, texts={"de": "Hang am Bach.", "fr": " "})
    assert (reread(alert).kind, alert.severity) == ("landslide", "strong")
    assert alert.area.equals_exact(GEOSGeometry(alert.area.wkt, 4326))
    assert as_json(alert.area) != before
    assert alert.by_hand.texts == {"de": "Hang am Bach."}
    step = alert.transitions.last()
    assert (step.from_state, step.to_state, step.actor) == (alert.state, alert.state, "a specialist")
    assert {"named", "outline", "text"} <= {change["cause"] for change in step.update.changes}
    entry = AuditEntry.objects.get(action="edit")
    kept = json.loads(entry.detail)
    assert (entry.actor, kept["before"]["area"], kept["after"]["kind"]) == ("anna", before, "landslide")


def test_later_looks_do_not_overwrite_what_a_person_has_set(watched_region, anna):
    alert = Alert.objects.first()
    outline = shifted(alert)
    edit(alert, anna, kind="landslide", area=outline, severity="strong")
    computed = {"kind": "uplift", "severity": "minor", "area": alert.area.buffer(0.01), "area_m2": 1.0, "rate_mm_yr": 7}
    kept = keep_by_hand(alert=alert, columns=computed)
    assert (kept["kind"], kept["severity"], kept["rate_mm_yr"]) == ("landslide", "strong", 7)
    assert kept["area"].equals(alert.area)
    assert kept["area_m2"] == pytest.approx(alert.area_m2)
    alert_recount(alert=alert)
    assert (reread(alert).kind, alert.severity) == ("landslide", "strong")


def test_what_is_taken_back_is_what_the_last_look_said(alert, anna):
    kind = alert.kind
    made = edit(alert, anna, kind="landslide", severity="strong")
    Alert.objects.filter(pk=alert.pk).update(rate_mm_yr=-3.0, peak_rate_mm_yr=-3.0)
    alert_recount(alert=reread(alert))
    assert (alert.kind, alert.severity) == ("landslide", "strong")
    back = edit_take_back(edit=made, editor=anna)
    assert (reread(alert).kind, alert.severity) == (kind, "minor")
    assert not may_take_back_edit(edit=made)
    assert not may_take_back_edit(edit=back)
    with pytest.raises(ValueError, match="no longer"):
        edit_take_back(edit=made, editor=anna)
    assert [entry.action for entry in AuditEntry.objects.all()] == ["edit.taken-back", "edit"]


def test_an_older_edit_is_taken_back_where_no_later_one_changed_the_same(alert, anna):
    first, second = edit(alert, anna, kind="landslide"), edit(alert, anna, texts={"en": "See the quarry."})
    assert may_take_back_edit(edit=first)
    assert may_take_back_edit(edit=second)
    third = edit(alert, anna, kind="uplift")
    assert not may_take_back_edit(edit=first)
    edit_take_back(edit=third, editor=anna)
    assert reread(alert).kind == "landslide"


def test_what_changes_nothing_is_not_recorded_and_a_small_correction_of_the_text_not_announced(alert, anna):
    assert edit(alert, anna, kind=alert.kind, severity=alert.severity, area="", texts={}) is None
    assert not AuditEntry.objects.exists()
    assert not alert.edits.exists()
    n = alert.transitions.count()
    made = edit(alert, anna, announce=False, texts={"en": "A typing error."})
    assert made.transition is None
    assert alert.transitions.count() == n
    assert edit(alert, anna, announce=False, kind="landslide").transition is not None


def test_the_second_of_two_editors_is_refused_and_so_is_one_where_somebody_else_holds_it(alert, anna, ben):
    made = edit(alert, anna, kind="landslide")
    with pytest.raises(Overtaken):
        alert_edit(alert=alert, editor=anna, wanted={"kind": "uplift"}, expected_state=alert.state, expected_edit=0)
    with pytest.raises(Overtaken):
        alert_edit(alert=alert, editor=anna, wanted={}, expected_state="rejected", expected_edit=last_edit(alert))
    claim_take(alert=alert, holder=ben)
    with pytest.raises(Claimed):
        edit(alert, anna, kind="uplift")
    with pytest.raises(Claimed):
        edit_take_back(edit=made, editor=anna)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("nonsense", "no GeoJSON"),
        ('{"type": "Point", "coordinates": [10, 50]}', "no GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[[0,0],[1,1],[1,0],[0,1],[0,0]]]}', "crosses itself"),
        ('{"type": "Polygon", "coordinates": [[[10,50],[10.0000001,50],[10,50.0000001],[10,50]]]}', "square metres"),
        ('{"type": "Polygon", "coordinates": [[[0,0],[9,0],[9,9],[0,9],[0,0]]]}', "square metres"),
        ('{"type": "Polygon", "coordinates": [[[500,0],[500.1,0],[500.1,0.1],[500,0]]]}', "not on the map"),
        ("[" * 100_000, "no GeoJSON"),
        ('{"type": "FeatureCollection", "features": []}', "no GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[[NaN,0],[1,1],[1,0],[NaN,0]]]}', "."),
    ],
)
def test_an_outline_that_is_none_is_refused(text, why):
    with pytest.raises(Unfit, match=why):
        outline_of(text)


def test_an_outline_far_from_the_alert_and_a_kind_that_is_measured_in_another_way_are_refused(alert, anna):
    with pytest.raises(Unfit, match="5 kilometres"):
        edit(alert, anna, area=shifted(alert, 1.0))
    with pytest.raises(Unfit, match="another way"):
        edit(alert, anna, kind="glacier-surge")


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_photo_loses_where_it_was_taken_and_stands_upright(alert, anna, form):
    assert CAMERA.encode() in photo(form)
    note = note_add(alert=alert, author=anna, text="Cracks.", files=[Given("crack ../../x.exe", photo(form))])
    kept = note.files.get()
    image = Image.open(io.BytesIO(bytes(kept.content)))
    assert CAMERA.encode() not in bytes(kept.content)
    assert not image.getexif()
    assert image.size == (20, 40)
    assert "/" not in kept.name
    assert kept.media_type == f"image/{form.lower()}"


@pytest.mark.parametrize(
    "given",
    [
        Given("page.jpg", b"<html><script>alert(1)</script>"),
        Given("x.gif", b"GIF89a\x01\x00\x01\x00"),
        Given("cut.jpg", photo()[:200]),
        Given("big.pdf", b"%PDF-" + bytes(10_000_001)),
        Given("empty.png", b""),
    ],
)
def test_a_file_of_another_type_is_refused_whatever_its_name(alert, anna, given):
    with pytest.raises(Unfit, match="was not taken"):
        note_add(alert=alert, author=anna, text="See.", files=[Given("plan.pdf", b"%PDF-1.7"), given])
    assert not CaseNote.objects.exists()


TODAY = date(2021, 6, 1)


def draw(by, x_km: float = 0.0, **more) -> Alert:
    area = GEOSGeometry(to_geojson(box(*square(x_km, 0.0, 800.0))))
    with clock_at(TODAY):
        return drawn_alert(by, MultiPolygon(area, srid=4326), seen_on=date(2021, 5, 20), **more)


def test_what_the_computer_finds_there_later_joins_it_and_changes_nothing_that_the_person_said(anna):
    alert = draw(anna, kind="landslide", severity="strong")
    before, machine = alert.area.wkt, Machine()
    data = date(2018, 1, 1), date(2021, 6, 20)
    found = Found(value=-20.0, x_km=0.2, size_m=800)
    machine.happen(Event(day=date(2021, 7, 1), measure=Measure.VELOCITY, data=data, areas=(found,)))
    assert Alert.objects.count() == 1
    assert reread(alert).detections.count() == 1
    assert (alert.source, alert.state, alert.kind, alert.severity) == ("person", "confirmed", "landslide", "strong")
    assert (alert.is_measured, alert.rate_mm_yr, alert.area.wkt) == (True, -20.0, before)
    assert alert.by_hand.computed["kind"] != "landslide"
    nothing_is_impossible()


def test_data_that_do_not_show_it_do_not_end_it(anna):
    alert, machine = draw(anna), Machine()
    for year in (2022, 2023, 2024, 2025):
        data = date(year - 4, 1, 1), date(year, 5, 1)
        machine.happen(Event(day=date(year, 6, 1), measure=Measure.VELOCITY, data=data, areas=()))
    assert reread(alert).state == "confirmed"
    assert alert.transitions.count() == 1
    nothing_is_impossible()


def test_it_can_be_edited_but_not_made_what_was_never_computed(anna):
    alert = draw(anna)
    with pytest.raises(Unfit):
        edit(alert, anna, area="")
    assert edit(alert, anna, kind="landslide", severity="moderate", texts={"en": "Slope."}) is not None
    assert (reread(alert).kind, alert.by_hand.texts) == ("landslide", {"en": "Slope."})


def test_it_is_a_label_of_a_person_and_no_merit_or_fault_of_the_computer(anna, tmp_path):
    alert, other = draw(anna), draw(anna, 5.0)
    other.refresh_from_db()
    say(other, Verdict.REJECT, anna, "construction")
    assert not judgements()
    assert labels_write(path=tmp_path / "labels.parquet") == 2
    rows = {row["alert"]: row for row in pq.read_table(tmp_path / "labels.parquet").to_pylist()}
    row = rows[alert.code]
    assert (row["found_by"], row["verdict"], row["reason_code"]) == ("person", "confirm", "told")
    assert (row["rate_mm_yr"], row["score"], row["method"]) == (None, None, None)
    assert from_wkb(row["geometry"]).equals(from_wkb(bytes(alert.area.wkb)))
    assert rows[other.code]["verdict"] == "reject"
