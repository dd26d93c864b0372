"""A transfer follows redirects to listed hosts only, and credentials go to none but their own."""

import pytest

from ingest.sources.client.faults import Hopeless, HostRefused
from tests.ingest.sources import replay
from tests.ingest.sources.transfers import DATA


def test_a_redirect_to_a_listed_host_is_followed(transfer, server):
    server.files["/elsewhere"] = DATA
    transfer.faults(replay.redirect("/elsewhere", 307))
    transfer()
    assert transfer.is_whole()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused_and_that_host_never_hears_of_it(transfer, server, stranger, code):
    transfer.faults(replay.redirect(f"{stranger.address}/S1A.zip?secret=1", code))
    with pytest.raises(HostRefused, match="is not among the hosts that may be contacted"):
        transfer()
    assert stranger.connections == 0
    assert transfer.is_nothing()


def test_a_redirect_in_the_middle_of_a_resumed_file_is_refused_too(transfer, server, stranger):
    transfer.faults(replay.cut(1000), replay.redirect(stranger.address))
    with pytest.raises(HostRefused):
        transfer()
    assert stranger.connections == 0


def test_redirects_in_a_circle_end(transfer, server):
    server.always["/S1A.zip"] = replay.redirect("/S1A.zip")
    with pytest.raises(Hopeless, match="from place to place"):
        transfer()
