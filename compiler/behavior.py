"""Behavior: judge what a change means for a resource when CloudFormation deploys it.

In: the type of a resource, a property that changed, the resource before and after.    Out: a Behavior and its reason.
Never: looks at what refers to the resource; `consequence` follows references.

The resource schemas say which properties make another resource, `update_facts` says what they leave out. Where neither
knows a type or a property, the answer is "conditional": it may be replaced, and nobody here knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Literal

from compiler.changes import BEHAVIORS, Behavior
from compiler.model import Json, Path, value_at
from compiler.resource_schema import ANY_ITEM, Pattern, find_schema, matches, read_stateful_types
from compiler.update_facts import ORDERED, SNAPSHOTS, STATEFUL, UNORDERED, UPDATES, Judge, Judgement, Update

End = Literal["removed", "replaced"]

_NOTHING: Judgement = ("none", "")
# Of a policy document, whose schema is only "an object".
_SETS = frozenset({"Statement", "Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated"})
_CUSTOM = "AWS::CloudFormation::CustomResource"
_END = {"DeletionPolicy": "removed", "UpdateReplacePolicy": "replaced"}
_KEPT = frozenset({"Retain", "RetainExceptOnCreate"})


def judge_property(
    type_name: str,
    path: Path,
    before: Json,
    after: Json,
    *,
    region: str | None = None,
    bodies: tuple[Json, Json] = (None, None),
) -> Judgement:
    """Tell what a change below `Properties` does: how it is made, and why.

    `before` and `after` stand at `path`; None where there is nothing. `bodies` are the whole resource before and after,
    with all its attributes: without them, what depends on an update policy is "conditional". The reason is "" where
    there is nothing to say.

    >>> judge_property("AWS::EC2::VPC", ("CidrBlock",), "10.0.0.0/16", "10.1.0.0/16")
    ('replacement', '`CidrBlock` cannot be changed in place')
    """
    direct = _without_branches(path)
    if direct != path:  # one branch of an Fn::If, which need not be the one that holds
        behavior, reason = judge_property(type_name, direct, before, after, region=region, bodies=bodies)
        return ("conditional", reason) if behavior == "replacement" else (behavior, reason)
    facts = UPDATES.get(type_name, {})
    judgements = [
        _judge_fact(tuple(name.split(".")), fact, path, before, after, bodies) for name, fact in facts.items()
    ]
    found = [judgement for judgement in judgements if judgement is not None]
    if _is_custom(type_name) and path[:1] != ("ServiceToken",):
        return "conditional", "the function behind the custom resource decides"
    schema = find_schema(_CUSTOM if _is_custom(type_name) else type_name, region)
    if schema is None:
        return _worst(found) if found else ("conditional", f"nothing is known of the type `{type_name}`")
    if not schema.knows(path[:1]):
        return "conditional", f"the schema of `{type_name}` has no `{path[0]}`"
    stated = {tuple(name.split(".")) for name in facts}
    for pattern in schema.create_only:
        found.extend(() if pattern in stated else _judge_pattern(pattern, "replacement", path, before, after))
    for pattern in schema.conditional:
        found.extend(() if pattern in stated else _judge_pattern(pattern, "conditional", path, before, after))
    return _worst(found)


def judge_attribute(name: str, before: Json, after: Json) -> Judgement:
    """Tell what a change of an attribute beside `Properties` does, such as `Type` or `DeletionPolicy`.

    >>> judge_attribute("DeletionPolicy", "Retain", None)
    ('none', 'the resource is no longer kept when it is removed')
    """
    if name == "Type":
        return "replacement", f"a `{before}` does not become a `{after}`"
    if name == "Condition":
        return "conditional", "another condition decides whether the resource exists"
    if name in _END and str(before) in _KEPT and str(after) not in _KEPT:
        return (
            "none",
            f"the resource is no longer kept when it is {'removed' if name == 'DeletionPolicy' else 'replaced'}",
        )
    return _NOTHING


def is_ordered(type_name: str, path: Path, region: str | None = None) -> bool:
    """Tell whether the order of the list at a path below `Properties` means something; True where nobody says no.

    >>> is_ordered("AWS::IAM::Role", ("ManagedPolicyArns",)), is_ordered("AWS::Lambda::Function", ("Layers",))
    (False, True)
    """
    if any(str(step).endswith(("PolicyDocument", "KeyPolicy", "PolicyText")) for step in path[:-1]):
        return not (path[-1] in _SETS or "Condition" in path)
    dotted = ".".join(ANY_ITEM if isinstance(step, int) else step for step in path)
    if dotted in ORDERED.get(type_name, ()):
        return True
    if dotted in UNORDERED.get(type_name, ()):
        return False
    schema = find_schema(type_name, region)
    return schema is None or (path != schema.tags and schema.is_ordered(path))


@cache
def is_stateful(type_name: str) -> bool:
    """Tell whether a resource of this type holds what its template cannot bring back.

    >>> is_stateful("AWS::S3::Bucket"), is_stateful("AWS::IAM::Role")
    (True, False)
    """
    return type_name in STATEFUL or type_name in read_stateful_types()


def loses_data(type_name: str, before: Json, after: Json, end: End, region: str | None = None) -> tuple[bool, str]:
    """Tell whether data goes when a resource is removed or replaced, and why or why not.

    `before` and `after` are whole resources; `after` is None for one that is removed. `DeletionPolicy` counts for what
    is removed, as it was deployed; `UpdateReplacePolicy` for what is replaced, as the update brings it.
    """
    if not is_stateful(type_name):
        return False, ""
    name = "DeletionPolicy" if end == "removed" else "UpdateReplacePolicy"
    body = before if end == "removed" or not isinstance(after, dict) else after
    policy = body.get(name) if isinstance(body, dict) else None
    if is_kept(policy):
        said = f": {policy}" if isinstance(policy, str) else ""
        return False, f"`{name}{said}` keeps the old one{_clash(type_name, before, after, end, region)}"
    if isinstance(policy, (dict, list)):
        return True, f"`{name}` is not known before the update"
    if policy == "Snapshot" and type_name in SNAPSHOTS:
        return False, f"`{name}: Snapshot` leaves a snapshot of it"
    if policy is None and end == "removed" and _is_saved_by_default(type_name, before):
        return False, "CloudFormation takes a snapshot of it first, as it does by default"
    if policy is None:
        return True, f"no `{name}` keeps what it holds"
    return True, f"`{name}: {policy}` does not keep what it holds" if isinstance(
        policy, str
    ) else f"`{name}` is not known"


def is_kept(policy: Json) -> bool:
    """Tell whether a policy for the end of a resource keeps it, whichever branch of an Fn::If holds.

    >>> is_kept("Retain"), is_kept({"Fn::If": ["C", "Retain", "Delete"]})
    (True, False)
    """
    branches = policy.get("Fn::If") if isinstance(policy, dict) else None
    if isinstance(branches, list) and len(branches) == 3:
        return all(map(is_kept, branches[1:]))
    return isinstance(policy, str) and policy in _KEPT


def _clash(type_name: str, before: Json, after: Json, end: End, region: str | None) -> str:
    """Say that a resource cannot be made again under the name that the retained one still has."""
    schema = find_schema(type_name, region)
    if end == "removed" or schema is None:
        return ""
    for pattern in schema.identifier:
        place: Path = ("Properties", *pattern)
        name = value_at(after, place)
        if name is not None and name == value_at(before, place) and pattern not in schema.read_only:
            return f", so another of the same name, `{pattern[-1]}: {name}`, cannot be made: the update fails"
    return ""


def _is_saved_by_default(type_name: str, body: Json) -> bool:
    if type_name == "AWS::RDS::DBInstance":
        return value_at(body, ("Properties", "DBClusterIdentifier")) is None
    return type_name == "AWS::RDS::DBCluster"


def _without_branches(path: Path) -> Path:
    """
    >>> _without_branches(("Tags", "Fn::If", 1, 0, "Value"))
    ('Tags', 0, 'Value')
    """
    if "Fn::If" not in path:
        return path
    at = path.index("Fn::If")
    return (*path[:at], *_without_branches(path[at + 2 :]))


def _is_custom(type_name: str) -> bool:
    return type_name.startswith("Custom::") or type_name == _CUSTOM


def _worst(found: list[Judgement]) -> Judgement:
    """Return the gravest; of equal ones, the first that says something."""
    return max(found, key=lambda each: (BEHAVIORS.index(each[0]), bool(each[1])), default=_NOTHING)


def _judge_fact(
    pattern: Pattern, fact: Judgement | Judge, path: Path, before: Json, after: Json, bodies: tuple[Json, Json]
) -> Judgement | None:
    """Judge by a reviewed fact; None where it speaks of another property."""
    if not matches(pattern[: len(path)], path[: len(pattern)]):
        return None
    if isinstance(fact, tuple):
        return fact if len(path) >= len(pattern) or any(_differing(before, after, pattern[len(path) :])) else None
    if all(isinstance(body, dict) for body in bodies):
        old, new = (value_at(body, ("Properties", *pattern)) for body in bodies)
        if old == new:
            return None
        policy = bodies[1].get("UpdatePolicy")
        properties = [body.get("Properties") for body in bodies]
        listed = [each if isinstance(each, dict) else {} for each in properties]
        return fact(Update(old, new, policy if isinstance(policy, dict) else {}, (listed[0], listed[1])))
    return "conditional", f"what the rest of the resource says about `{pattern[-1]}` decides"


def _judge_pattern(pattern: Pattern, behavior: Behavior, path: Path, before: Json, after: Json) -> Iterator[Judgement]:
    """Judge by a property that the schema lists, if the change is there, below it, or above it and reaches it."""
    name = ".".join(step for step in pattern if step != ANY_ITEM)
    if not matches(pattern[: len(path)], path[: len(pattern)]):
        return
    if len(path) >= len(pattern):
        yield _wording(behavior, name)
        return
    for is_known in _differing(before, after, pattern[len(path) :]):
        yield _wording(behavior if is_known else "conditional", name)


def _wording(behavior: Behavior, name: str) -> Judgement:
    if behavior == "replacement":
        return behavior, f"`{name}` cannot be changed in place"
    return behavior, f"some changes of `{name}` cannot be made in place"


def _differing(before: Json, after: Json, rest: Pattern) -> Iterator[bool]:
    """Yield once for each place below two values where a pattern finds different ones: whether that is certain.

    It is not where a function stands in the way, nor where an item of a list came or went as a whole.
    """
    if before == after:
        return
    if not rest:
        yield True
    elif rest[0] == ANY_ITEM or _is_function(before) or _is_function(after):
        yield False
    else:
        old, new = (value.get(rest[0]) if isinstance(value, dict) else None for value in (before, after))
        yield from _differing(old, new, rest[1:])


def _is_function(value: Json) -> bool:
    return (
        isinstance(value, dict)
        and len(value) == 1
        and (next(iter(value)) == "Ref" or str(next(iter(value))).startswith("Fn::"))
    )
