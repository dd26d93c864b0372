"""Accounts with a role, signed in, and the words of the pages that they read."""

import re

from django.contrib.auth.models import Group, User
from django.test import Client

PASSWORD = "a long enough pass phrase"


def account(name: str, group: str | None = None, **more) -> User:
    """Make an account, in a group of roles where one is given."""
    user = User.objects.create_user(name, f"{name}@example.org", PASSWORD, **more)
    if group:
        user.groups.add(Group.objects.get(name=group))
    return user


def signed_in(user: User) -> Client:
    """Return a client in which an account is signed in."""
    client = Client()
    client.force_login(user)
    return client


def words(response) -> str:
    """Return the text of a page, without tags, scripts and styles."""
    return re.sub(r"\s+", " ", re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S))
