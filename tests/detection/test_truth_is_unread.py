"""Nothing that detects reads what a simulation put in: not while it works, and not by its imports."""

import ast
import re
from pathlib import Path

import pytest
from django.db import connection

from detection.models import Detection
from ingest.models import SimulatedTruth
from tests.makers.watching import watch

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.django_db
def test_from_points_to_alerts_no_query_touches_the_truth(simulated_tracks):
    statements = []

    def listen(execute, sql, params, many, context):
        statements.append(str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        watch(simulated_tracks[0])
    assert Detection.objects.exists()
    assert not [sql for sql in statements if SimulatedTruth._meta.db_table in sql]


@pytest.mark.parametrize("package", ["ml", "detection"])
def test_no_module_that_detects_names_the_truth(package):
    for path in (ROOT / package).rglob("*.py"):
        code = ast.unparse(ast.parse(path.read_text(encoding="utf-8")))  # without comments
        assert not re.search("simulated_?truth", code, re.IGNORECASE), path
