"""Rows that hold for one provider alone: its numbers and its surprises. They come before the general."""

from __future__ import annotations

from freellm_cli.core.verdict_row import (
    AUTH_FORBIDDEN,
    AUTH_INVALID,
    BAD_REQUEST,
    CONTEXT,
    DAY,
    FILTERED,
    KEY,
    KEY_SUSPENDED,
    LIMIT,
    MINUTE,
    MODEL,
    MODEL_NOT_FOUND,
    OVERLOADED,
    PAYMENT,
    PROVIDER,
    RATE,
    REQUEST,
    SERVER_ERROR,
    TIMEOUT,
    row,
)

# fmt: off
# Z.ai and BigModel number their errors whatever the HTTP status
# (https://docs.z.ai/api-reference/api-code, https://docs.bigmodel.cn/cn/faq/api-code).
ZAI_ROWS = (
    row("zai-balance", PAYMENT, KEY, providers="zai", codes="1113 1309"),
    row("zai-locked", KEY_SUSPENDED, KEY, providers="zai", codes="1112 1121 1313", until_fixed=True),
    row("zai-auth", AUTH_INVALID, KEY, providers="zai", codes="1000 1001 1002 1003 1004"),
    row("zai-forbidden", AUTH_FORBIDDEN, KEY, providers="zai", codes="1110 1111 1120 1220"),
    row("zai-filtered", FILTERED, REQUEST, providers="zai", codes="1301"),
    row("zai-too-long", CONTEXT, REQUEST, providers="zai", codes="1261"),
    row("zai-model", MODEL_NOT_FOUND, MODEL, providers="zai", codes="1211 1221 1222 1311"),
    row("zai-plan", DAY, KEY, providers="zai", codes="1304 1308 1310"),
    # 1305 is the model's crowd or the key's own rate: its text tells.
    row("zai-busy", OVERLOADED, MODEL, providers="zai", texts=("overloaded", "访问量过大"), shared=True),
    row("zai-rate", MINUTE, KEY, providers="zai", codes="1302 1303 1305 1312"),
    row("zai-request", BAD_REQUEST, REQUEST, providers="zai", codes="1210 1212 1213 1214 1215",
        unless=("does not exist",)),
    row("zai-server", SERVER_ERROR, REQUEST, providers="zai", codes="1230 1234 500"),
)

# https://developers.cloudflare.com/workers-ai/platform/errors/
CLOUDFLARE_ROWS = (
    row("neurons-spent", DAY, KEY, providers="cloudflare", codes="4006 3036", window="day"),
    row("cloudflare-capacity", OVERLOADED, MODEL, providers="cloudflare", codes="3040"),
    row("cloudflare-too-long", CONTEXT, REQUEST, providers="cloudflare", codes="3006 5021"),
    row("cloudflare-timeout", TIMEOUT, REQUEST, providers="cloudflare", codes="3007"),
    row("cloudflare-model", MODEL_NOT_FOUND, MODEL, providers="cloudflare", codes="5007 3042"),
    row("cloudflare-paid-only", PAYMENT, KEY, providers="cloudflare", codes="5035"),
    row("cloudflare-agreement", AUTH_FORBIDDEN, MODEL, providers="cloudflare", codes="5016"),
    row("cloudflare-auth", AUTH_INVALID, KEY, providers="cloudflare", codes="10000 9109 9106 6003"),
    row("cloudflare-account", AUTH_INVALID, KEY, providers="cloudflare", codes="7003 7000"),
)

# https://docs.mistral.ai/ and bodies posted in issues of mistralai's clients.
MISTRAL_ROWS = (
    row("mistral-capacity", OVERLOADED, MODEL, providers="mistral", codes="3505"),
    row("mistral-backend", SERVER_ERROR, PROVIDER, providers="mistral", codes="1100 unreachablebackend"),
    row("mistral-model", MODEL_NOT_FOUND, MODEL, providers="mistral", codes="1500"),
    row("mistral-too-long", CONTEXT, REQUEST, providers="mistral", codes="3051"),
    row("mistral-order", BAD_REQUEST, REQUEST, providers="mistral", codes="3230", elsewhere=True),
)

# https://docs.api.nvidia.com/nim/ and reports in public issues.
NVIDIA_ROWS = (
    row("nim-degraded", SERVER_ERROR, MODEL, providers="nvidia_nim", texts=("degraded function",),
        shared=True, rest_s=120.0),
    row("nim-key", AUTH_INVALID, KEY, providers="nvidia_nim", statuses=(403,),
        texts=("authorization failed",)),
)

# iFlow answers business errors with HTTP 200 and a status in the body
# (router-for-me/CLIProxyAPI issues 1689 and 1708, iflow-ai/iflow-cli issues 160 and 305).
IFLOW_ROWS = (
    row("iflow-blocked", KEY_SUSPENDED, KEY, providers="iflow", until_fixed=True,
        texts=("has been blocked", "unauthorized requests")),
    row("iflow-key", AUTH_INVALID, KEY, providers="iflow", codes="434 438 439"),
    row("iflow-model-limit", MINUTE, MODEL, providers="iflow", texts=("当前模型已达到",), rest_s=60.0),
    row("iflow-concurrency", MINUTE, KEY, providers="iflow", texts=("平台并发限制",), rest_s=5.0,
        window="concurrent"),
    row("iflow-rate", MINUTE, KEY, providers="iflow", codes="449 slowdown", rest_s=60.0),
    row("iflow-not-served", MODEL_NOT_FOUND, MODEL, providers="iflow", statuses=(406,), rest_s=3600.0),
    row("iflow-refused", KEY_SUSPENDED, KEY, providers="iflow", statuses=(403,), until_fixed=True),
)

# google-gemini/gemini-cli packages/core/src/utils/googleQuotaErrors.ts and its issues 10513, 25179, 1343.
GOOGLE_ROWS = (
    row("google-capacity", OVERLOADED, MODEL, providers="gemini gemini_cli",
        codes="modelcapacityexhausted modelcapacityexceeded", texts=("no capacity available for model",),
        shared=True),
    row("google-plan-credits", PAYMENT, MODEL, providers="gemini_cli",
        codes="insufficientg1creditsbalance"),
    row("google-quota-spent", DAY, MODEL, providers="gemini_cli", statuses=(200, 429),
        codes="quotaexhausted"),
    row("google-refused", AUTH_FORBIDDEN, KEY, providers="gemini_cli", statuses=(403,),
        texts=("caller does not have permission", "permission denied on resource project"),
        until_fixed=True),
    row("google-transient", SERVER_ERROR, REQUEST, providers="gemini gemini_cli", statuses=(499,)),
)

GROQ_ROWS = (
    row("groq-flex", OVERLOADED, MODEL, providers="groq", statuses=(498,)),
)

CEREBRAS_ROWS = (
    row("cerebras-key", AUTH_INVALID, KEY, providers="cerebras", statuses=(403,),
        texts=("not authenticated",)),
    row("cerebras-quota", RATE, LIMIT, providers="cerebras",
        codes="tokenquotaexceeded requestquotaexceeded"),
)

OPENROUTER_ROWS = (
    row("openrouter-in-flight", PAYMENT, KEY, providers="openrouter",
        codes="openrouterinflightbudget", rest_s=60.0),
)

PROVIDER_ROWS = (
    ZAI_ROWS
    + CLOUDFLARE_ROWS
    + MISTRAL_ROWS
    + NVIDIA_ROWS
    + IFLOW_ROWS
    + GOOGLE_ROWS
    + GROQ_ROWS
    + CEREBRAS_ROWS
    + OPENROUTER_ROWS
)
