"""Limits: what AWS takes of one template and of what it holds.

In: a Stack.    Out: Diagnostics.
Faults: D602 a limit is exceeded.
Never: asks AWS. Only limits that nobody can have raised are errors; the numbers are those of "AWS CloudFormation
quotas", "IAM and AWS STS quotas", "Amazon SNS filter policy constraints" and the like of each service. Of a
text with intrinsics or dynamic references the known part is counted: what is reported is too large whatever they are.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.cause import find_cause, place_cause
from compiler.diagnostics import Diagnostic, Severity
from compiler.lookups import MOST_REFERENCES
from compiler.model import Json, Path, Stack, value_at, walk_leaves
from compiler.needs import Needed
from compiler.share import find_heaviest, is_of_template
from compiler.wording import write_path

_MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
_MOST_COMBINATIONS = 150  # of the values that a filter policy lets in, one of each attribute
_NAME = re.compile(r"[A-Za-z0-9]+")
_LONGEST_NAME = 255
_LONGEST_LABEL, _LONGEST_DOMAIN = 63, 253
_LONGEST_DESCRIPTION = 1024  # bytes
_LARGEST_TEMPLATE = 1_000_000  # bytes, of the object in the bucket: indentation counts


@dataclass(frozen=True, slots=True)
class _Size:
    """How large one property may be. `counts` is "characters", which are those that are no white space, or "bytes"."""

    type: str
    path: Path
    most: int
    counts: str
    what: str
    severity: Severity = "error"


_SIZES = (
    _Size("AWS::IAM::ManagedPolicy", ("PolicyDocument",), 6_144, "characters", "managed policy"),
    # An account may have this one raised.
    _Size("AWS::IAM::Role", ("AssumeRolePolicyDocument",), 2_048, "characters", "trust policy", "warning"),
    _Size("AWS::EC2::LaunchTemplate", ("LaunchTemplateData", "UserData"), 16_384, "bytes", "user data"),
    _Size("AWS::EC2::Instance", ("UserData",), 16_384, "bytes", "user data"),
    _Size("AWS::AutoScaling::LaunchConfiguration", ("UserData",), 16_384, "bytes", "user data"),
    _Size("AWS::SSM::Parameter", ("Value",), 8_192, "bytes", "value"),
    _Size("AWS::SNS::TopicPolicy", ("PolicyDocument",), 30_720, "bytes", "policy"),
    _Size("AWS::SQS::QueuePolicy", ("PolicyDocument",), 8_192, "bytes", "policy"),
    _Size("AWS::S3::BucketPolicy", ("PolicyDocument",), 20_480, "bytes", "policy"),
    _Size("AWS::KMS::Key", ("KeyPolicy",), 32_768, "bytes", "policy"),
)


@dataclass(frozen=True, slots=True)
class _Crowd:
    """How many resources of a type may be about one thing, which is what their `property` refers to."""

    type: str
    property: str
    most: int
    what: str


_CROWDS = (
    _Crowd("AWS::Logs::MetricFilter", "LogGroupName", 100, "metric filters of one log group"),
    _Crowd("AWS::AutoScaling::ScheduledAction", "AutoScalingGroupName", 125, "scheduled actions of one group"),
    _Crowd("AWS::AutoScaling::ScalingPolicy", "AutoScalingGroupName", 50, "scaling policies of one group"),
)
# Managed policies of one role: an account may have the first raised to the second.
_USUAL_POLICIES, _MOST_POLICIES = 10, 20
# Security groups of one network interface, likewise; and where they stand, `*` for each of a list.
_USUAL_GROUPS, _MOST_GROUPS = 5, 16
_GROUPS: Mapping[str, tuple[Path, ...]] = {
    "AWS::EC2::Instance": (("NetworkInterfaces", "*", "GroupSet"), ("SecurityGroupIds",)),
    "AWS::EC2::LaunchTemplate": (
        ("LaunchTemplateData", "NetworkInterfaces", "*", "Groups"),
        ("LaunchTemplateData", "SecurityGroupIds"),
    ),
    "AWS::EC2::NetworkInterface": (("GroupSet",),),
    "AWS::ECS::Service": (("NetworkConfiguration", "AwsvpcConfiguration", "SecurityGroups"),),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (("SecurityGroups",),),
    "AWS::Lambda::Function": (("VpcConfig", "SecurityGroupIds"),),
}
# Of all the values that the conditions of a listener's rule let through; `*` and `?` count wherever they stand.
_MOST_VALUES, _MOST_WILDCARDS = 5, 5
# Inline policies of one role, user or group, all together; in characters that are no white space.
_INLINE = {"AWS::IAM::Role": 10_240, "AWS::IAM::User": 2_048, "AWS::IAM::Group": 5_120}
_HOLDERS = ("Roles", "Users", "Groups")
_DYNAMIC = re.compile(r"\{\{resolve:[^}]*\}\}")
_PLACEHOLDER = re.compile(r"\$\{(?!!)[^}]*\}")


def check_limits(stack: Stack) -> Iterator[Diagnostic]:
    """Yield each limit that a template or what it holds exceeds, at whoever brought most of the excess."""
    yield from _check_numbers(stack)
    yield from _check_names(stack)
    size = len(str(stack.template.get("Description", "")).encode())
    if size > _LONGEST_DESCRIPTION:
        message = f"the description is {size:,} bytes long, CloudFormation takes {_LONGEST_DESCRIPTION:,}"
        yield _fault(stack, ("Description",), message, "shorten it")
    yield from _check_references(stack)
    yield from _check_size(stack)
    resources = _as_map(stack.template.get("Resources"))
    for name, body in resources.items():
        yield from _check_properties(stack, name, _as_map(body))
    yield from _check_inline_policies(stack, resources)
    yield from _check_crowds(stack, resources)
    yield from _check_attached(stack, resources)


def is_too_large(stack: Stack) -> bool:
    """Tell whether CloudFormation would not take a template as a whole, whatever stands in it."""
    is_crowded = any(len(stack.template.get(section) or {}) > most for section, most in _MOST.items())
    return is_crowded or _size_of(stack.template) > _LARGEST_TEMPLATE


# The template


def _check_numbers(stack: Stack) -> Iterator[Diagnostic]:
    for section, most in _MOST.items():
        names = list(stack.template.get(section) or {})
        if len(names) <= most:
            continue
        message = f"CloudFormation takes {most} {section.lower()}, not {len(names)}"
        needed = Needed(stack, {(section, name): 1 for name in names})
        if needed.is_of_service(len(names) - most):
            yield needed.blame(message)
        else:
            place, message = (section, names[most]), f"`{names[most]}` is one too many: {message}"
            yield _fault(stack, place, message, "move what can stand alone into a stack of its own")


def _check_names(stack: Stack) -> Iterator[Diagnostic]:
    for section in _MOST:
        for name in stack.template.get(section) or {}:
            if name.startswith("Fn::"):  # a loop of AWS::LanguageExtensions
                continue
            if not _NAME.fullmatch(name):
                message = f"`{name}` in `{section}` is no logical id, which has letters and digits only"
                yield _fault(stack, (section, name), message, "rename it")
            elif len(name) > _LONGEST_NAME:
                message = f"a name in `{section}` is {len(name)} characters long, CloudFormation takes {_LONGEST_NAME}"
                yield _fault(stack, (section, name), message, "shorten it")


def _check_references(stack: Stack) -> Iterator[Diagnostic]:
    places = [
        path
        for path, value in walk_leaves(stack.template)
        if isinstance(value, str)
        for _ in range(value.count("{{resolve:"))
    ]
    excess = len(places) - MOST_REFERENCES
    if excess <= 0:
        return
    message = f"the template holds {len(places)} dynamic references, CloudFormation takes {MOST_REFERENCES}"
    added = [path for path in places if path in stack.stories and is_of_template(stack.stories[path][-1])]
    if len(added) >= excess:
        hint = "use fewer {{resolve:...}} in additions and overrides, or split the service"
        yield _fault(stack, added[-excess], message, hint)
        return
    needed = Needed(stack, Counter(path[:2] for path in places), depth=2)
    if needed.is_of_service(0):
        yield needed.blame(message)
    else:
        yield _fault(stack, places[-excess], message, "ask the platform team for a template with fewer")


def _check_size(stack: Stack) -> Iterator[Diagnostic]:
    size = _size_of(stack.template)
    if size <= _LARGEST_TEMPLATE:
        return
    entries = [(section, name) for section in _MOST for name in stack.template.get(section) or {}]
    sizes: dict[Path, int] = {entry: _size_of(stack.template[entry[0]][entry[1]]) for entry in entries}
    largest = max(sizes, key=lambda entry: sizes[entry], default=None)
    message = f"the template is {size:,} bytes, CloudFormation takes {_LARGEST_TEMPLATE:,}"
    needed = Needed(stack, sizes)
    if needed.is_of_service(size - _LARGEST_TEMPLATE):
        yield needed.blame(message)
        return
    if largest:
        message += f"; `{largest[1]}` is the largest part of it"
    yield _fault(stack, largest or (), message, "move what can stand alone into a stack of its own")


def _size_of(data: object) -> int:
    """Count the bytes of `template.json` as it is rendered and sent."""
    return len(json.dumps(data, indent=2, ensure_ascii=False).encode()) + 1


# What resources hold


def _check_properties(stack: Stack, name: str, body: Mapping[str, Json]) -> Iterator[Diagnostic]:
    for size in _SIZES:
        path: Path = ("Resources", name, "Properties", *size.path)
        if body.get("Type") == size.type:
            yield from _check_text(stack, path, f"the {size.what} of `{name}`", value_at(stack.template, path), size)
    if body.get("Type") == "AWS::SNS::Subscription":
        path = ("Resources", name, "Properties", "FilterPolicy")
        combinations = math.prod(_choices(value_at(stack.template, path)))
        if combinations > _MOST_COMBINATIONS:
            message = f"the filter of `{name}` makes {combinations:,} combinations of values"
            message += f", SNS takes {_MOST_COMBINATIONS}"
            yield _blame_heaviest(stack, path, message, "let in fewer values")
    if body.get("Type") == "AWS::ElasticLoadBalancingV2::ListenerRule":
        yield from _check_rule(stack, ("Resources", name, "Properties", "Conditions"), name)
    for steps in _GROUPS.get(str(body.get("Type")), ()):
        for path in _list_places(stack.template, ("Resources", name, "Properties"), steps):
            yield from _check_groups(stack, path, name)
    if body.get("Type") == "AWS::Route53::RecordSet":
        yield from _check_domain(stack, ("Resources", name, "Properties", "Name"))


def _check_groups(stack: Stack, path: Path, name: str) -> Iterator[Diagnostic]:
    number = len(_as_list(value_at(stack.template, path)))
    if number > _USUAL_GROUPS:
        severity: Severity = "error" if number > _MOST_GROUPS else "warning"
        most = _MOST_GROUPS if severity == "error" else f"{_USUAL_GROUPS} unless the account has more"
        message = f"a network interface of `{name}` has {number} security groups, EC2 takes {most}"
        hint = "put what they let in and out into fewer"
        yield _blame_heaviest(stack, (*path, number - 1), message, hint, severity)


def _list_places(template: Json, path: Path, steps: Path) -> Iterator[Path]:
    """Yield the places that some steps lead to."""
    if not steps:
        yield path
    elif steps[0] == "*":
        for index, _ in enumerate(_as_list(value_at(template, path))):
            yield from _list_places(template, (*path, index), steps[1:])
    else:
        yield from _list_places(template, (*path, steps[0]), steps[1:])


def _check_domain(stack: Stack, path: Path) -> Iterator[Diagnostic]:
    """Check the lengths of a name and its labels (RFC 1035); the platform may put more into a label than `dns`."""
    name = _known_text(value_at(stack.template, path)).removesuffix(".")
    label = max(name.split("."), key=len)
    if len(label) > _LONGEST_LABEL:
        message = f"`{label}` is {len(label)} characters long, DNS takes {_LONGEST_LABEL} between dots"
        yield _fault(stack, path, message, "shorten `dns`, or the name of the environment")
    elif len(name) > _LONGEST_DOMAIN:
        message = f"`{name}` is {len(name)} characters long, DNS takes {_LONGEST_DOMAIN}"
        yield _fault(stack, path, message, "shorten `dns`, or the name of the environment")


def _check_text(stack: Stack, path: Path, what: str, value: Json, size: _Size) -> Iterator[Diagnostic]:
    text = _known_text(value)
    counted = len("".join(text.split())) if size.counts == "characters" else len(text.encode())
    if counted > size.most:
        message = f"{what} is {counted:,} {size.counts} long, {size.type.split('::')[1]} takes {size.most:,}"
        yield _blame_heaviest(stack, path, message, "shorten it, or split the service", size.severity)


def _check_inline_policies(stack: Stack, resources: Mapping[str, Json]) -> Iterator[Diagnostic]:
    held: dict[str, list[Path]] = {}
    for name, body in resources.items():
        kind, inside = _as_map(body).get("Type"), _as_map(_as_map(body).get("Properties"))
        path: Path = ("Resources", name, "Properties")
        if kind in _INLINE:
            for index, _ in enumerate(_as_list(inside.get("Policies"))):
                held.setdefault(name, []).append((*path, "Policies", index, "PolicyDocument"))
        if kind == "AWS::IAM::Policy":
            for holder in (each for key in _HOLDERS for each in _as_list(inside.get(key))):
                held.setdefault(str(_as_map(holder).get("Ref")), []).append((*path, "PolicyDocument"))
    for name, paths in held.items():
        kind = _as_map(resources.get(name)).get("Type")
        if kind in _INLINE:
            size = _Size(str(kind), (), _INLINE[kind], "characters", "")
            documents = [value_at(stack.template, path) for path in paths]
            longest = max(paths, key=lambda path: len(_known_text(value_at(stack.template, path))))
            yield from _check_text(stack, longest, f"all that is inline in `{name}`", documents, size)


def _check_crowds(stack: Stack, resources: Mapping[str, Json]) -> Iterator[Diagnostic]:
    for crowd in _CROWDS:
        members: dict[str, list[str]] = {}
        for name, body in resources.items():
            if _as_map(body).get("Type") == crowd.type:
                about = _as_map(_as_map(body).get("Properties")).get(crowd.property)
                members.setdefault(json.dumps(about, sort_keys=True), []).append(name)
        for names in members.values():
            if len(names) > crowd.most:
                message = f"`{names[crowd.most]}` is one too many: {crowd.type.split('::')[1]} takes {crowd.most}"
                message += f" {crowd.what}, not {len(names)}"
                yield _blame_heaviest(stack, ("Resources", names[crowd.most]), message, "do with fewer")


def _check_attached(stack: Stack, resources: Mapping[str, Json]) -> Iterator[Diagnostic]:
    """Count the managed policies of each role, which may name them and be named by them."""
    attached: dict[str, list[Path]] = {}
    for name, body in resources.items():
        kind, inside = _as_map(body).get("Type"), _as_map(_as_map(body).get("Properties"))
        if kind == "AWS::IAM::Role":
            for index, _ in enumerate(_as_list(inside.get("ManagedPolicyArns"))):
                attached.setdefault(name, []).append(("Resources", name, "Properties", "ManagedPolicyArns", index))
        elif kind == "AWS::IAM::ManagedPolicy":
            for index, holder in enumerate(_as_list(inside.get("Roles"))):
                role = str(_as_map(holder).get("Ref"))
                attached.setdefault(role, []).append(("Resources", name, "Properties", "Roles", index))
    for role, paths in attached.items():
        if len(paths) > _USUAL_POLICIES:
            severity: Severity = "error" if len(paths) > _MOST_POLICIES else "warning"
            most = _MOST_POLICIES if severity == "error" else f"{_USUAL_POLICIES} unless the account has more"
            message = f"`{role}` has {len(paths)} managed policies, IAM takes {most}"
            yield _blame_heaviest(stack, paths[-1], message, "put what they allow into fewer", severity)


def _check_rule(stack: Stack, path: Path, name: str) -> Iterator[Diagnostic]:
    values = [
        value
        for condition in _as_list(value_at(stack.template, path))
        for config in (_as_map(condition), *map(_as_map, _as_map(condition).values()))
        for value in _as_list(config.get("Values"))
    ]
    wildcards = sum(map(_known_text([value for value in values if isinstance(value, str)]).count, "*?"))
    for number, most, what in ((len(values), _MOST_VALUES, "values"), (wildcards, _MOST_WILDCARDS, "wildcards")):
        if number > most:
            message = f"the rule `{name}` has {number} {what} in its conditions, Elastic Load Balancing takes {most}"
            yield _blame_heaviest(stack, path, message, "give it fewer, or make two rules of it")


def _choices(policy: Json) -> Iterator[int]:
    """Count the values of each attribute; in a policy for message bodies attributes stand below others."""
    for values in _as_map(policy).values():
        if isinstance(values, list):
            yield len(values)
        else:
            yield from _choices(values)


def _known_text(value: Json) -> str:
    """Write a value as it is sent, as far as it is known here: no intrinsic or dynamic reference makes it shorter."""
    known = _known(value)
    return known if isinstance(known, str) else json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def _known(value: Json) -> Json:
    if isinstance(value, str):
        return _DYNAMIC.sub("", value)
    if isinstance(value, list):
        return [_known(item) for item in value]
    if not isinstance(value, dict):
        return value
    function, argument = next(iter(value.items())) if len(value) == 1 else ("", None)
    if function == "Fn::Base64":
        return _known(argument)
    if function == "Fn::Sub":
        text = argument[0] if isinstance(argument, list) and argument else argument
        return _PLACEHOLDER.sub("", str(_known(text))).replace("${!", "${") if isinstance(text, str) else ""
    if function == "Fn::Join" and isinstance(argument, list) and len(argument) == 2:
        separator, parts = argument
        return str(separator).join(str(_known(part)) for part in _as_list(parts))
    if function == "Ref" or function.startswith("Fn::"):
        return ""
    return {key: _known(item) for key, item in value.items()}


# Whom to tell


def _blame_heaviest(stack: Stack, path: Path, message: str, hint: str, severity: Severity = "error") -> Diagnostic:
    share = find_heaviest(stack, path, depth=3)
    if share is None:
        return _fault(stack, path, message, "ask the platform team to shorten it", severity)
    if share.section != (share.span.path,):
        message += f"; most of it is from `{write_path(share.section)}`"
    return Diagnostic("D602", message, share.span, hint, severity)


def _fault(stack: Stack, path: Path, message: str, hint: str, severity: Severity = "error") -> Diagnostic:
    said = find_cause(stack, path)
    span, related = place_cause(said) if said else (None, ())
    return Diagnostic("D602", message, span, hint, severity, related)


# Looking at what may have any shape


def _as_map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _as_list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
