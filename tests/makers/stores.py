"""What tables can hold much, what limits them, and which a visitor's request has filled."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from axes.models import AccessAttempt
from django.apps import apps
from django.conf import settings
from django.contrib.gis.db.models import GeometryField, PointField
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.models import Session
from django.db.models import BinaryField, FileField, JSONField, Model, TextField
from django.test import Client

from detection.models import AuditEntry
from monitor.models.lines import Line, LineReading
from monitor.models.messages import Bulletin, CapMessage, Endpoint
from monitor.models.operations import ResidentReport
from monitor.models.subscriptions import Subscription

# What limits a table that visitors fill.
BOUNDED: dict[type[Model], str] = {
    Line: "counted in bytes by monitor/subscribers/quotas",
    Endpoint: "keys of fixed length and an address of 2,000 letters; few for each mailbox and organisation",
    Session: "written at a sign-in only, which has limits; cleared when it ends",
    AccessAttempt: "1,024 letters of each request; wrong passwords are limited for each address and name",
    UserSession: "the first letters of the name of an account's browser; deleted with the session",
    AuditEntry: "few words for each press of an organisation's member; limited in a day",
    LineReading: "counted with its line",
    ResidentReport: "1,000 letters; few for each mailbox and network in a day",
    Subscription: "a region of at most 500 corners; few for each mailbox and organisation",
    Authenticator: "keys of fixed length; accounts are made by invitation",
}
# Tables that no visitor fills.
STAFF: dict[type[Model], str] = {
    Bulletin: "drafted by the service, one at a time, and signed by operators",
    CapMessage: "issued by the service, one for each step of an alert",
}
STAFF_APPS = {"ingest", "ml", "detection", "lab", "admin", "django_celery_beat", "socialaccount", "contenttypes"}
LARGE = (FileField, BinaryField, GeometryField, JSONField, ArrayField, TextField)
WRITES = re.compile(r'(?:INSERT INTO|UPDATE) "(\w+)"')


def can_hold_much(model: type[Model]) -> bool:
    """Return whether a column of a table has no length of its own."""
    return any(isinstance(field, LARGE) and not isinstance(field, PointField) for field in model._meta.local_fields)


def unlisted(models: Iterable[type[Model]]) -> list[str]:
    """Return the tables that can hold much and of which nothing says who fills them and how much they may hold."""
    listed = BOUNDED | STAFF
    large = (one for one in models if one._meta.app_label not in STAFF_APPS and can_hold_much(one))
    return sorted(one._meta.label for one in large if one not in listed)


@cache
def _large_tables() -> dict[str, type[Model]]:
    return {one._meta.db_table: one for one in apps.get_models() if can_hold_much(one)}


def watched(request: Callable[..., Any], connection: Any) -> Callable[..., Any]:
    """Return the function by which test clients send, which fails if a visitor fills a table that is not listed."""
    by_table = _large_tables()

    def sent(self: Client, **environ: Any) -> Any:
        written: set[type[Model]] = set()

        def note(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
            written.update(by_table[table] for table in WRITES.findall(str(sql)) if table in by_table)
            return execute(sql, *more)

        is_visitor = settings.SESSION_COOKIE_NAME not in self.cookies
        with connection.execute_wrapper(note):
            answer = request(self, **environ)
        unknown = sorted(one._meta.label for one in written - BOUNDED.keys()) if is_visitor else []
        assert not unknown, (
            f"a visitor's request to {environ.get('PATH_INFO')} fills {unknown}:"
            " give it a quota, and say in tests/makers/stores.py what limits it"
        )
        return answer

    return sent
