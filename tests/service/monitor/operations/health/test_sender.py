"""What name servers say of the sender's domain, asked over a real socket; and what the doctor says of it."""

import base64
import socket
import threading

import dns.message
import dns.rrset
import pytest
from dns.flags import QR
from dns.rcode import NXDOMAIN
from dns.resolver import Resolver

from monitor.operations.health import deployment
from monitor.operations.health.conditions import CONDITIONS
from tests.service.monitor.operations.health.conftest import doctor_asked

KEY = base64.b64encode(b"k" * 294).decode()  # as long as a key of 2048 bits
RIGHT = {
    ("motion.example.org", "TXT"): ["some-other=1", "v=spf1 mx include:relay.example.net -all"],
    ("motion.example.org", "MX"): ["10 mx.example.org."],
    ("mail._domainkey.motion.example.org", "TXT"): [f"v=DKIM1; k=rsa; p={KEY}"],
    ("_dmarc.example.org", "TXT"): ["v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org"],
}


@pytest.fixture
def names(monkeypatch, settings):
    """Start a name server on this machine; what it answers may be changed. `None` stands for no answer at all."""
    settings.DEFAULT_FROM_EMAIL = "Ground Motion Monitor <monitor@motion.example.org>"
    settings.BOUNCE_ADDRESS, settings.DKIM_SELECTOR = "bounce@motion.example.org", "mail"
    rows, listener = dict(RIGHT), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind(("127.0.0.1", 0))

    def serve() -> None:
        while packet := listener.recvfrom(4096):
            content, client = packet
            if not content:
                return
            answer = _answer(dns.message.from_wire(content), rows)
            if answer:
                listener.sendto(answer.to_wire(), client)

    thread = threading.Thread(target=serve)
    thread.start()

    def resolver() -> Resolver:
        asked = Resolver(configure=False)
        asked.nameservers, asked.port = ["127.0.0.1"], listener.getsockname()[1]
        asked.lifetime = 2.0 if None in rows.values() else 10.0  # browsers of other workers may hold both cores
        return asked

    monkeypatch.setattr(deployment, "resolver", resolver)
    yield rows
    listener.sendto(b"", listener.getsockname())
    thread.join()
    listener.close()


def _answer(query: dns.message.Message, rows: dict) -> dns.message.Message | None:
    answer, question = dns.message.make_response(query), query.question[0]
    answer.flags |= QR
    name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
    texts = rows.get((name, kind), [])
    if texts is None:
        return None
    if not any(name == known for known, _ in rows):
        answer.set_rcode(NXDOMAIN)
    if kind == "TXT":  # a text is cut into strings of 255 letters
        texts = [" ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255)) for text in texts]
    if texts:
        answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *texts))
    return answer


def test_a_domain_that_is_right_needs_nothing(names, capsys):
    assert doctor_asked(capsys, "--dns") == {}


@pytest.mark.parametrize(
    ("condition", "name", "texts", "words"),
    [
        ("SPF", "motion.example.org", ["nothing"], "has 0 SPF records"),
        ("SPF", "motion.example.org", ["v=spf1 -all", "v=spf1 mx -all"], "has 2 SPF records"),
        ("SPF", "motion.example.org", ["v=spf1 mx ?all"], "forbids nobody"),
        ("SPF", "motion.example.org", [f"v=spf1 {'include:a.b ' * 11}-all"], "more than 10 names"),
        ("SPF", "motion.example.org", None, "no name server answers"),
        ("DKIM", "mail._domainkey.motion.example.org", [], "has 0 keys"),
        ("DKIM", "mail._domainkey.motion.example.org", ["v=DKIM1; p="], "revoked"),
        ("DKIM", "mail._domainkey.motion.example.org", ["v=DKIM1; p=abc"], "no base64"),
        ("DKIM", "mail._domainkey.motion.example.org", ["v=DKIM1; p=" + KEY[:120]], "shorter than 1024 bits"),
        ("DKIM", "mail._domainkey.motion.example.org", [f"v=DKIM1; t=y:s; p={KEY}"], "marked as a test"),
        ("DMARC", "_dmarc.example.org", [], "there is no DMARC record"),
        ("DMARC", "_dmarc.example.org", ["v=DMARC1; rua=mailto:a@b.c"], "states no policy"),
        ("DMARC", "_dmarc.motion.example.org", ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "has 2 DMARC records"),
    ],
)
def test_each_fault_is_named_with_its_remedy(condition, name, texts, words, names, capsys):
    names[name, "TXT"] = texts
    reported = doctor_asked(capsys, "--dns")
    assert list(reported) == [condition]
    assert words in reported[condition]
    assert "ublish" in reported[condition]


def test_a_host_that_takes_no_mail_and_settings_that_are_not_set(names, capsys, settings):
    del names["motion.example.org", "MX"]
    settings.DKIM_SELECTOR = ""
    reported = doctor_asked(capsys, "--dns")
    assert "takes no mail" in reported["returned mails"]
    assert "DKIM_SELECTOR is not set" in reported["DKIM"]
    settings.BOUNCE_ADDRESS = ""
    assert "BOUNCE_ADDRESS is not set" in doctor_asked(capsys, "--dns")["returned mails"]
    settings.DEFAULT_FROM_EMAIL = "Monitor <no-reply@localhost>"
    assert "is an address of no domain" in doctor_asked(capsys, "--dns")["SPF"]


def test_a_return_address_elsewhere_makes_spf_useless(names, capsys, settings):
    settings.BOUNCE_ADDRESS = "bounce@relay.example.net"
    names["relay.example.net", "TXT"] = ["v=spf1 mx -all"]
    names["relay.example.net", "A"] = ["192.0.2.1"]
    assert "DMARC ignores SPF" in doctor_asked(capsys, "--dns")["SPF"]


def test_name_servers_are_asked_on_request_only(monkeypatch, capsys):
    assert not {one.name for one in CONDITIONS} & {one.name for one in deployment.SENDER}
    monkeypatch.setattr("builtins.__import__", _without_dns)
    with pytest.raises(deployment.Wrong, match=r"pip install '\.\[mail\]'"):
        deployment.resolver()


def _without_dns(name, *more, imported=__import__):
    if name.startswith("dns"):
        raise ImportError(name)
    return imported(name, *more)
