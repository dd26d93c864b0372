"""Folders of this copy: a checkout has them beside its packages; a wheel inside, and works where it is started."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "_site"

INSTALLED = _IN_WHEEL.is_dir()
SITE_DIR = _IN_WHEEL if INSTALLED else _PACKAGE.parent
BASE_DIR = Path.cwd() if INSTALLED else _PACKAGE.parent
