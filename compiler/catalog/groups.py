"""Catalog, groups: instances that are to be one group."""

from __future__ import annotations

from compiler.catalog.entry import Entry, in_web

ENTRIES = (
    Entry(
        code="D360",
        title="Instance types of different processors",
        explanation="""
            All instances of a group start from one image, and an image is for one processor architecture. Types with a
            `g` after the generation, such as `m7g.large`, have arm64 processors, the others x86_64. Name types of one
            architecture.
        """,
        wrong=in_web("instanceType: m7g.large\nmixedInstances: {types: [m6g.large, m7i.large]}"),
        right=in_web("instanceType: m7g.large\nmixedInstances: {types: [m6g.large, c7g.xlarge]}"),
    ),
    Entry(
        code="D361",
        title="Warm pool that cannot be",
        explanation="""
            An instance that stands by has to say when it is ready, or it is stopped in the middle of its start. The
            hook for that is part of `deployment.style: refresh`; other styles wait for signals, which an instance that
            stands by would send too early. EC2 keeps no warm pool for a group of several instance types.
        """,
        wrong=in_web("warmPool: {min: 1}"),
        right=in_web("warmPool: {min: 1}\ndeployment: {style: refresh}"),
    ),
)
