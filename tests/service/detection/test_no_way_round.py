"""No way around the second person: what one person alone does to a published alert shows nothing that was not agreed.

Whatever readers see of a published alert that needs a second person was computed, agreed by two, or published before;
so is every text beside an alert that nobody has confirmed yet.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from detection.alerts.life import alert_transition
from detection.by_hand import COLUMNS, as_json, columns_set_by_hand, keep_by_hand
from detection.models import Alert, Proposal
from detection.reviews.edits import edit_take_back, may_take_back_edit, undo_waits_for_second
from detection.reviews.proposals import needs_second, proposal_decline, proposal_waiting
from detection.reviews.queue import Wanted, cases_wanted
from detection.reviews.services import review_take_back
from detection.rules.lifecycle import State
from detection.rules.verdicts import Verdict, verdicts_open
from detection.selectors import alerts_public
from tests.makers.reviews import edit, say
from tests.makers.reviews import publish as publish_proposal
from tests.waiting import reread

pytestmark = pytest.mark.django_db
RATES = {"minor": -4.0, "moderate": -14.0, "strong": -90.0}  # mm a year that give a severity
X, Y = {"en": "Leave your houses."}, {"en": "See the quarry."}


@pytest.fixture(autouse=True)
def two_highest_levels(settings):
    settings.SECOND_PERSON_FROM = "moderate"


def publish(alert: Alert, publisher) -> object:
    return publish_proposal(proposal_waiting(alert=alert), publisher, expected_state=alert.state)


def confirmed_by_two(alert: Alert, anna, ben) -> Alert:
    say(alert, Verdict.CONFIRM, anna)
    publish(alert, ben)
    return reread(alert)


def edit_before_the_rule(alert: Alert, editor, **wanted) -> object:
    """Change an alert as one person could while no second person was needed."""
    with override_settings(SECOND_PERSON_FROM=""):
        return edit(alert, editor, **wanted)


def moving(severity: str) -> dict[str, float | str]:
    """Return the columns of an alert that the computer gives this severity, also when it computes it anew."""
    return {"severity": severity, "rate_mm_yr": RATES[severity], "peak_rate_mm_yr": RATES[severity]}


def computer_says(alert: Alert, severity: str) -> None:
    """A later look finds another severity; what a person has set stays."""
    for name, value in keep_by_hand(alert=alert, columns=moving(severity)).items():
        setattr(alert, name, value)
    alert.save()


def test_a_text_waits_beside_an_alert_that_nobody_has_confirmed_and_other_changes_do_not(make_alert, anna, ben):
    alert = make_alert(severity="strong")
    assert not isinstance(edit(alert, anna, kind="landslide"), Proposal)
    edit(alert, anna, texts=X)
    publish(alert, ben)
    assert columns_set_by_hand(reread(alert)).texts == X
    minor = make_alert(**moving("minor"), longitude=-11)
    edit(minor, anna, texts=X)
    assert isinstance(edit(minor, anna, severity="strong"), Proposal)


def test_a_text_waits_alone_and_goes_along_with_the_confirmation_of_its_author(make_alert, anna, ben):
    alert = make_alert(severity="strong")
    assert isinstance(edit(alert, anna, kind="landslide", texts=X), Proposal)
    assert (reread(alert).kind, columns_set_by_hand(alert).texts) == ("landslide", {})
    cases = cases_wanted(wanted=Wanted(), person=ben, now=timezone.now())
    assert cases.filter(pk=alert.pk).exists()  # A text that waits takes no case out of the queue.
    with pytest.raises(ValueError, match="already"):
        say(alert, Verdict.CONFIRM, ben)
    together = say(alert, Verdict.CONFIRM, anna)
    assert (together.change, together.confirms) == ({"texts": X}, True)
    assert columns_set_by_hand(alert).texts == {}
    assert not cases.filter(pk=alert.pk).exists()
    publish(alert, ben)
    assert (reread(alert).state, columns_set_by_hand(alert).texts) == ("confirmed", X)


def test_the_undo_of_an_edit_from_before_the_rule_is_proposed_and_nothing_else_beside_it(make_alert, anna, ben):
    alert = make_alert(severity="strong")
    edit_before_the_rule(alert, anna, texts=X)
    harmless = edit_before_the_rule(alert, anna, texts=Y)
    confirmed_by_two(alert, anna, ben)
    edit_take_back(edit=harmless, editor=anna)
    with pytest.raises(ValueError, match="already"):
        edit_take_back(edit=harmless, editor=anna)
    with pytest.raises(ValueError, match="whoever proposed it"):
        publish(alert, anna)
    proposal_decline(proposal=proposal_waiting(alert=alert), publisher=ben, answer="Not so.")
    assert may_take_back_edit(edit=harmless)
    proposal = edit_take_back(edit=harmless, editor=anna)
    assert isinstance(proposal, Proposal)
    assert (alert.by_hand.texts, proposal.change, proposal.takes_back) == (Y, {"texts": X}, harmless)
    undone = publish(alert, ben)
    assert (columns_set_by_hand(alert).texts, undone.takes_back, undone.editor) == (X, harmless, anna)


def test_the_undo_of_an_edit_from_before_a_second_person_was_needed_is_proposed(make_alert, anna, ben):
    alert = make_alert(**moving("minor"))
    say(alert, Verdict.CONFIRM, anna)
    edit(alert, anna, texts=X)
    harmless = edit(alert, anna, texts=Y)
    edit(alert, anna, severity="strong")
    publish(reread(alert), ben)
    assert isinstance(edit_take_back(edit=harmless, editor=anna), Proposal)
    assert columns_set_by_hand(alert).texts == Y


def test_an_undo_that_would_raise_the_importance_is_proposed(make_alert, anna):
    alert = make_alert(**moving("minor"))
    edit(alert, anna, severity="strong")
    lowered = edit(alert, anna, severity="minor")
    say(reread(alert), Verdict.CONFIRM, anna)
    assert reread(alert).state == "confirmed"
    assert isinstance(edit_take_back(edit=lowered, editor=anna), Proposal)
    assert reread(alert).severity == "minor"


def test_what_a_publication_showed_and_what_was_computed_one_person_restores(make_alert, anna, ben):
    alert = make_alert(severity="strong")
    edit_before_the_rule(alert, anna, texts=Y)
    confirmed_by_two(alert, anna, ben)
    edit(alert, anna, texts=X, kind="landslide")
    wrong = publish(alert, ben)
    edit_take_back(edit=wrong, editor=ben)
    assert (reread(alert).kind, columns_set_by_hand(alert).texts) == ("subsidence", Y)
    plain = confirmed_by_two(make_alert(severity="strong", longitude=-11), anna, ben)
    edit(plain, anna, texts=X)
    edit_take_back(edit=publish(plain, ben), editor=anna)
    assert columns_set_by_hand(plain).texts == {}


def test_the_undo_of_one_change_of_two_that_nobody_saw_apart_is_proposed(make_alert, anna, ben):
    alert = confirmed_by_two(make_alert(severity="strong"), anna, ben)
    edit(alert, anna, kind="landslide")
    first = publish(alert, ben)
    edit(alert, anna, texts=X)
    publish(alert, ben)
    assert undo_waits_for_second(edit=first)


@pytest.mark.parametrize("verdict", [Verdict.REJECT, Verdict.DUPLICATE])
def test_what_is_not_followed_is_not_changed_and_comes_back_as_it_was(make_alert, anna, ben, verdict):
    alert = make_alert(severity="strong")
    made = edit_before_the_rule(alert, anna, texts=Y)
    confirmed_by_two(alert, anna, ben)
    other = make_alert(longitude=-11) if verdict is Verdict.DUPLICATE else None
    over = say(alert, verdict, anna, other=other)
    assert reread(alert).state in ("rejected", "merged")
    assert not alerts_public().filter(pk=alert.pk, state="rejected").exists()
    with pytest.raises(ValueError, match="not followed"):
        edit(reread(alert), anna, texts=X)
    with pytest.raises(ValueError, match="no longer"):
        edit_take_back(edit=made, editor=anna)
    review_take_back(review=over, reviewer=anna)
    assert (reread(alert).state, columns_set_by_hand(alert).texts) == ("confirmed", Y)


def test_a_verdict_is_not_taken_back_where_the_computer_has_changed_the_state_since(make_alert, anna, ben):
    alert = confirmed_by_two(make_alert(severity="strong"), anna, ben)
    rest = say(alert, Verdict.FINISH, anna)
    alert_transition(alert=reread(alert), to=State.FIRST, reason="moves again")
    edit(alert, anna, texts=X)
    alert_transition(alert=reread(alert), to=State.FINISHED, reason="no motion")
    with pytest.raises(ValueError, match="no longer"):
        review_take_back(review=rest, reviewer=anna)
    assert reread(alert).state == "finished"


@pytest.mark.parametrize("verdict", [Verdict.FINISH, Verdict.REJECT, Verdict.DUPLICATE, Verdict.FIELD_VISIT])
@pytest.mark.parametrize("state", ["first", "confirmed"])
def test_no_verdict_of_one_person_brings_words_of_their_own_to_a_strong_alert(make_alert, anna, verdict, state):
    alert, minor, other = (
        make_alert(**moving(severity), state=state, longitude=longitude)
        for severity, longitude in (("strong", -12), ("minor", -11), ("minor", -10))
    )
    if verdict not in verdicts_open(State(state)):
        return
    said = {"public_note": "All clear, return to your houses."}
    said |= {"other": other} if verdict is Verdict.DUPLICATE else {}
    with pytest.raises(ValueError, match="second person"):
        say(alert, verdict, anna, **said)
    assert not reread(alert).reviews.exists()
    plain = say(alert, verdict, anna, **said | {"public_note": "", "internal_note": "By train."})
    assert plain.public_note == plain.reason.sentence
    assert say(minor, verdict, anna, **said).public_note == said["public_note"]


def test_a_place_called_at_rest_counts_as_it_was_computed_although_two_have_changed_its_kind(
    make_alert, anna, ben, settings
):
    settings.SECOND_PERSON_FROM = "strong"  # as a landslide it is, as subsidence it is not
    alert = confirmed_by_two(make_alert(kind="landslide", peak_rate_mm_yr=-30.0, severity="strong"), anna, ben)
    edit(alert, anna, kind="subsidence")
    publish(alert, ben)
    assert needs_second(alert=reread(alert))
    say(alert, Verdict.FINISH, anna)
    assert isinstance(edit(alert, anna, texts=X), Proposal)
    assert not columns_set_by_hand(alert).texts


class Case:
    """A case, what two people and the computer can do with it, and what of it readers may be shown."""

    def __init__(self, alert: Alert, anna, ben) -> None:
        self.alert, self.anna, self.ben = alert, anna, ben
        self.agreed: list[tuple[str, object]] = []
        self.seen: dict[str, object] = {}  # while it was published last
        self.known: set[tuple[int, str]] = set()  # (steps left, state of the case) that were explored

    def acts(self) -> dict[str, Callable[[], object]]:
        """Return what can be done now, by name."""
        alert, who = self.alert, self.anna
        acts: dict[str, Callable[[], object]] = {
            "anna writes X": partial(edit, alert, who, texts=X),
            "anna raises": partial(edit, alert, who, severity="strong"),
        }
        if Verdict.CONFIRM in verdicts_open(State(alert.state)):
            acts["anna: confirm"] = partial(say, alert, Verdict.CONFIRM, who)
        if Verdict.REJECT in verdicts_open(State(alert.state)):
            acts["anna: reject"] = partial(say, alert, Verdict.REJECT, who)
            acts["anna: finish"] = partial(say, alert, Verdict.FINISH, who)
        for one in alert.edits.all():
            acts[f"anna undoes {one.pk}"] = partial(edit_take_back, edit=one, editor=who)
        for one in alert.reviews.all():
            acts[f"anna takes back {one.pk}"] = partial(review_take_back, review=one, reviewer=who)
        if proposal_waiting(alert=alert):
            acts["ben publishes"] = partial(publish, alert, self.ben)
        to = State.FIRST if alert.state == "finished" else State.FINISHED
        acts["the computer finds motion or rest"] = partial(alert_transition, alert=alert, to=to, reason="seen")
        other = "minor" if alert.severity == "strong" else "strong"
        return acts | {f"the computer finds it {other}": partial(computer_says, alert, other)}

    def explore(self, steps: int, before: tuple[str, ...] = ()) -> None:
        """Do everything that can be done, one after the other, to `steps` acts, and check what readers see."""
        if not steps or (reached := (steps, self.summary())) in self.known:
            return
        self.known.add(reached)
        for name, do in self.acts().items():
            if steps == 1 and not name.startswith("anna"):
                continue  # what the others do is checked by what follows
            agreed, seen = list(self.agreed), self.seen
            with suppress(ValueError), transaction.atomic():
                self.act(name, do, (*before, name))
                self.explore(steps - 1, (*before, name))
                raise ValueError  # back to where it was before
            self.agreed, self.seen = agreed, seen
            reread(self.alert)

    def act(self, name: str, do: Callable[[], object], path: tuple[str, ...] = ()) -> None:
        """Do it, and check what readers see afterwards. ValueError if it is refused."""
        was = self.alert.state
        do()
        alert, shown = reread(self.alert), self.shown()
        if name == "ben publishes":
            self.agreed += shown.items()
        if not self.is_published():
            shown = {"texts": shown["texts"]}  # A text is read before anybody has confirmed the alert.
        if name.startswith("anna") and needs_second(alert=alert):
            assert name != "anna: confirm" or alert.state == was, f"one person confirmed it: {path}"
            set_by_hand = columns_set_by_hand(alert)
            computed = {"texts": {}} | (set_by_hand.computed if set_by_hand else shown)
            for field, value in shown.items():
                known = (field, value) in self.agreed or value in (computed[field], self.seen.get(field))
                assert known, f"nobody agreed to {field} {value}: {path}"
        self.seen |= shown

    def shown(self) -> dict[str, object]:
        """Return what readers see of the alert beside its state."""
        set_by_hand = columns_set_by_hand(self.alert)
        texts = set_by_hand.texts if set_by_hand else {}
        return {name: as_json(getattr(self.alert, name)) for name in COLUMNS} | {"texts": texts}

    def summary(self) -> str:
        """Return everything on which it depends what can follow."""
        alert, waiting = self.alert, proposal_waiting(alert=self.alert)
        edits = alert.edits.values_list("before", "after", "takes_back", "transition__to_state")
        reviews = alert.reviews.values_list("verdict", "takes_back", "transition__from_state")
        rest = columns_set_by_hand(alert).computed.get("severity"), waiting and (waiting.change, waiting.takes_back_id)
        return repr((alert.state, self.shown(), self.agreed, self.seen, [*edits], [*reviews], rest))

    def is_published(self) -> bool:
        """Return whether the alert is confirmed, or has come to rest after it was."""
        last = [step for step in self.alert.transitions.all() if step.changes_state][-1]
        return State.CONFIRMED in (last.to_state, last.to_state == State.FINISHED and last.from_state)


TWO_AGREE = ["anna: confirm", "ben publishes"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("severity", "before", "steps"),
    [
        ("strong", TWO_AGREE, 3),
        ("strong", [*TWO_AGREE, "anna: finish", "the computer finds motion or rest"], 3),
        ("minor", [], 2),
        ("minor", ["anna: confirm"], 3),
    ],
)
def test_whatever_follows_one_person_alone_shows_nothing_that_was_not_agreed(
    make_alert, anna, ben, severity, before, steps
):
    case = Case(make_alert(**moving(severity)), anna, ben)
    edit_before_the_rule(case.alert, anna, texts=X, severity="strong")
    edit_before_the_rule(case.alert, anna, texts=Y, severity=severity)
    case.seen = {"texts": Y}
    for name in before:
        case.act(name, case.acts()[name])
    case.explore(steps)
