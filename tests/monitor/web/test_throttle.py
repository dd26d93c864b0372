"""Many names from one address, and one name from many addresses."""

import pytest
from django.test import Client

from tests.makers.people import PASSWORD

pytestmark = pytest.mark.django_db


def sign_in(name: str, password: str = "wrong", address: str = "192.0.2.1", client: Client | None = None) -> int:
    sent = {"username": name, "password": password}
    return (client or Client()).post("/login/", sent, REMOTE_ADDR=address).status_code


def test_one_password_cannot_be_tried_for_many_names_from_one_address(anna):
    answers = [sign_in(f"name{number}") for number in range(40)]
    assert answers.count(200) < 20
    assert sign_in("anna", PASSWORD) == 429
    assert sign_in("anna", PASSWORD, address="192.0.2.2") == 302


def test_the_addresses_of_one_network_count_as_one(anna):
    answers = [sign_in(f"name{number}", address=f"2001:db8:0:1::{number:x}") for number in range(30)]
    assert answers.count(200) < 20


def test_one_name_cannot_be_tried_from_many_addresses(anna):
    answers = [sign_in("anna", address=f"198.51.100.{number}") for number in range(80)]
    assert answers.count(200) < 50
    assert sign_in("anna", PASSWORD, address="203.0.113.9") == 429


def test_its_owner_still_signs_in_with_the_usual_browser(anna):
    usual = Client()
    assert sign_in("anna", PASSWORD, client=usual) == 302
    usual.post("/logout/")
    for number in range(80):
        sign_in("anna", address=f"198.51.100.{number}")
    for number in range(30):
        sign_in(f"name{number}", address="203.0.113.9")
    assert sign_in("anna", PASSWORD, address="203.0.113.9", client=usual) == 302


def test_a_known_browser_may_not_guess_without_end(anna):
    usual = Client()
    sign_in("anna", PASSWORD, client=usual)
    usual.post("/logout/")
    assert [sign_in("anna", client=usual) for _ in range(6)] == [200] * 4 + [429] * 2


def test_a_browser_is_known_to_one_name_only_and_nobody_makes_up_its_cookie(anna):
    usual = Client()
    sign_in("anna", PASSWORD, client=usual)
    usual.post("/logout/")
    answers = [sign_in(f"name{number}", client=usual) for number in range(30)]
    assert answers.count(200) < 20
    made_up = Client()
    made_up.cookies["known_browser"] = "anna"
    assert sign_in("anna", PASSWORD, client=made_up) == 429
