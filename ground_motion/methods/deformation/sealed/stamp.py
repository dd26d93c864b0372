"""Time stamps of RFC 3161: the request for one of a manifest, and what an answer says.

Only that an answer is a stamp, and of this manifest, is checked here. Whose signature it carries depends on whom a
reader trusts: `openssl ts -verify -data manifest.json -in manifest.tsr -CAfile AUTHORITY.pem` answers that.
"""

import hashlib
from datetime import UTC, datetime

SHA256 = bytes.fromhex("300d06096086480165030402010500")  # AlgorithmIdentifier (RFC 5754)
SIGNED_DATA, TST_INFO = bytes.fromhex("2a864886f70d010702"), bytes.fromhex("2a864886f70d0109100104")
INTEGER, OCTETS, TIME, SEQUENCE = 0x02, 0x04, 0x18, 0x30  # tags of DER
GRANTED = (0, 1)  # PKIStatus: granted, granted with modifications
MAX_LENGTH_BYTES = 4


class BadStamp(ValueError):
    """An answer that is no time stamp of a manifest; the text says why."""


def request_of(manifest: bytes, nonce: int) -> bytes:
    """Return the request (TimeStampReq, DER) for a stamp of a manifest, with the certificate of the signer.

    nonce: 0 to 2^64 - 1, by which the answer belongs to this request.
    """
    imprint = SHA256 + _part(OCTETS, hashlib.sha256(manifest).digest())
    return _part(SEQUENCE, _part(INTEGER, b"\x01") + _part(SEQUENCE, imprint) + _nonce(nonce) + b"\x01\x01\xff")


def stamped_at(answer: bytes, manifest: bytes, nonce: int | None = None) -> datetime:
    """Return the time that an answer (TimeStampResp, DER) states for a manifest, UTC. Raises BadStamp.

    nonce: of the request; None if it is not known.
    """
    try:
        ((_, response),) = _parts(answer)
        (_, status), *token = _parts(response)
        if int.from_bytes(_parts(status)[0][1], "big") not in GRANTED or not token:
            raise BadStamp("The time-stamp service refused to stamp.")
        (_, signed), (_, content) = _parts(token[0][1])
        ((_, fields),) = _parts(content)
        _, _, (_, enclosed), *_ = _parts(fields)
        (_, kind), (_, octets) = _parts(enclosed)
        ((_, stamped),) = _parts(octets)
        ((_, facts),) = _parts(stamped)
        _, _, (_, imprint), _, (tag, time), *more = _parts(facts)
        if (signed, kind, tag) != (SIGNED_DATA, TST_INFO, TIME):
            raise BadStamp("The time stamp is of another kind than RFC 3161's.")
        if imprint != SHA256 + _part(OCTETS, hashlib.sha256(manifest).digest()):
            raise BadStamp("The time stamp is of another manifest.")
        if nonce is not None and _parts(_nonce(nonce))[0] not in more:
            raise BadStamp("The time stamp answers another request.")
        return datetime.strptime(time.decode("ascii").partition(".")[0].rstrip("Z"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (IndexError, ValueError) as fault:
        raise fault if isinstance(fault, BadStamp) else BadStamp("The time stamp cannot be read.") from fault


def _parts(der: bytes) -> list[tuple[int, bytes]]:
    """Return (tag, content) of each element in some DER. Raises IndexError, ValueError."""
    parts, at = [], 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length > 0x80:
            n_bytes = length - 0x80
            if n_bytes > MAX_LENGTH_BYTES:
                raise ValueError("too long")
            length, at = int.from_bytes(der[at : at + n_bytes], "big"), at + n_bytes
        if at + length > len(der):
            raise ValueError("cut off")
        parts.append((tag, der[at : at + length]))
        at += length
    return parts


def _nonce(nonce: int) -> bytes:
    return _part(INTEGER, nonce.to_bytes(nonce.bit_length() // 8 + 1, "big"))


def _part(tag: int, content: bytes) -> bytes:
    """Return an element of DER shorter than 128 bytes."""
    return bytes((tag, len(content))) + content
