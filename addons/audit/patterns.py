"""What secrets look like: the table of value patterns that the audit replaces by typed marks (field.md §4.3.5).

Every expression is linear: no two neighbouring repetitions can match the same byte, and lengths are bounded where a
match could run on. A pattern is tried only where one of its triggers occurs (`Screen`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Not in the middle of a longer word (base64 of an image contains any four letters somewhere), but after an escaped
#: line end of JSON, whose letter belongs to no word.
_START = rb"(?:(?<![A-Za-z0-9+/_=-])|(?<=\\[nrt])|(?<==))"
#: For prefixes with a dash or an underscore: base64 has them only in its URL form, which has no slash, and a secret may
#: be a part of a path.
_PART = rb"(?:(?<![A-Za-z0-9_=-])|(?<=\\[nrt])|(?<==))"


@dataclass(frozen=True, slots=True)
class Pattern:
    """`kind` names the mark; where the expression has a group named `secret` only that `group` is replaced."""

    kind: str
    triggers: tuple[str, ...]
    expression: re.Pattern[bytes]
    group: str | int


def _pattern(kind: str, triggers: tuple[str, ...], expression: bytes, flags: int = 0) -> Pattern:
    compiled = re.compile(expression, flags)
    return Pattern(kind, triggers, compiled, "secret" if "secret" in compiled.groupindex else 0)


_WORD = rb"[A-Za-z0-9_-]"

#: A backslash-escaped or plain quote, as it stands in JSON and in JSON inside JSON.
_QUOTE = rb"\\{0,7}[\"']"
#: The same for the beginning of an expression: each way begins with a character of its own, so that `re` looks for
#: these alone instead of trying every position.
_FIRST_QUOTE = rb"(?:\\\\{0,6}[\"']|\"|')"

_SECRET_NAMES = (
    rb"api[_-]?key|apikey|access[_-]?token|refresh[_-]?token|id[_-]?token|auth[_-]?token|session[_-]?token"
    rb"|client[_-]?secret|secret[_-]?access[_-]?key|secret[_-]?key|private[_-]?key|password|passwd|x-api-key"
    rb"|x-goog-api-key|x-proxycast-key"
)
_NAME_TRIGGERS = ("key", "Key", "KEY", "oken", "TOKEN", "ecret", "SECRET", "assw", "PASSW")

#: Order matters: the more telling kind comes before the more general one.
PATTERNS: tuple[Pattern, ...] = (
    _pattern(
        "private-key",
        ("PRIVATE KEY",),
        rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
        rb"(?:[A-Za-z0-9+/=\s:,.()\\]|-(?!-))*(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?",
    ),
    _pattern("anthropic-key", ("sk-ant-",), _PART + rb"sk-ant-" + _WORD + rb"{8,400}"),
    _pattern("openrouter-key", ("sk-or-",), _PART + rb"sk-or-" + _WORD + rb"{16,200}"),
    _pattern("openai-key", ("sk-",), _PART + rb"sk-(?=" + _WORD + rb"{0,200}[0-9])" + _WORD + rb"{18,400}"),
    _pattern("stripe-key", ("k_live_", "k_test_"), _PART + rb"[sr]k_(?:live|test)_[A-Za-z0-9]{10,200}"),
    _pattern("google-key", ("AIza",), _START + rb"AIza[0-9A-Za-z_-]{30,50}"),
    _pattern("google-token", ("ya29.",), _START + rb"ya29\.[0-9A-Za-z_.-]{20,2000}"),
    _pattern("google-secret", ("GOCSPX-",), _PART + rb"GOCSPX-[0-9A-Za-z_-]{10,100}"),
    _pattern("google-refresh-token", ("1//0",), _START + rb"1//0[0-9A-Za-z_-]{30,200}"),
    _pattern(
        "github-token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        _PART + rb"(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255})",
    ),
    _pattern("gitlab-token", ("glpat-",), _PART + rb"glpat-[A-Za-z0-9_-]{16,100}"),
    _pattern("slack-token", ("xox", "xapp-"), _START + rb"(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,300}"),
    _pattern(
        "slack-webhook",
        ("hooks.slack.com/",),
        rb"hooks\.slack\.com/(?P<secret>(?:services|workflows)/[A-Za-z0-9/_-]{10,200})",
    ),
    _pattern("aws-key-id", ("AKIA", "ASIA", "ABIA"), _START + rb"A(?:KI|SI|BI)A[A-Z0-9]{16}(?![A-Z0-9])"),
    _pattern("bedrock-key", ("ABSK", "bedrock-api-"), _START + rb"(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=]{40,2000}"),
    _pattern("huggingface-token", ("hf_",), _PART + rb"hf_[A-Za-z0-9]{30,100}"),
    _pattern("groq-key", ("gsk_",), _PART + rb"gsk_[A-Za-z0-9]{30,200}"),
    _pattern("xai-key", ("xai-",), _PART + rb"xai-[A-Za-z0-9]{30,200}"),
    _pattern("perplexity-key", ("pplx-",), _PART + rb"pplx-[A-Za-z0-9]{30,200}"),
    _pattern("npm-token", ("npm_",), _PART + rb"npm_[A-Za-z0-9]{30,100}"),
    _pattern("package-token", ("pypi-",), _PART + rb"pypi-[A-Za-z0-9_-]{40,400}"),
    _pattern("proxycast-key", ("pxc_",), _PART + rb"pxc_[A-Za-z0-9_-]{24,200}"),
    _pattern(
        "jwt",
        ("eyJ",),
        _START + rb"eyJ[A-Za-z0-9_-]{8,20000}\.[A-Za-z0-9_-]{8,20000}\.[A-Za-z0-9_-]{0,20000}",
    ),
    _pattern(
        "bearer-token",
        ("earer ", "EARER ", "asic ", "BASIC "),
        rb"\b(?:bearer|basic) {1,4}(?P<secret>(?=[A-Za-z._~+/-]{0,200}[0-9=])[A-Za-z0-9._~+/-]{16,8000}={0,2})",
        re.IGNORECASE,
    ),
    _pattern("url-password", ("://",), rb"[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@\"'\\?#]{0,200}:(?P<secret>[^\s/@\"'\\?#]{1,200})@"),
    _pattern(
        "query-secret",
        ("key=", "token=", "secret=", "ignature=", "sig=", "code=", "redential=", "password=", "Token="),
        rb"[?&;](?:key|api[_-]?key|[a-z_]{0,20}token|client_secret|secret|sig|signature|code|password"
        rb"|X-Amz-(?:Signature|Credential|Security-Token)|X-Goog-(?:Signature|Credential))"
        rb"=(?P<secret>[^&\s\"'\\<>#;]{4,8000})",
        re.IGNORECASE,
    ),
    _pattern(
        "named-secret",
        _NAME_TRIGGERS,
        _FIRST_QUOTE + rb"(?:" + _SECRET_NAMES + rb")" + _QUOTE + rb" {0,8}: {0,8}" + _QUOTE
        + rb"(?P<secret>[^\s\"'\\<>{}$\[\]]{8,8000})" + rb"(?=\\{0,7}[\"'])",
        re.IGNORECASE,
    ),
    _pattern(
        "assigned-secret",
        ("KEY=", "TOKEN=", "SECRET=", "PASSWORD=", "PASSWD="),
        rb"(?<![A-Z0-9_])[A-Z0-9_]{0,60}(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)=" + _QUOTE + rb"?"
        rb"(?P<secret>(?=[A-Za-z+/_.~-]{0,400}[0-9])[A-Za-z0-9+/_.~=-]{12,4000})",
    ),
)  # fmt: skip

#: Our client keys: only their hashes are kept, so they cannot be among the known secrets.
OWN_PATTERNS = tuple(pattern for pattern in PATTERNS if pattern.kind == "proxycast-key")

#: Characters of triggers that most texts have not, the rarest first: one look leaves out all triggers with it.
_RARE = "=_-./ "


class Screen:
    """Tells which of some patterns can match at all. Most texts have none; this is the writer's hottest place."""

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self._patterns = patterns
        groups: dict[str, list[tuple[str, int]]] = {}
        for index, pattern in enumerate(patterns):
            for trigger in pattern.triggers:
                rare = next((character for character in _RARE if character in trigger), "")
                groups.setdefault(rare, []).append((trigger, index))
        self._groups = [(rare, tuple(triggers)) for rare, triggers in groups.items()]

    def fitting(self, text: str) -> list[tuple[int, Pattern]]:
        """→ (rank from 1, pattern) in their order. `text`: bytes as Latin-1, which are searched faster so."""
        found: set[int] = set()
        for rare, triggers in self._groups:
            if rare in text:
                for trigger, index in triggers:
                    if trigger in text:
                        found.add(index)
        return [(index + 1, self._patterns[index]) for index in sorted(found)] if found else []


EVERYWHERE, OWN = Screen(PATTERNS), Screen(OWN_PATTERNS)
