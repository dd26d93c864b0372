"""What the service holds while programs of others read it."""

import json
import os
import subprocess
import sys
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
