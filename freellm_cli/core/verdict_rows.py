"""What error texts and codes mean, as ordered rows; the first that fits decides.

Codes are squashed (`core.error_body.squash`), texts are lower case with white space folded, as in
`ErrorBody`. To add a row: put it above the more general ones, with a positive and a negative case in
tests/core/test_verdicts.py and the source of the wording in tests/fixtures.
"""

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
REFUSALS = (200, 400, 401, 403, 404, 422, 500, 502, 503)
REQUEST_FAULTS = (200, 400, 403, 404, 406, 409, 413, 422, 500, 502, 503)
SERVER_FAULTS = (200, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 530)

# Cloudflare's edge speaks plain text (https://developers.cloudflare.com/support/troubleshooting/
# http-status-codes/cloudflare-1xxx-errors/): the address is meant, never the key.
EDGE_ROWS = (
    row("edge-rate-limit", MINUTE, PROVIDER, texts=("error code: 1015",)),
    row("edge-block", AUTH_FORBIDDEN, PROVIDER, statuses=(403,), pattern=r"error code: 10\d\d\b",
        rest_s=3600.0),
)

SUSPENDED_ROWS = (
    row(
        "suspended", KEY_SUSPENDED, KEY,
        codes="consumersuspended organizationrestricted tosviolation accountdeactivated "
              "accountsuspended accountdisabled accountbanned userbanned userdeactivated",
        texts=(
            "reported as leaked", "has been suspended", "violation of terms",
            "organization has been restricted", "organization has been disabled",
            "blocked due to unauthorized", "账户已被封", "账号已被封", "账号封禁", "账户已锁定",
        ),
        pattern=r"\b(?:account|organi[sz]ation|project|consumer|tenant|workspace|api[ _]?key|ak)\b"
                r"(?:(?!input|prompt|content|request|output|message|model|tempor)[^.]){0,60}"
                r"\b(?:suspended|banned|deactivated|restricted|terminated)\b",
        needs=("suspended", "banned", "deactivated", "restricted", "terminated"),
        unless=(
            "balance", "recharge", "spending limit", "invoice", "past due", "payment", "billing",
            "欠费", "余额", "credit",
        ),
        until_fixed=True,
    ),
)

PAYMENT_ROWS = (
    row(
        "free-allotment-spent", PAYMENT, MODEL,
        codes="allocationquotafreetieronly",
        texts=("free tier of the model has been exhausted", "free quota has been exhausted"),
    ),
    row(
        "no-credit", PAYMENT, KEY,
        codes="insufficientquota insufficientbalance insufficientcredits insufficientuserquota "
              "billinghardlimitreached billingnotactive arrearage paymentrequired openroutercredits "
              "exceededcurrentquotaerror insufficientfunds creditlimitexceeded balancenotenough "
              "insufficientbalanceerror billingerror",
        texts=(
            "insufficient credit", "insufficient balance", "insufficient account balance",
            "insufficient funds", "out of credits", "not enough credit", "not enough balance",
            "requires more credits", "more credits are required", "credit balance is too low",
            "monthly included credits", "spending limit", "billing hard limit",
            "billing is not active", "check your billing details", "payment required",
            "please recharge", "can only afford", "negative balance", "in arrears", "overdue",
            "credit limit exceeded", "no resource package", "valid payment method", "past due",
            "good standing", "run out of credits", "ran out of credits", "credits are depleted",
            "credits depleted", "you have depleted", "spending cap",
            "balance is insufficient", "paid balance",
            "余额不足", "欠费", "请充值", "额度不足", "额度已用尽", "配额不足",
        ),
        pattern=r"\b(?:don't|doesn't|do not|does not) have (?:any|enough|sufficient) (?:credit|balance|fund)",
        needs=("have any ", "have enough ", "have sufficient "),
        unless=("context length",),
    ),
    row("key-spent", PAYMENT, KEY, statuses=(200, 401, 402, 403), texts=("key limit exceeded",)),
    row(
        "quota-and-billing", PAYMENT, KEY,
        statuses=(200, 400, 402, 403, 429),
        texts=("exceeded your current quota, please check your plan and billing",),
        unless=("generativelanguage", "quota exceeded for metric", "ai.google.dev", "retry in",
                "resourceexhausted"),
    ),
)

AUTH_ROWS = (
    row(
        "region", AUTH_FORBIDDEN, PROVIDER,
        codes="unsupportedcountryregionterritory",
        texts=("user location is not supported", "country, region, or territory not supported",
               "not available in your country", "not available in your region"),
        rest_s=6 * 3600.0,
    ),
    row(
        "several-credentials", AUTH_FORBIDDEN, KEY,
        texts=("multiple authentication credentials received",),
        rest_s=6 * 3600.0,
    ),
    row(
        "key-restricted", AUTH_FORBIDDEN, KEY,
        statuses=(200, 400, 401, 403),
        codes="servicedisabled apikeyserviceblocked apikeyhttpreferrerblocked "
              "apikeyipaddressblocked validationrequired subscriptionrequired consumerinvalid "
              "unsupportedclient apikeyandroidappblocked apikeyiosappblocked",
        texts=("it is disabled. enable it by visiting", "verify your account to continue",
               "not eligible for", "insufficient permissions for this operation",
               "does not have sufficient permissions"),
        until_fixed=True,
    ),
    row(
        "key-refused", AUTH_INVALID, KEY,
        statuses=REFUSALS,
        codes="apikeyinvalid invalidapikey wrongapikey accesstokentypeunsupported "
              "credentialsmissing invalidauthenticationerror invalidauthentication "
              "authenticationerror authenticationfailed unauthenticated invalidgrant "
              "accesstokenexpired invalidaccesstoken incorrectapikeyerror apikeyexpired invalidkey "
              "accountapikeyerror missingapikey",
        texts=(
            "api key not valid", "invalid api key", "incorrect api key", "invalid apikey",
            "invalid api-key", "api key expired", "invalid x-api-key", "wrong api key",
            "missing or invalid authorization header", "bearer token is malformed",
            "no auth credentials found", "no cookie auth credentials",
            "missing authentication header", "invalid username or password",
            "api key is invalid", "api key provided is invalid", "invalid credentials",
            "invalid authentication", "invalid authorization", "not authenticated", "authentication fails",
            "didn't provide an api key", "no api key", "missing api key", "api key is missing",
            "api key is required", "invalid auth key", "invalid bearer token", "no api-key provided",
            "api key not found", "could not be validated", "bad credentials", "bad-credentials",
            "apikey无效", "api key无效", "无效的api", "无效的令牌", "身份验证失败",
            "令牌已过期", "令牌不正确",
        ),
    ),
    row("key-unread", AUTH_INVALID, KEY, statuses=(500,),
        pattern=r"\bauthorization\b[\w:<>`' ]{0,60} was not found", needs=("authorization",)),
)

FILTER_ROWS = (
    row(
        "filtered", FILTERED, REQUEST,
        statuses=REQUEST_FAULTS,
        codes="contentfilter contentpolicyviolation responsibleaipolicyviolation contentfiltered "
              "datainspectionfailed moderationblocked contentblocked prohibitedcontent "
              "contentmoderation safetychecktype flaggedinput",
        texts=(
            "requires moderation", "input was flagged", "prompt was flagged",
            "content management policy", "content exists risk", "safety system",
            "inappropriate content", "content violates", "violates our usage",
            "blocked by content filter", "content filtering policy", "considered high risk",
            "violating our usage policy", "violate our usage policies", "violates usage guidelines",
            "rejected by the moderation", "不安全或敏感内容", "敏感内容", "内容安全",
        ),
    ),
)

CONTEXT_ROWS = (
    row(
        "request-too-large", CONTEXT, REQUEST,
        texts=("request too large for", "input or output tokens must be reduced"),
    ),
    row(
        "too-long", CONTEXT, REQUEST,
        statuses=REQUEST_FAULTS,
        codes="contextlengthexceeded contextwindowexceeded tokenslimitreached requesttoolarge "
              "stringabovemaxlength exceedcontextsizeerror param=inputtokens prompttoolong "
              "contextwindowexceedederror inputtoolong contextlengthexceedederror",
        texts=(
            "maximum context length", "context length exceeded", "too large to process",
            "exceeds the context",
            "context window", "exceeds the maximum number of tokens", "available context size",
            "prompt is too long", "input is too long", "please reduce the length",
            "reduce your message size", "reduce the length of", "too large for model",
            "greater than the context length", "prompt too long", "prompt exceeds max length",
            "exceeded model token limit", "number of tokens in the prompt", "max_new_tokens` must be",
            "range of input length", "exceeds the model's context", "exceeds context",
            "exceeds maximum context", "maximum input length", "max input length",
            "maximum prompt length", "context overflow", "context the overflows", "larger context length",
            "超过最大长度", "上下文长度", "超长",
            "输入长度",
        ),
    ),
)

# The rest of a sentence that does not turn to something the model lacks.
_NAMED = r"(?:(?!\. |field|param|argument|property|tool|function|feature)[^\n]){0,160}?"
MODEL_ROWS = (
    row(
        "data-policy", MODEL_NOT_FOUND, KEY,
        texts=("matching your data policy", "guardrail restrictions"),
        rest_s=3600.0,
    ),
    row(
        "feature-not-served", MODEL_NOT_FOUND, MODEL,
        statuses=(404,),
        texts=("no endpoints found that support",),
        rest_s=0.0,
    ),
    row(
        "model-blocked", AUTH_FORBIDDEN, MODEL,
        codes="modelpermissionblockedorg modelpermissionblockedproject modeltermsrequired",
        texts=("is blocked at the organization level", "is blocked at the project level",
               "requires terms acceptance", "requires a subscription"),
        pattern=r"access to model \S+ is restricted", needs=("access to model",),
        statuses=(200, 400, 403, 404),
    ),
    row(
        "model-gone", MODEL_NOT_FOUND, MODEL,
        codes="modeldecommissioned",
        texts=("decommissioned", "end of life", "has been retired", "no longer available"),
        statuses=(200, 400, 403, 404, 410, 422, 500),
        shared=True,
    ),
    row(
        "model-unknown", MODEL_NOT_FOUND, MODEL,
        statuses=(200, 400, 401, 403, 404, 406, 410, 422, 500, 502, 503),
        codes="modelnotfound unknownmodel invalidmodel modelnotsupported modelnotavailable "
              "nosuchmodel deploymentnotfound modelnotexist modelnotfounderror "
              "modelnotfoundexception modelunavailable invalidmodelerror "
              "dedicatedendpointnotrunning unavailablemodel",
        texts=(
            "not a valid model", "invalid model", "unknown model", "no endpoints found",
            "is not found for api version", "no such model", "not found for account",
            "try pulling it first", "model not exist", "model not found",
            "not supported by any provider", "unable to access model", "non-serverless model",
            "not have access to model", "not have access to the model", "no access to model",
            "not found the model", "the requested provider",
            "模型不存在", "模型未找到", "无可用渠道",
        ),
    ),
    row(
        "model-described-as-absent", MODEL_NOT_FOUND, MODEL,
        statuses=(200, 400, 403, 404, 406, 410, 422, 500),
        pattern=r"\b(?:models?(?:[ _-]?(?:code|id|name))?|deployment|engine)\b" + _NAMED +
                r"\b(?:not found|does not exist|doesn't exist|not exist|is not available"
                r"|isn't available|no longer supported|has been deprecated|has been removed"
                r"|is deprecated|could not be found|is not a (?:valid|known) model)\b"
                r"|\bmodel [`'\"]?[\w./:@-]+[`'\"]? is not supported\b",
        needs=("not found", "not exist", "n't exist", "not available", "n't available", "no longer",
               "deprecated", "been removed", "not be found", "is not a ", "not supported"),
    ),
    row("google-entity", MODEL_NOT_FOUND, MODEL, providers="gemini gemini_cli", statuses=(404,),
        codes="notfound"),
    row("model-named", MODEL_NOT_FOUND, MODEL, statuses=(404, 410),
        pattern=r"(?<![/\w])(?:model|deployment)\b(?!/)", unless=("invalid url",)),
)

MODEL_LIMIT_ROWS = (
    # OpenRouter's own cap on one free model; the text goes on to speak of "high demand".
    row("model-limit", RATE, MODEL, statuses=(200, 429), texts=("limit_rpm/", "limit_rpd/", "limit_tpm/")),
)

OVERLOAD_ROWS = (
    row(
        "server-overloaded", OVERLOADED, PROVIDER,
        statuses=(*SERVER_FAULTS, 429, 498, 529),
        texts=("server overloaded", "server is overloaded", "server is busy", "server busy"),
    ),
    row(
        "overloaded", OVERLOADED, MODEL,
        codes="overloadederror overloaded engineoverloaded engineoverloadederror queueexceeded "
              "serverisoverloaded servicetiercapacityexceeded modelcapacityexhausted "
              "modelcapacityexceeded provideroverloaded modeloverloaded serveroverloaded "
              "flextiercapacityexceeded capacityexceeded",
        texts=(
            "overloaded", "high demand", "over capacity", "no capacity", "at capacity",
            "worker local total request limit", "tier capacity exceeded", "resourceexhausted",
            "currently loading", "loading model", "no instances available", "high traffic",
            "server is busy", "too busy", "queue is full", "out of capacity", "heavy load",
            "capacity constraints", "capacity temporarily exceeded",
            "服务器繁忙", "访问量过大", "负载已饱和", "负载过高",
        ),
        statuses=(*SERVER_FAULTS, 400, 429, 498, 529),
    ),
)

RATE_ROWS = (
    row(
        "shared-pool", MINUTE, MODEL,
        codes="upstreamprovidersharedpool",
        texts=("rate-limited upstream", "rate limited upstream"),
        shared=True,
    ),
    row("free-per-minute", MINUTE, KEY, texts=("free-models-per-min",), window="minute"),
    row("free-per-day", DAY, KEY, codes="openrouterfreetierdaily", texts=("free-models-per-day",),
        window="day"),
    row("model-not-free", DAY, MODEL, statuses=(200, 429), codes="quotavalue0",
        pattern=r"\blimit:? 0(?![\d.])", rest_s=24 * 3600.0, window="day"),
    row(
        "plan-limit", RATE, KEY, statuses=(200, 403, 429),
        codes="usagelimitreached usagenotincluded",
        texts=("hit your usage limit", "usage limit has been reached"),
    ),
    row(
        "rate-limit", RATE, LIMIT,
        statuses=(200, 400, 403, 406, 409, 418, 420, 500, 502, 503, 529),
        codes="ratelimitexceeded ratelimited ratelimiterror toomanyrequests throttling "
              "throttlingexception requestlimitexceeded limitrequests slowdown quotaexceeded "
              "ratelimitreached ratelimitreachederror userratelimitexceeded resourceexhausted "
              "rpmlimitexceeded tpmlimitexceeded limitburstrate quotaexhausted usagelimitreached "
              "requestsratelimitexceeded concurrencylimitexceeded",
        texts=(
            "rate limit", "rate-limit", "ratelimit", "too many requests", "quota exceeded",
            "slow_down", "slow down", "exceeded your quota", "usage limit", "request limit reached",
            "concurrency limit",
            "请求过多", "速率限制", "并发限制", "请求频率", "限流", "使用上限", "次数已达",
            "请求数过多",
        ),
    ),
    row("rate-limit", RATE, LIMIT, statuses=(429,)),
)

FAULT_ROWS = (
    row(
        "wrong-url", BAD_REQUEST, REQUEST, statuses=(200, 404, 405),
        texts=("invalid url", "unexpected endpoint", "no static resource", "no route matched"),
        elsewhere=True,
    ),
    row(
        "model-not-loaded", SERVER_ERROR, MODEL, statuses=SERVER_FAULTS, shared=True,
        texts=("could not load model", "failed to load model"),
    ),
    row(
        "unreachable", SERVER_ERROR, PROVIDER, statuses=SERVER_FAULTS,
        codes="unreachablebackend",
        texts=("connection refused", "upstream connect error", "no healthy upstream", "upstream_reset",
               "bad gateway", "unreachable", "econnrefused", "connection error",
               "connection attempts failed", "connect call failed", "cannot connect to"),
    ),
    row(
        "timeout", TIMEOUT, PROVIDER, statuses=(*SERVER_FAULTS, 499),
        codes="timeout gatewaytimeout deadlineexceeded requesttimeout timeouterror apitimeouterror",
        texts=("timed out", "timeout", "deadline exceeded", "time-out", "took too long", "超时"),
    ),
    row(
        "internal", SERVER_ERROR, PROVIDER, statuses=(503,),
        codes="internalservererror internalerror servererror",
        texts=("internal server error", "internal error", "server error"),
    ),
)

FEATURE_ROWS = (
    row(
        "not-supported-here", BAD_REQUEST, REQUEST, statuses=(200, 400, 422, 500, 501),
        texts=("not supported", "unsupported", "does not support", "doesn't support",
               "is not enabled", "not permitted", "unknown name", "unrecognized", "tool call validation",
               "at most 1 image", "not allowed", "unexpected role", "roles must alternate"),
        codes="toolusefailed invalidrequestmessageorder extraforbidden unsupportedparameter "
              "unknownparameter unsupportedvalue",
        elsewhere=True,
    ),
)

STATUS_ROWS = (
    row("status-payment", PAYMENT, KEY, statuses=(402,)),
    row("status-unauthorized", AUTH_INVALID, KEY, statuses=(401, 407)),
    row("status-forbidden", AUTH_FORBIDDEN, KEY, statuses=(403,)),
    row("status-legal", AUTH_FORBIDDEN, PROVIDER, statuses=(451,)),
    row("status-timeout", TIMEOUT, REQUEST, statuses=(408,)),
    row("status-gone", MODEL_NOT_FOUND, MODEL, statuses=(410,), shared=True),
    row("status-too-large", CONTEXT, REQUEST, statuses=(413,)),
    row("status-gateway-timeout", TIMEOUT, PROVIDER, statuses=(504, 522, 524)),
    row("status-overloaded", OVERLOADED, MODEL, statuses=(498, 503, 529)),
)

GENERAL_ROWS = (
    EDGE_ROWS
    + SUSPENDED_ROWS
    + PAYMENT_ROWS
    + AUTH_ROWS
    + FILTER_ROWS
    + CONTEXT_ROWS
    + MODEL_ROWS
    + MODEL_LIMIT_ROWS
    + OVERLOAD_ROWS
    + RATE_ROWS
    + FAULT_ROWS
    + STATUS_ROWS
    + FEATURE_ROWS
)
