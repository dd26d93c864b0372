"""What only a demo shows."""

from django.conf import settings

MAIL_FILES_BACKEND = "monitor.notifications.mail.files.EmailBackend"


def mails_are_shown() -> bool:
    """Whether mails can be looked at: only in a demo, and only mails that were never sent anywhere."""
    return bool(settings.DEMO and settings.EMAIL_BACKEND == MAIL_FILES_BACKEND)
