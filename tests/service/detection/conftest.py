"""The people of tests of reviews, and searched images."""

import pytest

from tests.makers.people import account
from tests.makers.watching import watch_images


@pytest.fixture
def anna(db):
    return account("anna")


@pytest.fixture
def ben(db):
    return account("ben")


@pytest.fixture
def carl(db):
    return account("carl")


@pytest.fixture
def watched_images(simulated_scenes, filled_once) -> None:
    """Images of the simulated region, with runs of all tasks that nobody has searched."""
    filled_once("images", lambda: watch_images(*simulated_scenes))
