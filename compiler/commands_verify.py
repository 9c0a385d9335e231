"""Commands to prove a release: verify.

In: arguments.    Out: an outcome on the screen.
Never: decides anything about a release; the rooms are imported by the command that needs them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from compiler.screen import (
    FAULTS,
    Reporting,
    bucket_option,
    choosing_library,
    format_option,
    make_screen,
    platform_option,
    read_platform,
)
from compiler.wording import count_things

if TYPE_CHECKING:
    from compiler.bucket import Bucket
    from compiler.diagnostics import Diagnostic
    from compiler.release_check import CheckedRelease


@click.command(short_help="Prove that a release is what its sources say.")
@click.argument("service")
@click.argument("release")
@bucket_option
@click.option("--no-recompile", is_flag=True, help="Look at the objects alone.")
@platform_option
@format_option
def verify(
    service: str, release: str, bucket: str, no_recompile: bool, platform: str | None, format: str | None
) -> None:
    """Hold every object of a release against its manifest, compile it again from its own inputs, and compare the bytes.

    The library is the one that the release names, from the bucket, the cache or the installation, whichever has its
    digest; --platform names another place to look.
    """
    with Reporting(make_screen(format)) as screen:
        from compiler.bucket import NotInBucket, open_bucket
        from compiler.promote import miss_release
        from compiler.release_check import check_release

        target = open_bucket(bucket, makes=False)
        try:
            checked = check_release(target, service, release)
        except NotInBucket:
            raise miss_release(target, service, release) from None
        result: dict[str, Any] = {
            "service": service,
            "release": release,
            "objects": checked.objects,
            "faults": [{"key": each.key, "kind": each.kind, "reason": each.reason} for each in checked.faults],
            "recompiled": None,
        }
        objects = count_things(checked.objects, "object")
        lines = [f"{service} {release}: {objects}, {len(checked.faults)} not as published\n"]
        found = _name_faults(checked)
        if checked.is_sound and not no_recompile:
            urls = [bucket, *filter(None, [os.environ.get("FLAGSTONE_BUCKET")])]
            text, recompiled, found = _recompile(target, urls, checked, platform)
            lines.append(text)
            result["recompiled"] = recompiled
        if found:
            screen.fail(FAULTS, found, "".join(lines), result)
        screen.show((), "".join(lines), result)


def _name_faults(checked: CheckedRelease) -> list[Diagnostic]:
    from compiler.diagnostics import Diagnostic

    hint = "do not deploy it; find out who wrote it, and publish the commit anew under another id"
    return [Diagnostic("D821", f"`{each.key}` is {each.kind}: {each.reason}", hint=hint) for each in checked.faults]


def _recompile(
    target: Bucket, urls: list[str], checked: CheckedRelease, platform: str | None
) -> tuple[str, dict[str, Any] | None, list[Diagnostic]]:
    """Compile a sound release again. Return a line about it, what was done, and what is wrong."""
    from compiler import __version__
    from compiler.diagnostics import CompileError, Diagnostic
    from compiler.library_source import choose_recorded_library
    from compiler.recompile import recompile_release

    facts = checked.facts
    assert facts, "only what was found sound is compiled again"
    before, what = facts.compiler, f"{facts.library} {facts.version}"
    with choosing_library():
        found = choose_recorded_library(
            facts.library, facts.version, facts.digest, choice=read_platform(platform), urls=urls
        )
    if found is None:
        message = f"library {what} with the digest `{facts.digest[:12]}` is neither in the bucket nor installed"
        hint = "name the folder or the bucket that has it with --platform, or leave this out with --no-recompile"
        return "not compiled again\n", None, [Diagnostic("D822", message, hint=hint)]
    library, origin = found
    try:
        done = recompile_release(target, checked, library)
    except CompileError as error:
        message = f"the release does not compile with flagstone {__version__}; it was compiled with {before}"
        faults = [each for each in error.diagnostics if each.severity == "error"]
        return "not compiled again\n", None, [Diagnostic("D822", message), *faults]
    mends = f"verify with flagstone {before}, which it was compiled with" if done.is_other_compiler else None
    faults = [
        Diagnostic("D823", f"`{path}` comes out with other bytes from flagstone {__version__}", hint=mends)
        for path in done.differing
    ]
    aside = f"; it was compiled with {before}" if done.is_other_compiler else ""
    text = f"compiled again with flagstone {__version__}{aside} and library {what} {origin}: "
    text += f"{count_things(len(done.differing), 'file')} with other bytes\n" if done.differing else "the same bytes\n"
    recompiled = {
        "library": {"name": library.name, "version": library.version, "digest": library.digest},
        "found": origin,
        "compiler": {"released": before, "used": __version__},
        "differing": list(done.differing),
    }
    return text, recompiled, faults
