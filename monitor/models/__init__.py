"""The tables, each in one module. Django finds them because these are imported here."""

from monitor.models import messages, operations, subscriptions  # noqa: F401
