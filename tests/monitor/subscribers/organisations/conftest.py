"""An organisation of three."""

import pytest

from monitor.models.subscriptions import Membership
from tests.makers.organisations import make_organisation


@pytest.fixture
def three(make_subscription) -> list[Membership]:
    """Return an owner, who also watches a place far away alone, and two members."""
    make_subscription("owner@example.org", longitude=-13.0)
    return make_organisation("owner@example.org", "anna@example.org", "ben@example.org")
