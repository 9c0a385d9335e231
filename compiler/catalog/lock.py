"""Catalog, lock: a service and the library that it was last looked at with."""

from __future__ import annotations

from compiler.catalog.entry import BASE_FILES, Entry, Files, file


def _lock(version: str, rest: str = '"overridden": {}') -> Files:
    digest = "5" * 64
    platform = f'{{"name": "flagstone-platform", "version": "{version}", "digest": "{digest}"}}'
    return file("flagstone.lock", f'{{\n  "schema": 1,\n  "platform": {platform},\n  {rest}\n}}')


ENTRIES = (
    Entry(
        code="D330",
        title="Lock that is none",
        explanation="""
            `flagstone.lock` is written by `flagstone lock` alone, and this one holds something else: a hand or a merge
            of two branches has changed it. Restore it from git. Where that is not possible, delete it and run
            `flagstone lock`; what moved under the overrides since it was written cannot be told then.
        """,
        wrong=_lock("1.0.0", '"overriden": {}'),
        right=BASE_FILES,
    ),
    Entry(
        code="D331",
        title="Library other than the locked one",
        explanation="""
            `flagstone.lock` pins one library, by version and by the digest of all its files, and another one is in use.
            A service moves to another library only when somebody says so: `flagstone lock --upgrade` shows what that
            moves under the overrides and pins the library in use. To stay, install the Flagstone that comes with the
            locked library, or name its folder with `--platform`.
        """,
        wrong=_lock("1.0.7"),
        right=BASE_FILES,
    ),
    Entry(
        code="D332",
        title="Platform moved under an override",
        explanation="""
            The library in use says something else than the locked one at a place that an override speaks about: another
            value, one where there was none, none any more, or the resource has another name. The override was written
            for the value of then. See whether it is still right; `flagstone lock --upgrade` takes the platform's values
            of now as known.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D333",
        title="Lock behind the overrides",
        explanation="""
            Overrides were written, changed or deleted since `flagstone.lock`, or `service.yml` changed a value under
            one. Without the platform's values of now, the lock cannot tell later what moved under them. Run
            `flagstone lock` and commit the file.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D334",
        title="Library of a bucket without a lock",
        explanation="""
            The library comes from a bucket, and there is no `flagstone.lock` that says which version it is, with which
            digest. Without one, another library could take its place and nobody would see it. Run the command of the
            hint and commit the file.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D335",
        title="Locked library is not in the bucket",
        explanation="""
            `flagstone.lock` pins a version of the library, and the bucket that it names does not have it: somebody
            edited the lock, or the version is kept somewhere else by now. Restore the lock from git, or name a bucket
            that has the version in `FLAGSTONE_BUCKET`; the digest decides whether it is the same. Nothing is published
            with a library that `flagstone gc` removed, though the cache of this machine has it still: nobody else
            could compile the release again. `flagstone platform publish` of the same commit brings it back.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D336",
        title="Locked library is another one",
        explanation="""
            Version and digest of `flagstone.lock` belong to two libraries: a hand or a merge changed one of them, or
            the bucket holds something else under this version. None of it was loaded. Restore the lock from git; where
            it is the bucket that changed, ask the platform team before `flagstone lock --upgrade` takes what is there.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D337",
        title="No such version in the bucket",
        explanation="""
            A version of the library was to be pinned or shown, or the newest of a release line, and the bucket has
            none. Pre-releases are taken only when `--to` names them. Ask the platform team for the version, or write
            another line as `platform` in `service.yml`.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D338",
        title="Library of another name",
        explanation="""
            `flagstone.lock` pins a library by its name too, and what the bucket offers is another one. It is not taken
            as a newer version of the first, whatever its number. To move a service to another library on purpose,
            delete the lock and run `flagstone lock`; what moves under the overrides cannot be told then.
        """,
        is_shown_by_files=False,
    ),
)
