"""States of alerts and verdicts of specialists in words: label and meaning."""

import re
from datetime import date, datetime

from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from monitor.wording.dates import day_words
from monitor.wording.images import data_set_name

STATE_LABELS = {
    "first": (
        _("not yet reviewed"),
        _("A computer detected this in one set of satellite data. No specialist has confirmed it yet."),
    ),
    "provisional": (
        _("seen twice, not yet reviewed"),
        _("Two sets of satellite data show it. No specialist has confirmed it yet."),
    ),
    "confirmed": (_("confirmed"), _("A specialist has looked at this and agrees that the ground moves.")),
    "rejected": (_("not motion"), _("A specialist has looked at this and decided that it is not ground motion.")),
    "withdrawn": (_("taken back"), _("The data behind this alert are not valid. Whether the ground moves is unknown.")),
    "finished": (_("finished"), _("The ground here moved and has come to rest.")),
    "merged": (
        _("part of another alert"),
        _("This place is followed under another alert; the history says under which."),
    ),
}
REPORTED_MEANINGS = {
    "first": _("A specialist reported this place. Nobody else has checked it yet."),
    "confirmed": _("A specialist reported this place and confirms it."),
}
REPORTED_BEFORE = _("A specialist reported this place before satellite data showed it.")
UNREVIEWED = frozenset({"first", "provisional"})
VERDICT_HEADINGS = {
    "confirm": _("The ground moves here"),
    "reject": _("This is not motion of the ground"),
    "finish": _("The ground here has come to rest"),
    "duplicate": _("This place is followed under another alert"),
    "field-visit": _("A visit on site is planned"),
    "taken-back": _("An earlier verdict was taken back"),
    "drawn": _("A specialist reported this place"),
}
VERDICT_FORMS = {
    "confirm": {"key": "c", "title": _("Confirm"), "meaning": _("The ground moves here."), "button": _("Confirm")},
    "reject": {
        "key": "n",
        "title": _("Not motion"),
        "meaning": _("It leaves the list; its page stays and gives the reason."),
        "button": _("Record as not motion"),
    },
    "finish": {
        "key": "r",
        "title": _("At rest"),
        "meaning": _("It moved and has come to rest; if it moves again it comes back."),
        "button": _("Record as at rest"),
    },
    "duplicate": {
        "key": "d",
        "title": _("Duplicate"),
        "meaning": _("It ends here and names the alert that goes on; nobody is sent a mail."),
        "button": _("Record as duplicate"),
    },
    "field-visit": {
        "key": "f",
        "title": _("Field visit"),
        "meaning": _("It stays as it is until somebody has been there."),
        "button": _("Plan a visit"),
    },
}


PROPOSE_FORM = {  # A second person has to agree to this confirmation.
    "key": "c",
    "title": _("Propose to confirm"),
    "meaning": _("The ground moves here. It is public when a second person has agreed."),
    "button": _("Propose"),
}
# What rows keep of the reasons of steps, in English (`detection.alerts`).
# Translators: %(source)s is a data set or a pair of images, %(code)s the code of another alert
STEP_REASONS = (
    gettext_noop("moves again: seen in %(source)s"),
    gettext_noop("seen again in %(source)s"),
    gettext_noop("seen by new passes of %(source)s, provisionally"),
    gettext_noop("changed in new passes of %(source)s, provisionally"),
    gettext_noop("new passes showed it until %(day)s; %(source)s does not"),
    gettext_noop("seen in %(source)s"),
    gettext_noop("two tracks show it in %(source)s"),
    gettext_noop("changed in %(source)s"),
    gettext_noop("part of alert %(code)s in the newest run"),
    gettext_noop("split from alert %(code)s: apart in %(source)s"),
    gettext_noop("no motion after %(day)s in %(source)s"),
    gettext_noop("no change of the surface after %(day)s in %(source)s"),
    gettext_noop("no surge after %(day)s in %(source)s"),
    gettext_noop("the same place as alert %(code)s"),
    gettext_noop("the verdict was taken back"),
    # Translators: %(why)s is what a person wrote
    gettext_noop("the data were taken back: %(why)s"),
    gettext_noop("the data were taken back"),
    gettext_noop("the data had been declared wrongly: %(why)s"),
    gettext_noop("the data had been declared wrongly"),
    gettext_noop("the zero of the data was moved, and against the new one no motion was found"),
    gettext_noop("the data are valid again"),
    gettext_noop("the data that showed its end were taken back"),
    gettext_noop("the data of alert %(code)s, of which it was part, were taken back"),
    gettext_noop("changed by a specialist"),
    gettext_noop("reported by a specialist"),
    gettext_noop("a specialist’s change was taken back"),
)
PARTS = {"source": ".+", "why": ".+", "code": r"\S+", "day": r"\d+ \w+ \d+"}
CONFIRMED_BEFORE = "; a specialist had confirmed the motion, its end is the computer's finding"
CONFIRMED_WORDS = _("A specialist had confirmed the motion, its end is the computer's finding.")


def state_label(state: str) -> str:
    """Return the label of a state: 'confirmed'; empty for the state before the first."""
    return str(STATE_LABELS[state][0]) if state else ""


def in_language(kept: str) -> str:
    """Translate a sentence that a row stores in English; return any other, such as a person's words, unchanged."""
    return gettext(kept) if kept else ""


def step_reason(kept: str) -> str:
    """Return the reason of an alert's step, in the reader's language. kept: the stored reason."""
    text, ended, _rest = kept.partition(CONFIRMED_BEFORE)
    for words in STEP_REASONS:
        pattern = re.sub(r"%\((\w+)\)s", lambda part: f"(?P<{part[1]}>{PARTS[part[1]]})", words)
        if found := re.fullmatch(pattern.replace("’", "'"), text):
            parts = found.groupdict()
            if "day" in parts:
                parts["day"] = day_words(datetime.strptime(parts["day"], "%d %B %Y"))  # noqa: DTZ007
            if parts.get("source") == "the newest data":
                parts["source"] = gettext("the newest data")
            elif "source" in parts:
                parts["source"] = data_set_name(parts["source"])
            text = gettext(words) % parts
            break
    else:
        text = in_language(text)
    return f"{text}. {CONFIRMED_WORDS}" if ended else text


def taken_sentence(by: str, day: date) -> str:
    """Return the sentence that somebody takes care of an alert. by: how an organisation is named, empty: not at all."""
    # Translators: %(name)s is an organisation such as "Municipality of Hartsel", %(day)s is "3 March 2027"
    words = gettext("Taken up by %(name)s on %(day)s.") if by else gettext("Taken up by a local body on %(day)s.")
    return words % {"name": by, "day": day_words(day)}
