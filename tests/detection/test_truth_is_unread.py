"""Nothing that detects reads what a simulation put in: not while it works, and not by its imports."""

import ast
from pathlib import Path

import pytest
from django.db import connection

from detection import selectors
from detection.alerts import services
from detection.models import Detection
from ingest.models import SimulatedTruth
from ingest.products.services import product_load
from ml import services as ml_services

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.django_db
def test_from_points_to_alerts_no_query_touches_the_truth(simulated_tracks):
    statements = []

    def listen(execute, sql, params, many, context):
        statements.append(str(sql))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        product_load(path=simulated_tracks[0])
        for run in ml_services.runs_queue(method="matched-filter"):
            ml_services.run_execute(run_id=run.pk)
        for prediction in selectors.predictions_unscanned():
            services.prediction_scan(prediction=prediction)
    assert Detection.objects.exists()
    assert not [sql for sql in statements if SimulatedTruth._meta.db_table in sql]


@pytest.mark.parametrize("package", ["ml", "detection"])
def test_no_module_that_detects_names_the_truth(package):
    for path in (ROOT / package).rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        words = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert "SimulatedTruth" not in names, path
        assert not [name for name in names if "simulated_truth" in name], path
        assert not [word for word in words if "simulatedtruth" in word.lower()], path
