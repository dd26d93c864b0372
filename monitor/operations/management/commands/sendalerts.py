"""manage.py sendalerts: what the schedule does by itself, now and in this process."""

from django.core.management.base import BaseCommand

from monitor import tasks
from monitor.notifications import rounds


class Command(BaseCommand):
    """Announce and send the news of alerts now."""

    help = "Queue the messages of new transitions, and send every message that is due."

    def handle(self, *args, **options) -> None:
        """Announce, then send."""
        tasks.announce_transitions()
        self.stdout.write(f"mails sent: {rounds.messages_send(beside=True)}")
