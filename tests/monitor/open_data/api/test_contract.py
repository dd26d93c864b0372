"""Requests that nobody thought of, made from our own descriptions: no server error, and what was promised.

CONTRACT_EXAMPLES=500 pytest tests/monitor/open_data/api/test_contract.py asks longer.
"""

import os

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("CONTRACT_EXAMPLES", "4"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.mark.parametrize("description", ["/api/v1/openapi.json", "/ogc/api", "/stac/api"])
def test_no_request_gets_more_or_less_than_the_description_promises(
    description, pair_predictions, product, alert, open_connection
):
    described = schemathesis.openapi.from_wsgi(description, get_wsgi_application())
    n_operations = 0
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=QUIET,
        )
        @given(case=operation.as_strategy())
        def asked(case):
            case.call_and_validate(checks=CHECKS)

        asked()
        n_operations += 1
    assert n_operations >= 10


@pytest.fixture
def open_connection(settings):
    """No limit of work, and the connection that holds the test's rows stays open from request to request."""
    settings.WORK_SECONDS_PER_MINUTE = 0
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
