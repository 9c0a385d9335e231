"""Find the policies in templates, with plausible ARNs where a value is known at deployment only.

In: template files.    Out: each policy with the place it stands at, as plain JSON.
Used by judges that know policies and no templates; run by the Python of each, so it imports nothing else of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# What may stand where a resource of the same stack or a parameter is referred to, by the service of the first action.
ARNS = {
    "cloudformation": "arn:aws:cloudformation:eu-west-1:111122223333:stack/a/b",
    "dynamodb": "arn:aws:dynamodb:eu-west-1:111122223333:table/a",
    "kms": "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-3333-4444-555555555555",
    "logs": "arn:aws:logs:eu-west-1:111122223333:log-group:a:*",
    "s3": "arn:aws:s3:::a",
    "sns": "arn:aws:sns:eu-west-1:111122223333:a",
    "sqs": "arn:aws:sqs:eu-west-1:111122223333:a",
    "ssm": "arn:aws:ssm:eu-west-1:111122223333:parameter/a",
}
OBJECTS = "arn:aws:s3:::a/"
OF_IDENTITIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")


def find_policies(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield type and logical id of each resource of a template that holds a policy, and the policy."""
    for name, resource in json.loads(path.read_text())["Resources"].items():
        for value in resource.get("Properties", {}).values():
            for document in _documents(value):
                yield (
                    resource["Type"],
                    name,
                    {**document, "Statement": [_known(each) for each in document["Statement"]]},
                )


def _documents(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("Statement"), list):
            yield value
        else:
            for item in value.values():
                yield from _documents(item)
    elif isinstance(value, list):
        for item in value:
            yield from _documents(item)


def _known(statement: dict[str, Any]) -> dict[str, Any]:
    actions = statement.get("Action", "*")
    service = (actions if isinstance(actions, str) else actions[0]).partition(":")[0]
    known = dict(statement)
    if "Resource" in known:
        many = known["Resource"] if isinstance(known["Resource"], list) else [known["Resource"]]
        known["Resource"] = [_arn(each, service) for each in many]
    if "Condition" in known:
        known["Condition"] = {
            operator: {key: _compared(value, operator, service) for key, value in tests.items()}
            for operator, tests in known["Condition"].items()
        }
    return known


def _compared(value: Any, operator: str, service: str) -> Any:
    """Say what a condition compares with, where functions of CloudFormation stand for it."""
    if isinstance(value, list):
        return [_compared(each, operator, service) for each in value]
    if isinstance(value, dict):
        return _arn(value, service) if "Arn" in operator else "a"
    return value


def _arn(value: Any, service: str) -> str:
    if isinstance(value, str) and not value.startswith("{{resolve:"):
        return re.sub(r"\{\{resolve:[^}]*\}\}", "a", value)
    text = json.dumps(value)
    if isinstance(value, dict) and isinstance(value.get("Fn::Sub"), str):
        return re.sub(r"\$\{([^}]*)\}", lambda found: _substitute(found[1], service), value["Fn::Sub"])
    return f"{OBJECTS}*" if service == "s3" and "/" in text else ARNS.get(service, "*")


def _substitute(variable: str, service: str) -> str:
    if variable.endswith(".Arn"):
        return ARNS.get(service, "*")
    return "aws" if variable == "AWS::Partition" else "a"
