"""Folders. SITE_DIR holds templates and static files. BASE_DIR is the checkout, or where an installed copy starts."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "_site"

INSTALLED = _IN_WHEEL.is_dir()
SITE_DIR = _IN_WHEEL if INSTALLED else _PACKAGE.parent
BASE_DIR = Path.cwd() if INSTALLED else _PACKAGE.parent
