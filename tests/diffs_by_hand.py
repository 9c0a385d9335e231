"""Diffs made by hand of two templates and of what somebody would have found between them."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.changes import Change, Diff, Side, SideStack
from compiler.diagnostics import Source, Span
from compiler.model import Json, Origin

TABLE, BUCKET, QUEUE = "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SQS::Queue"


def resource(kind: str = QUEUE, depends_on: Json = None, **properties: Json) -> dict[str, Json]:
    order = {} if depends_on is None else {"DependsOn": depends_on}
    return {"Type": kind, **order, "Properties": properties}


def origin(file: str = "service.yml", line: int = 12, layer: str = "service") -> Origin:
    return Origin(layer, Span(Source(file), line, 5, line, 9))


def stack(resources: Mapping[str, Json], *, environment: str = "", **sections: Json) -> SideStack:
    file = f"{environment}/template.json" if environment else "template.yml"
    return SideStack(file, {**sections, "Resources": dict(resources)}, {}, {})


def changed(logical_id: str, *below: str | int, before: Json = 1, after: Json = 2, **told: Json) -> Change:
    """A change of a value below a resource, or with none below of the whole resource."""
    told = {"environment": "production", "kind": "changed", "type": QUEUE, **told}
    file = f"{told['environment']}/template.json" if told["environment"] else "template.yml"
    return Change(
        file=file, path=("Resources", logical_id, *below), before=before, after=after, logical_id=logical_id, **told
    )


def diff_of(
    before: Mapping[str, Json], after: Mapping[str, Json], *changes: Change, facts: Mapping[str, Json] | None = None
) -> Diff:
    """A diff of one stack in each environment that a change names, production if there is none."""
    environments = sorted({change.environment for change in changes}) or ["production"]
    old, new = (
        Side(name, {each: stack(resources, environment=each) for each in environments}, facts=facts or {})
        for name, resources in (("release 1", before), ("working tree", after))
    )
    return Diff(old, new, changes)
