"""Stolen passwords are refused by a sorted list on disk; a list that cannot be used is reported."""

import hashlib
from dataclasses import replace

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from monitor.subscribers.accounts.stolen_passwords import check_stolen_passwords, is_listed
from monitor.web.identity.site_file import Site

STOLEN = [f"correct horse battery {number}" for number in range(300)]


def hashed(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


@pytest.fixture(params=["{}:{}\r\n", "{}:{}\n", "{}\n"])
def stolen(request, tmp_path):
    path = tmp_path / "stolen.txt"
    lines = [request.param.format(one, 10 ** (at % 7)) for at, one in enumerate(sorted(map(hashed, STOLEN)))]
    path.write_bytes("".join(lines).encode())
    return path


def test_every_password_of_the_list_is_found_and_no_other_and_refused_where_one_is_chosen(stolen, settings):
    settings.SITE = replace(Site(), stolen_passwords=stolen)
    assert check_stolen_passwords() == []
    assert not any(is_listed(stolen, f"another pass phrase {number}") for number in range(300))
    for content in (stolen.read_bytes(), stolen.read_bytes().rstrip()):  # The last line needs no end.
        stolen.write_bytes(content)
        assert all(is_listed(stolen, password) for password in STOLEN)
    with pytest.raises(ValidationError, match="in a list of stolen passwords"):
        validate_password(STOLEN[7])
    validate_password("a long enough pass phrase")
    settings.SITE = Site()
    assert check_stolen_passwords() == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "which cannot be read (No such file or directory)"),
        (b"", "which has no line that begins with a SHA-1"),
        (b"password\n" * 300, "which has no line that begins with a SHA-1"),
        ("".join(f"{hashed(one)}:1\n" for one in STOLEN).encode(), "which is not sorted by its hashes"),
    ],
)
def test_a_list_that_cannot_be_used_is_a_warning_and_no_password_fails(settings, tmp_path, content, said):
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    settings.SITE = replace(Site(), stolen_passwords=path)
    (warning,) = check_stolen_passwords()
    assert f"GROUND_MOTION_SITE: stolen_passwords is {path}, {said}" in warning.msg
    validate_password("a long enough pass phrase")
