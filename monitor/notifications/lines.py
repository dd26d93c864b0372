"""Notices of new breaks of lines: each break beyond the owner's limit is reported once to each member."""

import logging

from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from monitor.models.lines import Line, LineBreak, LineNotice
from monitor.models.messages import OutgoingMessage
from monitor.notifications.escalations import endpoints_working, messages_to_member
from monitor.subscribers.subscriptions.endpoints import message_to
from monitor.subscribers.subscriptions.members import members

logger = logging.getLogger(__name__)
Kind = OutgoingMessage.Kind


def breaks_announce() -> None:
    """Queue the messages of the new breaks of each line; a fault delays no other line."""
    for pk in Line.objects.filter(Exists(_new_breaks().filter(line=OuterRef("pk")))).values_list("pk", flat=True):
        try:
            _announce(pk)
        except Exception:
            logger.exception("the breaks of line %s cannot be reported", pk)


def _new_breaks() -> QuerySet[LineBreak]:
    return LineBreak.objects.filter(is_beyond=True, notice=None, reading__made_at__gte=F("line__changed_at"))


@transaction.atomic
def _announce(pk: int) -> None:
    """Queue one message about the new breaks of a line to each member, chat room and webhook of its organisation."""
    line = (
        Line.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("organisation")
        .filter(pk=pk)
        .first()
    )
    if line is None or not _new_breaks().filter(line=line).exists():
        return
    notice = LineNotice.objects.create(line=line)
    _new_breaks().filter(line=line).update(notice=notice)
    rooms = endpoints_working().filter(organisation=line.organisation)
    messages = [message_to(one, Kind.LINE, notice.pk, notice=notice) for one in rooms]
    for member in members(organisation=line.organisation).filter(wants_mails=True):
        messages += messages_to_member(member, Kind.LINE, notice.pk, notice=notice, membership=member)
    OutgoingMessage.objects.bulk_create(messages)
