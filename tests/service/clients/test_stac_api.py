"""stac-api-validator finds no error in the STAC catalogue."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.makers.stac_schemas import schema_files
from tests.waiting import HANG_SECONDS

READER = Path(__file__).with_name("stac_api_reader.py")
# "filter" is left out: it asks for eo:cloud_cover and mission, which the extension leaves open.
CLASSES = ("core", "collections", "features", "item-search", "item-search#sort")
AROUND = {"type": "Polygon", "coordinates": [[[-13, 46], [-11, 46], [-11, 48], [-13, 48], [-13, 46]]]}


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_stac_api_validator_finds_no_error(stac_api_validator, live_server, pair_predictions, product):
    asked = ["--root-url", f"{live_server.url}/stac/", "--collection", "radar-images", "--geometry", json.dumps(AROUND)]
    asked += [word for name in CLASSES for word in ("--conformance", name)]
    asked += ["--validate-pagination", "--log-level", "WARNING"]
    command = [stac_api_validator, READER, json.dumps(schema_files()), *asked]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * HANG_SECONDS, check=False)
    assert "Errors: none" in done.stdout, done.stdout + done.stderr
