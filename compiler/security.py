"""Security: say of each change what it does to who may do what, who can reach what, and what is protected.

In: a Diff.    Out: the same Diff, its changes with labels and, in `concerns`, a sentence for each.
Never: compares text; what is written otherwise and means the same has no label, and a label reversed is its opposite.

A label is `<what>-widened` or `-narrowed` for `iam`, `exposure` and `egress`, `-weakened` or `-strengthened` for
`encryption`, `logging`, `protection` and `metadata`, `-changed` where nobody can tell, and `waiver-added` or
`waiver-removed`. It stands at the change that it is due to: where the resource itself says the same as before, at the
parameter or mapping whose value it takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from compiler.behavior import is_stateful
from compiler.changes import Change, Diff, SideStack
from compiler.ingress import find_opened
from compiler.known import Known
from compiler.model import Json, Path, value_at
from compiler.permissions import Grant, Grants, compare_grants, describe_grant, read_grants, write_token
from compiler.safeguards import Finding, find_weakened
from compiler.stack_pair import know_stack
from compiler.worlds import Worlds

# Properties that attach a policy to someone, or someone to a policy: each item is a permission.
_ATTACHED: Mapping[str, tuple[str, ...]] = {
    "AWS::IAM::Group": ("ManagedPolicyArns",),
    "AWS::IAM::ManagedPolicy": ("Groups", "Roles", "Users"),
    "AWS::IAM::Policy": ("Groups", "Roles", "Users"),
    "AWS::IAM::Role": ("ManagedPolicyArns",),
    "AWS::IAM::User": ("Groups", "ManagedPolicyArns"),
    "AWS::IAM::InstanceProfile": ("Roles",),
    "AWS::IAM::UserToGroupAddition": ("Users",),
    "AWS::SNS::TopicPolicy": ("Topics",),
    "AWS::SQS::QueuePolicy": ("Queues",),
    "AWS::Serverless::Function": ("Policies",),
    "AWS::SSO::PermissionSet": ("ManagedPolicies",),
}
_POLICIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
# What a resource is about: where that is another, what it said goes there and comes here.
_TARGETS: Mapping[str, str] = {
    "AWS::EC2::NetworkAclEntry": "NetworkAclId",
    "AWS::EC2::SecurityGroupEgress": "GroupId",
    "AWS::EC2::SecurityGroupIngress": "GroupId",
    "AWS::IAM::UserToGroupAddition": "GroupName",
    "AWS::S3::BucketPolicy": "Bucket",
}
_LISTENERS = ("AWS::ElasticLoadBalancingV2::Listener", "AWS::ElasticLoadBalancingV2::ListenerRule")
_EVERYTHING: Json = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
# What watches or filters, so that its coming and going is what matters.
_WATCHERS: Mapping[str, str] = {
    "AWS::CloudTrail::Trail": "logging",
    "AWS::Config::ConfigurationRecorder": "logging",
    "AWS::EC2::FlowLog": "logging",
    "AWS::GuardDuty::Detector": "protection",
    "AWS::WAFv2::WebACLAssociation": "protection",
}
# Attributes that say what becomes of the data of a resource that goes, and what keeps it.
_KEEPING = {"DeletionPolicy": "removed", "UpdateReplacePolicy": "replaced"}
_KEPT = ("Retain", "RetainExceptOnCreate", "Snapshot")
_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9:]+)")


def mark_security(diff: Diff) -> Diff:
    """Label the changes of a diff."""
    changes = list(diff.changes)
    for environment in dict.fromkeys((*diff.before.stacks, *diff.after.stacks)):
        before, after = diff.before.stacks.get(environment), diff.after.stacks.get(environment)
        if before is None or after is None:
            continue  # of a stack that comes or goes whole, nothing is wider or narrower than it was
        own = [index for index, change in enumerate(changes) if change.environment == environment]
        found = [changes[index] for index in own]
        places = _index_places(found)
        for logical_id, body, finding in _find(before, after, found):
            at = _carrier(found, places, logical_id, body, finding)
            if at is not None:
                changes[own[at]] = _label(changes[own[at]], finding.label, f"{logical_id}: {finding.reason}")
    return replace(diff, changes=tuple(_mark_retention(_mark_waiver(change)) for change in changes))


def _label(change: Change, label: str, reason: str) -> Change:
    return replace(
        change,
        security=tuple(dict.fromkeys((*change.security, label))),
        concerns=tuple(dict.fromkeys((*change.concerns, reason))),
    )


def _mark_waiver(change: Change) -> Change:
    if change.file != "manifest.json" or change.path[:1] != ("waivers",):
        return change
    waiver = change.after if change.after is not None else change.before
    name = waiver.get("code", waiver.get("id")) if isinstance(waiver, dict) else None
    words = f"of `{name}` " if name else ""
    if change.kind == "removed":
        return _label(change, "waiver-removed", f"a waiver {words}is no longer given")
    return _label(change, f"waiver-{change.kind}", f"a waiver {words}sets a rule aside")


def _mark_retention(change: Change) -> Change:
    """Label that data is kept no longer, or from now on, when its resource goes."""
    if change.logical_id is None or len(change.path) != 3 or change.path[2] not in _KEEPING:
        return change
    kept = [value in _KEPT for value in (change.before, change.after)]
    if kept[0] == kept[1] or not is_stateful(change.type or ""):
        return change
    words = f"its data {'is kept' if kept[1] else 'goes with it'} when it is {_KEEPING[str(change.path[2])]}"
    return _label(change, f"protection-{'strengthened' if kept[1] else 'weakened'}", f"{change.logical_id}: {words}")


# Finding


def _find(
    before: SideStack | None, after: SideStack | None, changes: list[Change]
) -> Iterator[tuple[str, Json, Finding]]:
    """Yield logical id, body and finding of every resource that differs, also one whose values alone do."""
    renamed = {str(change.logical_id): change.renamed_to for change in changes if change.renamed_to is not None}
    known = (know_stack(before), know_stack(after))
    worlds = Worlds.of(before, after)
    if all(change.path[:1] == ("Resources",) for change in changes):
        wanted = {name for change in changes for name in (change.logical_id, change.renamed_to)}
    else:
        wanted = None
    old = {renamed.get(name, name): _rename(body, renamed) for name, body in _resources(before).items()}
    new = _resources(after)
    for name in dict.fromkeys((*old, *new)):
        if (wanted is None or name in wanted) and (old.get(name) != new.get(name) or known[0] != known[1]):
            kinds = {str(body.get("Type")) for body in (old.get(name), new.get(name)) if isinstance(body, dict)}
            for kind in sorted(kinds):
                sides = [
                    body if isinstance(body, dict) and body.get("Type") == kind else None
                    for body in (old.get(name), new.get(name))
                ]
                for finding in _find_in_worlds(kind, sides[0], sides[1], known, worlds):
                    yield name, new.get(name, old.get(name)), finding


def _find_in_worlds(
    kind: str, before: Json, after: Json, known: tuple[Known, Known], worlds: Worlds
) -> Iterator[Finding]:
    """Yield what is found however the conditions of the template turn out, each finding once."""
    found: dict[tuple[str, str], Finding] = {}
    target: Path = ("Properties", _TARGETS.get(kind, ""))
    for old, new in worlds.settle(before, after):
        ends = [each.possible(value_at(body, target)) for body, each in zip((old, new), known, strict=True)]
        is_moved = None not in (old, new) and list(map(write_token, ends[0])) != list(map(write_token, ends[1]))
        for was, now in ((old, None), (None, new)) if is_moved else ((old, new),):
            for finding in _find_in(kind, was, now, known):
                found.setdefault((finding.label, finding.reason), finding)
    yield from found.values()


def _find_in(kind: str, before: Json, after: Json, known: tuple[Known, Known]) -> Iterator[Finding]:
    yield from find_weakened(kind, before, after, known)
    yield from find_opened(kind, before, after, known)
    yield from _find_permissions(kind, before, after, known)
    yield from _find_boundary(before, after)
    if kind in _LISTENERS and None not in (before, after):
        asks = [_asks_who(body) for body in (before, after)]
        if asks[0] and not asks[1]:
            yield Finding("protection-weakened", "asks nobody to sign in any longer", ("Properties",))
        elif asks[1] and not asks[0]:
            yield Finding("protection-strengthened", "asks whoever comes to sign in", ("Properties",))
    if kind in _WATCHERS and (before is None) != (after is None):
        gone = after is None
        yield Finding(
            f"{_WATCHERS[kind]}-{'weakened' if gone else 'strengthened'}", f"{'goes' if gone else 'comes'}", ()
        )


def _find_permissions(kind: str, before: Json, after: Json, known: tuple[Known, Known]) -> Iterator[Finding]:
    sides = [_read_policies(kind, body, each) for body, each in zip((before, after), known, strict=True)]
    if kind == "AWS::EC2::VPCEndpoint" and None not in (before, after):
        for each in sides:  # without a policy an endpoint lets everything through
            each.setdefault(("Properties", "PolicyDocument"), read_grants(_EVERYTHING, known[0], ("Properties",)))
    for key in dict.fromkeys((*sides[0], *sides[1])):
        gained, lost = compare_grants(sides[0].get(key, {}), sides[1].get(key, {}))
        yield from _word_grants("iam-widened", gained, "allows", "no longer denies")
        yield from _word_grants("iam-narrowed", lost, "no longer allows", "denies")
    for name in _ATTACHED.get(kind, ()):
        if kind in _POLICIES and (before is None or after is None):
            continue  # what the policy itself says is all that comes or goes
        lists = [_read_attached(name, body, each) for body, each in zip((before, after), known, strict=True)]
        gained, lost = compare_grants(lists[0], lists[1])
        for label, grants, word in (("iam-widened", gained, "adds"), ("iam-narrowed", lost, "takes")):
            for grant, place in grants.items():
                named = ", ".join(f"`{each}`" for each in sorted(grant.resource.patterns))
                yield Finding(label, f"{word} {named} in `{name}`", place)


def _word_grants(label: str, grants: Grants, allowed: str, denied: str) -> Iterator[Finding]:
    """Yield one finding for each statement, which names its first permission and counts the others."""
    by_place: dict[tuple[Path, bool], list[Grant]] = {}
    for grant, place in grants.items():
        by_place.setdefault((place, grant.is_denied), []).append(grant)
    for (place, is_denied), listed in by_place.items():
        count = sum(grant.count() for grant in listed)
        more = f" and {count - 1} more" if count > 1 else ""
        yield Finding(label, f"{denied if is_denied else allowed} {describe_grant(listed[0])}{more}", place)


def _read_policies(kind: str, body: Json, known: Known) -> dict[tuple[str, ...], Grants]:
    """Read the grants of every policy of a resource; those under one property count together, as in a list of them."""
    found: dict[tuple[str, ...], Grants] = {}
    properties = body.get("Properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict):
        return found
    for path, statements in _documents(properties, ("Properties",)):
        key = tuple(step for step in path if isinstance(step, str) and step != "Fn::If")
        grants = found.setdefault(key, {})
        for grant, place in read_grants(statements, known, (*path, "Statement")).items():
            grants.setdefault(grant, place)
    if kind == "AWS::Lambda::Permission":
        found[()] = read_grants(_invocation(properties), known, ("Properties",))
    return found


def _asks_who(body: Json) -> bool:
    """Tell whether a listener or one of its rules lets nobody pass without signing in."""
    actions = [value_at(body, ("Properties", name)) for name in ("Actions", "DefaultActions")]
    listed = [action for each in actions if isinstance(each, list) for action in each]
    kinds = [str(value_at(action, ("Type",))) for action in listed]
    return any(kind.startswith("authenticate-") or kind == "jwt-validation" for kind in kinds)


def _read_attached(name: str, body: Json, known: Known) -> Grants:
    """Read a list that attaches as if each item were a grant."""
    properties = body.get("Properties") if isinstance(body, dict) else None
    if not isinstance(properties, dict) or name not in properties:
        return {}
    items = properties[name]
    if isinstance(items, list):  # what is written out is read as the policy that it is
        items = [item for item in items if not (isinstance(item, dict) and "Statement" in item)]
    return read_grants({"Effect": "Allow", "Resource": items}, known, ("Properties", name))


def _documents(value: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    """Yield the statements of every policy document, wherever one stands."""
    if isinstance(value, dict):
        if "Statement" in value and '"Effect"' in json.dumps(value["Statement"], default=str):
            yield path, value["Statement"]
        else:
            for name, item in value.items():
                yield from _documents(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _documents(item, (*path, index))
    elif isinstance(value, str) and value.lstrip().startswith("{") and '"Statement"' in value:
        try:
            yield from _documents(json.loads(value), path)
        except (ValueError, RecursionError):
            return


def _invocation(properties: Mapping[str, Json]) -> Json:
    """Return the statement that a permission of a function amounts to."""
    principal = properties.get("Principal")
    is_service = isinstance(principal, str) and principal.endswith((".amazonaws.com", ".amazonaws.com.cn"))
    narrowing = {
        name: properties[name] for name in ("SourceArn", "SourceAccount", "PrincipalOrgID") if name in properties
    }
    return {
        "Effect": "Allow",
        "Principal": {"Service": principal} if is_service else principal,
        **{
            theirs: properties[name]
            for theirs, name in (("Action", "Action"), ("Resource", "FunctionName"))
            if name in properties
        },
        **({"Condition": {"ArnLike": narrowing}} if narrowing else {}),
    }


def _find_boundary(before: Json, after: Json) -> Iterator[Finding]:
    place: Path = ("Properties", "PermissionsBoundary")
    old, new = value_at(before, place), value_at(after, place)
    if before is None or after is None or old == new:
        return
    if new is None:
        yield Finding("iam-widened", "no boundary limits its permissions any longer", place)
    elif old is None:
        yield Finding("iam-narrowed", "a boundary limits its permissions", place)
    else:
        yield Finding("iam-changed", "another boundary limits its permissions", place)


def _resources(stack: SideStack | None) -> Mapping[str, Json]:
    resources = stack.template.get("Resources") if stack is not None else None
    return resources if isinstance(resources, dict) else {}


def _rename(value: Json, names: Mapping[str, str | None]) -> Json:
    """Return a body with its references to renamed resources following the new names."""
    if not names:
        return value
    if isinstance(value, list):
        return [_rename(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("Ref"), str):
        return {**value, "Ref": names.get(value["Ref"]) or value["Ref"]}
    attribute = value.get("Fn::GetAtt")
    if isinstance(attribute, list) and attribute and isinstance(attribute[0], str):
        return {**value, "Fn::GetAtt": [names.get(attribute[0]) or attribute[0], *attribute[1:]]}
    return {key: _rename(item, names) for key, item in value.items()}


# Placing


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the changes of a stack are, each time the first: by their resource and the beginnings of their paths, and
    by the steps of their paths and their resource."""

    beginnings: Mapping[tuple[str | None, Path], int]
    steps: Mapping[str, Mapping[tuple[str | None, str | None], int]]


def _index_places(changes: list[Change]) -> _Places:
    beginnings: dict[tuple[str | None, Path], int] = {}
    steps: dict[str, dict[tuple[str | None, str | None], int]] = {}
    for at, change in enumerate(changes):
        path = _without_choices(change.path)
        for length in range(len(path) + 1):
            for name in (change.logical_id, change.renamed_to):
                beginnings.setdefault((name, path[:length]), at)
        for step in change.path:
            if isinstance(step, str):
                steps.setdefault(step, {}).setdefault((change.logical_id, change.renamed_to), at)
    return _Places(beginnings, steps)


def _carrier(changes: list[Change], places: _Places, logical_id: str, body: Json, finding: Finding) -> int | None:
    """Return the index of the change that a finding is due to; None where nothing was changed at all."""
    place = ("Resources", logical_id, *_without_choices(finding.place))
    near = ((places.beginnings.get((logical_id, place[:length])), length) for length in range(len(place), -1, -1))
    best, shared = next(((at, length) for at, length in near if at is not None), (None, 0))
    if best is not None:
        path = _without_choices(changes[best].path)
        if len(place) < 4 or len(path) < 4 or shared >= 4:  # the same property, or no single one
            return best
    others = [
        next((at for names, at in places.steps.get(word, {}).items() if logical_id not in names), None)
        for word in _words(body)
    ]
    named = min((at for at in others if at is not None), default=None)
    return named if named is not None else best if best is not None else 0 if changes else None


def _words(value: Json) -> Iterator[str]:
    """Yield every text of a body, and every name that stands in one as `${Name}`."""
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, str):
        yield value
        yield from _SUBSTITUTED.findall(value)


def _without_choices(path: Path) -> Path:
    """Return a path without the branches of an Fn::If that it leads through."""
    if "Fn::If" not in path:
        return path
    at = path.index("Fn::If")
    return (*path[:at], *_without_choices(path[at + 2 :]))
