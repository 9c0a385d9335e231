"""Cost: what the resources of a stack cost a month, at least and at most, by the platform team's own prices.

In: a template, the prices of a library, a region.    Out: Costs: a line for each resource that costs by time or use.
Faults: D405 no prices for the region, or none at all.
Never: guesses. What has no price is listed as such, and what is paid by use is never added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from compiler.diagnostics import CompileError, Diagnostic
from compiler.known import Known
from compiler.model import Document, Json

_GROUP = "AWS::AutoScaling::AutoScalingGroup"
_LAUNCH = "AWS::EC2::LaunchTemplate"
_SCHEDULE = "AWS::AutoScaling::ScheduledAction"
_WEEK = timedelta(days=7)
_MONDAY = datetime(2024, 1, 8, tzinfo=UTC)  # any that no year begins or ends near


@dataclass(frozen=True, slots=True)
class CostLine:
    """What one resource costs a month, between two amounts; both None where it has no price.

    `what` says what was counted, such as "2 to 6 of t4g.small", or what the price is missing for; `by_use` what its use
    costs on top.
    """

    stack: str
    logical_id: str
    type: str
    what: str
    low: Decimal | None
    high: Decimal | None
    by_use: str = ""


@dataclass(frozen=True, slots=True)
class Costs:
    """The lines of one or more stacks. Amounts are a month's, in `currency`, by the prices of `date`."""

    currency: str
    date: str
    lines: tuple[CostLine, ...]

    @property
    def low(self) -> Decimal:
        return sum((line.low for line in self.lines if line.low is not None), Decimal(0))

    @property
    def high(self) -> Decimal:
        return sum((line.high for line in self.lines if line.high is not None), Decimal(0))

    @property
    def unknown(self) -> tuple[CostLine, ...]:
        return tuple(line for line in self.lines if line.low is None)


def estimate_costs(templates: Mapping[str, Json], prices: Document | None, region: str) -> Costs:
    """Price every resource of some templates, keyed by stack. Raises CompileError where there are no prices."""
    if prices is None:
        raise CompileError([Diagnostic("D405", "the library has no `prices.yml`", None, "write down what things cost")])
    regions = prices.data["regions"]
    if region not in regions:
        known = ", ".join(f"`{name}`" for name in regions)
        message = f"no prices for region `{region}`, only for {known}"
        span = prices.key_span(("regions",))
        raise CompileError([Diagnostic("D405", message, span, "write down what things cost there")])
    table = _Table(prices.data, regions[region])
    lines = [line for stack, template in templates.items() for line in table.price(stack, template)]
    return Costs(prices.data["currency"], prices.data["date"], tuple(lines))


@dataclass(frozen=True, slots=True)
class _Table:
    prices: Mapping[str, Json]
    region: Mapping[str, Json]

    @property
    def hours(self) -> Decimal:
        return _decimal(self.prices["hoursPerMonth"])

    def price(self, stack: str, template: Json) -> Iterator[CostLine]:
        resources = template.get("Resources", {})
        known = Known.of(template)
        for name, resource in resources.items():
            kind, properties = resource["Type"], resource.get("Properties", {})
            if kind == _GROUP:
                yield self._price_group(stack, name, properties, resources, known)
            elif kind in self.region["resources"]:
                yield from self._price_resource(stack, name, kind, properties)
            elif kind not in self.prices["free"]:
                yield CostLine(stack, name, kind, f"no price for {kind}", None, None)

    def _price_resource(self, stack: str, name: str, kind: str, properties: Json) -> Iterator[CostLine]:
        price = self.region["resources"][kind]
        if any(properties.get(key) != value for key, value in price.get("only", {}).items()):
            return
        each = _decimal(price.get("hour", 0)) * self.hours + _decimal(price.get("month", 0))
        count = _count(properties, price.get("times"))
        amount = each * count
        yield CostLine(
            stack, name, kind, f"{count} of these" if count != 1 else "", amount, amount, price.get("use", "")
        )

    def _price_group(self, stack: str, name: str, group: Json, resources: Json, known: Known) -> CostLine:
        """An auto scaling group costs what its instances and their volumes cost, in the hours when it may have any."""
        launch = _launch_template(group, resources)
        if launch is None:
            return CostLine(stack, name, _GROUP, "no launch template of this stack says what it starts", None, None)
        types = sorted({*_instance_types(group, launch, known)})
        missing = [kind for kind in types if kind not in self.region["instances"]]
        volumes = [device["Ebs"] for device in launch.get("BlockDeviceMappings", ()) if "Ebs" in device]
        missing += [kind for volume in volumes if (kind := _volume_type(volume)) not in self.region["volumes"]]
        sizes = _sizes(name, group, resources, known)
        if missing or not types or sizes is None:
            what = f"no price for {', '.join(missing)}" if missing else "its size or its instance type is not known"
            return CostLine(stack, name, _GROUP, what, None, None)
        hourly = [_decimal(self.region["instances"][kind]) * self.hours for kind in types]
        stored = sum(
            (
                _decimal(self.region["volumes"][_volume_type(volume)]) * _decimal(volume.get("VolumeSize", 0))
                for volume in volumes
            ),
            Decimal(0),
        )
        low, high = (
            size * (each + stored) for size, each in zip(sizes.average, (min(hourly), max(hourly)), strict=True)
        )
        what = f"{sizes.text} of {' or '.join(types)}"
        return CostLine(stack, name, _GROUP, what, low, high)


@dataclass(frozen=True, slots=True)
class _Sizes:
    average: tuple[Decimal, Decimal]
    text: str


def _sizes(name: str, group: Json, resources: Json, known: Known) -> _Sizes | None:
    """Between how many instances a group has on average, and what to say of it."""
    bounds = [_number(group.get(key), known) for key in ("MinSize", "MaxSize")]
    if None in bounds:
        return None
    low, high = (bound for bound in bounds if bound is not None)
    actions = [
        item["Properties"]
        for item in resources.values()
        if item["Type"] == _SCHEDULE and item["Properties"].get("AutoScalingGroupName") == {"Ref": name}
    ]
    text = str(low) if low == high else f"{low} to {high}"
    if not actions:
        return _Sizes((low, high), text)
    averages = [_average(actions, key, bound, known) for key, bound in (("MinSize", low), ("MaxSize", high))]
    if None in averages:
        return _Sizes((Decimal(0), high), f"{text}, on a schedule that is not of a week,")
    first, last = (average for average in averages if average is not None)
    share = round(100 * last / high) if high else 0
    return _Sizes((first, last), f"{text}, {share} % of the week,")


def _average(actions: Sequence[Json], key: str, otherwise: Decimal, known: Known) -> Decimal | None:
    """Average a bound over a week in which scheduled actions change it; None for a schedule that is not of a week."""
    moments: list[tuple[datetime, Decimal]] = []
    for action in actions:
        recurrence, size = action.get("Recurrence"), _number(action.get(key, str(otherwise)), known)
        if size is None or not isinstance(recurrence, str) or recurrence.split()[2:4] != ["*", "*"]:
            return None
        moments.extend((moment, size) for moment in _firings(recurrence))
    if not moments:
        return None
    moments.sort()
    # Before the first of a week, what the last one set still holds.
    spans = [(moments[0][0] - _MONDAY, moments[-1][1])]
    ends = [moment for moment, _ in moments[1:]] + [_MONDAY + _WEEK]
    spans += [(end - moment, size) for (moment, size), end in zip(moments, ends, strict=True)]
    return sum((size * Decimal(span // timedelta(minutes=1)) for span, size in spans), Decimal(0)) / Decimal(
        7 * 24 * 60
    )


def _firings(recurrence: str) -> Iterator[datetime]:
    from cronsim import CronSim, CronSimError

    try:
        moments = CronSim(recurrence, _MONDAY - timedelta(minutes=1))
        for moment in moments:
            if moment >= _MONDAY + _WEEK:
                return
            yield moment
    except CronSimError:
        return


def _launch_template(group: Json, resources: Json) -> Json | None:
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    named = group.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
    target = named.get("LaunchTemplateId")
    found = resources.get(target["Ref"]) if isinstance(target, dict) and set(target) == {"Ref"} else None
    return found["Properties"].get("LaunchTemplateData", {}) if found and found["Type"] == _LAUNCH else None


def _instance_types(group: Json, launch: Json, known: Known) -> Iterator[str]:
    overrides = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("Overrides", ())
    said = [each.get("InstanceType") for each in overrides] or [launch.get("InstanceType")]
    for value in said:
        yield from (found for _, found in known.values(value, ()) if isinstance(found, str))


def _volume_type(volume: Json) -> str:
    return str(volume.get("VolumeType", "gp2"))  # what EC2 takes where nothing is said


def _count(properties: Json, times: str | None) -> int:
    if times is None:
        return 1
    name, _, key = times.partition(".")
    items = properties.get(name)
    if not isinstance(items, list):
        return 1
    return sum(1 for item in items if not key or (isinstance(item, dict) and key in item))


def _number(value: Json, known: Known) -> Decimal | None:
    found = [each for _, each in known.values(value, ())] if value is not None else []
    if len(found) == 1 and isinstance(found[0], str | int) and str(found[0]).isdigit():
        return Decimal(found[0])
    return None


def _decimal(price: Json) -> Decimal:
    return Decimal(str(price))


def order_lines(lines: Iterable[CostLine]) -> list[CostLine]:
    """The dearest first, then what costs by use alone, then what has no price; of equals by stack and logical id."""
    return sorted(lines, key=lambda line: (line.high is None, -(line.high or 0), line.stack, line.logical_id))
