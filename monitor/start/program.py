"""Commands of the service for the program `ground-motion`: those of manage.py."""

import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

from monitor.start.process import command_run


def run(name: str, arguments: Sequence[str]) -> int | None:
    """Run a Django command, or any with the name "manage"; return the exit status, None for success."""
    called = ["ground-motion manage", *arguments] if name == "manage" else ["ground-motion", name, *arguments]
    try:
        return command_run(called)
    except ImproperlyConfigured as fault:
        print(fault, file=sys.stderr)
        return 2
