"""Drives each coding agent unattended: its configuration in a home of its own, its command line, its shell tool.

A driver touches nothing outside the home it is given, reaches no host but its base URL (seen with strace: what a client
would look up besides is switched off below, each with its setting) and answers every question with yes.
What the clients send, see the sheet protocols/clients.md.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

RUN_SECONDS = 60


@dataclass(frozen=True)
class Run:
    """How one run of a client ended; `code` is None when it was stopped at its time limit."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float

    def __str__(self) -> str:
        ended = "stopped at the time limit" if self.code is None else f"exit {self.code}"
        return f"{ended} after {self.seconds:.1f} s\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Driver(ABC):
    """One client, installed at `command_path`, at work in `home`/work.

    `prepare` comes first; `base_url` is the server's root, without any version.
    """

    client: ClassVar[str]
    package: ClassVar[str]
    """Its row in versions.json."""
    protocol: ClassVar[str]
    """The protocol that the client speaks."""
    model: ClassVar[str]
    """The model that it asks for, chosen so that the client shows what it does for most users."""
    shell_tool: str
    """What the client calls the tool that runs a shell command."""

    def __init__(self, command_path: Path, home: Path) -> None:
        self.command_path = command_path
        self.home = home
        self.work = home / "work"
        self._env: dict[str, str] = {}

    def prepare(self, base_url: str, key: str) -> None:
        """Write the configuration that points the client at `base_url` with `key`."""
        self.work.mkdir(parents=True, exist_ok=True)
        temporary = self.home / "tmp"
        temporary.mkdir(exist_ok=True)
        self._env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.home),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            **self.configure(base_url, key),
        }

    def leave_to_files(self, base_url: str, key: str) -> None:
        """Take what `prepare` said of address, key and model out of the environment: only its files say so now."""
        said = ("GATEWAY_KEY", "OPENAI_MODEL")
        self._env = {
            name: value
            for name, value in self._env.items()
            if name not in said and value != key and not value.startswith(base_url)
        }

    @abstractmethod
    def configure(self, base_url: str, key: str) -> dict[str, str]:
        """Write the client's files; return its environment variables."""

    @abstractmethod
    def arguments(self, prompt: str) -> list[str]:
        """The command line for one unattended run, after the command itself."""

    @abstractmethod
    def shell_call(self, command: str) -> dict[str, Any]:
        """The arguments with which a model asks this client's shell tool to run `command`."""

    def shell_text(self, command: str) -> str | None:
        """The same as free text, where the shell tool is a custom one."""
        return None

    def run(self, prompt: str, seconds: float = RUN_SECONDS) -> Run:
        """One run to its end; at the time limit the client and all it started are stopped."""
        began = time.monotonic()
        process = subprocess.Popen(
            [str(self.command_path), *self.arguments(prompt)],
            cwd=self.work,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        code: int | None
        try:
            stdout, stderr = process.communicate(timeout=seconds)
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
            code = None
        return Run(code, stdout, stderr, time.monotonic() - began)

    def _write_json(self, path: str, content: object) -> None:
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2), encoding="utf-8")


class ClaudeCode(Driver):
    """Claude Code, by environment alone."""

    client = package = "claude"
    protocol = "anthropic"
    model = "claude-sonnet-4-6"
    shell_tool = "Bash"

    def configure(self, base_url: str, key: str) -> dict[str, str]:
        return {
            "ANTHROPIC_BASE_URL": base_url,
            "ANTHROPIC_AUTH_TOKEN": key,
            # Telemetry, update checks, feature flags: nothing but the inference calls is left.
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_TMPDIR": str(self.home / "tmp"),
            # Without it the flag below is refused to root.
            "IS_SANDBOX": "1",
        }

    def arguments(self, prompt: str) -> list[str]:
        return ["-p", prompt, "--model", self.model, "--dangerously-skip-permissions"]

    def shell_call(self, command: str) -> dict[str, Any]:
        return {"command": command, "description": "Does a part of the job"}


class CodexCli(Driver):
    """Codex CLI with a provider of our own.

    The model is one that Codex does not know: for its own newest ones it has the code mode.
    """

    client = package = "codex"
    protocol = "openai_responses"
    model = "gateway-model"
    shell_tool = "exec_command"
    config = """\
model = "{model}"
model_provider = "gateway"
model_reasoning_effort = "medium"
model_reasoning_summary = "auto"
check_for_update_on_startup = false

[analytics]
enabled = false

# Both fetch catalogues from the vendor at start.
[features]
plugins = false
apps = false

[model_providers.gateway]
name = "Gateway"
base_url = "{base_url}/v1"
wire_api = "responses"
env_key = "GATEWAY_KEY"
"""

    def configure(self, base_url: str, key: str) -> dict[str, str]:
        codex = self.home / ".codex"
        codex.mkdir(exist_ok=True)
        text = self.config.format(model=self.model, base_url=base_url)
        (codex / "config.toml").write_text(text, encoding="utf-8")
        return {"GATEWAY_KEY": key, "CODEX_HOME": str(codex)}

    def arguments(self, prompt: str) -> list[str]:
        return ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt]

    def shell_call(self, command: str) -> dict[str, Any]:
        return {"cmd": command}


class CodexCodeMode(CodexCli):
    """Codex CLI as it works with the models it knows best: the model writes JavaScript, in which the shell is a call.

    No `tools`: the first input item declares a custom tool in a namespace, both of them OpenAI's alone.
    """

    model = "gpt-5.6-sol"
    shell_tool = "functions__exec"

    def shell_call(self, command: str) -> dict[str, Any]:
        return {"input": self.shell_text(command)}

    def shell_text(self, command: str) -> str:
        return f"const done = await tools.exec_command({json.dumps({'cmd': command})});\ntext(done.output);"


class GeminiCli(Driver):
    """Gemini CLI with an API key.

    Model `auto` makes it ask a small model first which one to use: a structured answer that it depends on.
    """

    client = package = "gemini"
    protocol = "gemini"
    model = "auto"
    shell_tool = "run_shell_command"

    def configure(self, base_url: str, key: str) -> dict[str, str]:
        settings = {
            "security": {"auth": {"selectedType": "gemini-api-key"}},
            "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        self._write_json(".gemini/settings.json", settings)
        # In a folder that is not trusted it drops --yolo and stops with exit code 55.
        return {
            "GEMINI_API_KEY": key,
            "GOOGLE_GEMINI_BASE_URL": base_url,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        }

    def arguments(self, prompt: str) -> list[str]:
        return ["-p", prompt, "--yolo", "--model", self.model]

    def shell_call(self, command: str) -> dict[str, Any]:
        return {"command": command, "description": "Does a part of the job"}


class QwenCode(Driver):
    """Qwen Code with an OpenAI-compatible endpoint."""

    client = package = "qwen"
    protocol = "openai_chat"
    model = "qwen3-coder-plus"
    shell_tool = "run_shell_command"

    def configure(self, base_url: str, key: str) -> dict[str, str]:
        settings = {
            "security": {"auth": {"selectedType": "openai"}},
            "general": {"enableAutoUpdate": False},
            # The one that stops the look-ups of its usage-statistics host.
            "privacy": {"usageStatisticsEnabled": False},
            "telemetry": {"enabled": False},
        }
        self._write_json(".qwen/settings.json", settings)
        return {
            "OPENAI_API_KEY": key,
            "OPENAI_BASE_URL": f"{base_url}/v1",
            "OPENAI_MODEL": self.model,
            "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1",
        }

    def arguments(self, prompt: str) -> list[str]:
        return ["-p", prompt, "--yolo"]

    def shell_call(self, command: str) -> dict[str, Any]:
        return {"command": command, "is_background": False}


class Opencode(Driver):
    """opencode with a provider of our own; `adapter`, which comes with it, decides the protocol."""

    client = package = "opencode"
    protocol = "openai_chat"
    model = "gateway-model"
    shell_tool = "bash"
    adapter = "@ai-sdk/openai-compatible"

    def configure(self, base_url: str, key: str) -> dict[str, str]:
        provider = {
            "npm": self.adapter,
            "options": {"baseURL": f"{base_url}/v1", "apiKey": "{env:GATEWAY_KEY}"},
            "models": {self.model: {"reasoning": True, "limit": {"context": 200_000, "output": 8_000}}},
        }
        settings = {
            "model": f"gateway/{self.model}",
            "small_model": f"gateway/{self.model}",
            "enabled_providers": ["gateway"],
            "provider": {"gateway": provider},
            "permission": "allow",
            "share": "disabled",
            "autoupdate": False,
        }
        self._write_json(".config/opencode/opencode.json", settings)
        return {
            "GATEWAY_KEY": key,
            # Catalogue, updates, language servers, plugins of others: it would look for all of them at start.
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            # It installs its plugins' interface from the package registry: there is none, and it goes on without.
            "NPM_CONFIG_REGISTRY": "http://127.0.0.1:9/",
            "NPM_CONFIG_FETCH_RETRIES": "0",
        }

    def arguments(self, prompt: str) -> list[str]:
        return ["run", prompt]

    def shell_call(self, command: str) -> dict[str, Any]:
        return {"command": command, "description": "Does a part of the job"}


class OpencodeAnthropic(Opencode):
    """opencode as it speaks to Anthropic."""

    client = "opencode-anthropic"
    protocol = "anthropic"
    adapter = "@ai-sdk/anthropic"


DRIVERS: dict[str, type[Driver]] = {
    driver.client: driver for driver in (ClaudeCode, CodexCli, GeminiCli, QwenCode, Opencode, OpencodeAnthropic)
}
