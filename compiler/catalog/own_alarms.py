"""Catalog, own alarms: what a team adds to the platform's."""

from __future__ import annotations

from compiler.catalog.entry import Entry, Files, in_web

_METRIC = "metric: {namespace: Shop/Parcels, name: Late}"
_LOGS = "logs: {app: {path: /var/log/app.log, filters: {refusals: {pattern: refused, threshold: 5}}}}"


def _added(*words: str, beside: str = "", name: str = "late") -> Files:
    """An alarm that is added to the process, a line for each of its words."""
    lines = "\n".join(f"      {word}" for word in (*words, "says: Parcels leave later than customers were told"))
    return in_web(f"{beside}\nalarms:\n  add:\n    {name}:\n{lines}")


ENTRIES = (
    Entry(
        code="D384",
        title="Statistic that no alarm knows",
        explanation="""
            A period of a metric comes to one number by `Sum`, `Average`, `Minimum`, `Maximum` or `SampleCount`, written
            so, or by a percentile: `p50` is the median, and of a hundred values one is above `p99`. Between the lowest
            and the highest, which are `Minimum` and `Maximum`, a percentile may have two digits behind its point. Lines
            that a log filter finds can only be added up.
        """,
        wrong=_added(_METRIC, "statistic: p999", "red: 3"),
        right=_added(_METRIC, "statistic: p99.9", "red: 3"),
    ),
    Entry(
        code="D385",
        title="Metric of AWS without dimensions",
        explanation="""
            A namespace that begins with `AWS/` belongs to AWS, which sends each of its metrics with dimensions that say
            of what it is: of which queue, which table, which load balancer. Without them an alarm has no data, or that
            of the whole account. Name all of the dimensions that the metric is sent with.
        """,
        wrong=_added("metric: {namespace: AWS/DynamoDB, name: SystemErrors}", "statistic: Sum", "red: 3"),
        right=_added(
            "metric: {namespace: AWS/DynamoDB, name: SystemErrors, dimensions: {TableName: carts}}",
            "statistic: Sum",
            "red: 3",
        ),
    ),
    Entry(
        code="D386",
        title="Alarm about nothing, or about two things",
        explanation="""
            An alarm that you add is about one metric: `metric` names one in CloudWatch, `filter` what a filter of a log
            of the process counts. The two may come from different layers, such as a base and an environment; leave one
            of them.
        """,
        wrong=_added("red: 3"),
        right=_added(_METRIC, "statistic: Maximum", "red: 3"),
    ),
    Entry(
        code="D387",
        title="Unknown log filter",
        explanation="""
            `filter` names a log of the process and one of its filters, with a dot between them: `app.refusals`, or
            `app.errors` where the log says nothing of filters. The service as a whole has no logs, so an alarm on a
            filter stands at a process.
        """,
        wrong=_added("filter: app.refusal", "red: 3", beside=_LOGS),
        right=_added("filter: app.refusals", "red: 3", beside=_LOGS),
    ),
    Entry(
        code="D388",
        title="Alarm called like one of the platform's",
        explanation="""
            The logical ids of an alarm that you add are made of its name, and the platform makes its own of the names
            of metrics: two alarms called `errors` would be one, or look it at night. Turn the platform's alarm where it
            stands, or give yours a name that says what is different about it.
        """,
        wrong=_added(_METRIC, "statistic: Maximum", "red: 3", name="unhealthy-hosts"),
        right=_added(_METRIC, "statistic: Maximum", "red: 3", name="late-parcels"),
    ),
    Entry(
        code="D389",
        title="Alarm said twice",
        explanation="""
            Two alarms that look at the same thing in the same way are on at the same time, and one night has two pages.
            `amber` and `red` stand in one alarm; what differs in its window, statistic or dimensions is another.
        """,
        wrong=_added(
            _METRIC,
            "statistic: Maximum",
            "amber: 3",
            "says: Parcels leave later than customers were told\n    very-late:",
            _METRIC,
            "statistic: Maximum",
            "red: 9",
        ),
        right=_added(_METRIC, "statistic: Maximum", "amber: 3", "red: 9"),
    ),
)
