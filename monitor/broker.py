"""Broker: Redis or RabbitMQ, by BROKER_URL. Its messages only wake workers; a lost one costs a minute at most."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import kombu
import redis
from amqp.exceptions import AMQPError
from kombu.exceptions import KombuError

RABBITMQ = ("amqp://", "amqps://")
ANSWER_SECONDS = 5.0  # that the server may take to confirm a message
AWAY = (KombuError, redis.RedisError, AMQPError, OSError)  # what `version` raises


def broker_url(environment: Mapping[str, str] | None = None) -> str:
    """Return BROKER_URL as Celery writes it; REDIS_URL if it is unset or empty."""
    known = os.environ if environment is None else environment
    return (known.get("BROKER_URL") or known["REDIS_URL"]).replace("unix://", "redis+socket://")


def is_rabbitmq(url: str) -> bool:
    """Return whether the address is that of a RabbitMQ."""
    return url.startswith(RABBITMQ)


def name(url: str) -> str:
    """Return the name of the broker's software: RabbitMQ or Redis."""
    return "RabbitMQ" if is_rabbitmq(url) else "Redis"


def transport_options(url: str, *, longest_task_seconds: int) -> dict[str, Any]:
    """Return Celery's `broker_transport_options`.

    A message is acknowledged when its task has ended, so that one of a killed worker goes to another worker. RabbitMQ
    does that when the connection ends. It also closes channels that leave a message open for longer than its
    `consumer_timeout`, 30 minutes unless configured: the worker connects again, the task goes on, and its lease keeps
    others from it meanwhile. While RabbitMQ is short of memory or disk it confirms nothing, and nobody waits for ever.
    Redis knows no connections: it delivers again after the visibility timeout, which no running task may reach.
    """
    if is_rabbitmq(url):
        return {"confirm_publish": True, "read_timeout": ANSWER_SECONDS}
    return {"visibility_timeout": longest_task_seconds + 600}


def version(url: str, *, seconds: float) -> str:
    """Return the server's name and version, asked over a separate connection. Raises AWAY if it does not answer."""
    with _channel(url, seconds) as channel:
        if is_rabbitmq(url):
            return f"RabbitMQ {channel.connection.server_properties['version']}"
        return f"Redis {channel.client.info('server')['redis_version']}"


@contextmanager
def _channel(url: str, seconds: float) -> Iterator[Any]:
    """Open a channel of its own connection, without the second attempt that kombu makes after two seconds."""
    options = {"read_timeout": seconds, "write_timeout": seconds}
    if not is_rabbitmq(url):
        options = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    with kombu.Connection(url, connect_timeout=seconds, transport_options=options) as client:
        server = client.transport.establish_connection()
        try:
            yield client.transport.create_channel(server)
        finally:
            client.transport.close_connection(server)
