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
    environments = sorted({change.environment for change in changes if change.logical_id}) or ["production"]
    old, new = (
        Side(name, {each: stack(resources, environment=each) for each in environments}, facts=facts or {})
        for name, resources in (("release 1", before), ("working tree", after))
    )
    return Diff(old, new, changes)


def review_of_orders() -> Diff:
    """A diff with everything in it that a review can show, in two environments, and an archive."""
    before = {
        "Orders": resource(TABLE),
        "Files": resource(BUCKET, Table={"Ref": "Orders"}),
        "Gone": resource(),
        "OldName": resource(),
        "Jobs": resource(depends_on="Orders"),
        "Still": resource(Queue={"Fn::GetAtt": ["Jobs", "Arn"]}),
        "Far": resource(),
    }
    after = {name: body for name, body in before.items() if name not in ("Gone", "OldName")}
    after |= {"New": resource(Table={"Ref": "Orders"}), "NewName": resource()}
    lost: dict[str, Json] = {"type": TABLE, "behavior": "replacement", "is_data_loss": True, "origin": origin()}
    opened: dict[str, Json] = {"type": BUCKET, "behavior": "conditional", "security": ("exposure-widened",)}
    opened["reasons"] = ("anybody may read `Files`",)
    policy = {
        "Statement": [{"Sid": f"Allow{number}", "Effect": "Allow", "Action": "s3:GetObject"} for number in range(9)]
    }
    changes = [
        changed("Files", "Properties", "Policy", before=None, after=policy, kind="added", **opened),
        changed("Gone", kind="removed", before=resource(), after=None),
        changed(
            "Jobs", "Properties", "DelaySeconds", before=0, after=5, behavior="interruption", origin=origin(line=20)
        ),
        changed("Jobs", "Properties", "Script", before="one\ntwo\n", after="one\nthree\n"),
        changed("New", kind="added", before=None, after=resource()),
        changed("OldName", before=resource(), after=resource(), renamed_to="NewName", behavior="replacement"),
        changed("Orders", "Properties", "KeySchema", before="id", after="pk", reasons=("cannot be kept",), **lost),
        changed("Jobs", "Properties", "DelaySeconds", before=0, after=5, environment="staging"),
        Change("", "source.tar.gz", ("bin/web",), "changed", "1f2e", "3d4c"),
    ]
    return diff_of(before, after, *changes, facts={"service": "orders"})
