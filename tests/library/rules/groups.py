"""Groups."""

from collections.abc import Iterator
from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch


class GroupsAreSmall(CloudFormationLintRule):  # type: ignore[misc]  # cfn-lint comes without types
    id = "E9001"
    shortdesc = "A group has ten instances at most"
    description = "The toy platform has no more than that."

    def match(self, cfn: Any) -> Iterator[RuleMatch]:
        for name, group in cfn.get_resources("AWS::AutoScaling::AutoScalingGroup").items():
            size = int(group["Properties"]["MaxSize"])
            if size > 10:
                path = ["Resources", name, "Properties", "MaxSize"]
                yield RuleMatch(path, f"{size} instances are too many for a toy", hint="make do with ten")
