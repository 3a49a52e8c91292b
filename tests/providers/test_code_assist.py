"""The envelope of Code Assist around Google's dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from freellm_cli.core.errors import RequestRefused
from freellm_cli.core.http import Headers
from freellm_cli.core.secret import Secret
from freellm_cli.providers.base import AnswerFault
from freellm_cli.providers.code_assist import CodeAssist
from freellm_cli.providers.code_assist_setup import (
    Bucket,
    onboard_request,
    read_buckets,
    read_fault,
    read_loaded,
)
from tests.support.google_emulator import envelope, error, sse
from tests.support.google_talk import asking, target, user

TOKEN = Secret("ya29.token")


def where(**options: str) -> Any:
    made = target("gemini-2.5-flash")
    return made._replace(base_url="https://cloudcode-pa.googleapis.com", options=options)


def sent(request: Any = None, place: Any = None) -> dict[str, Any]:
    call = CodeAssist().chat(request or asking("hi"), place or where(), TOKEN, stream=True)
    return dict(json.loads(call.body or b""))


def test_the_token_goes_into_the_one_header() -> None:
    call = CodeAssist().chat(asking("hi"), where(), TOKEN, stream=True)
    assert call.url == (
        "https://cloudcode-pa.googleapis.com/v1internal:streamGenerateContent?alt=sse"
    )
    assert call.auth == (("Authorization", "Bearer ", TOKEN),)
    assert "ya29" not in repr(call)


@pytest.mark.parametrize("project", ["", None])
def test_no_project_is_left_out(project: str | None) -> None:
    options = {} if project is None else {"project_id": project}
    assert "project" not in sent(place=where(**options))


def test_cached_content_is_not_for_logins() -> None:
    request = asking("hi", google={"cachedContent": "cachedContents/1"})
    assert "cachedContent" not in sent(request)["request"]


def test_credit_types_are_sent_only_when_configured() -> None:
    place = where()
    assert "enabled_credit_types" not in sent(place=place)
    place = place._replace(quirks={"credit_types": ["GOOGLE_ONE_AI"]})
    assert sent(place=place)["enabled_credit_types"] == ["GOOGLE_ONE_AI"]


def text_of(body: bytes, size: int) -> str:
    reader = CodeAssist().reader(asking("hi"), where(), Headers([]))
    deltas = []
    for start in range(0, len(body), size):
        deltas += reader.feed(body[start : start + size])
    return "".join(delta.text for delta in deltas + reader.close())


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_an_answer_is_read_however_it_is_cut(size: int, newline: str) -> None:
    body = sse(
        envelope({"text": "Grüße "}), envelope({"text": "日本"}, finish="STOP"), newline=newline
    )
    assert text_of(body, size) == "Grüße 日本"


def test_an_event_may_lie_on_several_lines() -> None:
    tree = json.dumps(envelope({"text": "ok"}, finish="STOP"), indent=1)
    body = "".join(f"data: {line}\n" for line in tree.split("\n")).encode() + b"\n"
    assert text_of(body, 5) == "ok"


def test_usage_beside_the_response_counts() -> None:
    tree = envelope({"text": "ok"}, finish="STOP")
    tree["usageMetadata"] = tree["response"].pop("usageMetadata")
    reader = CodeAssist().reader(asking("hi"), where(), Headers([]))
    deltas = reader.feed(sse(tree)) + reader.close()
    assert [delta.usage.total for delta in deltas if delta.usage] == [7]


def test_an_error_in_the_stream_is_a_fault() -> None:
    reader = CodeAssist().reader(asking("hi"), where(), Headers([]))
    body = sse(error(503, "UNAVAILABLE", "overloaded"))
    with pytest.raises(AnswerFault) as caught:
        reader.feed(body)
    assert b"UNAVAILABLE" in caught.value.body


def test_counting_takes_the_contents_alone() -> None:
    request = asking({"role": "system", "content": "x"}, user("hi"))
    call = CodeAssist().count_tokens(request, where(project_id="p"), TOKEN)
    body = json.loads(call.body or b"")
    assert set(body) == {"request"}
    assert body["request"]["model"] == "models/gemini-2.5-flash"
    assert CodeAssist().read_count(b'{"totalTokens": 5}') == 5


def test_there_are_no_embeddings() -> None:
    with pytest.raises(RequestRefused, match="no embeddings"):
        CodeAssist().embeddings(["x"], where(), TOKEN, dimensions=None)


# Setup


def test_the_free_tier_is_onboarded_without_a_project() -> None:
    body = json.loads(onboard_request("https://x", TOKEN, "free-tier", "mine").body or b"")
    assert "cloudaicompanionProject" not in body
    body = json.loads(onboard_request("https://x", TOKEN, "legacy-tier", "mine").body or b"")
    assert body["cloudaicompanionProject"] == body["metadata"]["duetProject"] == "mine"


def test_nonsense_says_nothing() -> None:
    loaded = read_loaded({"currentTier": 5, "allowedTiers": {}, "ineligibleTiers": [3]})
    assert loaded == ("", "", "", (), ())


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"error": "text"}', b"<html>"])
def test_an_error_that_is_none_still_has_a_status(body: bytes) -> None:
    assert read_fault(500, body).message == "HTTP 500"


def test_a_share_that_is_not_said_is_not_known() -> None:
    tree = {"buckets": [{"modelId": "m"}, {"modelId": "n", "tokenType": "INPUT"}, {"x": 1}]}
    assert read_buckets(tree) == (Bucket("m", None, None, ""),)
