"""No key in a line of the log, in whichever field a client or a provider wrote it."""

from __future__ import annotations

import pytest

from freellm_cli.core.redaction import Redactor
from freellm_cli.core.secret import Secret
from freellm_cli.server.access_log import AccessLog, Entry

KEY = "canary-0123456789-abcdef"
OURS = {"request_id", "dialect", "face"}
FIELDS = [
    name
    for name in Entry.__slots__
    if isinstance(getattr(Entry("POST", "/v1", "req_1"), name), str) and name not in OURS
]


def logged(entry: Entry, *, as_json: bool) -> str:
    texts: list[str] = []
    log = AccessLog(texts.append, as_json=as_json, clean=Redactor([Secret(KEY)]).clean)
    log.start()
    log.add(Entry("GET", "/v1/models", "req_0"))
    log.add(entry)
    log.stop()
    return "".join(texts)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("name", FIELDS)
def test_a_key_in_any_field_is_masked(name: str, as_json: bool) -> None:
    entry = Entry("POST", "/v1/chat/completions", "req_1")
    entry.asked, entry.error = "smart", "upstream_error"
    setattr(entry, name, f"x {KEY} y")
    text = logged(entry, as_json=as_json)
    assert KEY not in text
    assert "x … y" in text
    assert text.count("\n") == 2


@pytest.mark.parametrize("as_json", [True, False])
def test_a_key_in_a_question_or_an_answer_is_masked(as_json: bool) -> None:
    for content in ((f"is {KEY} mine?", "yes"), ("what is it?", f'"{KEY}"')):
        entry = Entry("POST", "/v1/chat/completions", "req_1")
        entry.content = content
        assert KEY not in logged(entry, as_json=as_json)


def test_a_line_without_a_key_is_left_as_it_is() -> None:
    assert "GET /v1/models" in logged(Entry("POST", "/v1", "req_1"), as_json=False)
