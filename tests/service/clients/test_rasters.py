"""GDAL's /vsicurl/ and rio-tiler read parts of our rasters, and no more bytes than these parts need."""

import numpy as np
import pytest
from django.core.files import File
from pyproj import Transformer

from ground_motion.core.rasters import write_cog
from ml.models import Prediction
from monitor.maps.rasters import answers
from tests.makers import pairs as made_pairs

pytestmark = pytest.mark.django_db(transaction=True)
SIDE = 2048


@pytest.fixture
def sent(monkeypatch) -> list[int]:
    """Bytes of the body of each answer with a raster or a part of it."""
    counts, part = [], answers._part

    def counted(request, stored, etag):
        answer = part(request, stored, etag)
        counts.append(int(answer.get("Content-Length", 0)) if request.method == "GET" else 0)
        return answer

    monkeypatch.setattr(answers, "_part", counted)
    return counts


@pytest.fixture
def large(pair_predictions, tmp_path) -> tuple[Prediction, np.ndarray]:
    """A prediction whose raster is of several megabytes, and its values."""
    values = np.random.default_rng(7).random((SIDE, SIDE), dtype=np.float32)
    path, row = tmp_path / "large.tif", Prediction.objects.order_by("pk").first()
    write_cog(path, {"coherence": values}, made_pairs.raster_transform(), made_pairs.EPSG, ["1"], {})
    with path.open("rb") as file:
        row.raster.save(path.name, File(file))
    assert row.raster.size > 10e6
    return row, values


def test_gdal_and_rio_tiler_read_parts_with_few_bytes(gdal, live_server, large, sent):
    row, values = large
    read = gdal("window", f"{live_server.url}/rasters/{row.pk}.tif", 600, 700, 200)
    assert read["shape"] == [SIDE, SIDE]
    assert read["overviews"]
    assert read["sum"] == pytest.approx(values[700:900, 600:800].sum(dtype=float))
    assert 0 < sum(sent) < row.raster.size / 4
    sent.clear()
    to_degrees = Transformer.from_crs(made_pairs.EPSG, 4326, always_xy=True).transform
    place = to_degrees(*(made_pairs.raster_transform() @ (500.5, 400.5)))
    read = gdal("stac_tile", f"{live_server.url}/stac/collections/predictions/items/{row.pk}", *place)
    assert read["value"] == pytest.approx(values[400, 500])
    assert max(read["preview"][-2:]) == 128
    assert 0 < sum(sent) < row.raster.size / 4
