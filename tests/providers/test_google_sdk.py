"""Google's own SDK agrees: with what we send, with what we answer, and with how we read it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from freellm_cli.core.assembly import Assembler
from freellm_cli.core.chat import Delta, ToolCallDelta, Usage
from freellm_cli.core.gemini_face import GeminiWriter, gemini_model, request_from_gemini
from freellm_cli.core.http import Headers
from freellm_cli.providers.google import Google
from tests.support.google_talk import (
    EVERYTHING,
    WEATHER,
    asking,
    body_of,
    call,
    result,
    said,
    target,
    user,
)

genai = pytest.importorskip("google.genai")
from google.genai import types  # noqa: E402

pytestmark = [pytest.mark.sdk, pytest.mark.filterwarnings("default")]


def test_the_sdks_types_take_every_field_that_we_send() -> None:
    request = asking(
        {"role": "system", "content": "be brief"},
        user([{"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}]),
        said("Let me see.", call("c1", arguments='{"town":"Bern"}')),
        result("c1", "sunny"),
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "weather"}},
        temperature=0.5,
        top_p=0.5,
        top_k=3,
        max_tokens=100,
        stop=["x"],
        seed=1,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        think="high",
    )
    body = body_of(request, target("gemini-3-flash-preview", capabilities=EVERYTHING))
    for content in body["contents"]:
        types.Content.model_validate(content)
    types.Content.model_validate(body["systemInstruction"])
    for tool in body["tools"]:
        types.Tool.model_validate(tool)
    types.ToolConfig.model_validate(body["toolConfig"])
    types.GenerateContentConfig.model_validate(body["generationConfig"])
    formed = body_of(
        asking(
            response_format={"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
        )
    )
    types.GenerateContentConfig.model_validate(formed["generationConfig"])


class Listener:
    """One loopback server for one test: keeps the SDK's last request, answers with `body`."""

    def __init__(self) -> None:
        self.body, self.content_type = b"{}", "application/json"
        self.path = ""
        self.sent: dict[str, Any] = {}
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                listener.path, listener.sent = self.path, json.loads(self.rfile.read(size))
                self.send_response(200)
                self.send_header("content-type", listener.content_type)
                self.send_header("content-length", str(len(listener.body)))
                self.end_headers()
                self.wfile.write(listener.body)

            def log_message(self, *args: object) -> None:
                """Tests say nothing of their own."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        url = f"http://127.0.0.1:{self._server.server_port}"
        self.client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def weather(town: str) -> str:
    """The weather of a town."""
    return town


CONFIG = {
    "system_instruction": "be brief",
    "temperature": 0.5,
    "max_output_tokens": 100,
    "stop_sequences": ["x"],
    "thinking_config": {"thinking_budget": 0},
    "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "OFF"}],
    "tools": [weather],
    "automatic_function_calling": {"disable": True},
}


def answered(*deltas: Delta) -> tuple[bytes, bytes]:
    """(the event stream, the whole answer) of our face."""
    writer, gathered = GeminiWriter("gemini/m", "r1"), Assembler()
    stream = b""
    for delta in deltas:
        gathered.add(delta)
        stream += b"".join(b"data: %b\n\n" % json.dumps(r).encode() for r in writer.feed(delta))
    stream += b"".join(b"data: %b\n\n" % json.dumps(r).encode() for r in writer.end())
    whole = GeminiWriter("gemini/m", "r1").whole(gathered.completion())
    return stream, json.dumps(whole).encode()


ANSWER = (
    Delta(reasoning="hm"),
    Delta(text="Hello, "),
    Delta(text="мир"),
    Delta(tool_calls=(ToolCallDelta(0, "c1", "weather", '{"town": "Bern"}', "c2ln"),)),
    Delta(finish="tool_calls", usage=Usage(7, 5, 2)),
)


def test_the_sdk_reads_our_answers(listener: Listener) -> None:
    stream, listener.body = answered(*ANSWER)
    one = listener.client.models.generate_content(model="m", contents="hi", config=CONFIG)
    assert one.candidates[0].content.parts[0].thought
    assert one.candidates[0].content.parts[1].text == "Hello, мир"
    assert one.function_calls[0].args == {"town": "Bern"}
    assert one.candidates[0].content.parts[2].thought_signature == b"sig"
    assert one.candidates[0].finish_reason == types.FinishReason.STOP
    assert one.usage_metadata.total_token_count == 12
    assert (one.model_version, one.response_id) == ("gemini/m", "r1")
    listener.body, listener.content_type = stream, "text/event-stream"
    pieces = list(
        listener.client.models.generate_content_stream(model="m", contents="hi", config=CONFIG)
    )
    words = [part.text for p in pieces for part in p.candidates[0].content.parts if part.text]
    assert words == ["hm", "Hello, ", "мир"]
    assert pieces[-1].function_calls[0].name == "weather"
    assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP


def test_we_read_the_sdks_request(listener: Listener) -> None:
    listener.body = answered(*ANSWER)[1]
    client = listener.client
    picture = types.Part.from_bytes(data=b"ABC", mime_type="image/png")
    first = client.models.generate_content(model="m", contents=["see", picture], config=CONFIG)
    asked = request_from_gemini("m", listener.sent, False)
    assert listener.path.endswith("/models/m:generateContent")
    assert asked.messages[0] == {"role": "system", "content": "be brief"}
    assert [part["type"] for part in asked.messages[1]["content"]] == ["text", "image_url"]
    assert asked.params["temperature"] == 0.5
    assert asked.params["max_tokens"] == 100
    assert asked.params["stop"] == ["x"]
    assert asked.think == "off"
    assert (
        asked.params["tools"][0]["function"]["parameters"]["properties"]["town"]["type"] == "string"
    )
    assert asked.params["google"]["safetySettings"][0]["threshold"] == "OFF"

    history = [
        types.Content(role="user", parts=[types.Part(text="weather?")]),
        first.candidates[0].content,
        types.Content(
            role="user",
            parts=[types.Part.from_function_response(name="weather", response={"result": "sunny"})],
        ),
    ]
    client.models.generate_content(model="m", contents=history, config=CONFIG)
    again = request_from_gemini("m", listener.sent, False)
    assert again.messages[2]["tool_calls"][0]["extra_content"] == {
        "google": {"thought_signature": "c2ln"}
    }
    assert again.messages[3] == {
        "role": "tool",
        "tool_call_id": "c1",
        "content": "sunny",
        "name": "weather",
    }
    body_of(again, target("gemini-3-flash-preview"))


def test_our_reader_reads_what_our_face_writes() -> None:
    for body in answered(*ANSWER):
        gathered = Assembler()
        reader = Google().reader(asking(), target(), Headers([]))
        for delta in [*reader.feed(body), *reader.close()]:
            gathered.add(delta)
        answer = gathered.completion()
        assert (answer.text, answer.reasoning, answer.finish) == ("Hello, мир", "hm", "tool_calls")
        assert answer.tool_calls[0].signature == "c2ln"
        assert answer.usage == Usage(7, 5, 2)


def test_the_sdk_reads_our_model_list() -> None:
    listed = types.Model.model_validate(
        {k: v for k, v in gemini_model("smart").items() if k not in ("supportedGenerationMethods",)}
    )
    assert listed.name == "models/smart"
