"""Is a 200 an answer?"""

from __future__ import annotations

import json

import pytest

from freellm_cli.core.verdicts import classify

ANSWER = {"choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}]}
CHUNK = 'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'


def judge(body, headers=None, provider="custom", status=200):
    raw = body if isinstance(body, bytes | type(None)) else (
        body.encode() if isinstance(body, str) else json.dumps(body).encode()
    )  # fmt: skip
    return classify(provider=provider, status=status, headers=headers or {}, body=raw)


@pytest.mark.parametrize(
    "body",
    [
        ANSWER,
        {**ANSWER, "error": None},
        {**ANSWER, "error": ""},
        {"choices": [], "usage": {"total_tokens": 3}},
        {"choices": [{"message": {"content": "part"}, "finish_reason": "content_filter"}]},
        {"choices": [{"message": {"content": None, "tool_calls": [{}]}, "finish_reason": "tool_calls"}]},
        {"choices": [{"message": {"content": ""}, "finish_reason": "length"}]},
        {"choices": [{"text": "legacy"}]},
        {"object": "list", "data": []},
        {"data": [{"embedding": [0.1]}]},
        {"models": [{"name": "x"}]},
        {"success": True, "errors": [], "result": {"response": "hi"}},
        {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]},
        {"candidates": [{"content": {"parts": [{"text": "cut"}]}, "finishReason": "SAFETY"}]},
        {"response": {"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}},
        [{"candidates": [{"content": {"parts": [{"text": "hi"}]}}]}],
        {"totalTokens": 5},
        {"type": "message", "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn"},
        {"type": "message", "content": [{"type": "text", "text": "no"}], "stop_reason": "refusal"},
        {"id": "resp_1", "object": "response", "status": "completed", "error": None, "output": []},
        {"model": "x", "message": {"role": "assistant", "content": "hi"}, "done": True},
        {"status": "ok"},
        {"code": 0, "msg": "success", "data": {}},
        {"base_resp": {"status_code": 0, "status_msg": ""}, "choices": [{"text": "hi"}]},
        {"choices": [{"message": {"content": "an error: rate limit exceeded"}}]},
        CHUNK + "data: [DONE]\n\n",
        ": OPENROUTER PROCESSING\n\n" + CHUNK,
        'data: {"choices":[],"usage":{"total_tokens":1}}\n\n' + CHUNK,
        'data: {"choices":[{"delta":{"content":"the \\"error\\" was mine"}}]}\n\n',
        'event: message_start\ndata: {"type":"message_start","message":{}}\n\n',
        'data: {"type":"response.created","response":{"id":"r","error":null}}\n\n',
    ],
)  # fmt: skip
def test_an_answer_is_an_answer(body):
    verdict = judge(body)
    assert verdict.ok, verdict
    assert not verdict.elsewhere


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"message": "x"}}, "server_error"),
        ({"error": "rate limit exceeded"}, "rate_limited_minute"),
        ({"error": True}, "server_error"),
        ({"object": "error", "message": "Invalid model: x", "type": "invalid_model"}, "model_not_found"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "overloaded"),
        ({"choices": [{"error": {"code": 429, "message": "slow"}}]}, "rate_limited_minute"),
        ({"choices": [{"message": {}, "finish_reason": "network_error"}]}, "server_error"),
        ({"choices": []}, "server_error"),
        ({"choices": None}, "server_error"),
        ({"choices": [], "usage": {}, "error": {"code": 503, "message": "full"}}, "overloaded"),
        ({"choices": [{"finish_reason": "content_filter", "message": {"content": ""}}]}, "content_filtered"),
        ({"choices": [{"finish_reason": "sensitive", "delta": {}}]}, "content_filtered"),
        ({"candidates": [], "promptFeedback": {"blockReason": "SAFETY"}}, "content_filtered"),
        ({"promptFeedback": {"blockReason": "OTHER"}}, "content_filtered"),
        ({"candidates": [{"finishReason": "PROHIBITED_CONTENT"}]}, "content_filtered"),
        ({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}, "server_error"),
        ({"candidates": []}, "server_error"),
        ({"response": {"candidates": [{"finishReason": "SAFETY"}]}}, "content_filtered"),
        ({"type": "message", "content": [], "stop_reason": "refusal"}, "content_filtered"),
        ({"success": False, "errors": [{"message": "no", "code": 1}]}, "server_error"),
        ({"status": "500", "msg": "boom"}, "server_error"),
        ({"detail": "Not Found"}, "server_error"),
        ([{"error": {"code": 403, "message": "no"}}], "auth_forbidden"),
        ("<html><body>log in</body></html>", "html_error_page"),
        ("", "server_error"),
        ('{"choices":[{"message":{"content":"cut of', "server_error"),
        ('{"error":{"message":"Rate limit rea', "rate_limited_minute"),
        ("data: [DONE]\n\n", "server_error"),
        (": comments only\n\n", "server_error"),
        ('event: error\ndata: {"message":"Overloaded"}\n\n', "overloaded"),
        ('event: error\ndata: overloaded\n\n', "overloaded"),
        (CHUNK + 'data: {"error":{"code":502,"message":"lost"},"choices":[]}\n\n', "server_error"),
        (CHUNK + 'data: {"choices":[{"delta":{},"finish_reason":"error"}]}\n\n', "server_error"),
        ('{"error":{"message":"Rate limit","code":429}}\n', "rate_limited_minute"),
        ('data: {"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"}}}\n\n',
         "rate_limited_minute"),
        ('data: {"promptFeedback":{"blockReason":"SAFETY"}}\n\n', "content_filtered"),
        ('data: {"choices":[{"del', "server_error"),
        ("upstream connect error or disconnect/reset before headers", "server_error"),
    ],
)  # fmt: skip
def test_an_error_in_a_200_is_found(body, kind):
    verdict = judge(body)
    assert verdict.kind == kind, verdict
    assert verdict.elsewhere or kind == "bad_request"


def test_an_unread_body_is_taken_at_its_word():
    assert judge(None).ok
    assert judge(b"", status=204).ok


def test_sound_and_pictures_are_not_read():
    assert judge(b"\x00\x01ID3", {"Content-Type": "audio/mpeg"}).ok


def test_an_answer_longer_than_the_scan_is_not_called_cut():
    long = {**ANSWER, "padding": "x" * 200_000}
    assert judge(long).ok
    assert (
        judge({"error": {"message": "invalid api key"}, "padding": "x" * 200_000}).kind
        == "auth_invalid"
    )
    assert judge(CHUNK * 5000).ok


def test_a_server_error_in_a_200_rests_nothing_but_the_request():
    assert judge({"choices": []}).scope == "request"
    assert judge({"error": {"message": "lost", "code": 500}}).scope == "request"
