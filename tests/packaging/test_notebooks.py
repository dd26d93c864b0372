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
FACTS = {  # what is true after a notebook
    "velocities": 'len(places) == 1 and -27 < places[0]["peak_rate_mm_yr"] < -20',
    "pairs": "abs(inside.dx_px.median() - 3) < 0.1 and abs(inside.dy_px.median()) < 0.1",
    "threshold": "0.2 < km2 < 0.5",
    "many_files": '{row["file"] for row in found} == {"town_0.csv", "town_2.csv"} and list(refused) == ["town_3.csv"]',
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


@pytest.mark.parametrize("name", FACTS)
def test_a_notebook_runs_and_finds_what_it_made(tmp_path, name):
    run(name, FACTS[name], tmp_path)


@pytest.mark.django_db(transaction=True)
def test_the_notebook_of_the_service_reads_its_alerts_and_points(tmp_path, live_server, make_alert, make_egms):
    product = product_load(path=make_egms())
    west, south, east, north = product.footprint.extent
    alert = make_alert((west + east) / 2, (south + north) / 2)
    fact = f'[*alerts.code] == ["{alert.code}"] and len(outlines["features"]) == 1'
    fact += f" and len(points) == {product.n_points}"
    run("service", fact, tmp_path, SITE=live_server.url)


def test_a_notebook_is_kept_without_outputs_and_is_run_by_a_test():
    names = {path.stem for path in FOLDER.glob("*.ipynb")}
    assert names == {*FACTS, "service"}
    ran = [name for name in names for one in cells(name) if one.get("outputs") or one.get("execution_count")]
    assert ran == []
