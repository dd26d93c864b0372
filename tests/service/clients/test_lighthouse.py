"""Lighthouse gives every public page the full marks for accessibility, best practices and being found."""

import json
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from tests.service.e2e.browsers import FLAGS, WINDOWLESS
from tests.waiting import HANG_SECONDS

READER = Path(__file__).with_name("lighthouse_reader.mjs")
PACKAGES = Path(__file__).parents[3] / "scripts" / "javascript" / "node_modules"
UNLISTED = {"is-crawlable"}  # audits of pages that are kept out of search engines on purpose


def public_pages(client: Client) -> list[str]:
    """Return an address of every view that is reached from the first page by links, for people who are signed out."""
    waiting, pages, seen = ["/"], {}, set()
    while waiting:
        address = waiting.pop(0)
        path = urlsplit(address).path
        try:
            view = resolve(path).view_name
        except Resolver404:
            continue
        if view in seen:
            continue
        seen.add(view)
        answer = client.get(address)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            pages[view] = path
            links = map(unescape, re.findall(r'<(?:a|iframe)\s[^>]*?(?:href|src)="([^"]*)', answer.content.decode()))
            waiting += [urljoin(path, link) for link in links if not urlsplit(link).netloc]
    return list(pages.values())


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_lighthouse_finds_no_fault_on_any_public_page(client, live_server, make_alert, product, pair_predictions):
    if not shutil.which("node") or not (PACKAGES / "lighthouse").exists():
        pytest.skip("Lighthouse is not installed: scripts/setup --dev does so where there is npm")
    make_alert()
    addresses = [live_server.url + path for path in public_pages(client)]
    assert len(addresses) > 15
    command = ["node", READER, PACKAGES, json.dumps(FLAGS), json.dumps(addresses)]
    environment = os.environ | {"CHROME_PATH": WINDOWLESS}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=4 * HANG_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    faults = [fault for fault in json.loads(done.stdout) if not UNLISTED & set(map(str, fault))]
    assert not faults, "\n".join(map(str, faults))
