"""Broker: Redis or RabbitMQ, by BROKER_URL. Its messages only wake workers; a lost one costs a minute at most."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import kombu
import redis
from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError

RABBITMQ = ("amqp://", "amqps://")
ANSWER_SECONDS = 5.0  # Longest wait for the server to confirm a message.
AWAY = (KombuError, redis.RedisError, AMQPError, OSError)  # Errors that `version` raises while the broker is away.


def broker_url() -> str:
    """Return the broker's address in Celery's notation: BROKER_URL, or REDIS_URL if that is unset or empty."""
    return (os.environ.get("BROKER_URL") or os.environ["REDIS_URL"]).replace("unix://", "redis+socket://")


def is_rabbitmq(url: str) -> bool:
    """Return whether the address is that of a RabbitMQ."""
    return url.startswith(RABBITMQ)


def name(url: str) -> str:
    """Return the name of the broker's software: RabbitMQ or Redis."""
    return "RabbitMQ" if is_rabbitmq(url) else "Redis"


def transport_options(url: str, *, longest_task_seconds: int) -> dict[str, Any]:
    """Return Celery's `broker_transport_options`.

    A worker acknowledges a message when its task has ended, so that a killed worker's message goes to another one.
    RabbitMQ delivers it again when the connection ends. It also closes a channel whose message is unacknowledged after
    `consumer_timeout`, by default 30 minutes: the worker then connects again and goes on with its task, whose lease
    keeps other workers away. Short of memory or disk, RabbitMQ confirms nothing; `read_timeout` limits that wait.
    Redis has no such connections: it delivers again after the visibility timeout, which no running task may reach.
    """
    if is_rabbitmq(url):
        return {"confirm_publish": True, "read_timeout": ANSWER_SECONDS}
    return {"visibility_timeout": longest_task_seconds + 600}


def version(url: str, *, seconds: float) -> str:
    """Return the server's name and version, over a separate connection. Raises AWAY if it does not answer."""
    with _channel(url, seconds) as channel:
        if is_rabbitmq(url):
            return f"RabbitMQ {channel.connection.server_properties['version']}"
        return f"Redis {channel.client.info('server')['redis_version']}"


@contextmanager
def _channel(url: str, seconds: float) -> Iterator[Any]:
    """Yield a channel of a new connection. It is tried only once; kombu would try again after two seconds."""
    options = {"read_timeout": seconds, "write_timeout": seconds}
    if not is_rabbitmq(url):
        options = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    with kombu.Connection(url, connect_timeout=seconds, transport_options=options) as client:
        server = client.transport.establish_connection()
        try:
            yield client.transport.create_channel(server)
        finally:
            client.transport.close_connection(server)
