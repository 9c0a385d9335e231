"""Catalog, releases: libraries in a bucket, and what is held against the manifest of a release."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D820",
        title="Library not fit to be published",
        explanation="""
            A version of the library is published once, and services move to it by what its change log says. So the
            version is one that can be put in order with others, `CHANGELOG.md` has a section `## <version>` that says
            something, every file can be unpacked on any machine, and there is a service to compile with it.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D821",
        title="Object of a release is not as it was published",
        explanation="""
            An object of the release is missing, has other bytes than the manifest lists, or is not listed at all; or it
            is the manifest, whose seal is not that of its content. The release is not to be deployed. Compare with a
            copy of the bucket or an older version of the object, find out who wrote it, and publish the commit anew
            under another id.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D822",
        title="Release cannot be compiled again",
        explanation="""
            The objects of the release are sound, and it could not be compiled from them to compare the bytes: the
            library that it names is at hand nowhere, or this compiler refuses what the one of then took. Name the
            library with `--platform`, or run the Flagstone that the message names. With `--no-recompile`, `verify`
            looks at the objects alone.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D823",
        title="Release compiles to other bytes",
        explanation="""
            Compiled again from its own inputs with the library that it names, the release comes out differently. Where
            the compiler is another version than the one of then, that may be why: verify with the same version. Where
            it is the same, what was published is not what its sources say, and should not be deployed.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D824",
        title="Version of the library is too small a step",
        explanation="""
            Services take patch and minor versions without a second look, since what they count on changes in a major
            version only: logical ids, outputs, paths of parameters, names of topics, what `service.yml` may say, what
            guardrails and rules let pass, and the data of stateful resources. What is new makes a minor version.
            `flagstone platform check` compiles the same services with both versions and lists what asks for more.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D825",
        title="Service tells nothing of a library",
        explanation="""
            A version of the library is judged by what it makes of services. One that compiles with neither version, or
            an example that the library brings and refuses, tells nothing: any change would pass for a small one. Mend
            the service, or leave it out of the comparison.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D826",
        title="Bucket holds another library",
        explanation="""
            A bucket holds the versions of one library: a service asks for a line such as `1.0`, and whatever is
            published on that line would be taken by the next `flagstone lock --upgrade`. Publish a library of another
            name into a bucket of its own.
        """,
        is_shown_by_files=False,
    ),
)
