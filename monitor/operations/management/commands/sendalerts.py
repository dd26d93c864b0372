"""manage.py sendalerts: what the schedule does by itself, now and in this process."""

from django.core.management.base import BaseCommand

from monitor.notifications import announcements, rounds


class Command(BaseCommand):
    """Announce and send the news of alerts now."""

    help = "Queue the messages of new transitions, and send every message that is due."

    def handle(self, *args, **options) -> None:
        """Announce, then send."""
        announcements.transitions_announce()
        self.stdout.write(f"mails sent: {rounds.messages_send(beside=True)}")
