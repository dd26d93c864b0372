"""The forms of accounts: invite, accept, ask for a new password."""

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from monitor.models.messages import Invitation
from monitor.web.throttle import failure_count, refuse_while_paused


class InvitationForm(forms.Form):
    """Form of an invitation: the address and the role."""

    email = forms.EmailField(max_length=254)
    role = forms.ChoiceField(choices=Invitation.Role.choices)


class AddressForm(forms.Form):
    """Form with an address alone."""

    email = forms.EmailField(max_length=254)


class AcceptForm(BaseUserCreationForm):
    """The name and the password that somebody chooses who was invited."""

    class Meta:
        model = User
        fields = ("username",)

    def clean_username(self) -> str:
        """Refuse a name that differs from a known one in capitals only."""
        username = self.cleaned_data["username"]
        if User.objects.filter(username__iexact=username).exists():
            raise ValidationError(_("This name is taken. Choose another one."))
        return username


class OwnPasswordForm(PasswordChangeForm):
    """Wrong old passwords count as wrong ones at the sign-in do: a stolen session cannot guess here."""

    def __init__(self, *args, request, **kwargs) -> None:
        self.request = request
        super().__init__(*args, **kwargs)

    def clean_old_password(self) -> str:
        """Count a wrong password; refuse any while the account is paused."""
        username = self.user.get_username()
        refuse_while_paused(self.request, username)
        try:
            return super().clean_old_password()
        except ValidationError:
            failure_count(self.request, username)
            raise
