"""manage.py sendalerts: announce and send news of alerts now, in this process, as the schedule does by itself."""

from typing import Any

from django.core.management.base import BaseCommand

from monitor.notifications import announcements, rounds


class Command(BaseCommand):
    """Command that announces and sends news of alerts now."""

    help = "Queue the messages of new transitions, and send every message that is due."

    def handle(self, *args: Any, **options: Any) -> None:
        """Announce, then send."""
        announcements.transitions_announce()
        self.stdout.write(f"mails sent: {rounds.messages_send(beside=True)}")
