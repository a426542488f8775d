"""What a service knows of a new credential, learned and said by the commands that add one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import click
import httpx

from addons.cli.context import Context
from addons.login import keep
from addons.providers.api import Provider, UnavailableError
from addons.vault.credential import shown_settings

no_check_option = click.option(
    "--no-check", is_flag=True, help="Do not ask the service what it knows of the account: a project, a name."
)


def check(context: Context, provider: Provider, name: str, given: Mapping[str, object]) -> str | None:
    """Learn what the service knows of the credential `name`; → what keeps it from being used. The credential stays as
    it is: a login may have been renewed on the way."""
    if not keep.learns(provider):
        return None
    try:
        learned = asyncio.run(keep.learn(context.state, context.home.path, provider, name, given))
    except UnavailableError as error:
        problem = error.info.message
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        problem = f"its service cannot be asked: {error or type(error).__name__}"
    else:
        for setting, value in shown_settings(learned).items():
            click.echo(f"  {setting}: {value}", err=True)
        return None
    click.echo(f"proxycast: {name} is kept, but: {problem}", err=True)
    return problem
