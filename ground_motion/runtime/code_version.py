"""Version of the running code."""

import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Only a wheel has this file; scripts/build_hook.py writes it.
BUILT_FROM = Path(__file__).with_name("code_version.txt")


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the commit that a wheel was built from, else that of the checkout; 'unknown' if neither is known."""
    if BUILT_FROM.is_file():
        return BUILT_FROM.read_text().strip()
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
