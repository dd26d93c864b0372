"""Build hook: a wheel records which code it was built from, because where it is installed there is no .git.

GROUND_MOTION_COMMIT (an image is built without .git), else git, else the version in pyproject.toml.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "ml/runtime/code_version.txt"


def code_version(root: Path, version: str) -> str:
    if given := os.environ.get("GROUND_MOTION_COMMIT", "").strip():
        return given
    if not (root / ".git").exists():  # nor may a repository around it answer
        return version
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return version


class CodeVersionHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"
    folder: str = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable" or (root / TARGET).exists():  # a checkout asks git; a source distribution has the file
            return
        self.folder = tempfile.mkdtemp()
        path = Path(self.folder, "code_version.txt")
        path.write_text(code_version(root, self.metadata.version) + "\n")
        build_data["force_include"][str(path)] = TARGET

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.folder:
            shutil.rmtree(self.folder)
