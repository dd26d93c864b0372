"""The settings of messages to phones and other devices (Web Push)."""

import re
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from monitor.web.outgoing.deadlines import seconds_setting

KEY_FILE = "push_key"
KEY = re.compile(r"[A-Za-z0-9_-]{43}=?")  # 32 bytes in base64url


def read(env: Env, var_dir: Path) -> dict[str, Any]:
    """The key by which push services know this site, how long they may take, how many are waited for at once, and how
    many messages of an hour a device shows one by one."""
    path = var_dir / KEY_FILE
    kept = path.read_text().strip() if path.is_file() else ""
    key = env("PUSH_PRIVATE_KEY", default="") or kept
    if key and not KEY.fullmatch(key):
        raise ImproperlyConfigured(f"PUSH_PRIVATE_KEY (or {path}) is not 32 bytes in base64url.")
    return {
        "PUSH_KEY_FILE": path,  # made by manage.py prepare
        "PUSH_PRIVATE_KEY": key,
        "PUSH_SECONDS": seconds_setting(env, "PUSH_SECONDS", default=10.0),
        "PUSHES_AT_ONCE": env.int("PUSHES_AT_ONCE", default=64),
        "QUIET_CHANNELS": ["push"],  # to endpoints that wake up a person
        "MOST_AN_HOUR": {"push": env.int("PUSH_MOST_AN_HOUR", default=5)},
    }
