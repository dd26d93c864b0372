"""What tables can hold much, which of them the table of stores knows, and which a visitor's request has filled."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.contrib.gis.db.models import GeometryField, PointField
from django.contrib.postgres.fields import ArrayField
from django.db.models import BinaryField, FileField, JSONField, Model, TextField
from django.test import Client

from monitor.subscribers.quotas import stores

STAFF_APPS = {"ingest", "ml", "detection", "lab", "admin", "django_celery_beat", "socialaccount", "contenttypes"}
LARGE = (FileField, BinaryField, GeometryField, JSONField, ArrayField, TextField)
WRITES = re.compile(r'(?:INSERT INTO|UPDATE) "(\w+)"')


def can_hold_much(model: type[Model]) -> bool:
    """Return whether a column of a table has no length of its own."""
    return any(isinstance(field, LARGE) and not isinstance(field, PointField) for field in model._meta.local_fields)


def of_visitors() -> set[type[Model]]:
    """Return the tables that visitors may fill, as the table of stores has them."""
    kept = {model for store in stores.STORES for model in (store.rows, *store.parts)}
    return kept | set(stores.BOUNDED)


def unlisted(models: Iterable[type[Model]]) -> list[str]:
    """Return the tables that can hold much and of which nothing says who fills them and how much they may hold."""
    listed = of_visitors() | set(stores.STAFF)
    large = (one for one in models if one._meta.app_label not in STAFF_APPS and can_hold_much(one))
    return sorted(one._meta.label for one in large if one not in listed)


def watched(request: Callable[..., Any], models: Iterable[type[Model]], connection: Any) -> Callable[..., Any]:
    """Return the function by which test clients send, which fails if a visitor fills a table that is not listed."""
    by_table = {one._meta.db_table: one for one in models if can_hold_much(one)}

    def sent(self: Client, **environ: Any) -> Any:
        written: set[type[Model]] = set()

        def note(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
            written.update(by_table[table] for table in WRITES.findall(str(sql)) if table in by_table)
            return execute(sql, *more)

        is_visitor = settings.SESSION_COOKIE_NAME not in self.cookies
        with connection.execute_wrapper(note):
            answer = request(self, **environ)
        unknown = sorted(one._meta.label for one in written - of_visitors()) if is_visitor else []
        assert not unknown, (
            f"a visitor's request to {environ.get('PATH_INFO')} fills {unknown}:"
            " give it a quota in monitor/subscribers/quotas/stores.py, or say there what limits it"
        )
        return answer

    return sent
