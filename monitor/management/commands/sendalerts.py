"""manage.py sendalerts: what the schedule does by itself, now and in this process."""

from django.conf import settings
from django.core.management.base import BaseCommand

from monitor import tasks
from monitor.channels.mail import sending


class Command(BaseCommand):
    help = "Queue what is to be told of new transitions, and send every mail that is due."

    def handle(self, *args, **options) -> None:
        tasks.announce_transitions()
        self.stdout.write(f"mails sent: {sending.mails_send(senders=settings.MAIL_SENDERS)}")
