"""Start of a process: what exists before its settings are read, what these find here, and the servers they name."""

import gc
import os
import secrets
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import environ
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.signals import connection_created

from ground_motion.core.files import OWNER_ONLY, new_file
from monitor.start import variables

GDAL_CACHE_MB = "256"  # GDAL's own cache is a share of all memory in each process.
POSTGIS = "django.contrib.gis.db.backends.postgis"


def process_prepare(**signal: object) -> None:
    """Prepare this process for its settings: variables, a secret key, and a quicker start.

    Entry points call this first: manage.py, ground-motion, monitor/wsgi.py and, by a signal, monitor/celery.py.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    folder = variables.state_folder()
    os.environ.setdefault("GDAL_CACHEMAX", GDAL_CACHE_MB)
    if not settings.configured:
        # Looking for garbage, of which imports make none, takes a quarter longer. `MonitorConfig.ready` ends this.
        gc.disable()
    if {"DATABASE_URL", "REDIS_URL"} <= os.environ.keys() and not os.environ.get("SECRET_KEY"):
        path = folder / "secret_key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with new_file(path, OWNER_ONLY) as file:
                file.write(secrets.token_urlsafe(50).encode())


def command_run(arguments: list[str]) -> int | None:
    """Run a Django command and return its exit status; a full disk is one line, as any other error of a command."""
    from django.core.management import execute_from_command_line

    try:
        process_prepare()
        execute_from_command_line(arguments)
    except Exception as fault:
        from ingest.foundation.failures import full_disk

        if not (line := full_disk(fault)):
            raise
        print(line, file=sys.stderr)
        return 1
    return None


def kept_text(path: Path) -> str:
    """Return the text of a file of the state folder; empty if there is no such file."""
    return path.read_text() if path.is_file() else ""


def wheel_library(rasterio: ModuleType, prefix: str) -> str:
    """Return the path of a shared library in rasterio's wheel, so that GeoDjango and rasterio share one GDAL."""
    folder = Path(str(rasterio.__file__)).resolve().parent.parent / "rasterio.libs"
    return str(next(folder.glob(f"{prefix}*")))


def database(address: str) -> dict[str, Any]:
    """Return the settings of a connection to a PostGIS database."""
    connection: dict[str, Any] = environ.Env.db_url_config(address, engine=POSTGIS)
    return connection


def limit_statements() -> None:
    """Limit statements to WEB_STATEMENT_TIMEOUT_SECONDS on every connection that this process opens from now on."""
    # Behind DATABASE_POOLER that would limit whoever gets the connection next: there, PgBouncer limits the web's pool.
    if not settings.DATABASE_POOLER:
        connection_created.connect(_limit, dispatch_uid="statement limits")


def _limit(connection: Any, **kwargs: Any) -> None:
    milliseconds = str(int(1000 * settings.WEB_STATEMENT_TIMEOUT_SECONDS))
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [milliseconds])


def mail_server(folder: Path) -> dict[str, Any]:
    """Return Django's EMAIL_… settings for EMAIL_URL; where that is empty, mails become files in the folder."""
    mail: dict[str, Any] = {
        "EMAIL_BACKEND": "monitor.notifications.mail.files.EmailBackend",
        "EMAIL_FILE_PATH": folder,
        "EMAIL_HOST": "localhost",
        "EMAIL_PORT": 25,
        "EMAIL_HOST_USER": "",
        "EMAIL_HOST_PASSWORD": "",
        "EMAIL_USE_TLS": False,
        "EMAIL_USE_SSL": False,
    }
    if not (address := variables.text("EMAIL_URL")):
        return mail
    try:
        mail |= environ.Env.email_url_config(address)
    except (ImproperlyConfigured, ValueError):
        raise variables.fault("EMAIL_URL", address, "write smtp+tls://user:password@host:587") from None
    if mail["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend":
        mail["EMAIL_BACKEND"] = "monitor.notifications.mail.server.EmailBackend"
    return mail
