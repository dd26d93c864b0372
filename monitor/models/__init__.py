"""Tables of the application, imported here so that Django finds them."""

from monitor.models import escalations, messages, operations, subscriptions  # noqa: F401
