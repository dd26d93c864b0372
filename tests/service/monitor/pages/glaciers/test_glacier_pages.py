"""Pages of glaciers: the list, one glacier with its series and surges, the table to download."""

import csv
from io import StringIO

import pytest

from tests.makers.glaciers import follow, make_glacier, make_motion, make_offsets

pytestmark = pytest.mark.django_db


def test_a_surge_is_shown_on_its_page_and_on_that_of_its_alert(client):
    make_glacier()
    make_offsets([0.4] * 9 + [1.4, 2.2, 2.6])
    follow()
    page = client.get("/glaciers/MADE-1/").content.decode()
    assert "This glacier is surging" in page
    assert "not over yet" in page
    assert "Glacier surge" in page
    assert "raster=speed" in page
    assert "ground outside glaciers, which should stand still" in page
    code = next(part.split("/")[2] for part in page.split('"') if part.startswith("/alerts/") and len(part) > 9)
    alert = client.get(f"/alerts/{code}/").content.decode()
    assert "has flowed much faster than usual since about" in alert
    assert 'href="/glaciers/MADE-1/"' in alert
    for made_with in ("12 pairs of images of Made Glacier", "times median 2.0", "docs/models/surges.md"):
        assert made_with in alert


def test_the_series_can_be_taken_away_and_a_glacier_without_an_identifier_is_found_by_its_row(client):
    motion = make_motion()
    rows = list(csv.DictReader(StringIO(client.get("/glaciers/MADE-1/series.csv").content.decode())))
    assert [(row["speed_m_day"], row["usual_m_day"]) for row in rows] == [("0.5", ""), ("0.6", rows[1]["usual_m_day"])]
    assert rows[0]["start"] == "2020-01-01"
    motion.glacier.glacier_id = ""
    motion.glacier.save()
    assert client.get(f"/glaciers/{motion.glacier.pk}/").status_code == 200
