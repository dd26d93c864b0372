"""Messages to devices: encrypted for one browser, checked before they count, each on its own, forgotten with it."""

import json
import time
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from PIL import Image

from ingest.foundation.folders import SITE_DIR
from monitor.models.messages import Endpoint
from monitor.notifications.push.channel import encrypt, from_text, key_make, point, private_key, public_key, to_text
from tests.service.monitor.notifications.sending import RESIDENT, endpoint_made, let_time_pass, send, ways_of

pytestmark = pytest.mark.django_db
PHONE = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36"
BROWSER_KEY = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"  # RFC 8291, appendix A
SECRET = "BTBZMqHH6r4Tts7J_aSIgg"


@pytest.fixture(autouse=True)
def _key(push_key):
    """Every test here has one."""


def read(body: bytes, browser: str = BROWSER_KEY, secret: str = SECRET) -> bytes:
    """Decrypt a message as a browser does: RFC 8188 and 8291, from the receiving end."""
    salt, length = body[:16], body[20]
    sender, record = body[21 : 21 + length], body[21 + length :]
    own = private_key(browser)
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
    mixed = HKDF(SHA256(), 32, from_text(secret), b"WebPush: info\0" + point(own) + sender).derive(shared)
    key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(mixed)
    nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(mixed)
    plain = AESGCM(key).decrypt(nonce, record, None)
    assert plain[-1:] == b"\x02"
    return plain[:-1]


def given_by(receiver, path: str = "/phone") -> dict[str, str]:
    """Return what a browser gives a page that may send it messages."""
    return {"url": receiver.url + path, "p256dh": public_key(BROWSER_KEY), "auth": SECRET}


def device_made(receiver, path: str = "/phone", **values) -> Endpoint:
    given = given_by(receiver, path)
    return endpoint_made("push", given.pop("url"), keys=given, **values)


def shown(receiver) -> list[dict[str, str]]:
    return [json.loads(read(body)) for _, _, body in receiver.received]


def test_a_message_is_encrypted_as_the_example_of_rfc_8291(monkeypatch):
    browser, secret = point(private_key(BROWSER_KEY)), from_text(SECRET)
    both = [encrypt(plain=b"x", browser=browser, secret=secret)[:86] for _ in range(2)]
    assert both[0] != both[1]  # Each message has a salt and a key of its own.
    with pytest.raises(ValueError, match=r"point|key|encod"):
        encrypt(plain=b"x", browser=b"\x04" + bytes(64), secret=secret)
    sender = private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
    monkeypatch.setattr("secrets.token_bytes", lambda n_bytes: from_text("DGv6ra1nlYgDCS1FRnbzlw"))
    monkeypatch.setattr(ec, "generate_private_key", lambda curve: sender)
    body = encrypt(plain=b"When I grow up, I want to be a watermelon", browser=browser, secret=secret)
    assert to_text(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
        "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )
    assert read(body) == b"When I grow up, I want to be a watermelon"


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / "var" / "push_key"
    assert key_make(path=path)
    assert not key_make(path=path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(from_text(public_key(path.read_text()))) == 65


def test_news_on_a_device_hold_no_address_and_no_region(make_alert, make_subscription, receiver, settings):
    device_made(receiver)
    subscription = make_subscription(label="2 km around my house", name="Home")
    alert = make_alert()
    assert send() == 2  # a mail as well
    ((path, headers, body),) = receiver.received
    assert path == "/phone"
    assert headers["Content-Encoding"] == "aes128gcm"
    assert int(headers["TTL"]) > 0
    assert headers["Topic"]
    message = json.loads(read(body))
    assert message["title"].startswith("Sinking ground")
    assert message["url"] == f"/alerts/{alert.code}/"
    assert message["body"] == "A place in your region was flagged for the first time."
    assert len(body) < 1500
    for private in (RESIDENT, subscription.label, subscription.name):
        assert private not in str(message)
    assert alert.code not in str(headers)


def test_the_push_service_can_check_who_sends(make_alert, make_subscription, receiver, push_key, settings):
    settings.PUBLIC_URL = "https://motion.example.org"
    device_made(receiver, language="de")
    make_subscription(frequency="weekly")
    make_alert()
    send()
    scheme, _, rest = receiver.received[0][1]["Authorization"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid"
    assert fields["k"] == public_key(push_key)
    signed, _, signature = fields["t"].rpartition(".")
    raw = from_text(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    private_key(push_key).public_key().verify(der, signed.encode(), ec.ECDSA(SHA256()))
    claims = json.loads(urlsafe_b64decode(signed.split(".")[1] + "=="))
    assert claims["aud"] == receiver.url
    assert claims["sub"] == "https://motion.example.org"
    assert 0 < claims["exp"] - time.time() <= 24 * 3600
    (message,) = shown(receiver)
    assert message["lang"] == "de"
    assert message["title"].startswith("Sinkender Boden")


def test_a_device_that_is_gone_is_forgotten(make_alert, make_subscription, receiver):
    for path in ("/404", "/410"):
        device_made(receiver, path)
    other = device_made(receiver, "/201")
    receiver.answer = lambda path: (int(path[1:]), {})
    make_subscription(frequency="weekly")
    make_alert()
    assert send() == 1
    assert Endpoint.objects.get() == other
    make_alert(longitude=-12.001)
    assert send() == 1
    assert sorted(path for path, _, _ in receiver.received) == ["/201", "/201", "/404", "/410"]


def test_of_a_burst_a_device_shows_five_and_one_for_all_others(make_alert, make_subscription, receiver):
    device_made(receiver)
    make_subscription(frequency="weekly")
    for index in range(9):
        make_alert(longitude=-12.0 + index / 1000)
    send()
    assert len(receiver.received) == 5
    let_time_pass()
    assert send() == 1
    last = shown(receiver)[-1]
    assert (last["tag"], last["url"], last["body"]) == ("summary", "/alerts/", "More has changed in your regions.")


def test_a_person_adds_a_phone_gets_a_test_and_removes_it(client, make_subscription, receiver):
    page = ways_of(make_subscription())
    answer = client.post(page, {"channel": "push", "deed": "add", **given_by(receiver)}, headers={"User-Agent": PHONE})
    assert answer.status_code == 302
    device = Endpoint.objects.get()
    assert (device.email, device.channel, device.name) == (RESIDENT, "push", "Chrome, Android")
    assert "waiting for its first answer" in client.get(page).content.decode()
    assert send() == 1
    assert shown(receiver)[0]["body"] == "Messages of this site reach this device."
    after = client.get(page).content.decode()
    assert "Chrome, Android" in after
    assert "working" in after
    client.post(page, {"channel": "push", "deed": "add", **given_by(receiver)})  # the same browser once more
    assert Endpoint.objects.count() == 1
    assert client.post(page, {"deed": "remove", "endpoint": device.pk}).status_code == 302
    assert not Endpoint.objects.exists()


NONE_OF_A_BROWSER = [{"url": "http://user@x/"}, {"url": ""}, {"auth": "AAAA"}, {"p256dh": "BAAA"}, {"p256dh": "ä"}]


def test_what_no_browser_gives_is_refused_in_words(client, make_subscription, receiver, settings):
    page = ways_of(make_subscription())
    for change in (*NONE_OF_A_BROWSER, {"url": "https://[64:ff9b:1::1]/phone"}):
        settings.ENDPOINTS_PRIVATE = change in NONE_OF_A_BROWSER
        answer = client.post(page, {"channel": "push", "deed": "add", **given_by(receiver), **change})
        words = "This browser gave no address" if settings.ENDPOINTS_PRIVATE else "belongs to a private network"
        assert (answer.status_code, words in answer.content.decode()) == (422, True), change
    assert not Endpoint.objects.exists()


def test_the_script_for_browsers_lies_at_the_root_and_asks_nobody_else(client):
    script = client.get("/service-worker.js")
    assert script["Content-Type"].startswith("text/javascript")
    assert "worker-src 'self'" in script["Content-Security-Policy"]
    assert "importScripts" not in script.content.decode()
    assert "://" not in script.content.decode()


def test_a_phone_can_keep_the_page_of_a_person_as_an_app(client, settings, make_subscription):
    page = client.get(ways_of(make_subscription())).content.decode()
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
    manifest = client.get("/manifest.webmanifest").json()
    assert manifest["name"] == settings.SITE.name
    assert (manifest["display"], manifest["scope"]) == ("standalone", "/")
    assert "start_url" not in manifest  # the app opens the page that was added
    for icon in manifest["icons"]:
        with Image.open(SITE_DIR / icon["src"].lstrip("/")) as image:
            assert "x".join(map(str, image.size)) == icon["sizes"]
