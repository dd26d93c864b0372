"""Check of a subscription: subscribe, confirm by the mailed link, open the subscriber's page, unsubscribe, delete."""

import json
import re
import secrets
import time
import urllib.parse
import urllib.request
from collections.abc import Callable

from django.core.management.base import CommandError

from lab.checks.site import Site
from monitor.models.subscriptions import Subscription
from monitor.notifications.mail import files
from monitor.subscribers.subscriptions import tokens
from monitor.subscribers.subscriptions.services import DEMO_ADDRESS, VILLAGE_ADDRESS
from monitor.web.guards import mails_are_shown

SECONDS = 300.0
CHOICE = {"where": "circle", "distance": "2000", "lowest_severity": "minor", "unreviewed": "on", "frequency": "at-once"}


def check(site: Site) -> str:
    """Take all steps of a subscription as a visitor; return a one-line summary. Raises CommandError if a step fails."""
    if not mails_are_shown():
        return "mails: not tried, they leave this machine"
    alerts = json.loads(site.get("alerts.geojson"))["features"]
    place = alerts[0]["properties"] if alerts else {"latitude": 47.0, "longitude": -12.0, "kind": "subsidence"}
    choice = CHOICE | {"kinds": str(place["kind"]), **{name: str(place[name]) for name in ("latitude", "longitude")}}
    counted = json.loads(site.post("subscribe/preview.json", choice, page="subscribe/"))["mails"]
    if not isinstance(counted, int):
        raise CommandError("the preview of a subscription says no number")
    if alerts and not counted:
        raise CommandError("the preview of a subscription around an alert counts no mail")
    address = f"check-{secrets.token_hex(4)}@example.org"
    site.post("subscribe/", choice | {"email": address})
    letter = _mail_to(address, lambda mail: "/subscribe/confirm/" in mail.text)
    confirmed = site.post(_path_in(letter.text, "subscribe/confirm"), {}).decode()
    manage = _path_in(confirmed, "subscriptions", start='href="')
    if address not in site.get(manage).decode():
        raise CommandError("the page of a subscriber does not name the address")
    _stop_with_one_click(site, address)
    site.post(manage, {"deed": "delete"})
    news = ""
    if any(alert["properties"]["simulated"] for alert in alerts):
        _mail_to(DEMO_ADDRESS, lambda mail: "/alerts/" in mail.text and "SIMULATED" in mail.text)
        _mail_to(VILLAGE_ADDRESS, lambda mail: "/alerts/" in mail.text and "provisional" in mail.text)
        _take_up(site)
        news = f", the mails to {DEMO_ADDRESS} and {VILLAGE_ADDRESS} came, and an alert was taken up"
    return f"mails: preview says {counted}, subscribed, confirmed, managed, stopped and deleted{news}"


def _take_up(site: Site) -> None:
    """Take up the alert that the demo's mayor is asked about; check that its page says so in public."""
    letter = _mail_to(VILLAGE_ADDRESS, lambda mail: "/subscribe/take/" in mail.text)
    site.post(_path_in(letter.text, "subscribe/take"), {"deed": "take"})
    if b"Taken up by " not in site.get(_path_in(letter.text, "alerts")):
        raise CommandError("the page of an alert does not say who has taken it up")


def _stop_with_one_click(site: Site, address: str) -> None:
    """Unsubscribe like a mail program, by a POST without cookies (RFC 8058); check that a GET only shows a button."""
    mine = Subscription.objects.get(email=address)
    stop = f"subscribe/stop/{tokens.stop_token([mine.pk])}/"
    if b"Stop these mails?" not in site.get(stop):
        raise CommandError("the link to unsubscribe shows no button")
    data = urllib.parse.urlencode({"List-Unsubscribe": "One-Click"}).encode()
    with urllib.request.urlopen(f"{site.url}/{stop}", data=data, timeout=30) as answer:  # noqa: S310 (our own service)
        page = answer.read()
    if b"You are unsubscribed" not in page:
        raise CommandError("one click does not unsubscribe")


def _mail_to(address: str, fits: Callable[[files.KeptMail], bool]) -> files.KeptMail:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        fitting = next((mail for mail in files.mails_kept() if mail.to == address and fits(mail)), None)
        if fitting is not None:
            return fitting
        time.sleep(0.3)
    raise CommandError(f"no mail to {address} was written within {SECONDS:.0f} s")


def _path_in(text: str, name: str, start: str = "") -> str:
    """Return the path of a link in a mail or page, without the host: here it may be reached by another name."""
    match = re.search(rf"{re.escape(start)}(?:https?://[^/\s]+)?(/{name}/[\w:-]+/)", text)
    if match is None:
        raise CommandError(f"there is no link to {name}")
    return match[1]
