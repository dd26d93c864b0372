"""A time-stamp authority (RFC 3161) made by openssl, with a certificate of its own."""

import subprocess
from pathlib import Path

EXTENSIONS = "extendedKeyUsage=critical,timeStamping"
SETTINGS = """\
[tsa]
default_tsa = ours
[ours]
dir = .
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
"""


class Authority:
    """An authority in a folder. Each answer has the time of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tsa.conf").write_text(SETTINGS)
        (folder / "serial").write_text("01\n")
        made = "-x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=stamps.example.org -keyout tsa.key -out tsa.pem"
        self._openssl("req", *made.split(), "-addext", EXTENSIONS)

    def answer(self, request: bytes) -> bytes:
        """Return the answer to a request, both DER."""
        (self.folder / "request.tsq").write_bytes(request)
        self._openssl("ts", *["-reply", "-config", "tsa.conf", "-queryfile", "request.tsq", "-out", "answer.tsr"])
        return (self.folder / "answer.tsr").read_bytes()

    def verifies(self, stamped: bytes, answer: bytes) -> bool:
        """Return whether openssl takes an answer for this authority's stamp of some bytes."""
        (self.folder / "stamped").write_bytes(stamped)
        (self.folder / "given.tsr").write_bytes(answer)
        wanted = "ts -verify -data stamped -in given.tsr -CAfile tsa.pem"
        return subprocess.run(["openssl", *wanted.split()], cwd=self.folder, capture_output=True).returncode == 0

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)
