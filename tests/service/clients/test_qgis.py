"""QGIS, without its window, reads the addresses on the page 'Use it in QGIS'.

Debian's packages are enough (`apt-get install qgis-providers python3-qgis`); setup leaves them out, as they are large.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from ingest.products.services import product_load
from tests.waiting import HANG_SECONDS

PYTHON = "/usr/bin/python3"  # whose QGIS it is
READER = Path(__file__).with_name("qgis_reader.py")


@pytest.fixture
def qgis(tmp_path):
    """Read layers with the Python of QGIS, in a profile of its own; skip where there is none."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = kept | {"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    tmp_path.chmod(0o700)

    def read(*layers: dict) -> list[dict]:
        asked = json.dumps(layers)
        done = subprocess.run(
            [PYTHON, READER, asked], env=environment, capture_output=True, text=True, timeout=HANG_SECONDS
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    known = subprocess.run([PYTHON, "-c", "import qgis.core"], env=environment, capture_output=True, check=False)
    if known.returncode:
        pytest.skip("QGIS is not installed: apt-get install --no-install-recommends qgis-providers python3-qgis")
    return read


@pytest.mark.django_db(transaction=True)
def test_qgis_reads_features_part_by_part_and_draws_points(qgis, live_server, make_egms, make_alert):
    product, alert = product_load(path=make_egms()), make_alert()
    tiles = f"{live_server.url}/tiles/points/los/{{z}}/{{x}}/{{y}}.mvt"
    features = f"url='{live_server.url}/ogc/' restrictToRequestBBOX='1'"
    alerts, points, elsewhere, drawn = qgis(
        {"uri": f"{features} typename='alerts'"},
        {"uri": f"{features} typename='points' pageSize='3'"},
        {"uri": f"{features} typename='points'", "box": [100, 0, 101, 1]},
        {"uri": f"type=xyz&url={tiles}&zmin=0&zmax=17", "box": product.footprint.transform(3857, clone=True).extent},
    )
    (row,) = alerts["rows"]
    assert (alerts["geometry"], alerts["crs"]) == ("MultiPolygon", "EPSG:4326")
    assert (row["code"], row["kind"], row["simulated"]) == (alert.code, alert.kind, str(alert.simulated))
    assert points["geometry"] == "Point"
    assert len({one["pid"] for one in points["rows"]}) == len(points["rows"]) == product.n_points > 3
    assert elsewhere["rows"] == []
    assert drawn["covered"] > 0
