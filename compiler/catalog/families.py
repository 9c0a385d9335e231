"""Catalog, families: files of environments that stand for what cannot be."""

from __future__ import annotations

from compiler.catalog.entry import Entry

ENTRIES = (
    Entry(
        code="D122",
        title="One name for two things",
        explanation="""
            The names of a file, of a tenant and of a region are an environment's name, and those of some alone mean
            several; two of them come to the same, such as a tenant and a region `eu`. What a service says for one would
            reach the other. Names that begin with `env-` are those of branches, where `env-default.yml` is. Or one
            tenant is called as another with a dash and more behind or before it, so that a name of a topic or in a zone
            could be of either. Rename one of them.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D123",
        title="Name that no environment can have",
        explanation="""
            What a file, a tenant and a region are called makes a name that is longer than 32 characters, or that is not
            lower-case letters and digits with single dashes between them. It becomes part of the names of topics, load
            balancers and roles, for which AWS has limits. Shorten the longest, such as by a `name` of the region.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D124",
        title="Contradiction about what a file stands for",
        explanation="""
            The file of an environment says both `region` and `regions`, or it is `env-default.yml` and has regions or
            tenants, though it stands for all branch environments. Keep one of the two, or write another file.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D125",
        title="Tenant in a region that the file does not have",
        explanation="""
            Below `regions`, a tenant names those of the file's regions that it is in, and this is none of them. What
            a region consists of is said once, for all tenants. Correct the spelling, or list the region in the file.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D126",
        title="Tenant with something of its own in what it shares",
        explanation="""
            A tenant without an `account` or a `network` of its own lives in the network of its family, and uses its
            keys, zones and buckets. So it cannot have others, and what it says of them would have no effect. Say it for
            all, or give the tenant a network.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D127",
        title="One thing for two environments",
        explanation="""
            Two environments that one file stands for would make the same bucket, the same baseline of an account or the
            same public zone, or watch the same region, of which there is only one; or they would start instances in two
            regions from one image, which has another id in each; or one would read the bucket that another makes in
            another region or account, whose key it cannot use. One of their stacks would fail. Say what is different
            below the region or the tenant.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D128",
        title="Certificate of another region",
        explanation="""
            A load balancer takes certificates of its own region only, and they come from an authority in that region.
            Name one of the environment's region; where a file has several, below each of them.
        """,
        is_shown_by_files=False,
    ),
    Entry(
        code="D129",
        title="Region of another partition",
        explanation="""
            In China, in GovCloud and in regions that are sovereign or isolated, ARNs begin with something else than
            `arn:aws:`, and services have other names. The library writes those of the partition `aws`. Choose a region
            of that partition.
        """,
        is_shown_by_files=False,
    ),
)
