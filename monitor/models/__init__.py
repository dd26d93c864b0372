"""Tables of the application, imported here so that Django finds them."""

from monitor.models import escalations, lines, messages, operations, subscriptions  # noqa: F401
