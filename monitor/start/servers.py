"""Settings of Django for the servers that variables name: databases and the mail server."""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from monitor.start import variables

POSTGIS = "django.contrib.gis.db.backends.postgis"
KEPT_SECONDS = 60  # A connection to the database is used again within this time.
REPLICA_CONNECT_SECONDS = 2


def database(address: str) -> dict[str, Any]:
    """Return the settings of a connection to a PostGIS database."""
    connection: dict[str, Any] = environ.Env.db_url_config(address, engine=POSTGIS)
    return connection


def databases(*, is_pooled: bool) -> dict[str, dict[str, Any]]:
    """Return DATABASES: the application's, and a replica where DATABASE_REPLICA_URL names one.

    is_pooled: whether PgBouncer stands before them; then no cursor outlives a transaction on the server.
    """
    lasting = {"CONN_MAX_AGE": KEPT_SECONDS, "CONN_HEALTH_CHECKS": True, "DISABLE_SERVER_SIDE_CURSORS": is_pooled}
    default = database(variables.server("DATABASE_URL")) | lasting
    if not (address := variables.text("DATABASE_REPLICA_URL")):
        return {"default": default}
    replica = {"OPTIONS": {}, "TEST": {"MIRROR": "default"}} | database(address)
    replica["OPTIONS"] |= {"connect_timeout": REPLICA_CONNECT_SECONDS}
    return {"default": default, "replica": default | replica}


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
