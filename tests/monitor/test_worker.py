"""A worker outlives its broker, also while it holds what it has not acknowledged."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import kombu
import pytest

from monitor.celery import app
from monitor.worker import SteadyConsumer
from tests.waiting import wait_until


@pytest.fixture
def broker() -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Start a Redis for the test; return its address and its process."""
    with tempfile.TemporaryDirectory(prefix="gmm-") as folder:  # short: a socket's path holds about 100 characters
        path = Path(folder) / "redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(path.exists)
        yield f"redis+socket://{path}", server
        server.kill()
        server.wait()


def test_a_worker_whose_redis_is_killed_while_it_holds_a_message_connects_again(broker):
    """kombu 5.7 fails there with an AttributeError, which ended the worker."""
    address, server = broker
    connection = kombu.Connection(address)
    taken, channels = [], [connection.default_channel, connection.channel()]  # workers have several
    for name, channel in zip(("work", "more"), channels, strict=True):
        kombu.Producer(channel).publish({}, routing_key=name, declare=[kombu.Queue(name)])
        take = [lambda body, message: taken.append(message)]
        kombu.Consumer(channel, queues=[kombu.Queue(name)], callbacks=take).consume()
    wait_until(lambda: connection.drain_events(timeout=5) or len(taken) == 2)
    with pytest.raises(TimeoutError):
        connection.drain_events(timeout=0.1)  # they ask for the next one
    consumer = SteadyConsumer.__new__(SteadyConsumer)
    conf = SimpleNamespace(
        worker_cancel_long_running_tasks_on_connection_loss=True, worker_enable_prefetch_count_reduction=False
    )
    consumer.connection, consumer.app = connection, SimpleNamespace(conf=conf)
    server.kill()
    server.wait()
    consumer.on_connection_error_after_connected(ConnectionError("gone"))
    assert consumer.connection is None  # the worker makes a new one
    for channel in channels:
        channel.qos._delivered.clear()  # or it would be given back when this process ends
    assert app.conf.worker_consumer == "monitor.worker:SteadyConsumer"
