"""An operator, signed in."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from monitor.web.roles import OPERATORS
from tests.makers.people import account, signed_in


@pytest.fixture
def anna(db) -> User:
    """Return the account of an operator."""
    return account("anna", OPERATORS)


@pytest.fixture
def operator(anna) -> Client:
    """Return a client in which the operator is signed in."""
    return signed_in(anna)
