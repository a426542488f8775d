"""`proxycast credentials login`: sign in to an account; the flows are the provider's own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
import webbrowser
from dataclasses import replace
from typing import Any

import click

from addons.cli import questions
from addons.cli.checking import check, no_check_option
from addons.cli.context import USAGE_ERROR, Context, fail, fit_name, guarded, json_option, pass_context
from addons.login import keep, run
from addons.login.errors import ClientSecretError, LoginError, PortsBusyError
from addons.login.flow import Flow, Kind
from addons.login.steps import Steps
from addons.providers import outbound
from addons.providers.api import Manifest, Provider
from addons.vault.credential import Credential, masked, shown_settings
from addons.vault.tokens import Json, Token


def _name(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    return None if value is None else fit_name(context, parameter, value)


@click.command()
@click.argument("provider")
@click.option("--name", callback=_name, help="What you call the credential; by default as the provider.")
@click.option("--flow", "flow_id", help="Which way to sign in, where there are several.")
@click.option("--no-browser", is_flag=True, help="Open no browser: the address is only shown.")
@click.option("--paste", is_flag=True, help="The browser is on another machine: paste the address it ends at.")
@click.option("--set", "pairs", multiple=True, metavar="FIELD=VALUE", help="A setting; may be given several times.")
@click.option("--accept-terms", is_flag=True, help="Agree to the terms of the login.")
@click.option("--renew", is_flag=True, help="Sign in anew for a credential that is there, without being asked.")
@no_check_option
@json_option
@pass_context
@guarded
def login(
    context: Context,
    provider: str,
    name: str | None,
    flow_id: str | None,
    no_browser: bool,
    paste: bool,
    pairs: tuple[str, ...],
    accept_terms: bool,
    renew: bool,
    no_check: bool,
    as_json: bool,
) -> None:
    """Sign in to an account of PROVIDER.

    The terms are shown first and must be agreed to. The login is kept encrypted; signing in again under the same name
    renews that credential in place.
    """
    service = context.providers.get(provider)
    manifest = service.manifest
    if not manifest.login:
        fail(manifest.login_note or f"{manifest.name} has no login here: see `proxycast credentials add {manifest.id}`")
    seen = _sees_a_browser() and not no_browser
    flow = _chosen(manifest, flow_id, paste=paste, seen=seen or no_browser)
    paste = paste or (flow.kind is Kind.PKCE and not seen and not no_browser and questions.interactive())
    given = {field: value for field, value in questions.parse_settings(pairs, manifest).items() if value != ""}
    draft = _draft(context, manifest, name or manifest.id, given)
    renewed = draft.name in context.state.credentials
    if renewed and not renew:
        _confirm(draft)
    draft = _complete(manifest, flow, draft)
    if manifest.status != "active":
        click.echo(f"{manifest.name}: {manifest.status}", err=True)
    questions.acknowledge(manifest, accepted=accept_terms)
    token, learned = _signed_in(service, flow, draft, paste=paste, seen=seen)
    learned = {field: value for field, value in learned.items() if field not in given}
    kept = keep.keep(context.state, context.standings, draft, token, learned)
    until = time.strftime(", good until %Y-%m-%d %H:%M", time.localtime(token.expires)) if token.expires else ""
    click.echo(
        f"{'renewed' if renewed else 'added'} {kept.name} ({manifest.name}): {masked(token.access)}{until}", err=True
    )
    if not kept.enabled:
        click.echo(f"it stays disabled until `proxycast credentials enable {kept.name}`", err=True)
    problem = None if no_check else check(context, service, kept.name, given)
    if as_json:
        report: dict[str, Any] = {
            "name": kept.name,
            "provider": manifest.id,
            "renewed": renewed,
            "flow": flow.id,
            "secret": masked(token.access),
            "expires": token.expires,
            "settings": shown_settings(context.state.credentials[kept.name].settings),
            "problem": problem,
        }
        click.echo(json.dumps(report, indent=2, ensure_ascii=False))
    if problem is not None:
        sys.exit(1)


def _chosen(manifest: Manifest, flow_id: str | None, *, paste: bool, seen: bool) -> Flow:
    """The flow that is asked for, else the first that fits: a device code where no browser is to be seen."""
    flows = {flow.id: flow for flow in manifest.login}
    known = ", ".join(f"{flow.id}{f' ({flow.title})' if flow.title else ''}" for flow in manifest.login)
    if flow_id is not None:
        if flow_id not in flows:
            fail(f"{manifest.name} has no login {flow_id!r}; there are: {known}", USAGE_ERROR)
        if paste and flows[flow_id].kind is not Kind.PKCE:
            fail(f"nothing is pasted in the login {flow_id!r}", USAGE_ERROR)
        return flows[flow_id]
    wanted = Kind.PKCE if paste else None if seen else Kind.DEVICE
    fitting = [flow for flow in manifest.login if flow.kind is wanted]
    if paste and not fitting:
        fail(f"{manifest.name} has no login with --paste; there are: {known}", USAGE_ERROR)
    return [*fitting, *manifest.login][0]


def _draft(context: Context, manifest: Manifest, name: str, given: Json) -> Credential:
    """The credential that the login is for, as it is or new."""
    if name in context.state.problems:
        fail(f"{name} cannot be opened: {context.state.problems[name]}")
    known = context.state.credentials.get(name)
    if known is None:
        return Credential(name, manifest.id, "", given)
    if known.provider != manifest.id:
        fail(f"{name} is a credential of {known.provider}: choose another --name")
    return replace(known, settings={**keep.unlearned(known.settings), **given})


def _confirm(draft: Credential) -> None:
    file = draft.setting("creds_file_path")
    beside = f" Its login is in {file} now; the new one will be kept here, and that file left alone." if file else ""
    if not questions.interactive():
        fail(f"there is a credential {draft.name} already: --renew signs in anew for it, --name makes another")
    if not click.confirm(f"{draft.name} is there already.{beside} Sign in anew for it?", err=True):
        fail("nothing was changed")


def _complete(manifest: Manifest, flow: Flow, draft: Credential) -> Credential:
    """With what this flow needs to know, asked for."""
    settings = dict(draft.settings)
    fields = manifest.credential_schema.get("properties", {})
    for name in flow.needs:
        if settings.get(name):
            continue
        title = str(fields.get(name, {}).get("title", name))
        if not questions.interactive():
            fail(f"this login needs --set {name}=… ({title})", USAGE_ERROR)
        answer = click.prompt(title, err=True)
        settings |= questions.parse_settings((f"{name}={answer}",), manifest)
    return replace(draft, settings=settings)


def _signed_in(service: Provider, flow: Flow, draft: Credential, *, paste: bool, seen: bool) -> tuple[Token, Json]:
    terminal = ClickTerminal(opens=seen and not paste)

    async def work() -> tuple[Token, Json]:
        async with outbound.client(draft, keep.PATIENCE) as client:
            steps: Steps = service.login_steps(flow, draft, client)
            return await run.run(steps, terminal, paste=paste), steps.settings

    try:
        return asyncio.run(work())
    except PortsBusyError as error:
        if not questions.interactive() or not click.confirm(f"{error}\nPaste the address instead?", err=True):
            fail(str(error))
        return _signed_in(service, flow, draft, paste=True, seen=seen)
    except ClientSecretError as error:
        if not questions.interactive():
            fail(str(error))
        click.echo(str(error), err=True)
        given = str(click.prompt("Client secret", hide_input=True, default="", show_default=False, err=True)).strip()
        if not given:
            fail("nothing was given")
        draft = replace(draft, settings={**draft.settings, "client_secret": given})
        return _signed_in(service, flow, draft, paste=paste, seen=seen)
    except LoginError as error:
        terminal.end()
        fail(str(error))
    except OSError as error:  # of outbound.client; those of the network are LoginErrors
        fail(f"its ca_file cannot be used: {error}")


class ClickTerminal:
    """Speaks on standard error: standard output is for what a script reads."""

    def __init__(self, *, opens: bool) -> None:
        self._opens, self._line = opens, False

    def say(self, text: str) -> None:
        self.end()
        click.echo(text, err=True)

    def open(self, url: str) -> bool:
        if self._opens:
            # Some "browsers" are programs that end only when the login has.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        return self._opens

    def ask(self, question: str, *, hidden: bool = False) -> str:
        self.end()
        if not questions.interactive():
            return sys.stdin.readline()
        return str(click.prompt(question, hide_input=hidden, err=True))

    def waiting(self, seconds: float) -> None:
        if sys.stderr.isatty():
            click.echo(f"\rwaiting, {seconds // 60:.0f}:{seconds % 60:02.0f} left; Ctrl-C ends it ", nl=False, err=True)
            self._line = True

    def end(self) -> None:
        """The line that shows the time ends."""
        if self._line:
            click.echo(err=True)
            self._line = False


def _sees_a_browser() -> bool:
    """Whether a browser that is opened here is seen by who runs this."""
    if os.environ.get("BROWSER"):
        return True
    if os.environ.get("SSH_CONNECTION") or os.environ.get("CI"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
