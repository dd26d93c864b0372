"""What tests of pages, tiles, the interface for programs and the schedule may ask for."""

import json
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from detection.models import Alert
from ground_motion.readers.context.records import ContextKind
from ingest.context.services import context_load
from ingest.models import Product
from ingest.products.services import product_load
from ml.models import Prediction
from monitor.beat import GuardedScheduler
from monitor.celery import app
from monitor.models.subscriptions import Membership, Subscription
from monitor.web.guards import OPERATORS, PUBLISHERS
from tests.makers import pairs as made_pairs
from tests.makers import stores as stores_of_visitors
from tests.makers.organisations import make_organisation
from tests.makers.people import account, signed_in


@pytest.fixture(autouse=True)
def visitors_fill_listed_tables_only(monkeypatch) -> None:
    """Let every request of every test here find tables that visitors fill and that have no quota."""
    monkeypatch.setattr(Client, "request", stores_of_visitors.watched(Client.request, connection))


@pytest.fixture
def anna(db) -> User:
    """Return the account of an operator."""
    return account("anna", OPERATORS)


@pytest.fixture
def operator(anna) -> Client:
    """Return a client in which the operator is signed in."""
    return signed_in(anna)


@pytest.fixture
def ben(db) -> Client:
    """Return a client in which a publisher is signed in."""
    return signed_in(account("ben", PUBLISHERS))


@pytest.fixture
def alert(make_alert) -> Alert:
    """Return an alert of sinking ground at 12° W 47° N."""
    return make_alert()


@pytest.fixture
def subscription(make_subscription) -> Subscription:
    """Return a resident's subscription to everything around that place."""
    return make_subscription()


@pytest.fixture
def three(make_subscription) -> list[Membership]:
    """Return the owner of an organisation, who also watches a place far away alone, and two members."""
    make_subscription("owner@example.org", longitude=-13.0)
    return make_organisation("owner@example.org", "anna@example.org", "ben@example.org")


@pytest.fixture
def product(make_egms) -> Product:
    """Return a loaded product of twelve points."""
    return product_load(path=make_egms())


@pytest.fixture
def pair_predictions(db) -> list[Prediction]:
    """Three simulated images twelve days apart: coherence, its change and offsets of both pairs, in that order."""
    return made_pairs.make_dates()


@pytest.fixture
def load_context(tmp_path) -> Callable[..., None]:
    """Load a GeoJSON file of a kind with one geometry, or several of a list, that have these properties."""

    def load(kind: str, geometry: dict | list[dict], simulated: bool = False, name: str = "", **properties) -> None:
        geometries = geometry if isinstance(geometry, list) else [geometry]
        properties |= {"name": name} if name else {}
        features = [{"type": "Feature", "geometry": one, "properties": properties} for one in geometries]
        path = tmp_path / f"{kind}-{simulated}.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        context_load(path=path, kind=ContextKind(kind), simulated=simulated)

    return load


@pytest.fixture
def make_scheduler() -> Iterator[Callable[..., GuardedScheduler]]:
    """Make schedulers of a beat in this process, which would write again as it ends, when no database is left."""
    made = []

    def make(**options) -> GuardedScheduler:
        made.append(GuardedScheduler(app=app, **options))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler._finalize.cancel()
        if connection := vars(scheduler).pop("connection", None):  # to RabbitMQ
            connection.release()
