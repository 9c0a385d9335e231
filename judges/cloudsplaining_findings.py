"""Ask cloudsplaining what every policy of an identity allows too much of; print its findings as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cloudsplaining.scan.policy_document import PolicyDocument  # type: ignore[import-not-found]
from policies import OF_IDENTITIES, find_policies

LOOKED_FOR = (
    "allows_privilege_escalation",
    "allows_data_exfiltration_actions",
    "permissions_management_without_constraints",
    "write_actions_without_constraints",
    "credentials_exposure",
    "service_wildcard",
)

found = []
for path in map(Path, sys.argv[1:]):
    for kind, name, policy in find_policies(path):
        if kind not in OF_IDENTITIES:
            continue
        document = PolicyDocument(policy)
        for rule in LOOKED_FOR:
            if answer := getattr(document, rule, None):
                found.append({"template": str(path), "resource": name, "rule": rule, "what": str(answer)})
json.dump(found, sys.stdout)
