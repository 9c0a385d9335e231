"""Catalog, guard: what the platform team or CloudFormation does not allow in a finished stack."""

from __future__ import annotations

from compiler.catalog.entry import ADDITION, OVERRIDE, Entry, Files, file, in_service

_LONG_NAME = "Archive" * 40


def _waived(what: str, *, guardrail: str = "imdsv2", resource: str = "WebLaunchTemplate", until: str) -> Files:
    waiver = f"""
        waivers:
          old-client:
            guardrail: {guardrail}
            resource: {resource}
            reason: the payment terminal knows the first version only
            until: "{until}"
            approvedBy: platform, ticket 4711
    """
    override = f"""
        Resources:
          WebLaunchTemplate:
            Properties:
              LaunchTemplateData:
                MetadataOptions: {{{what}}}
    """
    return {**in_service(waiver), **file(OVERRIDE, override)}


ENTRIES = (
    Entry(
        code="D601",
        title="Guardrail broken",
        explanation="""
            The platform team holds every stack to a few rules, whether the value comes from the platform, an override
            or an addition. The message names the rule and its reason; `docs/guardrails.md` lists them all. Change the
            value, or take a sealed one back; where a service has a good reason to differ, ask the platform team for a
            waiver.
        """,
        wrong=file(
            OVERRIDE,
            """
            Resources:
              WebLaunchTemplate:
                Properties:
                  LaunchTemplateData:
                    MetadataOptions: {HttpTokens: optional}
            """,
        ),
        right=file(
            OVERRIDE,
            """
            Resources:
              WebLaunchTemplate:
                Properties:
                  LaunchTemplateData:
                    MetadataOptions: {HttpPutResponseHopLimit: 2}
            """,
        ),
    ),
    Entry(
        code="D602",
        title="Limit of AWS exceeded",
        explanation="""
            CloudFormation limits a stack to 500 resources, 200 parameters, 200 outputs, 200 mappings, 60 dynamic
            references and a megabyte, names to 255 characters and descriptions to 1,024 bytes. Other services limit
            what a resource holds: a managed policy to 6,144 characters, what is inline in a role to 10,240, user data
            to 16,384 bytes, a filter to 150 combinations of values, a network interface to 16 security groups, and to
            five where the account has no more (a warning). A stack beyond a limit is refused when it is deployed.
            Shorten what is too long, or divide the service.
        """,
        wrong=file(ADDITION, f"Resources:\n  {_LONG_NAME}:\n    Type: AWS::S3::Bucket"),
        right=file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket"),
    ),
    Entry(
        code="D603",
        title="Waiver expired",
        explanation="""
            A waiver holds until the end of its day. It is compared with the day of the commit in UTC, not with the
            clock, so that a commit which compiled once always does. Mend what was waived and remove the waiver, or ask
            the platform team for a later day. The examples belong to a commit of 2026-11-20.
        """,
        wrong=_waived("HttpTokens: optional", until="2026-10-31"),
        right=_waived("HttpTokens: optional", until="2027-03-31"),
    ),
    Entry(
        code="D604",
        title="Waiver without use",
        explanation="""
            A waiver is there for one thing that is wrong, and has to go when that is put right: else it would let the
            same fault pass again, unseen. It is unused where its resource does not break the guardrail, or does not
            exist, in any environment that the waiver is for. Remove it, or name the resource that is meant.
        """,
        wrong=_waived("HttpPutResponseHopLimit: 2", until="2027-03-31"),
        right=_waived("HttpTokens: optional", until="2027-03-31"),
    ),
    Entry(
        code="D605",
        title="Waiver too wide",
        explanation="""
            A waiver lets one guardrail pass for one resource and for a year at most, counted from the commit.
            A pattern instead of a logical id, a guardrail that the platform does not have, or a day far away would let
            pass what nobody agreed to. Write one waiver for each resource, with the guardrail's name as the message
            says it.
        """,
        wrong=_waived("HttpTokens: optional", guardrail="imdsv3", resource="Web*", until="2029-12-31"),
        right=_waived("HttpTokens: optional", until="2027-11-20"),
    ),
    Entry(
        code="D606",
        title="Waiver not checked",
        explanation="""
            Whether a waiver has expired is a question to the git commit, and here is none. The waiver holds, so that a
            copy of a repository still compiles. Commit the repository: only then can a release be published under the
            name of its commit.
        """,
        severity="warning",
        is_shown_by_files=False,
    ),
    Entry(
        code="D607",
        title="Waiver until a day that does not exist",
        explanation="""
            The month has no such day, so nobody can tell when the waiver ends. Write the last day on which it holds as
            year, month and day, in quotes.
        """,
        wrong=_waived("HttpTokens: optional", until="2027-02-29"),
        right=_waived("HttpTokens: optional", until="2027-02-28"),
    ),
)
