"""Services of accounts, recorded in the audit: inviting, accepting, deactivating; links to a new password."""

from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from detection.reviews.audit import audit_write
from monitor.models.messages import Invitation, OutgoingMessage
from monitor.subscribers.accounts import selectors
from monitor.subscribers.accounts.sessions import sessions_end
from monitor.wording.refusals import Refusal

KEEP_INVITATIONS = timedelta(days=30)
LINKS = 2  # Two mails with a link to a new password are allowed, because the first may be lost.
Kind = OutgoingMessage.Kind


def invitation_send(*, email: str, role: str, invited_by: User) -> Invitation:
    """Queue a mail with a link to make an account; it replaces earlier ones. Raises Refusal for a known address."""
    email = email.strip().lower()
    if selectors.accounts_of(email=email).exists():
        raise Refusal(_("There is an account with this address."), _("Change its role in Django's admin."))
    with transaction.atomic():
        selectors.invitations_open().filter(email=email).update(withdrawn_at=timezone.now())
        invitation = Invitation.objects.create(email=email, role=Invitation.Role(role), invited_by=invited_by)
        OutgoingMessage.queue(Kind.INVITATION, f"invitation:{invitation.pk}", email, invitation=invitation)
        audit_write(actor=invited_by, action="invited", subject=f"invitation {invitation.pk}", detail=invitation.role)
    return invitation


def invitation_withdraw(*, invitation: Invitation, actor: User) -> None:
    """Withdraw an invitation, so that its link opens nothing from now on."""
    if selectors.invitations_open().filter(pk=invitation.pk).update(withdrawn_at=timezone.now()):
        audit_write(actor=actor, action="invitation withdrawn", subject=f"invitation {invitation.pk}")


def invitation_accept(*, invitation: Invitation, username: str, password: str) -> User:
    """Make the account, once. Raises Refusal where the link was used or withdrawn in the meantime."""
    with transaction.atomic():
        if not selectors.invitations_open().filter(pk=invitation.pk).update(accepted_at=timezone.now()):
            raise Refusal(_("This invitation was used or withdrawn."), _("Ask for a new one."))
        is_staff = invitation.role == Invitation.Role.ADMINISTRATOR
        account = User.objects.create_user(username, invitation.email, password, is_staff=is_staff)
        account.groups.add(Group.objects.get(name=invitation.role))
        audit_write(actor=account, action="account made", subject=f"invitation {invitation.pk}", after=invitation.role)
    return account


def account_set_active(*, account: User, active: bool, actor: User) -> None:
    """Activate or deactivate an account; the latter signs it out everywhere. Raises Refusal for the actor's own."""
    if account == actor:
        raise Refusal(_("You cannot deactivate your own account."), _("Another superuser can."))
    with transaction.atomic():
        changed = User.objects.filter(pk=account.pk).exclude(is_active=active).update(is_active=active)
        if changed:
            action = "account activated" if active else "account deactivated"
            audit_write(actor=actor, action=action, subject=account.get_username()[:40])
    if not active:
        sessions_end(user=account)


def password_link_request(*, email: str) -> None:
    """Queue a mail with a link to a new password for every account of an address; nothing for an unknown one.

    An account gets LINKS such mails while a link works, so that strangers cannot use up its mails of a day.
    """
    since = timezone.now() - timedelta(seconds=settings.PASSWORD_RESET_TIMEOUT)
    for account in selectors.accounts_of(email=email).filter(is_active=True):
        mails = OutgoingMessage.objects.filter(kind=Kind.RESET, account=account, created_at__gt=since)
        if account.has_usable_password() and mails.count() < LINKS:
            OutgoingMessage.queue(Kind.RESET, f"password:{uuid4()}", account.email, account=account)


def invitations_forget() -> int:
    """Delete invitations older than KEEP_INVITATIONS; return how many."""
    return Invitation.objects.filter(created_at__lt=timezone.now() - KEEP_INVITATIONS).delete()[0]
