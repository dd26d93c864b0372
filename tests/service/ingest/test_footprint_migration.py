"""Footprints of one polygon become multipolygons and go back; on the way back several parts become their box."""

import pytest
from django.contrib.gis.geos import GEOSGeometry
from django.core.management import call_command
from django.db import connection

from ingest.models import Product
from ingest.products.services import product_load
from tests.makers import pairs as made_pairs

BEFORE = "0010_sizes_of_rasters"


def footprints() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ST_AsText(footprint) FROM ingest_product UNION ALL SELECT ST_AsText(footprint)"
            " FROM ingest_scene UNION ALL SELECT ST_AsText(footprint) FROM ingest_scenepair"
        )
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.django_db(transaction=True)
def test_footprints_go_up_and_down_with_their_data(make_egms):
    product = product_load(path=make_egms())
    made_pairs.make_dates()
    halves = "MULTIPOLYGON(((179 -1,180 -1,180 1,179 1,179 -1)),((-180 -1,-179 -1,-179 1,-180 1,-180 -1)))"
    Product.objects.create(
        name="of two parts", file_sha256="2", dates=product.dates, n_points=2, footprint=GEOSGeometry(halves, srid=4326)
    )
    known = footprints()
    try:
        call_command("migrate", "ingest", BEFORE, verbosity=0)
        back = footprints()
        assert all(one.startswith("POLYGON") for one in back)
        assert any("-180 -1" in one and "180 1" in one for one in back)
    finally:
        call_command("migrate", verbosity=0)  # The command also gives roles their rights to the new columns.
    again = footprints()
    assert all(one.startswith("MULTIPOLYGON") for one in again)
    assert len(set(again) & set(known)) == len({*known}) - 1  # all but the one of two parts
