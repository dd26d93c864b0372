"""Verdicts of specialists and their reasons. Every reason has a label and a sentence that the public may read."""

from enum import StrEnum
from typing import NamedTuple

from django.utils.translation import gettext_noop as _

from detection.rules.lifecycle import State, may_become

_VISITED_IN = frozenset({State.FIRST, State.PROVISIONAL, State.CONFIRMED})


class Verdict(StrEnum):
    """Verdicts of a specialist."""

    CONFIRM = "confirm"
    REJECT = "reject"
    FINISH = "finish"
    DUPLICATE = "duplicate"
    FIELD_VISIT = "field-visit"
    TAKEN_BACK = "taken-back"
    DRAWN = "drawn"  # A person drew a place that the search had missed; no case is answered.


class Reason(NamedTuple):
    """Reason of a verdict, its label and sentence in English as stored; translated when shown."""

    label: str
    sentence: str


REASONS: dict[Verdict, dict[str, Reason]] = {
    Verdict.CONFIRM: {
        "plausible": Reason(
            _("plausible motion"), _("The measurements agree with each other and with what is known of this place.")
        ),
        "independent-data": Reason(
            _("independent data agree"), _("Measurements of another kind show the same motion.")
        ),
        "known-mining": Reason(_("known mining"), _("There is, or was, mining below this place.")),
        "seen-on-site": Reason(_("seen on site"), _("Somebody has been there and has seen traces of the motion.")),
    },
    Verdict.REJECT: {
        "atmosphere": Reason(
            _("atmospheric delay"), _("Changes in the atmosphere between satellite and ground looked like motion.")
        ),
        "unwrapping": Reason(_("unwrapping error"), _("The computation miscounted whole waves of the radar signal.")),
        "surface": Reason(_("vegetation or snow"), _("Plants or snow changed here, not the ground.")),
        "seasonal": Reason(_("warm and cold seasons"), _("What is seen here comes and goes with the seasons.")),
        "construction": Reason(_("building work"), _("Building work changed the surface here.")),
        "artefact": Reason(_("fault in the processing"), _("The computation left a trace here that is not motion.")),
        "nothing-on-site": Reason(
            _("nothing seen on site"), _("Somebody has been there and has seen no traces of motion.")
        ),
        "other": Reason(_("another cause"), _("A specialist found another cause than motion of the ground.")),
    },
    Verdict.FINISH: {
        "at-rest": Reason(_("at rest"), _("Measurements show that the ground here has come to rest.")),
        "remedied": Reason(_("the cause has ended"), _("What made the ground move here has ended.")),
    },
    Verdict.DUPLICATE: {
        "same-place": Reason(
            _("the same place as another alert"), _("The same motion is followed under another alert.")
        ),
    },
    Verdict.FIELD_VISIT: {
        "visit": Reason(_("a visit on site is planned"), _("Somebody will go there and look at the ground.")),
    },
    Verdict.DRAWN: {
        "seen-on-site": Reason(_("seen on site"), _("Somebody has been there and has seen traces of the motion.")),
        "measured": Reason(
            _("measured on the ground"), _("Instruments on the ground, such as levelling or GNSS, show the motion.")
        ),
        "told": Reason(_("reported by people there"), _("People who live or work there have reported the motion.")),
        "documents": Reason(_("known from documents"), _("Maps or reports of others show the motion.")),
    },
    Verdict.TAKEN_BACK: {"taken-back": Reason(_("taken back"), _("An earlier finding was taken back."))},
}

STATE_AFTER: dict[Verdict, State] = {
    Verdict.CONFIRM: State.CONFIRMED,
    Verdict.REJECT: State.REJECTED,
    Verdict.FINISH: State.FINISHED,
    Verdict.DUPLICATE: State.MERGED,
}


def verdicts_open(state: State) -> list[Verdict]:
    """Return the verdicts that are possible in a state; none for an alert that is over."""
    if state in {State.FINISHED, State.MERGED, State.WITHDRAWN}:
        return []
    verdicts = [verdict for verdict, target in STATE_AFTER.items() if target is not state and may_become(state, target)]
    return [*verdicts, Verdict.FIELD_VISIT] if state in _VISITED_IN else verdicts
