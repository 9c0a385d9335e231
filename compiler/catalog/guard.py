"""Catalog, guard: what the platform team or CloudFormation does not allow in a finished stack."""

from __future__ import annotations

from compiler.catalog.entry import ADDITION, OVERRIDE, Entry, file

_LONG_NAME = "Archive" * 40

ENTRIES = (
    Entry(
        code="D601",
        title="Guardrail broken",
        explanation="""
            The platform team holds every stack to a few rules, whether the value comes from the platform, an override
            or an addition. The message names the rule and its reason. Change the value; where a service has a good
            reason to differ, ask the platform team for an exception.
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
        title="Limit of CloudFormation exceeded",
        explanation="""
            CloudFormation limits a stack to 500 resources, 200 parameters, 200 outputs, 200 mappings and a megabyte,
            names to 255 characters and descriptions to 1,024 bytes. A stack beyond a limit is refused when it is
            deployed. Shorten what is too long, or divide the service.
        """,
        wrong=file(ADDITION, f"Resources:\n  {_LONG_NAME}:\n    Type: AWS::S3::Bucket"),
        right=file(ADDITION, "Resources:\n  Archive:\n    Type: AWS::S3::Bucket"),
    ),
)
