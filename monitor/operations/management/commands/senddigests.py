"""manage.py senddigests: make and send digests now, in this process, as the schedule does by itself."""

from typing import Any

from django.core.management.base import BaseCommand

from monitor.notifications import digests, rounds
from monitor.pages.reviews.visits import visits_remind


class Command(BaseCommand):
    """Command that makes and sends digests now."""

    help = "Make the digests that are due, and send every message that is due."

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue digests, then send."""
        digests.due_queue()
        visits_remind()
        self.stdout.write(f"mails sent: {rounds.messages_send(beside=True)}")
