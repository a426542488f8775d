"""The entry point of `proxycast`: its command groups."""

from __future__ import annotations

import click

from addons.cli.audit import audit
from addons.cli.ca import ca
from addons.cli.clients import client
from addons.cli.context import Context
from addons.cli.credential_add import add
from addons.cli.credential_ask import models, quota, test
from addons.cli.credential_discover import discover
from addons.cli.credential_login import login
from addons.cli.credentials import credentials
from addons.cli.doctor import doctor
from addons.cli.keys import keys
from addons.cli.origins import origins
from addons.cli.plugin_configure import configure
from addons.cli.plugin_install import install, update
from addons.cli.plugin_new import new
from addons.cli.plugins import plugins
from addons.cli.profiles import profiles
from addons.cli.provider_headers import headers
from addons.cli.providers import providers
from addons.cli.route import route
from addons.cli.run import run
from addons.cli.transfer import export, import_
from addons.cli.version import version

COMMANDS = (
    run,
    keys,
    client,
    credentials,
    profiles,
    providers,
    plugins,
    route,
    origins,
    ca,
    audit,
    doctor,
    export,
    import_,
    version,
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="proxycast")
@click.pass_context
def main(context: click.Context) -> None:
    """ProxyCast: an LLM gateway for coding agents.

    Everything is kept in PROXYCAST_HOME (default ~/.proxycast). A running gateway follows every change at once.
    """
    context.obj = Context()


for command in (add, login, discover, test, models, quota):
    credentials.add_command(command)
for command in (install, update, configure, new):
    plugins.add_command(command)
providers.add_command(headers)
for command in COMMANDS:
    main.add_command(command)
