"""A certificate of certbot reaches the proxy, which may not read certbot's folders, and takes it up without a break."""

import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import pytest

from lab.speed import servers
from tests.fixtures.servers import self_signed
from tests.makers.echo import SESSION
from tests.waiting import HANG_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
INSTALLED = "/opt/ground-motion-monitor"
UNIT = (ROOT / "docker" / "systemd" / "ground-motion-proxy.service").read_text()
HOOK = ROOT / "docker" / "nginx" / "deploy_certificate"
GROUP = "www-data" if os.geteuid() == 0 else str(os.getgid())
AS_PROXY = ["setpriv", "--reuid", GROUP, "--regid", GROUP, "--clear-groups"] if os.geteuid() == 0 else []
BYTES = 100_000


class Proxy(NamedTuple):
    http: int
    https: int
    environment: dict[str, str]
    file: Path
    challenges: Path

    def served(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.https), timeout=HANG_SECONDS)

    def deploy(self, lineage: Path) -> None:
        """Run the hook as certbot would, with the reload of the unit."""
        with self.deploying(lineage) as hook:
            assert hook.wait(timeout=HANG_SECONDS) == 0

    def deploying(self, lineage: Path) -> subprocess.Popen:
        reload = re.search(r"^ExecReload=(.*)$", UNIT, re.MULTILINE)[1].replace(INSTALLED, str(ROOT)).split()
        renewed = {"RENEWED_LINEAGE": str(lineage), "RENEWED_DOMAINS": "localhost"}
        command = [HOOK, self.file.parent, GROUP, *AS_PROXY, *reload]
        return subprocess.Popen(command, env=self.environment | renewed)


@pytest.fixture
def proxy(echo) -> Iterator[Proxy]:
    """The proxy under the user of its unit, before there is any certificate."""
    http, https = servers.free_port(), servers.free_port()
    with tempfile.TemporaryDirectory() as name:
        folder, state, challenges = Path(name), Path(name, "state"), Path(name, "challenges")
        folder.chmod(0o755)
        for made in (state, challenges):
            made.mkdir()
        if AS_PROXY:
            shutil.chown(state, GROUP, GROUP)
        file = folder / "tls" / "site.pem"
        values = {"WEB": f"127.0.0.1:{echo.server_port}", "PROXY_STATE": state, "ACCESS_LOG": state / "access.log"}
        values |= {"HTTP_LISTEN": f"127.0.0.1:{http}", "HTTPS_LISTEN": f"127.0.0.1:{https}"}
        values |= {"TLS_CERTIFICATE": file, "ACME_ROOT": challenges}
        environment = os.environ | {key: str(value) for key, value in values.items()}
        with servers.running([*AS_PROXY, str(ROOT / "docker" / "nginx" / "start")], environment, http):
            yield Proxy(http, https, environment, file, challenges)


@pytest.fixture
def make_lineage(tmp_path):
    """A folder as certbot keeps it: its owner only can read it."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        self_signed(folder / "fullchain.pem", folder / "privkey.pem")
        return folder

    return make


def certificate(lineage: Path) -> str:
    return (lineage / "fullchain.pem").read_text()


def ask(port: int, method: str, path: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=HANG_SECONDS)
    connection.request(method, path, headers={"Host": "motion.example.org"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def test_before_the_first_certificate_only_its_challenge_is_answered(proxy, echo):
    challenge = proxy.challenges / ".well-known" / "acme-challenge" / "token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("token.thumbprint")
    assert ask(proxy.http, "GET", "/.well-known/acme-challenge/token") == (200, b"token.thumbprint")
    assert ask(proxy.http, "POST", "/login/")[0] == 308
    assert echo.begun == []


def test_the_first_certificate_and_a_new_one_are_taken_up_and_nobody_is_broken_off(proxy, echo, make_lineage):
    first, second = make_lineage("first"), make_lineage("second")
    proxy.deploy(first)
    wait_until(lambda: servers.listens(proxy.https))
    assert proxy.served() == certificate(first)

    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    sender = anybody.wrap_socket(socket.create_connection(("127.0.0.1", proxy.https), 60))
    sender.sendall(b"POST /uploads/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n")
    sender.sendall(b"Cookie: __Host-sessionid=%b\r\n" % SESSION.encode())
    sender.sendall(b"Content-Length: %d\r\n\r\n%b" % (BYTES, b"a" * (BYTES // 2)))
    wait_until(lambda: echo.begun)

    proxy.deploy(second)
    wait_until(lambda: proxy.served() == certificate(second))
    sender.sendall(b"a" * (BYTES // 2))
    answer = b"".join(iter(lambda: sender.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"%d" % BYTES)
    sender.close()


def test_nobody_else_can_read_the_key_at_any_moment(proxy, make_lineage):
    first, second = make_lineage("first"), make_lineage("second")
    proxy.deploy(first)
    before = proxy.file.read_text()
    whole, slow = certificate(second), second / "fullchain.pem"
    slow.unlink()
    os.mkfifo(slow)  # the hook waits here until somebody writes
    with proxy.deploying(second) as hook:
        with slow.open("w") as writing:
            wait_until(lambda: len(list(proxy.file.parent.iterdir())) == 2)
            growing = next(path for path in proxy.file.parent.iterdir() if path != proxy.file)
            assert stat.S_IMODE(growing.stat().st_mode) == 0o600
            assert proxy.file.read_text() == before
            writing.write(whole)
        assert hook.wait(timeout=HANG_SECONDS) == 0
    assert proxy.file.read_text() == whole + (second / "privkey.pem").read_text()
    assert list(proxy.file.parent.iterdir()) == [proxy.file]
    assert stat.S_IMODE(proxy.file.stat().st_mode) == 0o640
    assert stat.S_IMODE(proxy.file.parent.stat().st_mode) == 0o750
    if AS_PROXY:
        assert proxy.file.owner() == "root"
        assert readers(proxy.file) == [GROUP]
        assert readers(first / "privkey.pem") == []  # hence the hook


def readers(path: Path) -> list[str]:
    """Who of the proxy's user and one without any rights can read a file."""
    able = []
    for user in (GROUP, "nobody"):
        group = {"nobody": "nogroup"}.get(user, user)
        command = ["setpriv", "--reuid", user, "--regid", group, "--clear-groups", "cat", path]
        if not subprocess.run(command, check=False, capture_output=True).returncode:
            able.append(user)
    return able


def test_a_hook_without_a_lineage_changes_nothing(tmp_path):
    bare = {name: value for name, value in os.environ.items() if not name.startswith("RENEWED_")}
    ran = subprocess.run([HOOK, tmp_path / "tls", GROUP, "true"], env=bare, check=False, capture_output=True, text=True)
    assert ran.returncode == 2
    assert "usage" in ran.stderr
    assert list(tmp_path.iterdir()) == []
