"""Wide regions of a product without a zero of its own are measured against the stations that are loaded there."""

from copy import copy
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
from django.db import transaction
from django.utils import timezone
from pyproj import Transformer

from detection.alerts import standing
from detection.kinds import Extent
from detection.models import Alert, Scan
from ingest.models import Product, Station, StationFile
from ingest.products import comparison as compared_stations
from ingest.products.comparison import PointsAround
from ingest.products.datum import datum_settle, datums_due
from ingest.stations.services import stations_load
from ml.models import Prediction, Run
from ml.runs.repetition import run_repeat
from ml.runs.selectors import inputs_due
from ml.runs.services import run_execute, runs_queue, runs_renew
from monitor.wording.cards.cards import what_happened
from tests.makers.stations import enu_mm, gnss_table
from tests.makers.watching import search_all, watch
from tests.service.detection.test_pair_alerts import EAST_M, NORTH_M, bowl, write_plain
from tests.waiting import reread

pytestmark = pytest.mark.django_db
ZERO = 6.0  # by how much the product's zero moves, mm/yr


def truth(east_km, north_km):
    """A plain that sinks by 4 mm/yr, and in it a bowl."""
    return -4 + bowl(east_km, north_km)


def stations(folder):
    places = [(3, 3), (42, 4), (4, 42), (41, 41), (22, 23), (10, 25), (33, 12), (30, 33)]
    to_degrees = Transformer.from_crs(3035, 4326, always_xy=True).transform
    rows = {
        f"S{at}": (
            enu_mm((0, 0, truth(*place)), 365, 5, at),
            to_degrees(EAST_M + 1000 * place[0], NORTH_M + 1000 * place[1]),
        )
        for at, place in enumerate(places)
    }
    return gnss_table(folder, rows)


def test_loaded_stations_replace_the_stillest_ground_as_the_zero_of_a_wide_region(tmp_path):
    product = write_plain(tmp_path, lambda *km: ZERO + truth(*km), positive="up", reference="local")
    stations_load(path=stations(tmp_path))
    assert datum_settle(product=product)
    assert product.datum_mm_yr == pytest.approx(ZERO, abs=0.7)
    watch()
    prediction = Prediction.objects.get()
    (region,) = prediction.regions
    assert region["properties"]["reference"] == "datum"
    assert region["properties"]["level_mm_yr"] == pytest.approx(0, abs=0.7)
    assert region["properties"]["rate_mm_yr"] == pytest.approx(-6, abs=1)  # the plain's own motion included
    core = Alert.objects.get(extent=Extent.LOCAL)  # It counts from the plain around it.
    assert core.peak_rate_mm_yr == pytest.approx(-9, abs=2)
    assert run_repeat(run=prediction.run).same
    due = partial(inputs_due, task="deformation", method="matched-filter")
    assert not due().exists()
    beside = copy(product)
    beside.pk, beside.file_sha256, beside.superseded_by, beside.datum_moved_at = None, "beside", product, timezone.now()
    beside.save()
    prediction.run.companions.add(beside)
    assert due().get() == product  # The datum of a track that it used moved.
    prediction.run.companions.clear()
    assert not due().exists()
    beside.delete()
    StationFile.objects.update(loaded_at=timezone.now() - timedelta(hours=1))
    assert not datums_due().exists()
    Station.objects.first().delete()
    assert datums_due().get() == product
    StationFile.objects.all().delete()
    for gone in datums_due():
        datum_settle(product=gone)  # Without stations, the edge counts as still: the search is due again.
    assert due().get() == product
    with transaction.atomic():
        Scan.objects.all().delete()
        assert search_all() == []  # Nothing of another zero is searched.
        transaction.set_rollback(True)
    runs_renew()  # It also renews runs of methods that are not scheduled.
    (successor,) = Run.objects.filter(state=Run.State.QUEUED)
    assert (runs_queue(method="matched-filter"), Prediction.objects.get()) == ([], prediction)
    assert core.detections.exists()  # What was found stands until the successor is searched.
    run_execute(run_id=successor.pk)
    search_all()
    assert Prediction.every.get().run == successor
    assert not core.detections.exists()  # Against the edge, it is a part of the wide motion, which no track confirms.
    standing.alerts_settle()
    assert reread(core).state == "withdrawn"
    assert "zero of the data" in what_happened(core.transitions.last())


def test_heights_have_no_curve_beside_points_that_move_east(monkeypatch):
    around = PointsAround(50.0, 12, (1.0, 0.0, 0.0), *np.zeros((2, 12), np.float32), np.zeros((12, 3), np.float32))
    monkeypatch.setattr(compared_stations, "points_around", lambda **_: [around])
    product, benchmark = Product(component="east"), Station(technique="levelling")
    assert compared_stations.compared_with_curves(product=product, station=benchmark)[1] is None
