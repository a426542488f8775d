"""Every built-in provider through the interface: manifest, address, headers, judgement."""

from pathlib import Path

import pytest

from addons.providers.api import Call, Operation, Provider
from addons.providers.limit_headers import FORMATS
from addons.providers.registry import Registry, UnknownProviderError, built_in
from addons.vault.credential import Credential
from translators import registry as protocols
from translators.canonical.errors import ErrorInfo, ErrorKind
from translators.canonical.ids import fit
from translators.canonical.request import Reasoning, ReasoningMode, Request, Tool

REGISTRY = built_in()


@pytest.mark.parametrize("provider", list(REGISTRY), ids=lambda p: p.manifest.id)
def test_a_manifest_is_whole(provider: Provider) -> None:
    manifest = provider.manifest
    assert manifest.name and manifest.description and manifest.terms
    assert all(protocols.get(protocol) for protocol in manifest.protocols)
    assert manifest.credential_schema["type"] == "object"
    for pattern, overrides in manifest.targets:
        assert pattern and overrides
    for protocol in manifest.protocols:  # every override names a field of Target
        provider.target(protocol, "any-model", Credential("c", manifest.id))


def call(protocol: str, operation: Operation = Operation.GENERATE, **changes: object) -> Call:
    made = Call(operation, protocol, "a-model", True, b"{}", headers=[("x-api-key", "client's"), ("x", "y")])
    for name, value in changes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("provider", "made", "url", "header"),
    [
        (
            "anthropic",
            call("anthropic", query="beta=true"),
            "https://api.anthropic.com/v1/messages?beta=true",
            "x-api-key",
        ),
        ("anthropic", call("anthropic", translated=True), "https://api.anthropic.com/v1/messages", "x-api-key"),
        ("openai", call("openai_responses"), "https://api.openai.com/v1/responses", "Authorization"),
        ("openai", call("openai_chat"), "https://api.openai.com/v1/chat/completions", "Authorization"),
        (
            "gemini",
            call("gemini", translated=True),
            "https://generativelanguage.googleapis.com/v1beta/models/a-model:streamGenerateContent?alt=sse",
            "x-goog-api-key",
        ),
        (
            "gemini",
            call("gemini", Operation.COUNT_TOKENS, translated=True),
            "https://generativelanguage.googleapis.com/v1beta/models/a-model:countTokens",
            "x-goog-api-key",
        ),
        (
            "openai",
            call("openai_chat", Operation.PASS, path="/v1/files", query="purpose=batch"),
            "https://api.openai.com/v1/files?purpose=batch",
            "Authorization",
        ),
    ],
)
def test_a_request_goes_to_the_right_place_with_our_secret_alone(
    provider: str, made: Call, url: str, header: str
) -> None:
    upstream = REGISTRY.get(provider).build(made, Credential("c", provider, "our-secret"))
    assert upstream.url == url
    secrets = [value for name, value in upstream.headers if name.lower() == header.lower()]
    assert secrets in (["our-secret"], ["Bearer our-secret"])
    assert ("x", "y") in upstream.headers


def test_a_credentials_own_headers_win() -> None:
    credential = Credential("c", "openai", "s", {"headers": {"X": "mine", "OpenAI-Organization": "org"}})
    upstream = REGISTRY.get("openai").build(call("openai_chat"), credential)
    assert ("X", "mine") in upstream.headers and ("x", "y") not in upstream.headers


@pytest.mark.parametrize(
    ("provider", "error", "kind"),
    [
        (
            "anthropic",
            ErrorInfo(ErrorKind.INVALID_REQUEST, "Your credit balance is too low to …", 400),
            ErrorKind.BILLING,
        ),
        ("openai", ErrorInfo(ErrorKind.RATE_LIMIT, "quota", 429, code="insufficient_quota"), ErrorKind.BILLING),
        ("gemini", ErrorInfo(ErrorKind.INVALID_REQUEST, "API key not valid. Please …", 400), ErrorKind.AUTHENTICATION),
        ("anthropic", ErrorInfo(ErrorKind.INVALID_REQUEST, "max_tokens: too large", 400), ErrorKind.INVALID_REQUEST),
    ],
)
def test_an_error_is_judged_by_the_providers_table(provider: str, error: ErrorInfo, kind: ErrorKind) -> None:
    assert REGISTRY.get(provider).judge(error).kind is kind


@pytest.mark.parametrize(
    ("settings", "request_", "expected"),
    [
        ({"api": "chat"}, None, "openai_chat"),
        ({"api": "responses"}, None, "openai_responses"),
        ({}, None, "openai_responses"),
        ({}, Request("openai_chat", "gpt-4.1"), "openai_chat"),
        ({}, Request("openai_chat", "gpt-5.5", tools=[Tool("t")]), "openai_responses"),
        (
            {},
            Request("openai_chat", "gpt-5.5", tools=[Tool("t")], reasoning=Reasoning(ReasoningMode.OFF)),
            "openai_chat",
        ),
        ({}, Request("openai_chat", "gpt-5.5"), "openai_chat"),
        ({}, Request("anthropic", "gpt-4.1"), "openai_responses"),
    ],
)
def test_openai_speaks_responses_where_chat_would_refuse(
    settings: dict[str, str], request_: Request | None, expected: str
) -> None:
    model = request_.model if request_ else "gpt-5.5"
    assert REGISTRY.get("openai").protocol(model, Credential("c", "openai", "s", settings), request_) == expected


@pytest.mark.parametrize(
    ("model", "thinking", "sampling"),
    [
        ("claude-opus-5-5", "adaptive", False),
        ("claude-sonnet-4-6", "adaptive", True),
        ("claude-opus-4-7", "adaptive", False),
        ("claude-sonnet-4-5-20250929", "budget", True),
        ("claude-haiku-4-5", "budget", True),
        ("claude-opus-4-20250514", "budget", True),
        ("claude-opus-4-1-20250805", "budget", True),
        ("claude-3-5-haiku-latest", "none", True),
    ],
)
def test_what_each_claude_generation_takes(model: str, thinking: str, sampling: bool) -> None:
    target = REGISTRY.get("anthropic").target("anthropic", model, Credential("c", "anthropic"))
    assert (target.thinking, target.sampling) == (thinking, sampling)


def test_aliases_and_unknown_names() -> None:
    assert REGISTRY.get("claude_api") is REGISTRY.get("anthropic")
    with pytest.raises(UnknownProviderError, match="there are: anthropic"):
        REGISTRY.get("nobody")


def test_a_folder_with_a_manifest_is_a_provider(tmp_path: Path) -> None:
    """Adding a provider is adding a folder: nothing else names it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "manifest.toml").write_text(
        'id = "mine"\nname = "Mine"\nprotocols = ["openai_chat"]\nbase_url = "https://mine.example/v1"\n'
        'auth_header = "Authorization"\nauth_prefix = "Bearer "\nmodels = ["mine-*"]\n'
        '[[targets]]\nmatch = "*"\nefforts = ["low", "high"]\n[[errors]]\nstatus = 418\nkind = "overloaded"\n',
        encoding="utf-8",
    )
    registry = Registry()
    registry.load_folder(tmp_path, "nowhere")
    provider = registry.get("mine")
    assert provider.serves("mine-1", Credential("c", "mine"))
    assert not provider.serves("other", Credential("c", "mine"))
    assert provider.target("openai_chat", "mine-1", Credential("c", "mine")).efforts == ("low", "high")
    assert provider.judge(ErrorInfo(ErrorKind.INVALID_REQUEST, "teapot", 418)).kind is ErrorKind.OVERLOADED


def test_mistrals_tool_ids_have_nine_letters_and_digits() -> None:
    """apikey_backends.md §10, mistral; the same id always becomes the same substitute."""
    fitted = [fit(name, 9) for name in ("toolu_0123456789abcdef", "abc", "abc_45678", "")]
    assert all(len(name) == 9 and name.isalnum() for name in fitted) and len(set(fitted)) == 4
    assert fit("toolu_0123456789abcdef", 9) == fitted[0]
    assert fit("Abc012345", 9) == "Abc012345"
    assert fit("call_1", 40) == "call_1"


@pytest.mark.parametrize(
    ("provider", "made", "settings", "url"),
    [
        ("anthropic_compatible", "anthropic", {}, "https://x.example/v1/messages"),
        ("new_api", "openai_chat", {}, "https://x.example/v1/chat/completions"),
        ("new_api", "openai_responses", {"base_url": "https://x.example/v1"}, "https://x.example/v1/responses"),
        ("new_api", "anthropic", {"base_url": "https://x.example/v1"}, "https://x.example/v1/messages"),
        ("new_api", "openai_chat", {"base_url": "https://x.example/sub"}, "https://x.example/sub/v1/chat/completions"),
        (
            "new_api",
            "gemini",
            {"base_url": "https://x.example/v1/"},
            "https://x.example/v1beta/models/a-model:generateContent",
        ),
    ],
)
def test_a_compatible_service_is_found_below_whichever_base_was_pasted(
    provider: str, made: str, settings: dict[str, object], url: str
) -> None:
    credential = Credential("c", provider, "s", {"base_url": "https://x.example", **settings})
    assert REGISTRY.get(provider).build(call(made, translated=True, stream=False), credential).url == url


@pytest.mark.parametrize(
    ("client", "settings", "expected"),
    [
        ("gemini", {}, "gemini"),
        ("anthropic", {}, "anthropic"),
        ("anthropic", {"api": "chat"}, "openai_chat"),
        ("openai_responses", {}, "openai_responses"),
    ],
)
def test_new_api_is_spoken_to_as_the_client_speaks(client: str, settings: dict[str, object], expected: str) -> None:
    credential = Credential("c", "new_api", "s", settings)
    assert REGISTRY.get("new_api").protocol("m", credential, Request(client, "m")) == expected


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ErrorInfo(ErrorKind.PERMISSION, "token quota is not enough (request id: 1)", 403), ErrorKind.BILLING),
        (ErrorInfo(ErrorKind.PERMISSION, "…", 403, code="insufficient_user_quota"), ErrorKind.BILLING),
        (ErrorInfo(ErrorKind.RATE_LIMIT, "insufficient quota", 429), ErrorKind.BILLING),
        (ErrorInfo(ErrorKind.RATE_LIMIT, "slow down", 429), ErrorKind.RATE_LIMIT),
        (ErrorInfo(ErrorKind.OVERLOADED, "There is no available channel for model x", 503), ErrorKind.NOT_FOUND),
        (ErrorInfo(ErrorKind.OVERLOADED, "busy", 503), ErrorKind.OVERLOADED),
        (ErrorInfo(ErrorKind.PERMISSION, "forbidden", 403), ErrorKind.PERMISSION),
    ],
)
def test_what_a_new_api_server_says_is_wrong(error: ErrorInfo, kind: ErrorKind) -> None:
    """apikey_backends.md §8, Errors."""
    assert REGISTRY.get("new_api").judge(error).kind is kind


@pytest.mark.parametrize(
    ("model", "thinking", "sampling", "json_schema"),
    [
        ("kimi-k2", "budget", True, False),
        ("claude-opus-5-5", "adaptive", False, True),
        ("anthropic/claude-sonnet-4.5", "budget", True, True),
        ("claude-sonnet-4-6", "adaptive", True, True),
        ("claude-3-5-haiku-latest", "none", True, True),
    ],
)
def test_what_models_behind_a_compatible_messages_api_take(
    model: str, thinking: str, sampling: bool, json_schema: bool
) -> None:
    target = REGISTRY.get("anthropic_compatible").target("anthropic", model, Credential("c", "anthropic_compatible"))
    assert (target.thinking, target.sampling, target.json_schema) == (thinking, sampling, json_schema)


DISABLED = "This organization has been disabled."
LEAKED = "Your API key was reported as leaked. Please use another API key."
TERMS = "Gemini has been disabled in this account for violation of Terms of Service"
DEACTIVATED = "The OpenAI account associated with this API key has been deactivated."


@pytest.mark.parametrize(
    ("provider", "error", "ends"),
    [
        ("anthropic", ErrorInfo(ErrorKind.PERMISSION, DISABLED, 403), True),
        ("anthropic", ErrorInfo(ErrorKind.INVALID_REQUEST, DISABLED, 400), True),
        ("anthropic", ErrorInfo(ErrorKind.INVALID_REQUEST, f"messages.0.role: '{DISABLED}' is no role", 400), False),
        ("anthropic", ErrorInfo(ErrorKind.PERMISSION, "not for this model", 403), False),
        ("anthropic", ErrorInfo(ErrorKind.AUTHENTICATION, "invalid x-api-key", 401), False),
        # a relay's upstream account is not the relay's own
        ("anthropic_compatible", ErrorInfo(ErrorKind.PERMISSION, DISABLED, 403), False),
        ("openai", ErrorInfo(ErrorKind.AUTHENTICATION, DEACTIVATED, 401, code="account_deactivated"), True),
        ("openai", ErrorInfo(ErrorKind.PERMISSION, DISABLED, 403), True),
        ("openai", ErrorInfo(ErrorKind.INVALID_REQUEST, f"model {DISABLED!r}", 400), False),
        ("openai_compatible", ErrorInfo(ErrorKind.AUTHENTICATION, DEACTIVATED, 401, code="x"), False),
        ("gemini", ErrorInfo(ErrorKind.PERMISSION, LEAKED, 403), True),
        ("gemini", ErrorInfo(ErrorKind.INVALID_REQUEST, LEAKED, 400), False),
        ("vertex", ErrorInfo(ErrorKind.PERMISSION, TERMS, 403), True),
    ],
)
def test_what_ends_a_credential_is_in_the_providers_table(provider: str, error: ErrorInfo, ends: bool) -> None:
    judged = REGISTRY.get(provider).judge(error)
    assert judged.out_of_service is ends
    assert not ends or judged.kind is ErrorKind.AUTHENTICATION


@pytest.mark.parametrize(
    ("provider", "message", "scope"),
    [
        ("openai", "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 30601.", "request"),
        ("openai", "Rate limit reached for gpt-4o on requests per min (RPM): Limit 3, Used 3.", ""),
        ("groq", "Request too large for model `x` on tokens per minute (TPM): Limit 6000", "request"),
        ("anthropic", "Usage credits are required for fast mode", "request"),
        ("anthropic", "Number of requests has exceeded your rate limit", ""),
    ],
)
def test_a_rate_limit_may_be_about_one_request(provider: str, message: str, scope: str) -> None:
    judged = REGISTRY.get(provider).judge(ErrorInfo(ErrorKind.RATE_LIMIT, message, 429))
    assert (judged.kind, judged.scope) == (ErrorKind.RATE_LIMIT, scope)


@pytest.mark.parametrize("provider", [*REGISTRY, *REGISTRY.presets()], ids=lambda p: p.manifest.id)
def test_rows_of_limits_are_whole(provider: Provider) -> None:
    for row in provider.manifest.limits:
        assert row.format in FORMATS and row.scope in ("model", "account") and row.counts and row.reset
        assert all(name == name.lower() for name in (row.remaining, row.limit, row.reset))
