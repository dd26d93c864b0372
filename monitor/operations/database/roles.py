"""Role of this process in the database: the application, except where tables themselves are changed."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

LOGIN = ("USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


@contextmanager
def as_owner() -> Iterator[None]:
    """Work as the owner of the tables until the block ends. Not for use in a transaction."""
    used = {name: connection.settings_dict[name] for name in LOGIN}
    if used["USER"] == settings.DATABASE_ROLES["owner"]:
        yield
        return
    connection.close()
    connection.settings_dict.update({name: settings.DATABASE_OWNER.get(name, used[name]) for name in LOGIN})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(used)
