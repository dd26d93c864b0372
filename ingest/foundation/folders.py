"""Folders. SITE_DIR holds templates and static files. BASE_DIR is the checkout, or where an installed copy starts."""

from pathlib import Path

_PACKAGES = Path(__file__).resolve().parents[2]
_IN_WHEEL = _PACKAGES / "monitor" / "_site"

INSTALLED = _IN_WHEEL.is_dir()
SITE_DIR = _IN_WHEEL if INSTALLED else _PACKAGES
BASE_DIR = Path.cwd() if INSTALLED else _PACKAGES
