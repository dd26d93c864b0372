"""Libraries for browsers are the very files that scripts/vendor.sha256 names, whatever the registry sends."""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TAKEN = re.compile(r'^take (\S+) "\$(\w+)" (.+)$', re.MULTILINE)
# a registry: packs what lies under $PACKAGES/NAME, and installs a tool that builds the file of Plotly that we have
NPM = """#!/bin/sh
if [ "$1" = install ]; then
  mkdir -p "$4/node_modules/.bin"
  printf '#!/bin/sh\ncat >/dev/null; cp "$PACKAGES/plotly.js/plotly.min.js" .' >"$4/node_modules/.bin/esbuild"
  exec chmod +x "$4/node_modules/.bin/esbuild"
fi
name=${3%@*}
tar -czf "$name-${3##*@}.tgz" -C "$PACKAGES" --transform "s,^$name,package," "$name"
"""


def kept() -> dict[str, str]:
    lines = (ROOT / "scripts" / "vendor.sha256").read_text().splitlines()
    return {path: digest for digest, path in (line.split("  ") for line in lines)}


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path != folder / "README.md"]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What scripts/vendor needs of a checkout, and a registry that sends what we have."""
    for part in ("scripts/licences", "static/vendor"):
        shutil.copytree(ROOT / part, tmp_path / part)
    for part in ("scripts/vendor", "scripts/vendor.sha256"):
        shutil.copy(ROOT / part, tmp_path / part)
    for name, _version, files in TAKEN.findall((ROOT / "scripts" / "vendor").read_text()):
        for file in files.split():
            (tmp_path / "packages" / name / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / "static" / "vendor" / name / Path(file).name, tmp_path / "packages" / name / file)
        if not (ROOT / "scripts" / "licences" / name).exists():
            shutil.copy(ROOT / "static" / "vendor" / name / "LICENSE", tmp_path / "packages" / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "npm").write_text(NPM)
    (tmp_path / "bin" / "npm").chmod(0o755)
    return tmp_path


def vendor(checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    own = {"PATH": f"{checkout / 'bin'}:{os.environ['PATH']}", "PACKAGES": str(checkout / "packages")}
    command = [str(checkout / "scripts" / "vendor"), *options]
    return subprocess.run(command, env=os.environ | own, capture_output=True, text=True)


def test_every_library_that_is_served_is_the_file_that_was_kept():
    assert digests(ROOT / "static" / "vendor") == kept()


def test_the_same_files_are_taken_again(checkout):
    before = digests(checkout / "static" / "vendor")
    done = vendor(checkout)
    assert done.returncode == 0, done.stderr
    assert digests(checkout / "static" / "vendor") == before
    assert (checkout / "static/vendor/README.md").read_text() == (ROOT / "static/vendor/README.md").read_text()


def test_another_file_of_the_registry_changes_nothing(checkout):
    before = digests(checkout / "static" / "vendor")
    script = next((checkout / "packages" / "uplot").rglob("*.js"))
    script.write_text(script.read_text() + "fetch('https://evil.example')")
    refused = vendor(checkout)
    assert refused.returncode != 0
    assert script.name in refused.stderr
    assert digests(checkout / "static" / "vendor") == before
    assert vendor(checkout, "--new").returncode == 0  # a person said so, and reads the difference
    assert digests(checkout / "static" / "vendor") != before
    assert (checkout / "scripts" / "vendor.sha256").read_text() != (ROOT / "scripts" / "vendor.sha256").read_text()
