"""Who uses the small service: readers who come, hear of alerts and go, a reviewer, and visitors of every page."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from django.conf import settings
from django.contrib.auth import get_user_model

from detection.kinds import Kind
from detection.models import Alert, Review
from detection.reviews.services import alert_review, may_take_back, review_take_back
from detection.rules.verdicts import REASONS, Verdict
from detection.selectors import alerts_to_review
from ingest.areas import FARTHEST_M
from lab.checks.site import Site
from monitor.models import Subscription
from monitor.subscriptions.services import DEMO_PLACE, subscription_request
from monitor.wording import regions

PAGES = ("", "alerts/", "products/", "glaciers/", "subscribe/", "alerts.geojson", "rasters.json", "about/")
PAGES = (*PAGES, "tiles/points/los/6/29/22.mvt", "tiles/points/los/0/0/0.mvt")
ALERTS_READ = 5
FREQUENCIES = tuple(Subscription.Frequency.values)
CONFIRM = re.compile(r"https?://\S+/subscribe/confirm/\S+/")


class Mailbox:
    """Everything that was sent, as a mail server took it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, server, session, envelope) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"

    def counted(self) -> Counter[str]:
        """How often each mail came, by its Message-ID."""
        return Counter(str(mail["Message-ID"]).strip() for mail in self.mails)


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname=settings.EMAIL_HOST, port=settings.EMAIL_PORT)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def somebody_subscribes(day: int) -> None:
    subscription_request(
        email=f"reader{day}@example{day}.org",
        region=regions.circle(*DEMO_PLACE, FARTHEST_M),
        kinds=[kind.value for kind in Kind],
        lowest_severity="minor",
        unreviewed=True,
        frequency=FREQUENCIES[day % len(FREQUENCIES)],
    )


def letters_are_confirmed(mailbox: Mailbox, done: set[str]) -> None:
    """Whoever was asked presses the button of the page that the mail links."""
    for mail in mailbox.mails:
        text = mail.get_body(("plain",)).get_content()
        link = CONFIRM.search(text)
        if link and link[0] not in done:
            done.add(link[0])
            Site(settings.PUBLIC_URL).post(link[0], {})


def the_oldest_reader_leaves(mailbox: Mailbox) -> None:
    """By one click in a mail program, where a mail has come (RFC 8058)."""
    for reader in Subscription.objects.filter(ended_at=None).exclude(confirmed_at=None).order_by("id"):
        mails = [mail for mail in mailbox.mails if mail["To"] == reader.email and mail["List-Unsubscribe"]]
        if mails:
            link = str(mails[-1]["List-Unsubscribe"]).strip("<> ")
            Site(settings.PUBLIC_URL).post(link, {"List-Unsubscribe": "One-Click"})
            return


def an_alert_is_reviewed(day: int) -> None:
    """Every other one is confirmed."""
    reviewer, _ = get_user_model().objects.get_or_create(username="reviewer")
    alert = alerts_to_review().first()
    if alert is None:
        return
    verdict = (Verdict.CONFIRM, Verdict.REJECT)[day // 2 % 2]
    reason = next(iter(REASONS[verdict]))
    alert_review(
        alert=alert,
        verdict=verdict,
        reason_code=reason,
        public_note="",
        internal_note="",
        reviewer=reviewer,
        expected_state=alert.state,
    )


def a_verdict_is_taken_back() -> None:
    """The latest that may be; its alert is news again, and is reviewed again."""
    for review in Review.objects.exclude(verdict=Verdict.TAKEN_BACK).order_by("-id"):
        if may_take_back(review=review, alert=review.alert):
            review_take_back(review=review, reviewer=review.reviewer)
            return


def visitors_look_around() -> int:
    """Every page, and those of the latest alerts, by somebody new; how many."""
    site, addresses = Site(settings.PUBLIC_URL), list(PAGES)
    for alert in Alert.objects.order_by("-updated_at")[:ALERTS_READ]:
        addresses += [alert.get_absolute_url(), f"{alert.get_absolute_url()}series.json"]
    for address in addresses:
        site.get(address)
    return len(addresses)


def the_site_answers(seconds: float = 60.0) -> None:
    ends_at = time.monotonic() + seconds
    while True:
        try:
            Site(settings.PUBLIC_URL).get("about/")
            return
        except OSError:
            if time.monotonic() > ends_at:
                raise
            time.sleep(0.2)
