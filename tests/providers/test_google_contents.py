"""Messages become contents that Google takes."""

from __future__ import annotations

from typing import Any

import pytest

from freellm_cli.core.errors import RequestRefused
from freellm_cli.providers.google import Google
from freellm_cli.providers.google_contents import CONTINUE, NO_RESULT, OPENING
from freellm_cli.providers.thought_signatures import BYPASS, ThoughtSignatures
from tests.support.google_talk import (
    EVERYTHING,
    asking,
    body_of,
    call,
    read,
    result,
    said,
    sse,
    target,
    user,
)

PNG = "data:image/png;base64,QUJD"


def turns(*messages: Any, where: Any = None) -> list[tuple[str, list[dict[str, Any]]]]:
    contents = body_of(asking(*messages), where)["contents"]
    return [(content["role"], content["parts"]) for content in contents]


def system(words: Any) -> dict[str, Any]:
    return {"role": "system", "content": words}


# Roles and their order.


def test_system_messages_anywhere_become_the_instruction() -> None:
    body = body_of(
        asking(
            system("one"), "hi", {"role": "developer", "content": [{"type": "text", "text": "two"}]}
        )
    )
    assert body["systemInstruction"] == {"parts": [{"text": "one"}, {"text": "two"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_a_conversation_of_instructions_alone_is_the_users_turn() -> None:
    body = body_of(asking(system("say hello")))
    assert "systemInstruction" not in body
    assert body["contents"] == [{"role": "user", "parts": [{"text": "say hello"}]}]


def test_neighbours_of_one_role_are_one_turn() -> None:
    assert turns("a", "b", said("c"), said("d"), "e") == [
        ("user", [{"text": "a"}, {"text": "b"}]),
        ("model", [{"text": "c"}, {"text": "d"}]),
        ("user", [{"text": "e"}]),
    ]


def test_empty_texts_and_turns_are_left_out() -> None:
    empty = user([{"type": "text", "text": ""}])
    assert turns("a", said(""), empty, said(None), "b") == [
        ("user", [{"text": "a"}, {"text": "b"}])
    ]


def test_a_conversation_that_the_model_begins_is_opened_for_it() -> None:
    assert turns(said("Welcome, stranger."), "hi")[0] == ("user", [{"text": OPENING}])


def test_a_conversation_that_the_model_ends_is_continued() -> None:
    assert turns("tell me", said("Once"))[-1] == ("user", [{"text": CONTINUE}])


def test_where_the_catalog_says_so_the_models_words_may_come_last() -> None:
    request = asking("tell me", said("Once"))
    built = Google().build(request, target(prefill=True)).body
    assert built["contents"][-1] == {"role": "model", "parts": [{"text": "Once"}]}


@pytest.mark.parametrize("messages", [[user("")], [said("")], [system("")], [user(None)]])
def test_a_conversation_without_a_word_is_refused(messages: list[Any]) -> None:
    with pytest.raises(RequestRefused, match="no text"):
        body_of(asking(*messages))


def test_reasoning_in_the_history_stays_at_home() -> None:
    assert turns("a", said("b", reasoning_content="secret"), "c")[1] == ("model", [{"text": "b"}])


# Pictures, sound, files.


def parts(*given: dict[str, Any], where: Any = None) -> list[dict[str, Any]]:
    found = turns(user(list(given)), where=where or target(capabilities=EVERYTHING))
    return found[0][1]


def picture(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}


@pytest.mark.parametrize(
    ("part", "made"),
    [
        (picture(PNG), {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}),
        (
            picture("data:image/jpg;base64,QU\nJD"),
            {"inlineData": {"mimeType": "image/jpeg", "data": "QUJD"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
            {"inlineData": {"mimeType": "audio/wav", "data": "QUJD"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:audio/ogg;base64,QUJD"}},
            {"inlineData": {"mimeType": "audio/ogg", "data": "QUJD"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}},
            {"inlineData": {"mimeType": "application/pdf", "data": "QUJD"}},
        ),
        (
            {"type": "file", "file": {"file_data": "data:text/plain,a%20b"}},
            {"inlineData": {"mimeType": "text/plain", "data": "YSBi"}},
        ),
        (
            picture("https://generativelanguage.googleapis.com/v1beta/files/abc"),
            {
                "fileData": {
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc",
                    "mimeType": "image/jpeg",
                }
            },
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://youtu.be/xyz"}},
            {"fileData": {"fileUri": "https://youtu.be/xyz"}},
        ),
    ],
)
def test_media_become_inline_data(part: dict[str, Any], made: dict[str, Any]) -> None:
    assert parts(part, {"type": "text", "text": "what is it?"}) == [made, {"text": "what is it?"}]


def test_an_address_is_refused_because_google_reads_none() -> None:
    url = "https://example.org/cat.png?token=secret"
    with pytest.raises(
        RequestRefused, match=r"does not read addresses: https://example\.org/cat"
    ) as e:
        parts(picture(url))
    assert "secret" not in str(e.value)


@pytest.mark.parametrize("address", ["file:///home/me/cat.png", "ftp://example.org/cat.png"])
def test_an_address_of_another_kind_is_not_taken_for_the_picture(address: str) -> None:
    with pytest.raises(RequestRefused, match="does not read addresses"):
        parts(picture(address))


def test_an_address_that_was_fetched_before_goes_as_its_bytes() -> None:
    url = "https://example.org/cat.png"
    where = target(capabilities=EVERYTHING, options={"fetch": {url: PNG}})
    assert parts(picture(url), where=where) == [
        {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    ]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (picture(PNG), "takes no pictures"),
        ({"type": "input_audio", "input_audio": {"data": "QUJD"}}, "takes no sound"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}}, "no PDF"),
        ({"type": "hologram"}, "hologram"),
        (picture("data:image/png;base64,"), "is empty"),
        (picture(""), "no data and no address"),
    ],
)
def test_what_a_model_cannot_take_is_refused(part: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestRefused, match=words):
        parts(part, where=target("gemma-3-1b-it"))


# Function calls and their results.


def test_calls_and_results_keep_ids_order_and_names() -> None:
    found = turns(
        "weather?",
        said("Let me see.", call("c1", arguments='{"town":"Bern"}'), call("c2", "clock")),
        result("c2", "noon"),
        result("c1", '{"sky":"blue"}'),
        "thanks",
    )
    assert found[1:] == [
        (
            "model",
            [
                {"text": "Let me see."},
                {"functionCall": {"name": "weather", "args": {"town": "Bern"}, "id": "c1"}},
                {"functionCall": {"name": "clock", "args": {}, "id": "c2"}},
            ],
        ),
        (
            "user",
            [
                {"functionResponse": {"name": "weather", "id": "c1", "response": {"sky": "blue"}}},
                {"functionResponse": {"name": "clock", "id": "c2", "response": {"result": "noon"}}},
                {"text": "thanks"},
            ],
        ),
    ]


def responses(*messages: Any) -> list[Any]:
    return [
        part["functionResponse"]["response"]
        for _, made in turns(*messages)
        for part in made
        if "functionResponse" in part
    ]


def test_a_missing_result_is_said_to_be_missing() -> None:
    assert responses("a", said(None, call("c1"), call("c2")), result("c2", "two")) == [
        {"error": NO_RESULT},
        {"result": "two"},
    ]


def test_results_with_lost_ids_are_found_by_name_then_by_place() -> None:
    assert responses(
        "a",
        said(None, call("c1", "f"), call("c2", "g"), call("c3", "h")),
        result("x1", "of h", name="h"),
        result("x2", "first left"),
        result("c2", "of g"),
    ) == [{"result": "first left"}, {"result": "of g"}, {"result": "of h"}]


def test_a_result_behind_the_users_impatience_still_answers_its_call() -> None:
    assert responses("a", said(None, call("c1")), "hurry!", result("c1", "late")) == [
        {"result": "late"}
    ]


def test_calls_that_reuse_an_id_get_their_own_results() -> None:
    assert responses(
        "a",
        said(None, call("c")),
        result("c", "one"),
        said(None, call("c")),
        result("c", "two"),
    ) == [{"result": "one"}, {"result": "two"}]


def test_calls_in_separate_messages_are_one_parallel_turn() -> None:
    found = turns(
        "a", said(None, call("c1", "f")), said(None, call("c2", "g")), result("c1"), result("c2")
    )
    assert [role for role, _ in found] == ["user", "model", "user"]


def test_a_result_without_a_call_is_told_as_text() -> None:
    assert turns("a", result("gone", "sunny", name="weather")) == [
        ("user", [{"text": "a"}, {"text": "[Result of weather]"}, {"text": "sunny"}])
    ]


@pytest.mark.parametrize(
    ("content", "response"),
    [
        ("plain", {"result": "plain"}),
        ("", {"result": ""}),
        (None, {"result": ""}),
        ("[1,2]", {"result": "[1,2]"}),
        ('{"a":1}', {"a": 1}),
        ('{"a":', {"result": '{"a":'}),
        ('{"a":NaN}', {"result": '{"a":NaN}'}),
        ('{"a":{"$ref":"#/x"}}', {"result": '{"a":{"$ref":"#/x"}}'}),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], {"result": "a\nb"}),
    ],
)
def test_a_result_is_an_object(content: Any, response: dict[str, Any]) -> None:
    assert responses("a", said(None, call("c")), result("c", content)) == [response]


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ("", {}),
        ("{}", {}),
        ('{"a": 1}', {"a": 1}),
        ("oops", {"arguments": "oops"}),
        ("[1]", {"arguments": "[1]"}),
    ],
)
def test_arguments_are_an_object(arguments: str, args: dict[str, Any]) -> None:
    found = turns("a", said(None, call("c", arguments=arguments)), result("c"))
    assert found[1][1][0]["functionCall"]["args"] == args


def test_a_picture_in_a_result_goes_inside_it_for_models_that_nest() -> None:
    shown = result("c", [{"type": "text", "text": "the map"}, picture(PNG)])
    inline = {"inlineData": {"mimeType": "image/png", "data": "QUJD"}}
    conversation = ("a", said(None, call("c")), shown)
    nested = turns(*conversation, where=target("gemini-3-flash-preview"))[-1][1]
    assert [part["functionResponse"].get("parts") for part in nested] == [[inline]]
    beside = turns(*conversation, where=target("gemini-2.5-flash"))[-1][1]
    assert "parts" not in beside[0]["functionResponse"]
    assert beside[1] == inline


def test_a_model_that_calls_no_functions_reads_of_them_as_text() -> None:
    found = turns(
        "a",
        said(None, call("c", arguments='{"town":"Bern"}')),
        result("c"),
        where=target("gemma-3-27b-it"),
    )
    assert found[1] == ("model", [{"text": '[Call of weather: {"town":"Bern"}]'}])
    assert found[2][1][0] == {"text": "[Result of c]"}


def test_gemma_3_reads_its_instruction_in_the_first_turn() -> None:
    where = target("gemma-3-27b-it")
    body = body_of(asking(system("be brief"), "hi", said("yes?"), "bye"), where)
    assert "systemInstruction" not in body
    assert body["contents"][0]["parts"] == [{"text": "be brief\n\n"}, {"text": "hi"}]
    begun_by_model = body_of(asking(system("be brief"), said("yes?"), "bye"), where)
    assert begun_by_model["contents"][0] == {"role": "user", "parts": [{"text": "be brief"}]}


def test_gemma_4_takes_an_instruction() -> None:
    body = body_of(asking(system("be brief"), "hi"), target("gemma-4-31b-it"))
    assert body["systemInstruction"] == {"parts": [{"text": "be brief"}]}


# Thought signatures.

FLASH3 = target("gemini-3-flash-preview")


def signatures_sent(
    *messages: Any, where: Any = FLASH3, dialect: Google | None = None
) -> list[Any]:
    contents = body_of(asking(*messages), where, dialect)["contents"]
    return [
        part.get("thoughtSignature")
        for content in contents
        for part in content["parts"]
        if "functionCall" in part
    ]


def test_an_unsigned_call_gets_the_documented_bypass_on_the_first_of_each_turn() -> None:
    conversation = (
        "a",
        said(None, call("c1"), call("c2")),
        result("c1"),
        result("c2"),
        said(None, call("c3")),
        result("c3"),
    )
    assert signatures_sent(*conversation) == [BYPASS, None, BYPASS]
    assert signatures_sent(*conversation, where=target("gemini-2.5-flash")) == [None, None, None]


def test_the_clients_own_signature_goes_first() -> None:
    dialect = Google(signatures=ThoughtSignatures())
    dialect.signatures.remember(
        call_id="c1", name="weather", arguments="{}", signature="Y2FjaGU=", model=FLASH3.model_id
    )
    kept = {"extra_content": {"google": {"thought_signature": "Y2xpZW50"}}}
    for more in (kept, {"thought_signature": "Y2xpZW50"}):
        conversation = ("a", said(None, call("c1", **more)), result("c1"))
        assert signatures_sent(*conversation, dialect=dialect) == ["Y2xpZW50"]
    conversation = ("a", said(None, call("c1")), result("c1"))
    assert signatures_sent(*conversation, dialect=dialect) == ["Y2FjaGU="]


def test_what_an_answer_was_signed_with_returns_with_its_call_though_the_client_lost_all() -> None:
    dialect = Google()
    part = {
        "functionCall": {"name": "weather", "args": {"town": "Bern", "days": 2}},
        "thoughtSignature": "c2lnbmVk",
    }
    answer = {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]}
    (delta, _) = read(sse(answer), where=FLASH3, dialect=dialect)
    given = delta.tool_calls[0]
    assert given.signature == "c2lnbmVk"
    for call_id, arguments in (
        (given.id, "{}"),
        ("renamed", '{"days":2,"town":"Bern"}'),
    ):
        conversation = ("a", said(None, call(call_id, arguments=arguments)), result(call_id))
        assert signatures_sent(*conversation, dialect=dialect) == ["c2lnbmVk"]


def test_another_models_signature_is_not_passed_on() -> None:
    dialect = Google()
    dialect.signatures.remember(
        call_id="c1",
        name="weather",
        arguments="{}",
        signature="cHJv",
        model="gemini/gemini-3.1-pro",
    )
    conversation = ("a", said(None, call("c1", thought_signature="cHJv")), result("c1"))
    assert signatures_sent(*conversation, dialect=dialect) == [BYPASS]


def test_what_cannot_be_a_signature_is_not_sent_as_one() -> None:
    conversation = ("a", said(None, call("c1", thought_signature="näh!")), result("c1"))
    assert signatures_sent(*conversation) == [BYPASS]


def test_a_route_that_refuses_old_signatures_can_be_told_to_skip_them() -> None:
    where = target("gemini-3-flash-preview", signatures="bypass")
    conversation = ("a", said(None, call("c1", thought_signature="Y2xpZW50")), result("c1"))
    assert signatures_sent(*conversation, where=where) == [BYPASS]


def test_a_turn_of_text_returns_with_its_signature() -> None:
    kept = {"extra_content": {"google": {"thought_signature": "dGV4dA=="}}}
    conversation = ("a", said("b", **kept), "c")
    assert turns(*conversation, where=FLASH3)[1][1] == [
        {"text": "b", "thoughtSignature": "dGV4dA=="}
    ]
    assert turns(*conversation)[1][1] == [{"text": "b"}]
