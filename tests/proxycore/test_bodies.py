"""Who touches a body."""

from __future__ import annotations

import pytest
from mitmproxy import http
from mitmproxy.test import tflow

from forebay import outcome
from forebay.proxycore import bodies, holding

KB = 1024


class Collector:
    """A consumer that remembers what it was told."""

    def __init__(self):
        self.pieces = []
        self.calls = []

    def feed(self, data):
        self.calls.append("feed")
        self.pieces.append(data)

    def end(self):
        self.calls.append("end")

    def abort(self):
        self.calls.append("abort")


@pytest.fixture(name="addon")
def _addon(all_options):
    addon = bodies.Bodies()
    all_options.master.addons.add(addon)
    return addon


def exchange(*, request=(), response=(), version="HTTP/1.1"):
    """A flow whose bodies have not been read yet."""
    flow = tflow.tflow(resp=True)
    flow.request.headers = http.Headers(request)
    flow.request.http_version = version
    flow.request.data.content = None
    flow.response.headers = http.Headers(response)
    flow.response.data.content = None
    outcome.begin(flow)
    bodies.begin(flow)
    return flow


def length(size):
    return [(b"Content-Length", str(size).encode())]


CHUNKED = [(b"Transfer-Encoding", b"chunked")]
EVENTS = [*CHUNKED, (b"Content-Type", b"text/event-stream")]


@pytest.mark.parametrize(
    ("audience", "fields", "streamed"),
    [
        ("nobody", length(64 * KB), False),
        ("nobody", length(64 * KB + 1), True),
        ("nobody", CHUNKED, True),
        ("nobody", [], True),
        ("viewer", length(5_000_000), False),
        ("viewer", length(5_000_001), True),
        ("viewer", CHUNKED, True),
        ("editor", length(5_000_000), False),
        ("editor", length(5_000_001), True),
        ("editor", CHUNKED, False),
        ("editor", EVENTS, True),
    ],
)
def test_what_is_streamed(all_options, addon, audience, fields, streamed):
    """Both ways: see the cases in the module's docstring."""
    if audience == "viewer":
        all_options.set_quietly("save_stream_file", "flows")
    elif audience == "editor":
        all_options.set_quietly("modify_body", ["/a/b"])

    flow = exchange(response=fields)
    addon.responseheaders(flow)
    upload = exchange(request=fields, version="HTTP/2.0")
    upload.response = None
    addon.requestheaders(upload)

    assert bool(flow.response.stream) is streamed
    assert bool(upload.request.stream) is streamed


def test_a_request_without_body_is_left_alone(addon):
    """RFC 9112 §6.3: neither length nor coding."""
    flow = exchange()
    flow.response = None

    addon.requestheaders(flow)

    assert flow.request.stream is False


def test_an_answered_request_is_not_streamed_and_not_invited(addon):
    """Whatever the option stream_large_bodies has set before."""
    flow = exchange(request=[*length(10**9), (b"Expect", b"100-continue")])
    flow.request.stream = True

    addon.requestheaders(flow)

    assert flow.request.stream is False
    assert "expect" not in flow.request.headers


@pytest.mark.parametrize("how", ["complete", "marked"])
def test_an_answer_of_ours_is_not_streamed(addon, how):
    flow = exchange(response=CHUNKED)
    if how == "complete":
        flow.response.data.content = b"page"
    else:
        outcome.of(flow)["answer"] = "cache"

    addon.responseheaders(flow)

    assert not flow.response.stream


def test_no_response_is_no_matter(addon):
    flow = exchange()
    flow.response = None

    addon.responseheaders(flow)

    assert bodies.response_size(flow) is None


def test_consumers_see_a_streamed_body_whole(addon):
    """In both directions."""
    flow = exchange(request=CHUNKED, response=CHUNKED)
    response, flow.response = flow.response, None
    up, down = Collector(), Collector()
    bodies.consume_request(flow, up)
    addon.requestheaders(flow)
    flow.request.stream(b"question")
    bodies.finish_request(flow)

    flow.response = response
    bodies.consume_response(flow, down)
    addon.responseheaders(flow)
    flow.response.stream(b"ans")
    flow.response.stream(b"wer")
    bodies.finish_response(flow)

    assert (up.pieces, up.calls) == ([b"question"], ["feed", "end"])
    assert (down.pieces, down.calls) == ([b"ans", b"wer"], ["feed", "feed", "end"])
    assert (bodies.request_size(flow), bodies.response_size(flow)) == (8, 6)


def test_consumers_see_a_buffered_body_whole():
    """Fed once, ended once, in both directions."""
    flow = exchange()
    up, down = Collector(), Collector()
    bodies.consume_request(flow, up)
    bodies.consume_response(flow, down)

    flow.request.data.content = b"question"
    bodies.finish_request(flow)
    flow.response.data.content = b"answer"
    bodies.finish_response(flow)
    bodies.finish_response(flow)

    assert (up.pieces, up.calls) == ([b"question"], ["feed", "end"])
    assert (down.pieces, down.calls) == ([b"answer"], ["feed", "end"])
    assert (bodies.request_size(flow), bodies.response_size(flow)) == (8, 6)


def test_a_message_that_breaks_off_is_aborted_once():
    """Never ended, even if a hook comes late."""
    flow = exchange()
    up, down = Collector(), Collector()
    bodies.consume_request(flow, up)
    bodies.consume_response(flow, down)

    bodies.break_off(flow)
    bodies.break_off(flow)
    bodies.finish_response(flow)

    assert up.calls == down.calls == ["abort"]


def test_a_discarded_upload_is_of_unknown_size(addon):
    """Nothing is guessed."""
    flow = exchange(request=length(10**6))
    up = Collector()
    bodies.consume_request(flow, up)

    bodies.finish_request(flow)

    assert bodies.request_size(flow) is None
    assert up.calls == ["abort"]


def test_sizes_before_and_after_an_empty_body():
    flow = exchange()
    flow.response = None

    assert bodies.request_size(flow) is None
    bodies.finish_request(flow)
    assert bodies.request_size(flow) == 0


@pytest.mark.parametrize(("content", "size"), [(b"whole", 5), (b"", 0)])
def test_a_body_that_was_never_told_of_has_the_size_of_its_content(content, size):
    """Such as that of a flow that was loaded from a file."""
    flow = tflow.tflow(resp=True)
    flow.request.data.content = content
    flow.response.data.content = content

    assert (bodies.request_size(flow), bodies.response_size(flow)) == (size, size)


def test_an_empty_streamed_response_is_of_size_zero():
    flow = exchange(response=CHUNKED)

    bodies.finish_response(flow)

    assert bodies.response_size(flow) == 0


@pytest.mark.parametrize(("size", "kept"), [(5_000_000, True), (5_000_001, False)])
def test_viewers_get_a_body_of_unknown_length(all_options, addon, size, kept):
    """Captured on its way, up to forebay_view_body_bytes."""
    all_options.set_quietly("hardump", "flows.har")
    flow = exchange(request=CHUNKED, response=CHUNKED)
    response, flow.response = flow.response, None
    addon.requestheaders(flow)
    flow.request.stream(b"x" * size)
    bodies.finish_request(flow)
    flow.response = response
    addon.responseheaders(flow)
    flow.response.stream(b"x" * size)
    bodies.finish_response(flow)

    assert (flow.request.raw_content is not None) is kept
    assert (flow.response.raw_content is not None) is kept


@pytest.mark.parametrize("passed", [b"yy", [b"y", b"", b"y"]])
def test_the_stream_of_another_script_is_kept(addon, passed):
    """It sees what it would have seen, and what it gives is what is sent."""
    flow = exchange(response=CHUNKED)
    seen = []
    flow.response.stream = lambda data: seen.append(data) or passed
    addon.responseheaders(flow)

    sent = b"".join(flow.response.stream(b"x"))

    assert seen == [b"x"]
    assert sent == b"yy"


def test_a_bad_size_is_one_line(all_options, addon):
    """At run time the option is rolled back."""
    addon.running()
    with pytest.raises(Exception, match="forebay_view_body_bytes: expected a size in bytes"):
        all_options.options.update(forebay_view_body_bytes="lots")

    assert all_options.options.forebay_view_body_bytes == "5m"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], (None, False)),
        ([(b"content-length", b"0")], (0, False)),
        ([(b"content-length", b"+5")], (None, False)),
        ([(b"content-length", b"9" * 30)], (None, False)),
        ([(b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked")], (None, True)),
    ],
)
def test_framing(fields, expected):
    """RFC 9112 §6.3."""
    assert bodies.framing(http.Headers(fields)) == expected


def test_an_early_response_does_not_hide_an_upload():
    """It was streamed and counted, although the response's head came first."""
    flow = exchange(request=CHUNKED)
    up = Collector()
    bodies.consume_request(flow, up)
    flow.request.stream = bodies._flows[flow].request
    flow.request.stream(b"x" * 50)

    bodies.finish_request(flow)

    assert bodies.request_size(flow) == 50
    assert up.calls == ["feed", "end"]


@pytest.fixture(name="can_hold")
def _can_hold():
    holding.PATCH.install()
    yield
    holding.PATCH.uninstall()


@pytest.mark.usefixtures("can_hold")
@pytest.mark.parametrize(
    ("fields", "streamed"),
    [
        (length(300 * KB), False),
        (length(300 * KB + 1), True),
        (length(5), False),
        (CHUNKED, False),
        (EVENTS, True),
    ],
)
def test_what_is_wanted_whole_is_kept_up_to_that_size(addon, fields, streamed):
    """By two with different sizes; who does not get it is told."""
    flow = exchange(request=fields, response=fields)
    told = []
    for limit in (300 * KB, 10):
        bodies.want_request(flow, limit, lambda: told.append("request"))
        bodies.want_response(flow, limit, lambda: told.append("response"))

    response, flow.response = flow.response, None
    addon.requestheaders(flow)
    flow.response = response
    addon.responseheaders(flow)

    assert bool(flow.request.stream) is bool(flow.response.stream) is streamed
    assert told == (["request", "request", "response", "response"] if streamed else [])


def test_what_cannot_be_held_is_passed_on(addon):
    """With a core that is not what the guard knows."""
    flow = exchange(response=CHUNKED)
    told = []
    bodies.want_response(flow, KB, lambda: told.append("passed"))

    addon.responseheaders(flow)

    assert flow.response.stream
    assert told == ["passed"]


def test_a_body_that_another_script_streams_was_not_seen(addon):
    """What nobody has seen the end of is not whole."""
    flow = exchange(response=CHUNKED)
    collector = Collector()
    bodies.consume_response(flow, collector)
    addon.responseheaders(flow)

    flow.response.stream = True  # by a script behind us
    bodies.finish_response(flow)

    assert collector.calls == ["abort"]


@pytest.mark.parametrize("can_hold", [True, False])
@pytest.mark.parametrize("fields", [length(5), CHUNKED, EVENTS])
def test_a_body_that_another_takes_the_place_of_is_never_streamed(addon, can_hold, fields):
    """Its head says already what the other one is."""
    flow = exchange(response=fields)
    if can_hold:
        holding.PATCH.install()
    try:
        bodies.want_response(flow, KB, lambda: None, is_announced=False)
        addon.responseheaders(flow)
    finally:
        holding.PATCH.uninstall()

    assert not flow.response.stream


class TestReplaced:
    """A response whose head has come gives way to an answer of ours."""

    def replaced(self, addon, fields):
        flow = exchange(response=fields)
        consumer = Collector()
        bodies.consume_response(flow, consumer)
        before = flow.response
        flow.response = http.Response.make(403, b"no")
        bodies.replace_response(flow, before)
        outcome.of(flow)["answer"] = "blocklist"
        addon.responseheaders(flow)
        return flow, consumer

    def test_the_client_gets_the_answer_once_and_nothing_else(self, addon):
        """The consumer gets the body, as the cache may store it."""
        flow, consumer = self.replaced(addon, length(6))
        stream = flow.response.stream

        passed = [stream(b"abc"), stream(b"def"), stream(b"")]
        bodies.finish_response(flow)

        assert passed == [b"no", [], []]
        assert b"".join(consumer.pieces) == b"abcdef"
        assert consumer.calls[-1] == "end"
        assert bodies.delivered_size(flow) == 2
        assert bodies.response_size(flow) == 6

    def test_a_response_without_a_body_gets_the_answer_at_its_end(self, addon):
        """It was not streamed."""
        flow, consumer = self.replaced(addon, length(0))
        flow.response.data.content = b""

        bodies.finish_response(flow)

        assert flow.response.raw_content == b"no"
        assert consumer.calls == ["end"]

    def test_trailers_do_not_pass(self, addon):
        flow, _ = self.replaced(addon, CHUNKED)
        flow.response.trailers = http.Headers([(b"X-Sum", b"1")])

        bodies.finish_response(flow)

        assert flow.response.trailers is None

    def test_who_wanted_the_body_whole_is_not_told(self, addon):
        """It would break the flow off."""
        flow = exchange(response=length(6))
        told = []
        bodies.want_response(flow, 3, lambda: told.append("passed"), is_announced=False)
        before = flow.response
        flow.response = http.Response.make(403, b"no")
        bodies.replace_response(flow, before)

        addon.responseheaders(flow)

        assert told == []
        assert flow.response.stream(b"abcdef") == b"no"

    @pytest.mark.parametrize("content", [b"stored", None])
    def test_an_answer_of_ours_is_replaced_as_it_is(self, addon, content):
        """A hit, in memory or sent piece by piece: nothing more comes."""
        flow = exchange(response=length(6))
        before = flow.response
        before.data.content = content
        flow.response = http.Response.make(403, b"no")
        bodies.replace_response(flow, before)
        outcome.of(flow)["answer"] = "blocklist"
        addon.responseheaders(flow)
        bodies.finish_response(flow)

        assert flow.response.raw_content == b"no"
