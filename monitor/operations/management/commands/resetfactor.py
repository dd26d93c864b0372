"""manage.py resetfactor NAME: remove an account's second factor if both app and recovery codes are lost."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from monitor.subscribers.accounts.second_factor import factor_reset


class Command(BaseCommand):
    """Command that removes the second factor of an account."""

    help = "Take the second factor from an account and sign it out everywhere; it sets up a new one when it signs in."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the name of the account."""
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Remove the second factor, and end all sessions of the account."""
        try:
            account = User.objects.get_by_natural_key(options["name"])
        except User.DoesNotExist:
            raise CommandError(f"there is no account {options['name']!r}; /accounts/ lists them") from None
        n_removed = factor_reset(user=account, actor="manage.py resetfactor")
        self.stdout.write(f"removed from {account}: {n_removed}. Make sure that it was {account} who asked you.")
