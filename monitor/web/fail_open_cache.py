"""Cache whose server may be unavailable: every lookup is then a miss, and no page fails."""

import json
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def _or(miss: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a cache method: if the server fails, return `miss`, or its result for the arguments if it is callable."""

    @wraps(method)
    def guarded(self: RedisCacheClient, *args: Any, **options: Any) -> Any:
        try:
            return method(self, *args, **options)
        except (RedisError, OSError) as fault:
            logger.warning("the cache is away, pages are computed anew: %s", fault)
            return miss(*args, **options) if callable(miss) else miss

    return guarded


class JsonSerializer:
    """Serializer of values as JSON, so that data from the server is never unpickled."""

    dumps, loads = staticmethod(json.dumps), staticmethod(json.loads)


class FailOpenClient(RedisCacheClient):
    """Redis client whose operations do not raise if the server fails."""

    add = _or(True, RedisCacheClient.add)
    get = _or(lambda key, default=None: default, RedisCacheClient.get)
    set = _or(None, RedisCacheClient.set)
    touch = _or(False, RedisCacheClient.touch)
    delete = _or(False, RedisCacheClient.delete)
    get_many = _or(lambda keys: {}, RedisCacheClient.get_many)
    has_key = _or(False, RedisCacheClient.has_key)
    set_many = _or(None, RedisCacheClient.set_many)
    delete_many = _or(None, RedisCacheClient.delete_many)
    clear = _or(False, RedisCacheClient.clear)


class FailOpenRedisCache(RedisCache):
    """Redis cache that survives the loss of its server."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = FailOpenClient
