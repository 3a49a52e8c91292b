"""What providers say, row by row: the wordings that mean something, and the same words in another sense."""

from __future__ import annotations

import pytest

from freellm_cli.core.verdict_row import (
    AUTH_FORBIDDEN,
    AUTH_INVALID,
    BAD_REQUEST,
    CONTEXT,
    DAY,
    FILTERED,
    KEY,
    KEY_SUSPENDED,
    MINUTE,
    MODEL,
    MODEL_NOT_FOUND,
    OVERLOADED,
    PAYMENT,
    PROVIDER,
    REQUEST,
    SERVER_ERROR,
    TIMEOUT,
)
from tests.support.error_cases import google, info, judge, retry, say

# google-gemini/gemini-cli packages/core/src/utils/googleQuotaErrors.test.ts; issues 10513, 25179, 1343.
CAPACITY = "You have exhausted your capacity on this model. Your quota will reset after "
CODE_ASSIST = [
    (
        "short",
        429,
        google(
            429,
            CAPACITY + "0s.",
            "RESOURCE_EXHAUSTED",
            info(
                "RATE_LIMIT_EXCEEDED",
                model="gemini-2.5-pro",
                quotaResetDelay="539.477544ms",
                quotaResetTimeStamp="2025-10-20T19:14:08Z",
            ),
            retry("0.539477544s"),
        ),
        (MINUTE, MODEL, 0.539477544),
    ),
    (
        "short without RetryInfo",
        429,
        google(429, CAPACITY + "2s.", "RESOURCE_EXHAUSTED", info("RATE_LIMIT_EXCEEDED")),
        (MINUTE, MODEL, 2.0),
    ),
    (
        "long",
        429,
        google(
            429,
            CAPACITY + "19h14m47s.",
            "RESOURCE_EXHAUSTED",
            info("QUOTA_EXHAUSTED"),
            retry("68940s"),
        ),
        (DAY, MODEL, 68940.0),
    ),
    (
        "long, newer wording",
        429,
        google(
            429,
            "Individual quota reached. Please upgrade your subscription to increase your limits. "
            "Resets in 9h22m20s.",
            "RESOURCE_EXHAUSTED",
            info("QUOTA_EXHAUSTED", quotaResetDelay="33740.910400305s"),
        ),
        (DAY, MODEL, 33740.910400305),
    ),
    (
        "daily in spite of its reason",
        429,
        google(
            429,
            "Quota exceeded for quota metric 'Gemini 2.5 Pro Requests' and limit 'Gemini 2.5 Pro "
            "Requests per day per user per tier' of service 'cloudcode-pa.googleapis.com' for consumer "
            "'project_number:123456789'.",
            "RESOURCE_EXHAUSTED",
            info("RATE_LIMIT_EXCEEDED", "googleapis.com", quota_metric="x/gemini_2_5_pro_requests"),
        ),
        (DAY, MODEL, None),
    ),
    (
        "capacity as 429",
        429,
        google(
            429,
            "No capacity available for model gemini-2.5-pro on the server",
            "RESOURCE_EXHAUSTED",
            info("MODEL_CAPACITY_EXHAUSTED", model="gemini-2.5-pro"),
            retry("9s"),
        ),
        (OVERLOADED, MODEL, 9.0),
    ),
    (
        "capacity, other spelling",
        503,
        google(503, "No capacity", "UNAVAILABLE", info("MODEL_CAPACITY_EXCEEDED")),
        (OVERLOADED, MODEL, None),
    ),
    (
        "credits",
        429,
        google(
            429,
            "Resource has been exhausted (e.g. check quota).",
            "RESOURCE_EXHAUSTED",
            info("INSUFFICIENT_G1_CREDITS_BALANCE"),
        ),
        (PAYMENT, MODEL, None),
    ),
    (
        "bare 429",
        429,
        google(429, "Resource has been exhausted (e.g. check quota).", "RESOURCE_EXHAUSTED"),
        (MINUTE, MODEL, None),
    ),
    (
        "limit 0",
        429,
        google(429, "Quota exceeded, limit: 0", "RESOURCE_EXHAUSTED"),
        (DAY, MODEL, None),
    ),
    (
        "token expired",
        401,
        google(401, "Request had invalid authentication credentials.", "UNAUTHENTICATED"),
        (AUTH_INVALID, KEY, None),
    ),
    (
        "service disabled",
        403,
        google(
            403,
            "Gemini for Google Cloud API has not been used in project 1234567890 before or it is "
            "disabled. Enable it by visiting https://console.developers.google.com/x then retry.",
            "PERMISSION_DENIED",
            info("SERVICE_DISABLED", "googleapis.com", activationUrl="https://console.example/on"),
        ),
        (AUTH_FORBIDDEN, KEY, None),
    ),
    (
        "validation required",
        403,
        google(
            403,
            "Verify your account to continue.",
            "PERMISSION_DENIED",
            info(
                "VALIDATION_REQUIRED",
                validation_learn_more_url="https://support.example/why",
                validation_url="https://accounts.example/verify",
            ),
        ),
        (AUTH_FORBIDDEN, KEY, None),
    ),
    (
        "terms violated",
        403,
        google(
            403,
            "This service has been disabled in this account for violation of Terms of Service.",
            "PERMISSION_DENIED",
            info("TOS_VIOLATION", appeal_url="https://forms.example/appeal"),
        ),
        (KEY_SUSPENDED, KEY, None),
    ),
    (
        "terms violated, no details",
        403,
        google(
            403,
            "This service has been disabled in this account for violation of Terms of Service.",
            "PERMISSION_DENIED",
        ),
        (KEY_SUSPENDED, KEY, None),
    ),
    (
        "no licence",
        403,
        google(
            403,
            "You are missing a valid license (#3501)",
            "PERMISSION_DENIED",
            info("SUBSCRIPTION_REQUIRED", "cloudaicompanion.googleapis.com"),
        ),
        (AUTH_FORBIDDEN, KEY, None),
    ),
    (
        "wrong project",
        403,
        google(
            403,
            "Permission denied on resource project x.",
            "PERMISSION_DENIED",
            info("CONSUMER_INVALID"),
        ),
        (AUTH_FORBIDDEN, KEY, None),
    ),
    (
        "no permission",
        403,
        google(403, "The caller does not have permission", "PERMISSION_DENIED"),
        (AUTH_FORBIDDEN, KEY, None),
    ),
    (
        "not eligible",
        403,
        google(
            403,
            "Your account is not eligible for Gemini Code Assist at this time",
            "PERMISSION_DENIED",
        ),
        (AUTH_FORBIDDEN, KEY, None),
    ),
    (
        "location",
        400,
        google(400, "User location is not supported for the API use.", "FAILED_PRECONDITION"),
        (AUTH_FORBIDDEN, PROVIDER, None),
    ),
    (
        "invalid argument",
        400,
        google(400, "Request contains an invalid argument.", "INVALID_ARGUMENT"),
        (BAD_REQUEST, REQUEST, None),
    ),
    (
        "no such entity",
        404,
        google(404, "Requested entity was not found.", "NOT_FOUND"),
        (MODEL_NOT_FOUND, MODEL, None),
    ),
    (
        "internal",
        500,
        google(500, "Internal error encountered.", "INTERNAL"),
        (SERVER_ERROR, PROVIDER, None),
    ),
    (
        "overloaded",
        503,
        google(503, "The model is overloaded. Please try again later.", "UNAVAILABLE"),
        (OVERLOADED, MODEL, None),
    ),
]


@pytest.mark.parametrize(
    ("name", "status", "body", "expected"), CODE_ASSIST, ids=[case[0] for case in CODE_ASSIST]
)
def test_code_assist_errors(name, status, body, expected):
    verdict = judge("gemini_cli", status, body)
    assert (verdict.kind, verdict.scope) == expected[:2]
    assert verdict.retry_after_s == (None if expected[2] is None else pytest.approx(expected[2]))


def test_the_page_that_mends_a_refusal_is_named():
    by_name = {name: judge("gemini_cli", status, body) for name, status, body, _ in CODE_ASSIST}
    assert by_name["service disabled"].url == "https://console.example/on"
    assert by_name["validation required"].url == "https://accounts.example/verify"
    assert by_name["terms violated"].url == "https://forms.example/appeal"
    assert by_name["validation required"].until_fixed
    assert not by_name["token expired"].until_fixed


# iFlow: router-for-me/CLIProxyAPI issues 1689 and 1708, iflow-ai/iflow-cli issues 160, 305, 368, 398.
@pytest.mark.parametrize(
    ("status", "body", "kind", "scope"),
    [
        (200, {"status": "434", "msg": "Invalid apiKey，get your apiKey: https://iflow.cn/", "body": None},
         AUTH_INVALID, KEY),
        (200, {"status": "438", "msg": "Access to the current AK has been blocked due to unauthorized use"},
         KEY_SUSPENDED, KEY),
        (200, {"status": "439", "msg": "token"}, AUTH_INVALID, KEY),
        (200, {"status": "449", "msg": "too fast", "body": None}, MINUTE, KEY),
        (200, {"success": False, "code": "slow_down", "message": "slow_down"}, MINUTE, KEY),
        (200, {"status": "429", "msg": "您当前的账号已达到平台并发限制，请稍后再试"}, MINUTE, KEY),
        (429, {"error": {"message": "当前模型已达到平台速率限制，请稍后再试"}}, MINUTE, MODEL),
        (400, {"error": {"message": "Bad request!: {routify_response}"}}, BAD_REQUEST, REQUEST),
        (400, {"error": {"message": "Invalid API key provided"}}, AUTH_INVALID, KEY),
        (401, "", AUTH_INVALID, KEY),
        (403, "", KEY_SUSPENDED, KEY),
        (406, "", MODEL_NOT_FOUND, MODEL),
        (429, "", MINUTE, KEY),
    ],
)  # fmt: skip
def test_iflow_errors(status, body, kind, scope):
    verdict = judge("iflow", status, body)
    assert (verdict.kind, verdict.scope) == (kind, scope)


# Wordings that providers document or users posted and that no fixture holds.
@pytest.mark.parametrize(
    ("provider", "status", "body", "kind", "scope"),
    [
        ("gemini", 200, {"choices": [{"finish_reason": "content_filter: PROHIBITED_CONTENT", "index": 0}]},
         FILTERED, REQUEST),
        ("gemini", 403, google(403, "blocked", "PERMISSION_DENIED", info("API_KEY_SERVICE_BLOCKED")),
         AUTH_FORBIDDEN, KEY),
        ("gemini", 504, google(504, "Deadline", "DEADLINE_EXCEEDED"), TIMEOUT, PROVIDER),
        ("gemini", 429, google(429, "free_tier_requests, limit: 20, model: m", "RESOURCE_EXHAUSTED"),
         DAY, MODEL),
        ("gemini", 429, google(429, "free_tier_requests, limit: 30, model: gemma", "RESOURCE_EXHAUSTED"),
         MINUTE, MODEL),
        ("nvidia_nim", 404, "", MODEL_NOT_FOUND, MODEL),
        ("mistral", 404, "", BAD_REQUEST, PROVIDER),
        ("nvidia_nim", 400, say("too much", type="BadRequestError", param="input_tokens", code=400),
         CONTEXT, REQUEST),
        ("nvidia_nim", 400, {"error": "'input_type' parameter is required for asymmetric models"},
         BAD_REQUEST, REQUEST),
        ("nvidia_nim", 401, {"status": 401, "title": "Unauthorized", "detail": "Bearer token is malformed"},
         AUTH_INVALID, KEY),
        ("mistral", 429, {"message": "Requests rate limit exceeded"}, MINUTE, KEY),
        ("mistral", 429, {"message": "x", "code": "3505"}, OVERLOADED, MODEL),
        ("mistral", 400, {"message": "Invalid model: x", "type": "invalid_model", "code": "1500"},
         MODEL_NOT_FOUND, MODEL),
        ("mistral", 400, {"message": "Prompt contains 9 tokens, too large for model with 8"},
         CONTEXT, REQUEST),
        ("openrouter", 429, say("Rate limit exceeded: free-models-per-min. Add 10 credits to unlock 1000 "
                                "free model requests per day", code=429), MINUTE, KEY),
        ("openrouter", 403, say("Key limit exceeded. Manage it using https://openrouter.ai/settings/keys"),
         PAYMENT, KEY),
        ("openrouter", 400, say("x is not a valid model ID", code=400), MODEL_NOT_FOUND, MODEL),
        ("openrouter", 400, say("This endpoint's maximum context length is 8192 tokens. However, you asked"),
         CONTEXT, REQUEST),
        ("openrouter", 200, {"choices": [{"finish_reason": "error", "error": {"code": 502, "message": "x"}}]},
         SERVER_ERROR, REQUEST),
        ("openrouter", 502, say("Provider returned error", code=502), SERVER_ERROR, REQUEST),
        ("groq", 498, say("flex"), OVERLOADED, MODEL),
        ("groq", 503, say("m is currently over capacity"), OVERLOADED, MODEL),
        ("groq", 400, say("'messages.0' : property 'name' is unsupported"), BAD_REQUEST, REQUEST),
        ("cerebras", 403, {"detail": "Not authenticated"}, AUTH_INVALID, KEY),
        ("cerebras", 429, {"message": "high traffic", "code": "queue_exceeded", "param": "queue"},
         OVERLOADED, MODEL),
        ("cohere", 429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month. "
                                    "You can continue to use the Trial key for free or upgrade"},
         DAY, KEY),
        ("cloudflare", 429, {"success": False, "errors": [{"code": 3040, "message": "Capacity"}]},
         OVERLOADED, MODEL),
        ("cloudflare", 429, {"success": False, "errors": [{"code": 3036, "message": "limit"}]},
         DAY, KEY),
        ("cloudflare", 403, {"success": False, "errors": [{"code": 5035, "message": "paid"}]},
         PAYMENT, KEY),
        ("huggingface", 400, say("The requested model 'x' is not supported by any provider you have enabled.",
                                 code="model_not_supported"), MODEL_NOT_FOUND, MODEL),
        ("ollama", 429, {"error": "you've reached your weekly usage limit, upgrade"}, DAY, KEY),
        ("lmstudio", 200, {"error": "Unexpected endpoint or method. (POST /x)"}, BAD_REQUEST, REQUEST),
        ("zai", 200, 'event: error\ndata: {"error":{"code":"1302","message":"您的账户已达到速率限制"}}\n\n',
         MINUTE, KEY),
        ("zai", 429, say("limit", code="1304"), DAY, KEY),
        ("zai", 429, say("该模型当前访问量过大，请您稍后再试", code="1305"), OVERLOADED, MODEL),
        ("zai", 429, say("Rate limit", code="1305"), MINUTE, KEY),
        ("zai", 400, say("unsafe", code="1301"), FILTERED, REQUEST),
        ("zai", 400, say("Prompt exceeds max length", code="1261"), CONTEXT, REQUEST),
        ("zai", 400, say("模型不存在", code="1211"), MODEL_NOT_FOUND, MODEL),
        ("zai", 401, say("身份验证失败。", code="1000"), AUTH_INVALID, KEY),
        ("custom", 401, {"error": "Unauthorized"}, AUTH_INVALID, KEY),
        ("custom", 404, {"detail": "Not Found"}, BAD_REQUEST, REQUEST),
        ("custom", 404, {"object": "error", "message": "The model `x` does not exist.", "type": "x",
                         "code": 404}, MODEL_NOT_FOUND, MODEL),
        ("custom", 503, {"detail": {"msg": "Server is busy; please try again later."}},
         OVERLOADED, PROVIDER),
        ("custom", 503, say("Loading model", type="unavailable_error", code=503), OVERLOADED, MODEL),
        ("custom", 500, say("upstream answered with status code 429"), MINUTE, KEY),
        ("custom", 503, say("当前分组 default 下对于模型 gpt-4 无可用渠道", type="one_api_error"),
         MODEL_NOT_FOUND, MODEL),
        ("custom", 403, "error code: 1010", AUTH_FORBIDDEN, PROVIDER),
        ("custom", 429, "error code: 1015", MINUTE, PROVIDER),
        ("custom", 429, {"message": "Too many tokens per day, please wait before trying again."},
         DAY, KEY),
        ("custom", 307, "", BAD_REQUEST, PROVIDER),
        ("custom", 413, say("Payload Too Large"), CONTEXT, REQUEST),
        ("custom", 418, "teapot", BAD_REQUEST, REQUEST),
        ("custom", 520, "", SERVER_ERROR, PROVIDER),
        ("anthropic", 404, {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}},
         MODEL_NOT_FOUND, MODEL),
        ("minimax", 200, {"base_resp": {"status_code": 1002, "status_msg": "trigger rate limit"}},
         MINUTE, KEY),
    ],
)  # fmt: skip
def test_known_wordings(provider, status, body, kind, scope):
    verdict = judge(provider, status, body)
    assert (verdict.kind, verdict.scope) == (kind, scope), verdict


# Words of a row in another sense: the row must keep still.
@pytest.mark.parametrize(
    ("provider", "status", "message", "kind"),
    [
        # days, hours and limits that are no spent window
        ("custom", 429, "Too many requests. Contact us any working day of the week.", MINUTE),
        ("custom", 429, "Rate limit reached. Happy holidays and birthdays!", MINUTE),
        ("custom", 429, "Slow down. Upgrade to Pro for 10,000 requests per day.", MINUTE),
        ("custom", 429, "Too many requests, see https://host/limits/per-day", MINUTE),
        ("groq", 429, "Reached tokens per minute (TPM): Limit 6. Upgrade to 500 tokens per day", MINUTE),
        ("groq", 429, "Limit 0.5, Used 3", MINUTE),
        ("custom", 429, "limit: 10 requests", MINUTE),
        # a too long request that speaks of minutes, a rate that speaks of tokens
        ("custom", 400, "This model's maximum context length is 4096; your limit is 100 tokens per minute",
         CONTEXT),
        ("anthropic", 429, "Rate limited. Please reduce the prompt length or wait a minute.", MINUTE),
        ("custom", 429, "maximum context length requests are limited per minute", MINUTE),
        # billing words without an unpaid bill
        ("openai", 429, "Rate limit reached for m. Please add a payment method to increase your limit.",
         MINUTE),
        ("custom", 400, "metadata.balance must be a string", BAD_REQUEST),
        ("custom", 400, "field 'credits' is too long", BAD_REQUEST),
        # keys and tokens that are no credentials
        ("custom", 400, "Unexpected token '<' in JSON at position 0", BAD_REQUEST),
        ("custom", 400, "messages[0]: missing required key 'content'", BAD_REQUEST),
        ("custom", 429, "API key not found in cache, too many requests", MINUTE),
        # suspension of something else
        ("custom", 400, "Your account's request input contains a banned word", BAD_REQUEST),
        ("custom", 503, "Service temporarily suspended for maintenance", OVERLOADED),
        ("moonshot", 429, "Your account is suspended due to insufficient balance, please recharge",
         PAYMENT),
        # models that exist, but lack something
        ("custom", 400, "Model gpt-x does not support tools", BAD_REQUEST),
        ("custom", 400, "temperature is not supported with this model", BAD_REQUEST),
        ("custom", 400, "For this model the field 'top_k' is not available", BAD_REQUEST),
        ("custom", 404, "Invalid URL (POST /v1/models/model)", BAD_REQUEST),
        # filters that are no refusal
        ("custom", 400, "parameter content_filter_level is unknown", BAD_REQUEST),
        # crowds and capacities
        ("gemini_cli", 429, CAPACITY + "5s.", MINUTE),
        ("custom", 400, "prompt capacity is 3 images", BAD_REQUEST),
        ("custom", 400, "the timeout parameter must be a number", BAD_REQUEST),
        # models that are, and what is absent is something of theirs
        ("zai", 400, "messages: does not exist for the model code glm", BAD_REQUEST),
        ("custom", 400, "the model may use it. The file abc does not exist", BAD_REQUEST),
        # an authorization that the host looks for elsewhere, and one that is only spoken of
        ("custom", 500, "authorization given; a shard that the request wanted was not found", SERVER_ERROR),
        ("custom", 404, "the page on authorization was not found", BAD_REQUEST),
        # the quota of a plan that wants paying, and Google's that comes back by itself
        ("openai", 429, "You exceeded your current quota, please check your plan and billing details.",
         PAYMENT),
        # a reset that is a time
        ("custom", 429, "rate limited; upstream_reset in 5 minutes", MINUTE),
        # an upstream's 404 inside a request fault
        ("custom", 400, "Failed to fetch image: status code 404", BAD_REQUEST),
    ],
)  # fmt: skip
def test_words_in_another_sense(provider, status, message, kind):
    assert judge(provider, status, say(message)).kind == kind
