"""manage.py prepare: bring database, static files and keys up to this code; does little where they are."""

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from monitor.channels.push.keys import key_make


class Command(BaseCommand):
    help = "Apply migrations, collect static files, and make the key for messages to devices."

    def handle(self, *args, **options) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("collectstatic", verbosity=0, interactive=False)
        if not settings.PUSH_PRIVATE_KEY:
            key_make(path=settings.PUSH_KEY_FILE)
