"""The settings of mail. Without EMAIL_URL every mail becomes a file under var/mail and none leaves this machine."""

from pathlib import Path
from typing import Any

from environ import Env

from monitor.web.outgoing.deadlines import seconds_setting

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def read(env: Env, var_dir: Path) -> dict[str, Any]:
    """Django's settings of mail, from the environment."""
    files = {"EMAIL_BACKEND": "monitor.notifications.mail.files.EmailBackend", "EMAIL_FILE_PATH": var_dir / "mail"}
    server = env.email_url("EMAIL_URL") if env("EMAIL_URL", default="") else {}
    if server.get("EMAIL_BACKEND") == SMTP:
        server["EMAIL_BACKEND"] = "monitor.notifications.mail.server.EmailBackend"
    return {
        **files,
        **server,
        "EMAIL_TIMEOUT": seconds_setting(env, "EMAIL_TIMEOUT", default=30.0),
        "BOUNCE_ADDRESS": env("BOUNCE_ADDRESS", default=""),  # empty: mails come back to DEFAULT_FROM_EMAIL
        "DKIM_SELECTOR": env("DKIM_SELECTOR", default=""),  # of the key that mails are signed with, for the doctor
        "ANYMAIL": env.dict("ANYMAIL", default={}),  # of django-anymail: WEBHOOK_SECRET=name:password, and its others
        "DEFAULT_FROM_EMAIL": env("DEFAULT_FROM_EMAIL", default="Ground Motion Monitor <no-reply@localhost>"),
    }
