"""Python clients from the package registry, against the server over real sockets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.serving import MODEL, Served

pytestmark = pytest.mark.sdk
WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
CALL = ("weather", {"city": "Prague"})


def v1(server: Served) -> str:
    return f"http://127.0.0.1:{server.port}/v1"


@pytest.fixture
def openai_client(server: Served) -> Any:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=v1(server), api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(server: Served) -> Any:
    anthropic = pytest.importorskip("anthropic")
    root = f"http://127.0.0.1:{server.port}"
    with anthropic.Anthropic(base_url=root, api_key="any", max_retries=0) as client:
        yield client


def ask(text: str = "hello") -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_openai_answers_whole_and_streamed(openai_client: Any, server: Served) -> None:
    server.sim.reply("Ahoj!", times=2)
    whole = openai_client.chat.completions.create(model=MODEL, messages=ask())
    assert whole.choices[0].message.content == "Ahoj!"
    assert whole.usage.total_tokens > 0
    stream = openai_client.chat.completions.create(
        model=MODEL, messages=ask(), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "Ahoj!"
    assert chunks[-1].usage.total_tokens > 0


def test_openai_carries_a_tool_call_through(openai_client: Any, server: Served) -> None:
    server.sim.reply(None, calls=[CALL])
    first = openai_client.chat.completions.create(model=MODEL, messages=ask(), tools=[TOOL])
    call = first.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == CALL
    server.sim.reply("Sunny.")
    second = openai_client.chat.completions.create(
        model=MODEL,
        tools=[TOOL],
        messages=[
            *ask(),
            first.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
        ],
    )
    assert second.choices[0].message.content == "Sunny."
    assert server.sim.seen[-1].body["messages"][-1]["content"] == "sunny"


def test_openai_lists_retrieves_and_embeds(openai_client: Any) -> None:
    listed = [model.id for model in openai_client.models.list()]
    assert "auto" in listed
    assert openai_client.models.retrieve("gemini/gemini-2.5-flash").id == "gemini/gemini-2.5-flash"
    answer = openai_client.embeddings.create(model="acme/embedder", input=["a", "b"])
    assert len(answer.data) == 2
    assert len(answer.data[0].embedding) > 1


def test_openai_responses_stream_to_completion(openai_client: Any, server: Served) -> None:
    server.sim.reply("Ahoj!", times=2)
    whole = openai_client.responses.create(model=MODEL, input="hello")
    assert whole.output_text == "Ahoj!"
    with openai_client.responses.stream(model=MODEL, input="hello") as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_response().output_text == "Ahoj!"
    assert kinds[-1] == "response.completed"


def test_openai_sees_a_limit_with_its_wait(openai_client: Any, server: Served) -> None:
    import openai

    server.sim.fail("rate_minute", wait_s=700, times=None)
    impatient = openai_client.with_options(timeout=20)
    with pytest.raises(openai.RateLimitError) as caught:
        impatient.chat.completions.create(model=MODEL, messages=ask())
    assert int(caught.value.response.headers["retry-after"]) > 60
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_anthropic_answers_streams_counts_and_calls_tools(
    anthropic_client: Any, server: Served
) -> None:
    server.sim.reply("Ahoj!", times=2)
    whole = anthropic_client.messages.create(model="claude-x", max_tokens=500, messages=ask())
    assert whole.content[0].text == "Ahoj!"
    with anthropic_client.messages.stream(
        model="claude-x", max_tokens=500, messages=ask()
    ) as stream:
        assert "".join(stream.text_stream) == "Ahoj!"
        assert stream.get_final_message().stop_reason == "end_turn"
    counted = anthropic_client.messages.count_tokens(
        model="claude-x", messages=ask("one two three")
    )
    assert counted.input_tokens > 0
    server.sim.reply(None, calls=[CALL])
    tools = [{"name": "weather", "input_schema": WEATHER}]
    called = anthropic_client.messages.create(
        model="claude-x", max_tokens=500, messages=ask(), tools=tools
    )
    assert called.stop_reason == "tool_use"
    assert called.content[-1].input == {"city": "Prague"}


def test_google_answers_streams_and_counts(server: Served) -> None:
    genai = pytest.importorskip("google.genai")
    options = genai.types.HttpOptions(base_url=f"http://127.0.0.1:{server.port}")
    client = genai.Client(api_key="any", http_options=options)
    server.sim.reply("Ahoj!", times=2)
    whole = client.models.generate_content(model="gemini-2.5-flash", contents="hello")
    assert whole.text == "Ahoj!"
    stream = client.models.generate_content_stream(model="gemini-2.5-flash", contents="hello")
    assert "".join(chunk.text or "" for chunk in stream) == "Ahoj!"
    assert client.models.count_tokens(model="gemini-2.5-flash", contents="hello").total_tokens > 0
    options = {"output_dimensionality": 64, "task_type": "CLUSTERING"}
    for model, expected in (("gemini-embedding-2", [64]), ("gemini-embedding-001", [64, 64])):
        # The SDK takes the newer model's contents for the parts of one.
        made = client.models.embed_content(model=model, contents=["a", "b"], config=options)
        assert [len(one.values or ()) for one in made.embeddings or ()] == expected


def test_litellm_asks_as_a_client(server: Served) -> None:
    code = (
        "import litellm; litellm.suppress_debug_info = True\n"
        f"answer = litellm.completion(model='openai/{MODEL}', api_base='{v1(server)}', "
        "api_key='any', messages=[{'role': 'user', 'content': 'hello'}])\n"
        "print(answer.choices[0].message.content)"
    )
    server.sim.reply("Ahoj!")
    done = _run_or_skip("litellm", code, {"LITELLM_LOCAL_MODEL_COST_MAP": "True"})
    assert done.stdout.strip().endswith("Ahoj!"), done.stderr[-1500:]


def test_langchain_answers_and_streams(server: Served) -> None:
    code = (
        "from langchain_openai import ChatOpenAI\n"
        f"model = ChatOpenAI(model='{MODEL}', base_url='{v1(server)}', api_key='any')\n"
        "print(model.invoke('hello').content)\n"
        "print(''.join(chunk.content for chunk in model.stream('hello')))"
    )
    server.sim.reply("Ahoj!", times=2)
    done = _run_or_skip("langchain_openai", code, {})
    assert done.stdout.split() == ["Ahoj!", "Ahoj!"], done.stderr[-1500:]


def test_llm_asks_an_openai_compatible_model(server: Served, tmp_path: Path) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: pooled\n  model_name: {MODEL}\n  api_base: {v1(server)}\n"
    )
    code = (
        "import llm\n"
        "model = llm.get_model('pooled'); model.key = 'any'\n"
        "print(model.prompt('hello', stream=False).text())"
    )
    server.sim.reply("Ahoj!")
    done = _run_or_skip("llm", code, {"LLM_USER_PATH": str(tmp_path)})
    assert done.stdout.strip() == "Ahoj!", done.stderr[-1500:]


def _run_or_skip(package: str, code: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """These libraries warn at import and patch what they find: each in a process of its own."""
    import importlib.util

    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        env={"PATH": "", "HOME": "/nonexistent", **env},
        check=False,
    )
