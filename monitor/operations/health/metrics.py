"""Metrics for Prometheus. Every value is read from the database at each scrape, so any web process answers the same."""

import os
from collections.abc import Iterator, Mapping

from django.db import DatabaseError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ingest.disk import disk_places
from monitor.operations.health import alarms, selectors, signs
from monitor.operations.health.conditions import CONDITIONS
from monitor.subscribers.subscriptions import members

PREFIX = "ground_motion_"


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
        yield _gauge("database_up", "Whether the database answers.", {(): float(bool(metrics))})
        yield from metrics
        places = {(place.name,): place for place in disk_places()}
        free = {name: float(place.free_bytes) for name, place in places.items()}
        spare = {name: float(place.spare_bytes) for name, place in places.items()}
        yield _gauge("disk_free_bytes", "Bytes free on the disk of a folder.", free, "place")
        yield _gauge("disk_spare_bytes", "Bytes that are to stay free there.", spare, "place")


def _of_database() -> Iterator[Metric]:
    waits = {(kind,): seconds for kind, seconds in selectors.longest_waits().items()}
    yield _gauge(
        "oldest_waiting_seconds", "How long the oldest waiting row has waited; 0: none is waiting.", waits, "kind"
    )
    counts = {
        (kind, state): float(n) for kind, states in selectors.counts_by_state().items() for state, n in states.items()
    }
    yield _gauge("work", "Runs, files, downloads, messages and failed steps by state.", counts, "kind", "state")
    organised = {(what,): float(n) for what, n in members.counts().items()}
    yield _gauge("organisations", "Organisations, their members, and the places that they follow.", organised, "what")
    failed = {(kind,): float(rows.count()) for kind, rows in selectors.failures().items()}
    yield _gauge("failed_lately", "Work that failed in the last seven days.", failed, "kind")
    ages = {(name,): seconds for name, seconds in signs.sign_ages().items()}
    yield _gauge("sign_of_life_age_seconds", "Since beat, a queue or a process was seen alive.", ages, "name")
    newest = {(kind,): seconds for kind, seconds in selectors.newest_data_ages().items()}
    yield _gauge("newest_data_age_seconds", "Since the newest product or image was loaded.", newest, "kind")
    wrong = set(alarms.alarms_open().values_list("condition", flat=True))
    states = {(one.name,): float(one.name in wrong) for one in CONDITIONS if one.alarms}
    yield _gauge("alarm_open", "Whether something has been wrong for long enough to be an alarm.", states, "condition")


def _gauge(name: str, words: str, values: Mapping[tuple[str, ...], float], *labels: str) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, words, labels=labels)
    for key, value in values.items():
        family.add_metric(key, value)
    return family
