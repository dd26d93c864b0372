"""Build hook: the library records which code it was built from; the service carries its languages, compiled.

A wheel has no .git. It records GROUND_MOTION_COMMIT, else git's commit, else the version in pyproject.toml.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import polib
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "ground_motion/runtime/code_version.txt"
SERVICE, SITE = "ground-motion-service", "monitor/_site"  # ingest/foundation/folders.py finds the catalogues there


def code_version(root: Path, version: str) -> str:
    """Return GROUND_MOTION_COMMIT, else the commit of the checkout at `root`, else `version`."""
    if given := os.environ.get("GROUND_MOTION_COMMIT", "").strip():
        return given
    if not (root / ".git").exists():  # nor may a repository around it answer
        return version
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return version


class BuildHook(BuildHookInterface[Any]):
    """Hook that hatchling calls around a build."""

    PLUGIN_NAME = "custom"
    folder: str = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the code version, or compiled catalogues, to the build; an editable one gets neither."""
        if version == "editable":  # a checkout asks git, and compiles its catalogues in place
            return
        root, included = Path(self.root), build_data["force_include"]
        self.folder = tempfile.mkdtemp()
        if self.metadata.name == SERVICE:
            for catalogue in sorted(root.parent.glob("locale/*/LC_MESSAGES/*.po")):
                made = Path(self.folder, catalogue.relative_to(root.parent)).with_suffix(".mo")
                made.parent.mkdir(parents=True, exist_ok=True)
                polib.pofile(str(catalogue)).save_as_mofile(str(made))
                included[str(made)] = f"{SITE}/{made.relative_to(self.folder)}"
        elif not (root / TARGET).exists():  # a source distribution has it
            path = Path(self.folder, "code_version.txt")
            path.write_text(code_version(root, self.metadata.version) + "\n")
            included[str(path)] = TARGET

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was made for the build."""
        if self.folder:
            shutil.rmtree(self.folder)
