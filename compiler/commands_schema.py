"""Command for editors: schema.

In: arguments.    Out: a JSON Schema on standard output.
Never: decides anything about a service; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import json

import click

from compiler.screen import Reporting, make_screen, open_platform, platform_option


@click.command(short_help="Print the JSON Schema of service.yml, for editors.")
@click.argument("document", type=click.Choice(["service", "environment", "platform"]), default="service")
@platform_option
def schema(document: str, platform: str | None) -> None:
    """Print the JSON Schema of service.yml, or of the files of a platform library.

    That of service.yml knows the owners, environments, bases and guardrails of the library. An editor completes and
    explains what stands in a file that names the schema in its first line:

    # yaml-language-server: $schema=service.schema.json
    """
    with Reporting(make_screen("text")):
        from compiler.library import load_schema
        from compiler.schema import complete_schema

        published = load_schema(f"{document}.v1")
        shown = complete_schema(published, open_platform(platform)) if document == "service" else published
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
