"""What becomes of data when its resource leaves the stack, or is replaced in it."""

from __future__ import annotations

from collections.abc import Iterator

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from ._rule import Fault, Rule, Template

STATEFUL = frozenset(load_resource(AdditionalSpecs, "StatefulResources.json")["ResourceTypes"])


class StatefulResourcesSayWhatBecomesOfThem(Rule):
    id = "E9001"
    shortdesc = "What holds data says what becomes of it"
    description = (
        "A resource that holds data has a DeletionPolicy and an UpdateReplacePolicy. Left to itself, CloudFormation"
        " deletes most of them with their data when they leave the stack, are renamed, or have to be replaced."
    )

    def find(self, template: Template) -> Iterator[Fault]:
        for resource in template.resources(*STATEFUL):
            for policy, event in (("DeletionPolicy", "leaves the stack"), ("UpdateReplacePolicy", "is replaced")):
                if policy not in resource.body:
                    message = f"'{policy}' is missing: nothing says what becomes of the data when it {event}"
                    yield Fault(resource.place, message, f"add `{policy}: Retain`, or Delete or Snapshot on purpose")
