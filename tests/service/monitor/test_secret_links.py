"""A signed link opens somebody's subscriptions: it stands in no log."""

import io
import logging
import logging.config
import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from monitor.web.secret_links import SECRET_ADDRESSES, without_secrets
from tests.fixtures.servers import python

SECRET = "eyJzIjoxfQ:1vM3xQ:dGhpcy1pcy1hLXNlY3JldA_-"
SECRET_PARAMETERS = {"token", "key", "uidb36", "uidb64"}


@pytest.fixture
def log(monkeypatch) -> Iterator[io.StringIO]:
    """Return what the configured handlers write. Loggers are put back afterwards."""
    stream = io.StringIO()
    loggers = [logging.getLogger(name) for name in (None, "django", "django.server", "django.request")]
    before = [(one, one.handlers[:], one.propagate, one.level) for one in loggers]
    monkeypatch.setattr("sys.stderr", stream)
    logging.config.dictConfig(settings.LOGGING)
    yield stream
    for one, handlers, propagate, level in before:
        one.handlers[:], one.propagate = handlers, propagate
        one.setLevel(level)


@pytest.mark.django_db
def test_warnings_of_the_framework_name_the_page_and_not_the_secret(log):
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    for address in SECRET_ADDRESSES:
        strict.get(f"{address}{SECRET}/")
        strict.get(f"{address}{SECRET}/nothing/")
        strict.post(f"{address}{SECRET}/", {"email": "a@example.org"})
        strict.put(f"{address}{SECRET}/")
        strict.get(f"/login/nothing/?next={address.replace('/', '%2F')}{SECRET}%2F")
    written = log.getvalue()
    assert "Forbidden (CSRF" in written
    assert "Not Found" in written
    assert "Method Not Allowed" in written
    assert "[removed]" in written
    assert SECRET not in written
    assert SECRET.rpartition(":")[2] not in written


def test_no_line_names_the_place_that_somebody_asks_about(log):
    """The development server writes whole requests; nginx and gunicorn write none (docker/nginx, monitor/gunicorn)."""
    line = '"GET /here/?lat=46.9912&lon=-12.0034&language=de HTTP/1.1" 200 512'
    logging.getLogger("django.server").info("%s", line)
    logging.getLogger("django.server").info("%s", '"GET /here/?q=Mill+Lane+5 HTTP/1.1" 200 512')
    written = log.getvalue()
    assert "/here/?lat=[removed]&lon=[removed]&language=de" in written
    assert "46.99" not in written
    assert "Mill" not in written


def test_arguments_and_tracebacks_are_cleaned_too(log):
    logger = logging.getLogger("some.library")
    try:
        raise ValueError(f"no such page: /subscribe/stop/{SECRET}/")
    except ValueError:
        logger.exception("%s %r failed", "GET", f"/subscriptions/{SECRET}/export.json")
    logger.warning({"path": f"/subscribe/confirm/{SECRET}"})
    written = log.getvalue()
    assert "ValueError: no such page: /subscribe/stop/[removed]/" in written
    assert "/subscriptions/[removed]/export.json" in written
    assert SECRET not in written


def test_every_address_with_a_secret_is_in_the_table():
    secret = [path for path, names in _addresses(get_resolver()) if names & SECRET_PARAMETERS]
    assert secret
    assert [path for path in secret if SECRET in without_secrets(path.replace("%s", SECRET, 1))] == []


def _addresses(resolver: URLResolver, before: str = "/") -> Iterator[tuple[str, set[str]]]:
    for pattern in resolver.url_patterns:
        path = before + re.sub(r"<[^>]+>|\(\?P[^)]*\)", "%s", str(pattern.pattern)).lstrip("^").rstrip("$")
        if isinstance(pattern, URLResolver):
            yield from _addresses(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield path, set(pattern.pattern.regex.groupindex)


def test_other_addresses_stay_as_they_are():
    for path in ("/subscriptions/", "/alerts/4F7K/subscribe/", "/subscribe/sent/", "/subscribe/?bbox=1,2,3,4"):
        assert without_secrets(f"GET {path} 404") == f"GET {path} 404"


def test_every_handler_has_the_filter():
    assert settings.LOGGING["handlers"]
    assert all("no secret links" in handler["filters"] for handler in settings.LOGGING["handlers"].values())


def test_logs_of_workers_are_cleaned_too():
    code = (
        "import logging, django; django.setup(); from monitor.celery import app; app.log.setup(loglevel='INFO');"
        f"logging.getLogger('some.task').warning('no mail to /subscribe/stop/%s/', '{SECRET}')"
    )
    worker = python("-c", code)
    assert "/subscribe/stop/[removed]/" in worker.stderr
    assert SECRET not in worker.stderr + worker.stdout
