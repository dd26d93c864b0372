"""manage.py demoaccounts: make an operator's and an administrator's account for the demo, never for a real site."""

import json
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError

from ground_motion.core.files import OWNER_ONLY, new_file
from monitor.web.guards import ADMINISTRATORS, OPERATORS

ACCOUNTS = {"operator": OPERATORS, "administrator": ADMINISTRATORS}
MARK = "Demo"  # first name by which the command recognises its own accounts


class Command(BaseCommand):
    """Command that makes accounts for the demo."""

    help = "Make or refresh the two demo accounts; their random passwords stay in var/demo-accounts.json."
    requires_system_checks = []  # `prepare` has made them

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the accounts that are missing, and restore the others' passwords and groups."""
        if settings.BEHIND_HTTPS:
            raise CommandError(
                "this is a public service (BEHIND_HTTPS); make accounts of its own, see docs/administrators.md"
            )
        passwords = _passwords(settings.DEMO_ACCOUNTS_FILE)
        for name, group in ACCOUNTS.items():
            user, created = User.objects.get_or_create(username=name, defaults={"first_name": MARK})
            if not created and user.first_name != MARK:
                raise CommandError(f"there is an account {name} that is no demo account; nothing was changed")
            user.is_staff = group == ADMINISTRATORS
            if not user.check_password(passwords[name]):
                user.set_password(passwords[name])
            user.save()
            user.groups.set([Group.objects.get(name=group)])
            self.stdout.write(f"sign in at /login/ as {name} with {passwords[name]}")


def _passwords(path: Path) -> dict[str, str]:
    """Return the passwords in a file; make the file if there is none, readable by its owner only."""
    passwords: dict[str, str]
    if path.exists():
        passwords = json.loads(path.read_text())
        return passwords
    passwords = {name: secrets.token_urlsafe(15) for name in ACCOUNTS}
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, OWNER_ONLY) as file:
        file.write(json.dumps(passwords).encode())
    return passwords
