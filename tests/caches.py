"""Cache of the tests: in this process, and for the same values as that of the service."""

from typing import Any

from django.core.cache.backends.locmem import LocMemCache

from monitor.web.fail_open_cache import JsonSerializer


def _as_stored(value: Any) -> Any:
    return JsonSerializer.loads(JsonSerializer.dumps(value))


class JsonCache(LocMemCache):
    """Cache in memory that refuses what is no JSON and returns lists for tuples, as the service's does."""

    def add(self, key: str, value: Any, *args: Any, **options: Any) -> bool:
        """Store a value if the key is unused; TypeError if the value is no JSON."""
        return super().add(key, _as_stored(value), *args, **options)

    def set(self, key: str, value: Any, *args: Any, **options: Any) -> None:
        """Store a value; TypeError if it is no JSON."""
        super().set(key, _as_stored(value), *args, **options)
