"""Who reads from a replica, and when the primary answers instead; here both are the test's database."""

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, connections
from django.test import Client

from monitor.operations.database import replica

pytestmark = pytest.mark.django_db(transaction=True)
WRITTEN, REPLAYED = "SELECT {}::bigint", "SELECT {}::bigint"


@pytest.fixture
def follows(settings, monkeypatch):
    """Set how many bytes the primary has written, and how many the replica has of them."""

    def follows(written: int | None, replayed: int | None) -> None:
        monkeypatch.setattr(replica, "WRITTEN", WRITTEN.format("NULL" if written is None else written))
        monkeypatch.setattr(replica, "REPLAYED", REPLAYED.format("NULL" if replayed is None else replayed))

    connections["replica"] = connection.copy()
    monkeypatch.setattr(replica, "FOLLOWER", replica.Follower())
    monkeypatch.setattr(replica, "CHECK_SECONDS", 0.0)
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if "ReadReplica" not in one]
    settings.MIDDLEWARE += ["monitor.operations.database.replica.ReadReplica"]
    follows(100, 100)
    yield follows
    connections["replica"].close()
    del connections["replica"]


def asked(client: Client, address: str = "/alerts/", status: int = 200) -> set[str]:
    """Who is asked for alerts when a page is got."""
    seen = set()

    def note(name: str):
        def wrapper(execute, sql, *rest):
            seen.update([name] if "detection_alert" in sql else [])
            return execute(sql, *rest)

        return wrapper

    with connections["replica"].execute_wrapper(note("replica")), connection.execute_wrapper(note("primary")):
        assert client.get(address).status_code == status
    return seen


def test_a_stranger_reads_from_the_replica_and_an_operator_from_the_primary(follows):
    client = Client()
    assert asked(client) == {"replica"}
    client.force_login(get_user_model().objects.create_user("olga"))
    assert asked(client) == {"primary"}


def test_who_has_just_sent_something_reads_from_the_primary(follows):
    client = Client()
    client.post("/language/", {"language": "en", "next": "/"})
    assert client.cookies["wrote"]["max-age"] == 6
    assert asked(client) == {"primary"}


def test_what_the_replica_does_not_know_is_asked_of_the_primary(follows):
    assert asked(Client(), "/alerts/none/", status=404) == {"replica", "primary"}


def test_the_primary_answers_until_the_replica_has_caught_up(follows, settings):
    settings.REPLICA_LAG_SECONDS = 0.0
    follows(200, 100)
    replica.FOLLOWER.usable()  # it is behind since this look
    assert asked(Client()) == {"primary"}
    follows(300, 200)
    replica.FOLLOWER.usable()
    assert asked(Client()) == {"primary"}
    follows(300, 300)
    assert asked(Client()) == {"replica"}
    settings.REPLICA_LAG_SECONDS = 60.0
    follows(400, 300)
    assert asked(Client()) == {"replica"}


@pytest.mark.parametrize("fault", ["it is a primary itself", "it is away", "it fails"])
def test_the_primary_answers_where_the_replica_cannot(follows, monkeypatch, fault):
    if fault == "it is a primary itself":
        follows(100, None)
    elif fault == "it is away":
        monkeypatch.setitem(connections["replica"].settings_dict, "PORT", "1")
    else:
        assert replica.FOLLOWER.usable()
        monkeypatch.setattr(replica, "CHECK_SECONDS", 60.0)
        connections["replica"].execute_wrappers.append(conflict)
    assert asked(Client()) - {"replica"} == {"primary"}
    assert not replica.FOLLOWER.usable()


def conflict(*args) -> None:
    raise OperationalError("canceling statement due to conflict with recovery")
