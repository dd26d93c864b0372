"""A page waits for few style sheets, whose names change with what is in them."""

import os
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from monitor import storages

SHEET = re.compile(r'<link rel="stylesheet" href="/static/([^"]+)">')
CSS = Path(settings.BASE_DIR) / "static" / "css"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/alerts/", "/about/", "/search/", "/here/", "/glaciers/", "/login/"])
def test_a_page_waits_for_few_style_sheets(client, path):
    found = SHEET.findall(client.get(path).content.decode())
    assert 1 <= len(found) <= 3
    assert all(storages.JOINED_SHEET.fullmatch(name) and finders.find(name) for name in found)


def test_an_alert_waits_for_four(client, db, make_alert):
    found = SHEET.findall(client.get(f"/alerts/{make_alert().code}/").content.decode())
    assert len(found) == 4


def test_a_sheet_has_its_components_in_order_and_another_name_once_one_changes(tmp_path, settings):
    (tmp_path / "css").mkdir()
    for name in ("first", "last"):
        (tmp_path / "css" / f"{name}.css").write_text(f".{name} {{}}")
    settings.STATICFILES_DIRS, settings.VAR_DIR = [tmp_path], tmp_path / "var"
    finder, path = storages.JoinedSheets(), storages.sheet_path(("last", "first"))
    assert Path(finder.find(path)).read_text() == ".last {}\n.first {}"
    changed = tmp_path / "css" / "last.css"
    changed.write_text(".new {}")
    os.utime(changed, ns=(1, 1))
    assert storages.sheet_path(("last", "first")) != path
    for unknown in ("css/joined/none.0123456789ab.css", "css/joined/last.0123456789ab.css", "css/joined/../first.css"):
        assert not finder.find(unknown)


def test_what_is_collected_are_the_sheets_that_the_templates_name():
    collected = {path for path, _ in storages.JoinedSheets().list([])}
    assert storages.sheet_path(("variables", "base", "layout", "button")) in collected
    components = {name for path in collected for name in storages.JOINED_SHEET.fullmatch(path)[1].split("_")}
    assert components >= {path.stem for path in CSS.glob("*.css")}
    assert all(re.match(settings.WHITENOISE_IMMUTABLE_FILE_TEST, f"/static/{path}") for path in collected)
