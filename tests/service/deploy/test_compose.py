"""The compose file where Docker is: its images are built, its services start confined, and a file becomes a page."""

import json
import os
import re
import secrets
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.speed import servers
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
CONFINED = ("web", "worker", "mail-worker", "beat", "backup", "proxy")
PASSWORDS = ("POSTGRES_PASSWORD", "OWNER_PASSWORD", "APPLICATION_PASSWORD", "READER_PASSWORD", "SECRET_KEY")
PROBE = "touch /x; id -u; grep -E '^(CapEff|NoNewPrivs):' /proc/self/status"
BUILD_SECONDS = 3600

Compose = Callable[..., subprocess.CompletedProcess[str]]


def missing() -> str:
    """Why the compose file cannot be run here; empty if it can."""
    if not shutil.which("docker"):
        return "Docker is not installed"
    for command in (("docker", "compose", "version"), ("docker", "info")):
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode:
            return f"{' '.join(command)} fails: {ran.stderr.strip().splitlines()[0]}"
    return ""


@pytest.fixture
def site() -> str:
    return f"127.0.0.1:{servers.free_port()}"


@pytest.fixture
def compose(site, tmp_path) -> Iterator[Compose]:
    """Run docker compose on a copy of what git knows, with settings, volumes and images of its own."""
    if why := missing():
        pytest.skip(why)
    source = tmp_path / "source"
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={source}/"], cwd=ROOT, check=True)
    places = {"INBOX": tmp_path / "inbox", "CERTIFICATES": tmp_path / "tls", "ACME_ROOT": tmp_path / "acme"}
    for folder in places.values():
        folder.mkdir()
        folder.chmod(0o777)  # for the image's user
    settings = {name: secrets.token_hex(32) for name in PASSWORDS} | places
    settings |= {"PUBLIC_URL": f"http://{site}", "ALLOWED_HOSTS": "127.0.0.1", "PROXIES": "1"}
    settings |= {"HTTP_PORT": site, "HTTPS_PORT": f"127.0.0.1:{servers.free_port()}", "VERSION": f"smoke-{os.getpid()}"}
    settings |= {name: os.environ[name] for name in ("TORCH_INDEX_URL", "TORCH_SHA256") if name in os.environ}
    (source / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    command = ["docker", "compose", "--project-name", f"smoke-{os.getpid()}", "--env-file", ".env"]
    command += ["--file", "docker/compose.yml"]

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*command, *arguments], cwd=source, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS
        )
        assert not check or not done.returncode, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    try:
        yield run
    finally:
        run("down", "--volumes", "--rmi", "local", check=False)


@pytest.mark.long
def test_the_services_start_confined_and_a_file_in_the_inbox_becomes_a_page(compose, site, make_egms, tmp_path):
    def got(path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://{site}{path}", timeout=60) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    compose("up", "--build", "--detach")
    wait_until(lambda: got("/alerts.geojson"))
    for name in CONFINED:
        probed = compose("exec", "--no-TTY", name, "sh", "-c", PROBE, check=False)
        held = dict(re.findall(r"(\w+):\s+(\w+)", probed.stdout))
        assert "Read-only file system" in probed.stderr, name
        assert probed.stdout.split()[0] != "0", name
        assert (int(held["CapEff"], 16), held["NoNewPrivs"]) == (0, "1"), name
    arriving = tmp_path / "inbox" / f".{(file := make_egms()).name}"
    shutil.copy(file, arriving)
    arriving.chmod(0o666)
    arriving.rename(tmp_path / "inbox" / file.name)
    wait_until(lambda: json.loads(got("/api/v1/products") or "{}").get("count"))
    compose("stop")
    ids = compose("ps", "--all", "--quiet", *CONFINED).stdout.split()
    command = ["docker", "inspect", "--format", "{{.Name}} {{.State.ExitCode}}", *ids]
    ended = dict(line.split() for line in subprocess.check_output(command, text=True).splitlines())
    assert set(ended.values()) == {"0"}, ended
