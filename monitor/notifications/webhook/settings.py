"""The settings of webhooks."""

from pathlib import Path
from typing import Any

from environ import Env

from monitor.web.outgoing.deadlines import seconds_setting


def read(env: Env, var_dir: Path) -> dict[str, Any]:
    """How long an answer may take, how many are waited for at once, and whether intranets may be reached."""
    return {
        "WEBHOOK_SECONDS": seconds_setting(env, "WEBHOOK_SECONDS", default=10.0),
        "WEBHOOKS_AT_ONCE": env.int("WEBHOOKS_AT_ONCE", default=64),
        "ENDPOINTS_PRIVATE": env.bool("ENDPOINTS_PRIVATE", default=False),  # private addresses, and plain HTTP
    }
