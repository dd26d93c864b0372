"""Whatever happens on the way, a file ends up whole, with the right hash, or not at all and with a reason."""

import random
from datetime import UTC, datetime

import pytest

from ground_motion.core.http.faults import Hopeless, HostRefused, Later, NoRoom, SignInRefused
from ingest.sources.client.download import Fetched, Known
from tests.service.ingest.sources import replay
from tests.service.ingest.sources.transfers import DATA, MD5

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CUTS = sorted({0, 1, 2, len(DATA) - 2, len(DATA) - 1, *random.Random(7).sample(range(3, len(DATA) - 2), 7)})


@pytest.mark.parametrize("at", CUTS)
def test_a_transfer_that_is_cut_goes_on_where_it_was_cut(transfer, server, at):
    transfer.faults(replay.cut(at))
    transfer()
    assert transfer.is_whole()
    assert server.ranges() == ["", f"bytes={at}-" if at else ""]
    assert {request.headers["Accept-Encoding"] for request in server.requests} == {"identity"}
    if at:
        assert server.requests[1].headers["If-Range"] == '"first"'


@pytest.mark.parametrize("seed", range(3))
def test_a_transfer_that_is_cut_many_times_goes_on_each_time_with_what_is_on_the_disk(transfer, server, seed):
    lengths = random.Random(seed).choices(range(1, 200_000), k=6)
    transfer.faults(*map(replay.cut, lengths))
    not_stored = []
    transfer(go_on=lambda done, resumable: not_stored.append(done - transfer.part.stat().st_size) or True)
    assert transfer.is_whole()
    assert max(not_stored) <= 2**17, "a process that is killed loses little"
    starts = [sum(lengths[:n]) for n in range(1, 7)]
    assert server.ranges()[1:] == [f"bytes={start}-" for start in starts if start < len(DATA)]


def other_etag(handler, data):
    headers = {"Content-Range": f"bytes 4000-{len(data) - 1}/{len(data)}", "ETag": '"second"'}
    handler.send(206, data[4000:], headers)


@pytest.mark.parametrize(
    ("faults", "ranges", "damaged"),
    [
        ([replay.cut(1000), replay.ignore_range], ["", "bytes=1000-"], 0),  # it knows no ranges
        ([replay.wrong], ["", ""], 1),
        ([replay.cut(4000), other_etag], ["", "bytes=4000-", ""], 0),  # a piece of another file
        ([replay.cut(4000), replay.other_piece], ["", "bytes=4000-", ""], 0),  # or of another range
        ([replay.says_length(len(DATA) - 1000)], None, None),
        ([replay.says_length(len(DATA) + 1000)], None, None),
        ([replay.hang], ["", f"bytes={len(DATA) // 2}-"], 0),  # it falls silent
    ],
)
def test_a_server_with_a_fault_is_asked_for_what_is_still_needed(transfer, server, faults, ranges, damaged):
    transfer.faults(*faults)
    done = transfer(timeout_seconds=(10.0, 3.0))
    assert transfer.is_whole()
    assert ranges is None or (server.ranges(), done.damaged) == (ranges, damaged)


@pytest.mark.parametrize("answer", [replay.wrong, replay.half])
def test_bytes_that_are_always_wrong_are_fetched_for_about_a_day_and_never_given_the_name(transfer, server, answer):
    server.always["/S1A.zip"] = answer
    message = r"do not have the md5 checksum of the catalogue, 3 times\. They were thrown"
    with pytest.raises(Later, match=message) as put_off:
        transfer(checksum=MD5)
    assert (len(server.requests), put_off.value.after_seconds) == (3, 3600)
    known = transfer.known
    for _ in range(20):
        with pytest.raises(Later):
            transfer(checksum=MD5)
    with pytest.raises(Hopeless, match="24 times"):
        transfer(checksum=MD5)
    assert len(server.requests) == 24
    assert transfer.is_nothing()
    server.always.clear()
    transfer.known = known
    transfer(checksum=MD5)
    assert transfer.is_whole()


def test_a_wrong_beginning_is_found_at_the_end(transfer, server):
    """What lay in the part was damaged on this disk: the whole is hashed, not what came last."""
    transfer.part.parent.mkdir()
    transfer.part.write_bytes(b"\0" * 5000)
    transfer.known = Known('"first"')
    assert transfer() == Fetched(len(DATA), 2, 1)
    assert server.ranges() == ["bytes=5000-", ""]
    assert transfer.is_whole()


def test_a_file_that_changed_in_between_is_fetched_from_its_beginning(transfer, server):
    def changes(handler, data):
        replay.give(handler, b"old" + data[3:], 4000)
        server.etags["/S1A.zip"] = '"second"'

    transfer.faults(changes)
    transfer()
    assert transfer.is_whole()
    assert server.requests[1].headers["If-Range"] == '"first"'
    assert transfer.known.etag == '"second"'


@pytest.mark.parametrize(
    ("part", "stated", "ranges"),
    [
        (DATA[:5000], {"checksum": None}, [""]),  # nothing to check it by: not continued
        (DATA, {}, []),  # only hashed
        (DATA, {"size_bytes": None}, [f"bytes={len(DATA)}-"]),  # whole by the answer 416
        (DATA + b"more", {"size_bytes": None}, [f"bytes={len(DATA) + 4}-", ""]),  # thrown away
    ],
)
def test_a_part_that_lies_there_is_used_as_far_as_it_can_be_checked(transfer, server, part, stated, ranges):
    transfer.part.parent.mkdir()
    transfer.part.write_bytes(part)
    assert transfer(**stated).damaged == 0
    assert server.ranges() == ranges
    assert transfer.is_whole()


def test_a_body_that_was_packed_on_the_way_is_unpacked_and_ends_where_it_is_longer_than_the_file(transfer, server):
    transfer.faults(replay.zipped)
    assert transfer() == Fetched(len(DATA), 1, 0)
    assert transfer.is_whole()
    assert transfer.known.etag == ""  # its bytes are not those of a range
    transfer.path.unlink()
    server.files["/S1A.zip"] = bytes(50_000_000)
    server.always["/S1A.zip"] = replay.zipped
    seen = []
    with pytest.raises(Later, match="3 times"):
        transfer(go_on=lambda done, resumable: seen.append(done) or True)
    assert max(seen, default=0) <= len(DATA)
    assert transfer.is_nothing()


@pytest.mark.parametrize(
    ("faults", "around", "slept"),
    [
        ([replay.status(503)] * 4, {}, [2.0, 4.0, 8.0, 16.0]),
        ([replay.status(502)], {"chance": lambda: 0.0}, [1.0]),  # not the same for everybody
        ([replay.status(429, Retry_After="40")], {}, [40.0]),
        ([replay.status(503, Retry_After="Fri, 20 Nov 2026 12:00:30 GMT")], {}, [30.0]),
    ],
)
def test_a_busy_server_is_asked_again_after_growing_waits_or_the_one_it_names(
    transfer, monkeypatch, faults, around, slept
):
    monkeypatch.setattr("urllib3.util.retry.time.time", lambda: NOON.timestamp())
    transfer.faults(*faults)
    transfer(**around)
    assert transfer.slept == slept
    assert transfer.is_whole()


@pytest.mark.parametrize(
    ("faults", "always", "message", "kept"),
    [
        ([replay.cut(5000)], replay.status(500), r"is busy \(500\)", 5000),
        ([], replay.ignore_range_and_cut(1000), "goes on later", 1000),  # It starts over and over.
        ([], replay.reset, "cannot be reached", 0),
    ],
)
def test_a_server_that_never_recovers_is_left_to_the_schedule_and_what_has_arrived_stays(
    transfer, server, faults, always, message, kept
):
    transfer.faults(*faults)
    server.always["/S1A.zip"] = always
    with pytest.raises(Later, match=message):
        transfer()
    assert (len(server.requests), len(transfer.slept)) == (5 + bool(kept), 4 + bool(kept))
    assert kept == (transfer.part.stat().st_size if transfer.part.exists() else 0)


LOGIN_PAGE = {"Content-Type": "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    ("answer", "fault", "message"),
    [
        (replay.status(401), SignInRefused, r"\(401\).*Set TOKEN"),
        (replay.status(403), Hopeless, r"\(403\).*Set TOKEN"),
        (replay.status(404), Hopeless, r"\(404\).*removed"),
        (replay.status(410), Hopeless, r"\(410\).*removed"),
        (lambda handler, data: handler.send(200, b"<html>", LOGIN_PAGE), Hopeless, r"web page .* file\. Set TOKEN"),
    ],
)
def test_a_refusal_is_not_tried_again_at_once_and_says_what_to_do(transfer, server, answer, fault, message):
    transfer.faults(answer)
    with pytest.raises(fault, match=rf"^127\.0\.0\.1 .*{message}"):
        transfer(checksum=None, size_bytes=None)
    assert (len(server.requests), transfer.slept) == (1, [])
    assert transfer.is_nothing()


def test_nothing_is_written_where_there_is_no_room(transfer):
    coming_bytes = []

    def room(coming):
        coming_bytes.append(coming)
        raise NoRoom("full")

    with pytest.raises(NoRoom):
        transfer(room=room)
    assert coming_bytes == [len(DATA)]
    assert transfer.is_nothing()
    transfer.faults(replay.cut(5000))
    transfer(room=coming_bytes.append)
    assert coming_bytes[1:] == [len(DATA), len(DATA) - 5000]  # only the rest needs room


def test_a_link_in_place_of_the_part_is_not_followed(transfer, tmp_path):
    transfer.part.parent.mkdir()
    (tmp_path / "mine").write_bytes(b"untouched")
    transfer.part.symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="symbolic"):
        transfer()
    assert (tmp_path / "mine").read_bytes() == b"untouched"


# ---- redirects: to listed hosts only ----
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_refused_and_that_host_never_hears_of_it(transfer, server, stranger, code):
    elsewhere = replay.redirect(f"{stranger.address}/S1A.zip?secret=1", code)
    for faults in ([elsewhere], [replay.cut(1000), elsewhere]):
        transfer.faults(*faults)
        with pytest.raises(HostRefused, match="is not among the hosts that may be contacted"):
            transfer()
    assert stranger.connections == 0
    assert not transfer.path.exists()


def test_redirects_to_a_listed_host_are_followed_unless_they_lead_in_a_circle(transfer, server):
    server.files["/elsewhere"] = DATA
    transfer.faults(replay.redirect("/elsewhere", 307))
    transfer()
    assert transfer.is_whole()
    server.always["/S1A.zip"] = replay.redirect("/S1A.zip")
    with pytest.raises(Hopeless, match="from place to place"):
        transfer()
