"""manage.py pausemails ADDRESS: pause the subscriptions of an address whose mails came back."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from monitor.subscribers.subscriptions.services import address_pause


class Command(BaseCommand):
    """Command that pauses the subscriptions of an address."""

    help = "Pause every subscription of an address; its owner can go on from the page of their subscriptions."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the address whose subscriptions are paused."""
        parser.add_argument("address")

    def handle(self, *args: Any, **options: Any) -> None:
        """Pause the subscriptions and print their number."""
        self.stdout.write(f"paused subscriptions: {address_pause(email=options['address'])}")
