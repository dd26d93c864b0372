"""manage.py pausemails ADDRESS: pause the subscriptions of an address whose mails came back."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from monitor.models.subscriptions import Subscription
from monitor.subscribers.subscriptions.selectors import subscriptions_active
from monitor.subscribers.subscriptions.services import email_normal


class Command(BaseCommand):
    """Command that pauses the subscriptions of an address."""

    help = "Pause every subscription of an address; its owner can go on from the page of their subscriptions."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the address whose subscriptions are paused."""
        parser.add_argument("address")

    def handle(self, *args: Any, **options: Any) -> None:
        """Pause the subscriptions and print their number."""
        active = subscriptions_active().filter(email=email_normal(options["address"]))
        pause = {"paused_at": timezone.now(), "pause_reason": Subscription.PauseReason.BOUNCED}
        self.stdout.write(f"paused subscriptions: {active.update(**pause)}")
