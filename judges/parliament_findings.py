"""Ask parliament about every policy of an identity in the templates that are named; print its findings as JSON.

It knows no policies of resources: it asks a trust policy for a resource, and a bucket's `s3:*` for conditions that each
action has.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from parliament import analyze_policy_string, enhance_finding  # type: ignore[import-not-found]
from policies import OF_IDENTITIES, find_policies

found = []
for path in map(Path, sys.argv[1:]):
    for kind, name, policy in find_policies(path):
        if kind not in OF_IDENTITIES:
            continue
        for finding in analyze_policy_string(json.dumps(policy)).findings:
            issue = enhance_finding(finding)
            if issue.severity != "MUTE":
                found.append({"template": str(path), "resource": name, "rule": issue.issue, "what": str(issue.detail)})
json.dump(found, sys.stdout)
