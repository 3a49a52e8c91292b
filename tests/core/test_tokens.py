"""Estimates of tokens. The true counts are o200k's, taken once for these texts."""

from __future__ import annotations

from time import thread_time

import pytest

from freellm_cli.core.chat import ChatRequest
from freellm_cli.core.tokens import (
    IMAGE_TOKENS,
    estimate_content,
    estimate_request,
    estimate_text,
)

ENGLISH = (
    "The stalker stopped at the edge of the clearing and listened. Somewhere ahead, beyond the "
    "rusting trucks, a dog barked twice and fell silent. He checked his detector, counted the "
    "rounds that were left, and decided to wait for the storm to pass before going on."
)
RUSSIAN = (
    "Сталкер остановился на краю поляны и прислушался. Где-то впереди, за ржавыми грузовиками, "
    "дважды пролаяла собака и замолчала. Он проверил детектор, пересчитал патроны и решил "
    "переждать бурю."
)
CHINESE = (
    "潜行者在空地边缘停下来倾听。前方生锈的卡车后面，一条狗叫了两"
    "声，然后安静下来。他检查了探测器，决定等暴风雨过去再走。"
)
JAPANESE = (
    "ストーカーは空き地の端で立ち止まり、耳を澄ませた。"
    "錆びたトラックの向こうで犬が二度吠えて静かになった。"
)
POLISH = (
    "Stalker zatrzymał się na skraju polany i nasłuchiwał. Gdzieś z przodu, za rdzewiejącymi "
    "ciężarówkami, pies szczeknął dwa razy i umilkł. Sprawdził detektor i postanowił przeczekać burzę."
)
CODE = '''def hi(name: str) -> None:
    """Say hello."""
    if name.strip() != "":
        print(f"hello, {name!r}", end="\\n")
    for index, value in enumerate(range(100)):
        total[index] += value * 3.14159
'''
JSON = (
    '{"id":"gen-1","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"n":12345}'
)


@pytest.mark.parametrize(
    ("text", "true"),
    [
        (ENGLISH, 56),
        (RUSSIAN, 59),
        (CHINESE, 50),
        (JAPANESE, 43),
        (POLISH, 67),
        (CODE, 60),
        (JSON, 32),
    ],
)
def test_estimates_are_near_the_truth_and_hardly_ever_below_it(text: str, true: int) -> None:
    assert 0.95 * true <= estimate_text(text) <= 1.9 * true


def test_estimates_are_above_the_truth_on_average() -> None:
    texts = {ENGLISH: 56, RUSSIAN: 59, CHINESE: 50, JAPANESE: 43, POLISH: 67, CODE: 60, JSON: 32}

    ratios = [estimate_text(text) / true for text, true in texts.items()]

    assert 1.0 < sum(ratios) / len(ratios) < 1.4


def test_nothing_costs_nothing() -> None:
    assert estimate_text("") == 0
    assert estimate_content(None) == 0


def test_one_character_costs_at_least_one_token() -> None:
    assert all(estimate_text(character) >= 1 for character in "a1.ж猫😀\ud800 \x00é")


def test_more_text_never_costs_less() -> None:
    for text in (ENGLISH, RUSSIAN, CHINESE, CODE):
        costs = [estimate_text(text[:size]) for size in range(len(text))]
        assert costs == sorted(costs)


def test_media_cost_what_hosts_count() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    small = {"type": "image_url", "image_url": {"url": "https://x.example", "detail": "low"}}
    minute = {"type": "input_audio", "input_audio": {"data": "A" * 2_560_000, "format": "wav"}}
    spoken = {"type": "file", "file": {"file_data": "data:audio/ogg;base64," + "A" * 320_000}}

    assert estimate_content([image]) == IMAGE_TOKENS
    assert estimate_content([small]) < IMAGE_TOKENS
    assert 1900 <= estimate_content([minute]) <= 2100
    assert 1900 <= estimate_content([spoken]) <= 2100
    assert estimate_content([{"type": "file", "file": {"file_data": "data:application/pdf,x"}}]) > 0
    assert estimate_content([{"type": "text", "text": ENGLISH}]) == estimate_text(ENGLISH)


def test_odd_content_is_counted_as_far_as_it_is_text() -> None:
    assert estimate_content(["some words", None, {"type": "video_url"}, 5]) == estimate_text(
        "some words"
    )
    assert estimate_content([{"type": "file", "file": {"file_data": "data:text/plain,hi"}}]) > 0
    assert (
        estimate_content([{"type": "file", "file": {"file_data": "data:image/png,AA"}}])
        == IMAGE_TOKENS
    )


def test_thinking_that_is_sent_back_counts() -> None:
    turn = {"role": "assistant", "content": "x", "reasoning_content": ENGLISH}

    assert estimate_request(ChatRequest("m", [turn], {})) > estimate_text(ENGLISH)


def test_a_request_counts_messages_calls_tools_and_schema() -> None:
    def cost(**params: object) -> int:
        return estimate_request(ChatRequest("m", [{"role": "user", "content": "hi"}], params))

    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    schema = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}}}
    plain = cost()
    assert cost(tools=[tool]) > plain
    assert cost(tools=[tool] * 10) > 5 * (cost(tools=[tool]) - plain)
    assert cost(response_format=schema) > plain

    call = {"id": "a", "function": {"name": "f", "arguments": '{"long": "' + "x " * 400 + '"}'}}
    answered = ChatRequest("m", [{"role": "assistant", "content": None, "tool_calls": [call]}], {})
    assert estimate_request(answered) > 150


def test_long_texts_take_time_in_proportion() -> None:
    def seconds(text: str) -> float:
        began = thread_time()
        estimate_text(text)
        return thread_time() - began

    for text in (ENGLISH * 100, RUSSIAN * 100, CHINESE * 100):
        few = min(seconds(text) for _ in range(5))
        many = min(seconds(text * 16) for _ in range(3))
        assert many < 100 * few
