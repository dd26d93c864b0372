"""Probes of whether the process is alive and can serve pages; metrics for Prometheus, for requests with the token.

Every metric is read from the database at each scrape, so any web process answers the same.
"""

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ingest.foundation.disk import disk_places
from monitor.operations.health import alarms, selectors
from monitor.operations.health.condition import Report, examine
from monitor.operations.health.conditions import CONDITIONS
from monitor.operations.health.schedule import Fault, stage_faults
from monitor.subscribers.subscriptions import members

PREFIX = "ground_motion_"  # Every metric begins with it.
KEEP_SECONDS = 2.0  # The result of the readiness probe is kept this long.


def metrics_text() -> bytes:
    """Return all metrics, including those of requests if the web processes share PROMETHEUS_MULTIPROC_DIR."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector())
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)
    return generate_latest(registry)


class ServiceCollector(Collector):
    """Collector of waiting and failed work, signs of life and free disk space."""

    def describe(self) -> list[Metric]:
        """Return nothing, so that the values are not read when the collector is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics of the service."""
        try:
            metrics = list(_of_database())
        except DatabaseError:
            metrics = []
        yield _gauge("database_up", "Whether the database answers.", {(): bool(metrics)})
        yield from metrics
        free = {place.name: place.free_bytes for place in disk_places()}
        yield _gauge("disk_free_bytes", "Bytes free on the disk of a folder.", free, "place")
        spare = {place.name: place.spare_bytes for place in disk_places()}
        yield _gauge("disk_spare_bytes", "Bytes that are to stay free there.", spare, "place")


def _of_database() -> Iterator[Metric]:
    waits = selectors.longest_waits()
    words = "How long the oldest waiting row has waited; 0: none is waiting."
    yield _gauge("oldest_waiting_seconds", words, waits, "kind")
    counts = {(kind, state): n for kind, states in selectors.counts_by_state().items() for state, n in states.items()}
    yield _gauge("work", "Runs, files, downloads, messages and failed steps by state.", counts, "kind", "state")
    words = "Organisations, their members, and the places that they follow."
    yield _gauge("organisations", words, members.counts(), "what")
    failed = {kind: rows.count() for kind, rows in selectors.failures().items()}
    yield _gauge("failed_lately", "Work that failed in the last seven days.", failed, "kind")
    words = "Since beat, a queue or a process was seen alive."
    yield _gauge("sign_of_life_age_seconds", words, selectors.sign_ages(), "name")
    faults = Counter(stage_faults().values())
    stages = {fault.value: faults[fault] for fault in Fault}
    yield _gauge("stages_not_as_planned", "Stages whose row in the schedule differs from the plan.", stages, "fault")
    words = "Since the newest product or image was loaded."
    yield _gauge("newest_data_age_seconds", words, selectors.newest_data_ages(), "kind")
    wrong = set(alarms.alarms_open().values_list("condition", flat=True))
    states = {condition.name: condition.name in wrong for condition in CONDITIONS if condition.alarms}
    yield _gauge("alarm_open", "Whether something has been wrong for long enough to be an alarm.", states, "condition")


def _gauge(name: str, words: str, values: Mapping[Any, float], *labels: str) -> GaugeMetricFamily:
    """Return a gauge. values: by the value of its label, or by a tuple if it has no label or several."""
    family = GaugeMetricFamily(PREFIX + name, words, labels=labels)
    for key, value in values.items():
        family.add_metric([key] if len(labels) == 1 else key, float(value))
    return family


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process is alive; nothing else is checked."""
    return HttpResponse("alive\n", content_type="text/plain; charset=utf-8")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Report whether the site is ready, with status 503 if it is not. Public, therefore without details."""
    reports = _examined(int(time.monotonic() / KEEP_SECONDS))
    wrong = {
        report.condition.name: "it could not be checked" if report.unexpected else report.wrong
        for report in reports
        if report.wrong
    }
    return JsonResponse({"ready": not wrong, "wrong": wrong}, status=503 if wrong else 200)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics for Prometheus, if the request has METRICS_TOKEN as its bearer token."""
    if not settings.METRICS_TOKEN:
        raise Http404("This service offers no metrics.")
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        raise PermissionDenied("Metrics are read with the token of METRICS_TOKEN.")
    return HttpResponse(metrics_text(), content_type=CONTENT_TYPE_LATEST)


@lru_cache(maxsize=1)
def _examined(moment: int) -> list[Report]:
    """Examine what the site needs; the result is cached for `moment`, so that frequent requests cost nothing."""
    return examine(condition for condition in CONDITIONS if condition.site_needs)
