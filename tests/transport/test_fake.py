from __future__ import annotations

import pytest

from freellm_cli.core.errors import TransportFault
from freellm_cli.core.http import HttpRequest, Timeouts
from freellm_cli.transport.base import Transport
from freellm_cli.transport.fake import FakeTransport

GET = HttpRequest("GET", "https://a.example/v1/models", {})
POST = HttpRequest("POST", "https://a.example/v1/chat", {}, body=b"{}")


def test_replies_come_in_the_order_of_the_script() -> None:
    with FakeTransport() as fake:
        transport: Transport = fake
        fake.reply(200, b"one")
        fake.reply(429, [b"t", b"wo"], {"Retry-After": "7"})
        sent = []
        for status, body in ((200, b"one"), (429, b"two")):
            answer = transport.send(GET, Timeouts(), on_sent=lambda: sent.append(1))
            assert (answer.status, answer.read()) == (status, body)
            answer.close()
        assert answer.headers["retry-after"] == "7"
    assert len(sent) == 2
    assert fake.requests == [GET, GET]
    assert fake.timeouts == [Timeouts(), Timeouts()]


def test_a_reply_may_wait_for_its_request() -> None:
    with FakeTransport() as fake:
        fake.reply(200, b"chat", to="POST https://a.example/v1/chat")
        fake.reply(200, b"any", to="https://a.example/*")
        assert fake.send(GET, Timeouts()).read() == b"any"
        assert fake.send(POST, Timeouts()).read() == b"chat"
        for answer in fake.responses:
            answer.close()


def test_an_unexpected_request_fails_even_when_its_error_is_swallowed() -> None:
    fake = FakeTransport()
    fake.reply(200, to="GET https://b.example/")
    with pytest.raises(AssertionError, match=r"unexpected request POST https://a\.example/v1/chat"):
        fake.send(POST, Timeouts())
    with pytest.raises(AssertionError, match=r"unexpected: POST https://a\.example"):
        fake.verify()


def test_an_unused_reply_fails() -> None:
    with pytest.raises(AssertionError, match="1 replies were not used"), FakeTransport() as fake:
        fake.reply()


def test_an_answer_left_open_fails() -> None:
    fake = FakeTransport()
    fake.reply()
    fake.send(GET, Timeouts()).read()
    with pytest.raises(AssertionError, match="not closed"):
        fake.verify()


def test_an_error_of_the_test_itself_is_not_hidden() -> None:
    def fails() -> None:
        with FakeTransport() as fake:
            fake.reply()
            raise KeyError

    with pytest.raises(KeyError):
        fails()


@pytest.mark.parametrize("sent", [True, False])
def test_a_scripted_fault_tells_whether_it_was_sent(sent: bool) -> None:
    told = []
    with FakeTransport() as fake:
        fake.fail("connect", sent=sent)
        with pytest.raises(TransportFault) as caught:
            fake.send(GET, Timeouts(), on_sent=lambda: told.append(1))
    assert (caught.value.fault, caught.value.sent) == ("connect", sent)
    assert len(told) == sent


def test_a_fault_needs_a_word_that_the_transport_knows() -> None:
    with pytest.raises(ValueError, match="explosion"):
        FakeTransport().fail("explosion")


def test_a_body_may_break_off_and_the_world_may_change_meanwhile() -> None:
    happened = []
    with FakeTransport() as fake:
        fake.reply(
            200, [b"one", lambda: happened.append(1), b"two", TransportFault("cut", fault="cut")]
        )
        answer = fake.send(GET, Timeouts())
        parts = answer.chunks()
        assert next(parts) == b"one"
        assert happened == []
        assert next(parts) == b"two"
        assert happened == [1]
        with pytest.raises(TransportFault):
            next(parts)
        answer.close()


def test_a_closed_answer_reads_no_further() -> None:
    with FakeTransport() as fake:
        fake.reply(200, [b"one", b"two"])
        answer = fake.send(GET, Timeouts())
        parts = answer.chunks()
        next(parts)
        answer.close()
        with pytest.raises(TransportFault) as caught:
            next(parts)
    assert caught.value.fault == "reset"
    assert not answer.ended


def test_the_limit_of_a_read_is_kept() -> None:
    with FakeTransport() as fake:
        fake.reply(200, b"12345")
        answer = fake.send(GET, Timeouts())
        with pytest.raises(TransportFault, match="too long"):
            answer.read(4)
        answer.close()
