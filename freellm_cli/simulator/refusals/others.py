"""z.ai, Cohere, Cloudflare, Hugging Face, iFlow and local servers as recorded: 7836246/cursor2api#30,
pydantic/pydantic-ai cassettes, diegosouzapw/OmniRoute#6980, router-for-me/CLIProxyAPI#1708,
farion1231/cc-switch#249, ollama/ollama#15934."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from freellm_cli.simulator.refusals.words import Facts, Words, openai_error


def _zai(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


ZAI: dict[str, Words] = {
    "rate_minute": lambda f: _zai("1302", "Rate limit reached for requests"),
    "tokens_minute": lambda f: _zai("1302", "Rate limit reached for requests"),
    "concurrent": lambda f: _zai("1302", "High concurrency usage of this API, please reduce"),
    "rate_day": lambda f: _zai("1304", "The daily call limit for this API has been reached"),
    "tokens_day": lambda f: _zai("1304", "The daily call limit for this API has been reached"),
    "bad_key": lambda f: _zai("1000", "Authentication Failed"),
    "no_key": lambda f: _zai("1001", "Authentication parameter not received in Header"),
    "out_of_credit": lambda f: (
        429,
        _zai("1113", "Insufficient balance or no resource package. Please recharge."),
    ),
    "no_model": lambda f: (400, _zai("1211", "Unknown Model, please check the model code.")),
    "bad_request": lambda f: _zai("1214", f.message or "Invalid API parameter"),
    "too_long": lambda f: _zai("1261", "Prompt exceeds max length"),
    "filtered": lambda f: _zai("1301", "The input may contain sensitive content."),
}


def _cohere(message: str) -> dict[str, Any]:
    return {"id": "8bd5b608-887c-49f7-a6b3-d3bd5830c3de", "message": message}


COHERE: dict[str, Words] = {
    "rate_minute": lambda f: _cohere(
        f"You are using a Trial key, which is limited to {f.limit} API calls / minute. You can"
        " continue to use the Trial key for free or upgrade to a Production key with higher rate"
        " limits."
    ),
    "rate_day": lambda f: _cohere(
        f"You are using a Trial key, which is limited to {f.limit} API calls / month. You can"
        " continue to use the Trial key for free or upgrade to a Production key with higher rate"
        " limits."
    ),
    "bad_key": lambda f: _cohere("invalid api token"),
    "no_key": lambda f: _cohere("no api key supplied"),
    "no_model": lambda f: _cohere(
        f"model '{f.model}' not found, make sure the correct model ID was used and that you have"
        " access to the model."
    ),
    "bad_field": lambda f: _cohere(f"invalid request: {f.field} is not supported."),
    "bad_request": lambda f: _cohere(f.message or "invalid request."),
}


def _cloudflare(code: int, message: str) -> dict[str, Any]:
    return {
        "success": False,
        "errors": [{"code": code, "message": message}],
        "messages": [],
        "result": None,
    }


_NEURONS = (
    "AiError: AiError: you have used up your daily free allocation of 10,000 neurons, please upgrade"
    " to Cloudflare's Workers Paid plan if you would like to continue usage. (simulated)"
)

CLOUDFLARE: dict[str, Words] = {
    "rate_day": lambda f: _cloudflare(4006, _NEURONS),
    "tokens_day": lambda f: _cloudflare(4006, _NEURONS),
    "capacity": lambda f: (429, _cloudflare(3040, "AiError: Capacity temporarily exceeded")),
    "bad_key": lambda f: _cloudflare(10000, "Authentication error"),
    "no_key": lambda f: _cloudflare(10000, "Authentication error"),
    "out_of_credit": lambda f: (403, _cloudflare(5035, "AiError: this model needs a paid plan")),
    "no_model": lambda f: (400, _cloudflare(5007, f"AiError: No such model {f.model}")),
    "too_long": lambda f: (413, _cloudflare(3006, "AiError: Request is too large")),
    "timeout": lambda f: (408, _cloudflare(3007, "AiError: Timeout")),
}

HUGGINGFACE: dict[str, Words] = {
    "bad_key": lambda f: {"error": "Invalid username or password."},
    "no_key": lambda f: {"error": "Invalid username or password."},
    "out_of_credit": lambda f: {
        "error": "You have exceeded your monthly included credits for Inference Providers."
        " Subscribe to PRO to get 20x more monthly included credits."
    },
    "no_model": lambda f: (
        400,
        {
            "error": {
                "message": f"The requested model '{f.model}' is not supported by any provider you have"
                " enabled.",
                "type": "invalid_request_error",
                "param": "model",
                "code": "model_not_supported",
            }
        },
    ),
}

OLLAMA: dict[str, Words] = {
    "no_model": lambda f: openai_error(
        f'model "{f.model}" not found, try pulling it first', "api_error", None
    ),
    "rate_day": lambda f: {"error": "you have reached your weekly usage limit, please upgrade"},
    "overloaded": lambda f: {
        "error": "Server overloaded, please retry shortly (ref: aaa65c70-cfa0-446b-86f1-4ab0e2deb9e4)"
    },
}

LMSTUDIO: dict[str, Words] = {
    "bad_request": lambda f: {"error": f.message or "Invalid request."},
    "wrong_url": lambda f: (200, {"error": f"Unexpected endpoint or method. ({f.field})"}),
    "no_model": lambda f: (400, {"error": f'Model "{f.model}" not found.'}),
}


def _localai(code: int, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"error": {"code": code, "message": message, "type": "", "param": None}}


LOCALAI: dict[str, Words] = {
    "no_model": lambda f: _localai(
        500, f"could not load model - all backends returned error: {f.model}"
    ),
    "server_error": lambda f: _localai(500, "rpc error: code = Unavailable"),
    "bad_request": lambda f: _localai(400, f.message or "failed reading parameters from request"),
}


def _iflow(status: str, message: str) -> tuple[int, dict[str, Any]]:
    return 200, {"status": status, "msg": message, "body": None}


def _spring(facts: Facts) -> Any:
    stamp = datetime.fromtimestamp(facts.reset_at or 0, UTC).isoformat(timespec="milliseconds")
    return {"timestamp": stamp, "status": 404, "error": "Not Found", "path": facts.field}


IFLOW: dict[str, Words] = {
    "bad_key": lambda f: _iflow("434", "Invalid apiKey"),
    "no_key": lambda f: _iflow("434", "Invalid apiKey"),
    "suspended": lambda f: _iflow(
        "434", "Access to the current AK has been blocked due to unauthorized requests"
    ),
    "no_model": lambda f: _iflow("435", "Model not support"),
    "rate_minute": lambda f: _iflow("449", "You exceeded your current rate limit"),
    "wrong_url": _spring,
}
