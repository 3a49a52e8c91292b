"""OpenAI's old completions."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.chat import Completion, Delta
from freellm_cli.core.errors import BadField, UpstreamError
from freellm_cli.core.faces.registry import face
from tests.support.faces import asked, events, stream, whole


def test_a_prompt_is_one_user_message() -> None:
    for prompt in ("Once upon", ["Once upon"]):
        request = asked("completions", prompt=prompt, stop="\n", temperature=0.2).request
        assert request.messages == [{"role": "user", "content": "Once upon"}]
        assert request.params == {"max_tokens": 500, "stop": ["\n"], "temperature": 0.2}


def test_sixteen_tokens_unless_asked_otherwise() -> None:
    request = asked("completions", max_tokens=None).request
    assert request.params == {"max_tokens": 16}
    assert request.think == "off"


def test_a_suffix_asks_to_fill_in() -> None:
    system, user = asked("completions", prompt="def f(", suffix="return 1").request.messages
    assert system["role"] == "system"
    assert user["content"] == "def f(<FILL>return 1"


def test_what_has_no_meaning_here_is_not_asked_upstream() -> None:
    request = asked("completions", n=1, best_of=3, logprobs=5, echo=True).request
    assert request.params == {"max_tokens": 500}


def test_a_stream_byte_by_byte() -> None:
    head = (
        'data: {"id":"cmpl-0123456789abcdef0123","object":"text_completion","created":1763700000,'
        '"model":"gemini/gemini-2.5-flash","choices":[{"text":'
    )
    body = stream("completions", [Delta(reasoning="Hm."), Delta(text=" a"), Delta(finish="length")])
    assert body.decode() == (
        f'{head}"","index":0,"logprobs":null,"finish_reason":null}}]}}\n\n'
        f'{head}" a","index":0,"logprobs":null,"finish_reason":null}}]}}\n\n'
        f'{head}"","index":0,"logprobs":null,"finish_reason":"length"}}],"usage":{{"prompt_tokens":10,'
        '"completion_tokens":5,"total_tokens":15,"completion_tokens_details":{"reasoning_tokens":2},'
        '"prompt_tokens_details":{"cached_tokens":1}}}\n\n'
        "data: [DONE]\n\n"
    )


def test_usage_in_a_chunk_of_its_own() -> None:
    body = stream("completions", [Delta(text="a")], stream_options={"include_usage": True})
    *before, last, _ = [data for _, data in events(body)]
    assert [chunk["usage"] for chunk in before] == [None, None, None]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 15)


def test_echo() -> None:
    said = whole("completions", Completion(" upon"), echo=True)["choices"][0]
    assert said == {
        "text": "Once upon",
        "index": 0,
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_an_error_in_the_stream() -> None:
    body = stream("completions", [Delta(text="a")], error=UpstreamError("broke off"))
    *_, error, done = [data for _, data in events(body)]
    assert error["error"]["message"].startswith("broke off")
    assert done == "[DONE]"


@pytest.mark.parametrize(
    ("body", "path", "words"),
    [
        (5, "body", "object"),
        ({}, "prompt", "string"),
        ({"prompt": [1, 2, 3]}, "prompt", "token ids"),
        ({"prompt": [[1, 2]]}, "prompt", "token ids"),
        ({"prompt": ["a", "b"]}, "prompt", "a request for each"),
        ({"prompt": "a", "model": 5}, "model", "string"),
    ],
)
def test_what_is_wrong_is_named(body: Any, path: str, words: str) -> None:
    with pytest.raises(BadField, match=words) as refusal:
        face("completions").parse(body, "", None)
    assert refusal.value.path == path
