"""The file that GROUND_MOTION_SITE names: who runs the site, how it looks, and how its staff signs in."""

import re
import tomllib
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

LANGUAGES = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
ROLES = ("viewers", "operators", "publishers", "administrators")
LOGO_TYPES = {b"\x89PNG": "image/png", b"<svg": "image/svg+xml", b"<?xm": "image/svg+xml"}
LOGO_MOST_BYTES = 200_000
ENOUGH = 4.5  # contrast of text, WCAG 2.2, 1.4.3
TINT = 0.1  # Share of the accent colour in the background of chosen lines.
# backgrounds of text in the accent colour (pages, mails), and the colour of text on the accent: light, then dark
SURFACES = {
    "accent": (("#ffffff", "#f5f6f5", "#eef1f0"), "#ffffff"),
    "accent_dark": (("#151b1d", "#1d2527", "#1e2527"), "#0c1517"),
}


class NotAllowed(ValueError):
    """Fault of one value; its text says what is allowed."""


@dataclass(frozen=True)
class OpenID:
    """OpenID Connect provider of the staff. roles: role by value of the claim; trusted: values of amr and acr."""

    issuer: str
    client_id: str
    secret_file: Path
    claim: str
    roles: Mapping[str, str]
    name: str = "OpenID Connect"
    trusted: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ("openid", "profile", "email")

    @property
    def provider_id(self) -> str:
        """Return the provider's name in URLs and database rows, made of the issuer: a subject is unique only there."""
        return re.sub(r"[^a-z0-9.]+", "-", self.issuer.partition("://")[2].lower())

    def app(self) -> dict[str, Any]:
        """Return the provider as django-allauth takes it from settings."""
        return {
            "provider_id": self.provider_id,
            "name": self.name,
            "client_id": self.client_id,
            "secret": self.secret_file.read_text().strip(),
            "settings": {"server_url": self.issuer, "scope": list(self.scopes)},
        }


@dataclass(frozen=True)
class Site:
    """Identity of a site. Pages are texts or addresses by language; "" is any language."""

    name: str = "Ground Motion Monitor"
    logo: Path | None = None
    accent: str = "#0b5f73"
    accent_dark: str = "#7cc9dd"
    languages: tuple[str, ...] = tuple(LANGUAGES)
    imprint: Mapping[str, str] = field(default_factory=dict)
    contact: Mapping[str, str] = field(default_factory=dict)
    accessibility: Mapping[str, str] = field(default_factory=dict)
    security_contact: tuple[str, ...] = ()
    openid: OpenID | None = None


def site_of(path: str) -> Site:
    """Read the file of the site; an empty path gives the product's own identity. Raises ImproperlyConfigured."""
    if not path:
        return Site()
    try:
        given = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ImproperlyConfigured(f"GROUND_MOTION_SITE: {path} cannot be read as TOML: {fault}.") from None
    folder = Path(path).resolve().parent
    openid = given.pop("openid", None)
    values = _checked(path, "", given, _readers(folder))
    if openid is not None:
        of_openid = {field.name for field in fields(OpenID)} - {"name", "trusted", "scopes"}
        values["openid"] = OpenID(**_checked(path, "openid.", openid, _openid_readers(folder), needed=of_openid))
    return Site(**values)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.2). one, other: as #0b5f73."""
    darker, lighter = sorted(_luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def tint(accent: str, surface: str) -> str:
    """Return the surface with a share TINT of the accent; colours as #0b5f73."""
    pairs = zip(_levels(accent), _levels(surface), strict=True)
    return "#" + "".join(f"{round(TINT * a + (1 - TINT) * b):02x}" for a, b in pairs)


def contrast_faults(site: Site) -> list[str]:
    """Return a sentence for each accent that cannot be read, on a background or behind text."""
    faults = []
    for name, (grounds, text) in SURFACES.items():
        accent = getattr(site, name)
        worst = min((text, *grounds, tint(accent, grounds[0])), key=lambda ground: contrast(accent, ground))
        if contrast(accent, worst) < ENOUGH:
            change = "darker" if name == "accent" else "lighter"
            ratio = f"{contrast(accent, worst):.1f}"
            faults.append(f"{name} is {accent}, whose contrast to {worst} is {ratio}; make it {change}, up to {ENOUGH}")
    return faults


def _luminance(colour: str) -> float:
    parts = (level / 255 for level in _levels(colour))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _levels(colour: str) -> bytes:
    return bytes.fromhex(colour[1:])


def _checked(
    path: str, group: str, given: Any, readers: Mapping[str, Callable[[Any], Any]], needed: Set[str] = frozenset()
) -> dict[str, Any]:
    """Return the values of a table, each read by its reader. Raises ImproperlyConfigured with the remedy."""
    if not isinstance(given, dict):
        raise ImproperlyConfigured(f"{path}: {group.rstrip('.')} is no table; write [{group.rstrip('.')}].")
    if unknown := sorted(given.keys() - readers.keys()):
        raise ImproperlyConfigured(f"{path} has {group}{unknown[0]}; use {', '.join(readers)}.")
    if missing := sorted(needed - given.keys()):
        raise ImproperlyConfigured(f"{path} lacks {', '.join(group + name for name in missing)}.")
    values = {}
    for name, value in given.items():
        try:
            values[name] = readers[name](value)
        except NotAllowed as fault:
            raise ImproperlyConfigured(f"{path}: {group}{name} is {value!r}; {fault}.") from None
    return values


def _readers(folder: Path) -> dict[str, Callable[[Any], Any]]:
    return {
        "name": _line,
        "logo": lambda value: _logo(folder / _line(value)),
        "accent": _colour,
        "accent_dark": _colour,
        "languages": lambda value: _several(value, LANGUAGES),
        "imprint": _page,
        "contact": _page,
        "accessibility": _page,
        "security_contact": _several,
    }


def _openid_readers(folder: Path) -> dict[str, Callable[[Any], Any]]:
    return {
        "issuer": lambda value: _address(value, "write the issuer's address with https://, without /.well-known/"),
        "client_id": _line,
        "secret_file": lambda value: _secret(folder / _line(value)),
        "claim": _line,
        "roles": _roles,
        "name": _line,
        "trusted": _several,
        "scopes": _several,
    }


def _line(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 200 or not value.isprintable():
        raise NotAllowed("write one line of text in quotes")
    return value.strip()


def _colour(value: Any) -> str:
    try:
        if value[0] == "#" and len(value) == 7 and len(_levels(value)) == 3:
            return str(value.lower())
    except (TypeError, ValueError, IndexError, KeyError):
        pass
    raise NotAllowed("write six hexadecimal digits, as #0b5f73")


def _several(value: Any, known: Mapping[str, str] | None = None) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len({*map(str, value)}) < len(value):
        raise NotAllowed('write a list, each once, as ["…"]')
    lines = tuple(_line(one) for one in value)
    if known and (unknown := [line for line in lines if line not in known]):
        raise NotAllowed(f"{unknown[0]!r} is not one of {', '.join(known)}")
    return lines


def _page(value: Any) -> dict[str, str]:
    texts = value if isinstance(value, dict) else {"": value}
    if not texts or not all(isinstance(text, str) and text.strip() for text in texts.values()):
        raise NotAllowed("write a text, an address that begins with https://, or a table of them by language")
    if unknown := sorted(texts.keys() - {"", *LANGUAGES}):
        raise NotAllowed(f"{unknown[0]!r} is not one of {', '.join(LANGUAGES)}")
    return {language: text.strip() for language, text in texts.items()}


def _secret(path: Path) -> Path:
    try:
        if path.read_text(encoding="utf-8").strip():
            return path
    except (OSError, UnicodeDecodeError):
        pass
    raise NotAllowed(f"put the secret into {path}, readable for the service")


def _logo(path: Path) -> Path:
    if not path.is_file():
        raise NotAllowed(f"there is no file {path}")
    if path.stat().st_size > LOGO_MOST_BYTES or logo_type(path.read_bytes()) is None:
        raise NotAllowed(f"use an SVG or a PNG of at most {LOGO_MOST_BYTES // 1000} kB")
    return path


def logo_type(content: bytes) -> str | None:
    """Return the media type of a logo by its first bytes; None for what is no SVG and no PNG."""
    return LOGO_TYPES.get(content.lstrip()[:4])


def _address(value: Any, remedy: str) -> str:
    line = _line(value)
    try:
        address = urlsplit(line)
    except ValueError:  # The pattern may have an unclosed bracket, for example.
        address = urlsplit("")
    local = address.scheme == "http" and address.hostname in ("localhost", "127.0.0.1")
    if not address.hostname or not (address.scheme == "https" or local) or address.query or address.fragment:
        raise NotAllowed(remedy)
    return line.rstrip("/")


def _roles(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not value or not all(role in ROLES for role in value.values()):
        raise NotAllowed(f"map values of the claim to {', '.join(ROLES)}")
    return dict(value)
