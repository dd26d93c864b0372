"""What the service holds while programs of others read it, and environments for those that our own cannot hold."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.models import Product
from ingest.products.services import product_load
from ml.models import Prediction
from tests.makers import pairs as made_pairs
from tests.waiting import HANG_SECONDS

SCRIPTS = Path(__file__).parent
VAR_DIR = Path(os.environ.get("GROUND_MOTION_VAR", SCRIPTS.parents[1] / "var"))  # keeps environments for the next run


@pytest.fixture
def product(transactional_db, make_egms) -> Product:
    """A loaded product of twelve points."""
    return product_load(path=make_egms())


@pytest.fixture
def pair_predictions(transactional_db) -> list[Prediction]:
    """Three simulated images twelve days apart: coherence, its change and offsets of both pairs, in that order."""
    return made_pairs.make_dates()


@pytest.fixture
def gdal() -> Callable[..., Any]:
    """Call a function of gdal_reader.py in a process of its own: its GDAL is another, and waits for our server."""

    def call(function: str, *arguments: object) -> Any:
        command = [sys.executable, SCRIPTS / "gdal_reader.py", function, json.dumps(arguments)]
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="session")
def stac_api_validator() -> Path:
    """Return a Python with stac-api-validator; its stac-validator and our stac-valid have a module of the same name."""
    folder = VAR_DIR / "clients" / "stac-api-validator-0.6.8"
    python = folder / "bin" / "python"
    if not (folder / "bin" / "stac-api-validator").exists():
        venv.create(folder, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", "--retries=1", folder.name.replace("-0.", "==0.")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            pytest.skip(f"not installed: {done.stderr[-300:]}")
    return python
