"""The notebooks of docs/notebooks run from the first cell to the last, and find what they say that they made."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.products.services import product_load
from tests.waiting import HANG_SECONDS

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/notebooks"
DATA = Path(os.environ.get("GROUND_MOTION_DATA", ROOT / "../shared/data")).resolve()
MAX_BYTES = 300_000
FACTS = {  # what is true after a notebook
    "velocities": '70 < places[0]["peak_rate_mm_yr"] < 80 and dict(field.sizes) == {"point": 11_759, "time": 207}',
    "pairs": "agreement > 0.75 and abs(moved.dx_px.median()) < 0.1",
    "threshold": "10 < km2 < 25",
    "many_files": 'len(table.file.unique()) >= 3 and list(refused) == ["Etna_sample.h5", "Etna_sample_new.h5"]',
}


def cells(name: str) -> list[dict]:
    return json.loads((FOLDER / f"{name}.ipynb").read_text())["cells"]


def run(name: str, fact: str, folder: Path, **settings: str) -> None:
    """Execute a notebook's code in a process and folder of its own, then check a fact."""
    code = ["".join(cell["source"]) for cell in cells(name) if cell["cell_type"] == "code"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", "\n\n".join([*code, f"assert {fact}"])]
    how = {"capture_output": True, "text": True, "timeout": HANG_SECONDS, "check": False}
    done = subprocess.run(command, cwd=folder, env=environment | settings, **how)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.realdata
@pytest.mark.parametrize("name", FACTS)
def test_a_notebook_runs_and_finds_what_the_files_show(tmp_path, name):
    run(name, FACTS[name], tmp_path, GROUND_MOTION_DATA=str(DATA))


@pytest.mark.django_db(transaction=True)
def test_the_notebook_of_the_service_reads_its_alerts_and_points(tmp_path, live_server, make_alert, make_egms):
    product = product_load(path=make_egms())
    west, south, east, north = product.footprint.extent
    alert = make_alert((west + east) / 2, (south + north) / 2)
    fact = f'[*alerts.code] == ["{alert.code}"] and len(outlines["features"]) == 1'
    fact += f" and len(points) == {product.n_points}"
    run("service", fact, tmp_path, SITE=live_server.url)


def test_a_notebook_keeps_its_pictures_which_are_small_and_is_run_by_a_test():
    """`scripts/notebooks NAME` writes the pictures."""
    names = {path.stem for path in FOLDER.glob("*.ipynb")}
    assert names == {*FACTS, "service"}
    for name in FACTS:
        outputs = [one for cell in cells(name) for one in cell.get("outputs", ())]
        assert any("image/png" in one.get("data", ()) for one in outputs), name
        assert (FOLDER / f"{name}.ipynb").stat().st_size < MAX_BYTES
        assert not any("random" in "".join(cell["source"]) for cell in cells(name))
