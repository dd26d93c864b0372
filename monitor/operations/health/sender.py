"""Checks of the sender's domain for `manage.py doctor --dns`: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489)."""

import base64
import binascii
import re
from email.utils import parseaddr
from typing import TYPE_CHECKING

from django.conf import settings

from monitor.operations.health.condition import Wrong, setup

if TYPE_CHECKING:
    from dns.resolver import Resolver

ANSWER_SECONDS = 5.0
MAX_LOOKUPS = 10  # RFC 7208, section 4.6.4
LOOKUP = re.compile(r"[+?~-]?(include|a|mx|ptr|exists)([:/]|$)|redirect=")
MIN_RSA_BYTES = 160  # of 1024 bits, as it is published


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
