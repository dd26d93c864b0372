"""Conditions of a public site: settings, and the role in the database (`manage.py doctor --deploy`)."""

import os
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import run_checks

from monitor.operations.health.condition import Wrong, setup
from monitor.operations.health.site_checks import database, database_role
from monitor.operations.health.work_checks import backup_exists
from monitor.web.guards import MAIL_FILES_BACKEND

MIN_KEY = 50
# Version 0.5.0 removed these: their values are fixed now, or part of another setting.
REMOVED = """
ACQUIRE_ASF_HOST ACQUIRE_AT_ONCE ACQUIRE_CONNECT_SECONDS ACQUIRE_DAYS ACQUIRE_FOLDER ACQUIRE_MOST_FOUND
ACQUIRE_READ_SECONDS ACQUIRE_SPARE_BYTES ACQUIRE_STAC_COLLECTION ALARM_AFTER_MINUTES BASEMAP_ARCHIVE BASEMAP_STYLE_URL
COHERENCE_CHANGE_METHOD COHERENCE_METHOD CONN_MAX_AGE CSRF_TRUSTED_ORIGINS DATABASE_REPLICA_URL DEFORMATION_METHOD
DERIVE_AFTER_SECONDS DISK_SPARE_PERCENT EARTHDATA_LOGIN_HOSTS EARTHDATA_PASSWORD EARTHDATA_TOKEN_HOSTS EARTHDATA_USER
EMAIL_TIMEOUT ENDPOINT_LIMIT_PER_PERSON GEOCODER_ATTRIBUTION GEOCODER_KIND GEOCODER_SECONDS HSTS_PRELOAD
INGEST_CPU_MINUTES INGEST_FILE_GB INGEST_MEMORY_GB INGEST_MINUTES INGEST_MOST_POINTS INGEST_STALL_MINUTES
INGEST_WORKERS KEEP_JOB_DAYS MAIL_GATHER_MINUTES MAIL_LIMIT_OVERALL MAIL_LIMIT_PER_ADDRESS MAIL_LIMIT_PER_DOMAIN
MAIL_LIMIT_PER_IP MAIL_PUBLIC_DOMAINS MAIL_REST_MINUTES MAIL_SENDERS ML_COMPILE ML_READERS OFFSETS_METHOD
OFFSETS_REACH_GLACIER_M_DAY OFFSETS_REACH_M_DAY PUSHES_AT_ONCE PUSH_MOST_AN_HOUR PUSH_PRIVATE_KEY PUSH_SECONDS
REPLICA_LAG_SECONDS REQUEST_SECONDS REVIEW_CLAIM_MINUTES RUN_BEAT_SECONDS RUN_HOURS RUN_STALL_MINUTES RUN_WORKERS
SEARCHES_AT_ONCE SECURITY_CONTACT SESSION_IDLE_MINUTES TASK_HOURS UPLOAD_KEEP_HOURS UPLOAD_SPARE_BYTES
WATCH_STABLE_SECONDS WEBHOOKS_AT_ONCE WEBHOOK_SECONDS WEB_STATEMENT_TIMEOUT_SECONDS WORK_SECONDS_PER_MINUTE
ANYMAIL DKIM_SELECTOR METRICS_TOKEN PROMETHEUS_MULTIPROC_DIR
"""
NO_SETTINGS_ANY_MORE = REMOVED.split()
NOT_PUBLIC = (".localhost", ".local", ".internal", ".invalid", ".test", ".example")


def _is_public(host: str) -> bool:
    return "." in host and not f".{host.lower()}".endswith(NOT_PUBLIC) and not host.replace(".", "").isdigit()


def _public_host() -> str:
    return urlsplit(settings.PUBLIC_URL).hostname or ""


@setup("public address", "Set PUBLIC_URL to the address that visitors type, as https://motion.example.org.")
def address() -> str:
    """Check that links in mails lead to a public, encrypted address."""
    if urlsplit(settings.PUBLIC_URL).scheme != "https" or not _is_public(_public_host()):
        raise Wrong(f"PUBLIC_URL is {settings.PUBLIC_URL}: links in mails lead nowhere, or are not encrypted")
    return settings.PUBLIC_URL


@setup("names of the site", "Set ALLOWED_HOSTS to the host of PUBLIC_URL, and to no name that is not yours.")
def hosts() -> str:
    """Check that the site answers to its own names only."""
    if "*" in settings.ALLOWED_HOSTS:
        raise Wrong("ALLOWED_HOSTS holds *: anybody can make the site write links to a host of theirs")
    if _public_host() not in settings.ALLOWED_HOSTS:
        raise Wrong(f"ALLOWED_HOSTS ({','.join(settings.ALLOWED_HOSTS)}) lacks the host of PUBLIC_URL")
    return ", ".join(settings.ALLOWED_HOSTS)


@setup("HTTPS", "Put docker/nginx/start in front with TLS_CERTIFICATE and TLS_KEY, and set BEHIND_HTTPS=yes.")
def https() -> str:
    """Check that cookies travel encrypted."""
    if not settings.BEHIND_HTTPS:
        raise Wrong("BEHIND_HTTPS is off: cookies travel unencrypted")
    return "cookies and addresses over HTTPS only"


@setup("proxies", "Set PROXIES=1 behind docker/nginx/start; one more for each other proxy of yours.")
def proxies() -> str:
    """Check that visitors can be distinguished behind the proxies."""
    if settings.PROXIES < 1:
        raise Wrong("PROXIES is 0: all visitors share the proxy's address, and one locks out the others")
    return f"{settings.PROXIES} in front"


@setup("secret key", "Set SECRET_KEY to random text, as of: openssl rand -base64 48")
def secret_key() -> str:
    """Check that the secret key is set and cannot be guessed."""
    key = os.environ.get("SECRET_KEY", "")
    if not key:
        raise Wrong("SECRET_KEY is not set: links in mails and logins die with the file that it is kept in")
    if len(key) < MIN_KEY or key.startswith("django-insecure-"):
        raise Wrong(f"SECRET_KEY can be guessed: it has {len(key)} characters, of at least {MIN_KEY}")
    return "set, and long"


@setup("mail server", "Set EMAIL_URL, as smtp+tls://user:password@mail.example.org:587")
def mail_server() -> str:
    """Check that mails go to a mail server."""
    if settings.EMAIL_BACKEND == MAIL_FILES_BACKEND:
        raise Wrong("EMAIL_URL is not set: mails become files and reach nobody")
    return "set"


@setup("sender of mails", "Set DEFAULT_FROM_EMAIL to an address of a domain of yours.")
def sender() -> str:
    """Check that mail servers accept the sender's address."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    if not _is_public(domain):
        raise Wrong(f"DEFAULT_FROM_EMAIL is {settings.DEFAULT_FROM_EMAIL}: mail servers refuse it")
    return settings.DEFAULT_FROM_EMAIL


@setup("debugging", "Set DEBUG=no, and remove TEST_SETTINGS.")
def debug() -> str:
    """Check that errors show nothing to visitors, and that the limits are those of a public site."""
    if settings.DEBUG:
        raise Wrong("DEBUG is on: every error shows settings and data to whoever caused it")
    if settings.TEST_SETTINGS:
        raise Wrong("TEST_SETTINGS is set: it replaces limits that a public site needs")
    return "off"


@setup("demo", "Set GROUND_MOTION_DEMO=no.")
def demo() -> str:
    """Check that no visitor can read other people's mails."""
    if settings.DEMO:
        raise Wrong("GROUND_MOTION_DEMO is on: anybody may read its mails")
    return "off"


@setup("removed settings", "Remove them from the environment: CHANGELOG.md says what holds instead.")
def removed_settings() -> str:
    """Check that no setting is set that only an earlier version knew."""
    if ignored := [name for name in NO_SETTINGS_ANY_MORE if name in os.environ]:
        raise Wrong(f"set, but ignored, for they are no settings any more: {', '.join(ignored)}")
    return "none is set"


@setup("framework", "Run manage.py check --deploy and mend what it says.")
def framework() -> str:
    """Run Django's own checks for deployment."""
    messages = run_checks(include_deployment_checks=True)
    problems = [message for message in messages if not message.is_silenced()]
    if problems:
        raise Wrong(f"manage.py check --deploy reports {len(problems)}, first: {problems[0].msg}")
    return "manage.py check --deploy finds nothing"


_SETTINGS = (address, hosts, https, proxies, secret_key, mail_server, sender, debug, demo, removed_settings, framework)
DEPLOYMENT = (*_SETTINGS, database, database_role, backup_exists)
