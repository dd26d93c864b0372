"""The people of tests of reviews."""

import pytest

from tests.makers.people import account


@pytest.fixture
def anna(db):
    return account("anna")


@pytest.fixture
def ben(db):
    return account("ben")


@pytest.fixture
def carl(db):
    return account("carl")
