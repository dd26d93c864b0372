"""No question of a page keeps the database busy for long. For web processes only: workers may take their time."""

from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created


def limit_statements() -> None:
    """Let every connection that this process opens from now on end statements after WEB_STATEMENT_TIMEOUT_SECONDS.

    Behind DATABASE_POOLER that would limit whoever gets the connection next: there, PgBouncer limits the web's pool.
    """
    if settings.DATABASE_POOLER:
        return
    connection_created.connect(_limit, dispatch_uid="statement limits")


def _limit(connection: Any, **kwargs: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [_milliseconds()])


def _milliseconds() -> str:
    return str(int(1000 * settings.WEB_STATEMENT_TIMEOUT_SECONDS))
