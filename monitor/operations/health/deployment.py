"""Conditions of a public site: settings, the role in the database, and the sender's domain.

`manage.py doctor --deploy` examines settings and role. `--dns` examines the sender's domain: SPF (RFC 7208), DKIM
(RFC 6376) and DMARC (RFC 7489).
"""

import base64
import binascii
import os
import re
from email.utils import parseaddr
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import run_checks

from monitor.operations.health.condition import Wrong, setup
from monitor.operations.health.site_checks import database, database_role
from monitor.operations.health.work_checks import backup_exists
from monitor.web.guards import MAIL_FILES_BACKEND

if TYPE_CHECKING:
    from dns.resolver import Resolver

MIN_KEY = 50
# since 0.5.0: what they set is fixed now, or part of another setting
REMOVED = """
ACQUIRE_ASF_HOST ACQUIRE_AT_ONCE ACQUIRE_CONNECT_SECONDS ACQUIRE_DAYS ACQUIRE_FOLDER ACQUIRE_MOST_FOUND
ACQUIRE_READ_SECONDS ACQUIRE_SPARE_BYTES ACQUIRE_STAC_COLLECTION ALARM_AFTER_MINUTES BASEMAP_ARCHIVE BASEMAP_STYLE_URL
COHERENCE_CHANGE_METHOD COHERENCE_METHOD CONN_MAX_AGE CSRF_TRUSTED_ORIGINS DATABASE_REPLICA_URL DEFORMATION_METHOD
DERIVE_AFTER_SECONDS DISK_SPARE_PERCENT EARTHDATA_LOGIN_HOSTS EARTHDATA_PASSWORD EARTHDATA_TOKEN_HOSTS EARTHDATA_USER
EMAIL_TIMEOUT ENDPOINT_LIMIT_PER_PERSON GEOCODER_ATTRIBUTION GEOCODER_KIND GEOCODER_SECONDS HSTS_PRELOAD
INGEST_CPU_MINUTES INGEST_FILE_GB INGEST_MEMORY_GB INGEST_MINUTES INGEST_MOST_POINTS INGEST_STALL_MINUTES
INGEST_WORKERS KEEP_JOB_DAYS MAIL_GATHER_MINUTES MAIL_LIMIT_OVERALL MAIL_LIMIT_PER_ADDRESS MAIL_LIMIT_PER_DOMAIN
MAIL_LIMIT_PER_IP MAIL_PUBLIC_DOMAINS MAIL_REST_MINUTES MAIL_SENDERS ML_COMPILE ML_READERS OFFSETS_METHOD
OFFSETS_REACH_GLACIER_M_DAY OFFSETS_REACH_M_DAY PUSHES_AT_ONCE PUSH_MOST_AN_HOUR PUSH_SECONDS REPLICA_LAG_SECONDS
REQUEST_SECONDS REVIEW_CLAIM_MINUTES RUN_BEAT_SECONDS RUN_HOURS RUN_STALL_MINUTES RUN_WORKERS SEARCHES_AT_ONCE
SECURITY_CONTACT SESSION_IDLE_MINUTES TASK_HOURS UPLOAD_KEEP_HOURS UPLOAD_SPARE_BYTES WATCH_STABLE_SECONDS
WEBHOOKS_AT_ONCE WEBHOOK_SECONDS WEB_STATEMENT_TIMEOUT_SECONDS WORK_SECONDS_PER_MINUTE
METRICS_TOKEN PROMETHEUS_MULTIPROC_DIR
"""
NO_SETTINGS_ANY_MORE = REMOVED.split()
NOT_PUBLIC = (".localhost", ".local", ".internal", ".invalid", ".test", ".example")
ANSWER_SECONDS = 5.0
MAX_LOOKUPS = 10  # RFC 7208, section 4.6.4
LOOKUP = re.compile(r"[+?~-]?(include|a|mx|ptr|exists)([:/]|$)|redirect=")
MIN_RSA_BYTES = 160  # A published key of 1024 bits is this long.


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


def _domain(address: str) -> str:
    domain = parseaddr(address)[1].rpartition("@")[2].lower()
    if "." not in domain:
        raise Wrong(f"{address} is an address of no domain (DEFAULT_FROM_EMAIL, BOUNCE_ADDRESS)")
    return domain


def sender_domain() -> str:
    """Return the domain of the sender's address that readers see."""
    return _domain(settings.DEFAULT_FROM_EMAIL)


def return_domain() -> str:
    """Return the domain to which undelivered mails return, whose SPF record receiving servers look up."""
    return _domain(settings.BOUNCE_ADDRESS or settings.DEFAULT_FROM_EMAIL)


def resolver() -> "Resolver":
    """Return a resolver that uses this machine's name servers. Raises Wrong without dnspython."""
    try:
        from dns.resolver import Resolver
    except ImportError as fault:
        raise Wrong("dnspython is not installed (pip install '.[mail]')") from fault
    asked = Resolver()
    asked.lifetime = ANSWER_SECONDS
    return asked


def _answers(name: str, kind: str) -> list[str]:
    """Return a name's DNS records of one kind, with split texts joined. Raises Wrong if no server answers."""
    asked = resolver()
    from dns.exception import DNSException
    from dns.resolver import NXDOMAIN, NoAnswer

    try:
        rows = asked.resolve(name, kind)
    except (NXDOMAIN, NoAnswer):
        return []
    except DNSException as fault:
        raise Wrong(f"no name server answers for {name} ({type(fault).__name__})") from fault
    if kind == "TXT":
        return [b"".join(row.strings).decode(errors="replace") for row in rows]
    return [row.to_text() for row in rows]


def _records(name: str, version: str) -> list[str]:
    """Return the TXT records of a name that begin with a version, such as v=spf1."""
    start = re.compile(re.escape(version) + r"(\s|;|$)", re.IGNORECASE)
    return [text for text in _answers(name, "TXT") if start.match(text)]


@setup(
    "SPF",
    'Publish one TXT record at the domain of BOUNCE_ADDRESS that names what sends, as "v=spf1 mx -all",'
    " or with include: of your relay.",
)
def spf() -> str:
    """Check the SPF record, which lists the servers that may send mails for the return domain."""
    domain = return_domain()
    records = _records(domain, "v=spf1")
    if len(records) != 1:
        raise Wrong(f"{domain} has {len(records)} SPF records instead of one")
    terms = records[0].lower().split()[1:]
    if sum(bool(LOOKUP.match(term)) for term in terms) > MAX_LOOKUPS:
        raise Wrong(f"the SPF record of {domain} makes servers look up more than {MAX_LOOKUPS} names: they give up")
    if not any(term in ("-all", "~all") or term.startswith("redirect=") for term in terms):
        raise Wrong(f"the SPF record of {domain} ends in neither -all nor ~all: it forbids nobody")
    sender = sender_domain()  # one must lie in the other (relaxed alignment, RFC 7489, 3.1; no public suffixes)
    if not (f".{domain}".endswith(f".{sender}") or f".{sender}".endswith(f".{domain}")):
        raise Wrong(f"mails come back to {domain}, and their sender is at {sender}: DMARC ignores SPF then")
    return records[0]


@setup(
    "DKIM",
    "Let your mail server or relay sign, publish its public key as TXT at <selector>._domainkey.<domain>,"
    " and set DKIM_SELECTOR to the selector.",
)
def dkim() -> str:
    """Check the public DKIM key, with which receivers verify signatures."""
    domain = sender_domain()
    if not settings.DKIM_SELECTOR:
        raise Wrong("DKIM_SELECTOR is not set, so that the key cannot be looked up")
    name = f"{settings.DKIM_SELECTOR}._domainkey.{domain}"
    keys = [tags for tags in map(_tags, _answers(name, "TXT")) if "p" in tags]
    if len(keys) != 1:
        raise Wrong(f"{name} has {len(keys)} keys instead of one")
    tags = keys[0]
    if not tags["p"]:
        raise Wrong(f"the key at {name} is revoked (p= is empty)")
    try:
        key = base64.b64decode("".join(tags["p"].split()), validate=True)
    except binascii.Error as fault:
        raise Wrong(f"the key at {name} is cut off or mistyped: it is no base64") from fault
    kind = tags.get("k", "rsa").lower()
    if kind == "rsa" and len(key) < MIN_RSA_BYTES:
        raise Wrong(f"the key at {name} is shorter than 1024 bits: receivers refuse it")
    if "y" in tags.get("t", "").split(":"):
        raise Wrong(f"the key at {name} is marked as a test (t=y): receivers ignore it")
    return f"{kind} key at {name}"


@setup(
    "DMARC",
    'Publish a TXT record at _dmarc.<domain>, as "v=DMARC1; p=none; rua=mailto:postmaster@<domain>";'
    " p=quarantine once the reports show that all your mails pass.",
)
def dmarc() -> str:
    """Check the DMARC record of the sender's domain, or else of a parent domain, except a top-level one."""
    labels = sender_domain().split(".")
    for start in range(len(labels) - 1):
        domain = ".".join(labels[start:])
        records = _records(f"_dmarc.{domain}", "v=DMARC1")
        if len(records) > 1:
            raise Wrong(f"_dmarc.{domain} has {len(records)} DMARC records instead of one")
        if records:
            policy = _tags(records[0]).get("p", "").lower()
            if policy not in ("none", "quarantine", "reject"):
                raise Wrong(f"the DMARC record at _dmarc.{domain} states no policy (p=)")
            return f"p={policy} at _dmarc.{domain}"
    raise Wrong(f"there is no DMARC record at _dmarc.{sender_domain()}, nor above it")


@setup(
    "returned mails",
    "Set BOUNCE_ADDRESS to an address whose host takes mail for it and for anything after a +,"
    " and pipe what comes into manage.py bounces.",
)
def returns() -> str:
    """Check that undelivered mails can return."""
    domain = return_domain()
    if not settings.BOUNCE_ADDRESS:
        raise Wrong("BOUNCE_ADDRESS is not set: addresses that come back later are not noticed")
    if not (_answers(domain, "MX") or _answers(domain, "A") or _answers(domain, "AAAA")):
        raise Wrong(f"{domain} takes no mail: it has no MX record and no address")
    return f"{domain} takes mail"


def _tags(text: str) -> dict[str, str]:
    """Return the values in a record such as "v=DKIM1; k=rsa; p=…", by their tags."""
    parts = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in parts if name.strip()}


SENDER = (spf, dkim, dmarc, returns)
