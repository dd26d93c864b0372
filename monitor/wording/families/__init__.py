"""Voices: for each family of alerts, an object that words its alerts for pages, mails and feeds; see `voice`."""

from detection.kinds import Family, Kind, family
from monitor.wording.families.motion import MotionVoice, SurfaceVoice, SurgeVoice
from monitor.wording.families.velocity import VelocityVoice
from monitor.wording.families.voice import AlertFigures, DrawnVoice, FamilyVoice

__all__ = ["OWN_VOICES", "VOICES", "FamilyVoice", "voice", "voice_of"]

VOICES: dict[Family, FamilyVoice] = {
    Family.VELOCITY: VelocityVoice(),
    Family.SURFACE: SurfaceVoice(),
    Family.OFFSETS: MotionVoice(),
}
OWN_VOICES: dict[Kind, FamilyVoice] = {Kind.GLACIER_SURGE: SurgeVoice()}


def voice(kind: str) -> FamilyVoice:
    """Return the voice of a kind: its own, or that of its family."""
    return OWN_VOICES.get(Kind(kind)) or VOICES[family(kind)]


def voice_of(alert: AlertFigures) -> FamilyVoice:
    """Return the voice of an alert: that of its kind, unless a person drew it and nothing has measured it yet."""
    own = voice(alert.kind)
    return own if alert.is_measured else DrawnVoice(own)
