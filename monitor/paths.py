"""Folders of this copy of the code: its templates and static files, and the folder in which it works.

A checkout has them beside its packages and works in itself. A wheel carries them inside the package `monitor`
(pyproject.toml), and an installed copy works in the folder that its commands are started in.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "_site"

INSTALLED = _IN_WHEEL.is_dir()
SITE_DIR = _IN_WHEEL if INSTALLED else _PACKAGE.parent
BASE_DIR = Path.cwd() if INSTALLED else _PACKAGE.parent
