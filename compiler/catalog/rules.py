"""Catalog, rules: values that are fine by themselves and do not go together."""

from __future__ import annotations

from compiler.catalog.entry import ADDITION, BASE_FILES, Entry, file, in_production, in_service, in_web, with_head

_ARCHIVE = """
Parameters:
  Days: {Type: Number, Default: 90, MinValue: 30}
Resources:
  Archive:
    Type: AWS::S3::Bucket
Outputs:
  ArchiveName: {Value: !Ref Archive}
  ArchiveDays: {Value: !Ref Days}
"""
_WITH_USES = in_web("uses: [archive]")["service.yml"].partition("environments:")[0]

ENTRIES = (
    Entry(
        code="D301",
        title="Unknown environment",
        explanation="""
            The platform team runs no environment of this name, so what is said for it would never take effect. The hint
            names the ones there are. A branch environment is called `env-` and a name of your own, and
            `env-default` speaks for all of them.
        """,
        wrong={"service.yml": BASE_FILES["service.yml"].replace("production", "prodution")},
        right=BASE_FILES,
    ),
    Entry(
        code="D302",
        title="Minimum above maximum",
        explanation="""
            `min` is larger than `max`, so no number of instances satisfies both. The two may come from different
            layers, such as the service and one of its environments; both lines are shown. Change either.
        """,
        wrong=in_web("scaling: {min: 5, max: 2, target: {cpu: 60}}"),
        right=in_web("scaling: {min: 2, max: 5, target: {cpu: 60}}"),
    ),
    Entry(
        code="D303",
        title="Timeout not below the interval",
        explanation="""
            A health check has to give up before the next one begins, and AWS refuses a target group in which it does
            not. Both values are seconds. Shorten the timeout or lengthen the interval.
        """,
        wrong=in_web("healthCheck: {interval: 10, timeout: 10}"),
        right=in_web("healthCheck: {interval: 10, timeout: 4}"),
    ),
    Entry(
        code="D304",
        title="Amber not below red",
        explanation="""
            Amber warns before red wakes somebody, so its threshold has to be reached first. The other way round, the
            page comes before the warning. Lower amber or raise red.
        """,
        wrong=in_web("alarms: {cpu: {amber: 80, red: 60}}"),
        right=in_web("alarms: {cpu: {amber: 60, red: 80}}"),
    ),
    Entry(
        code="D305",
        title="Event consumed by a process that does not exist",
        explanation="""
            `messages.consume` names a process that the service does not have, so nobody would read the queue. Correct
            the name, or define the process under `processes`.
        """,
        wrong=in_service("messages:\n  consume:\n    customer.moved: {process: wbe}"),
        right=in_service("messages:\n  consume:\n    customer.moved: {process: web}"),
    ),
    Entry(
        code="D306",
        title="Process of an environment that is not defined",
        explanation="""
            An environment changes a process that the service does not define, and says too little to make it a process
            of that environment alone: that takes a `runtime` and a `command`. Correct the name, or complete the
            process.
        """,
        wrong=in_production("processes:\n  wbe: {instanceType: m7g.large}"),
        right=in_production("processes:\n  web: {instanceType: m7g.large}"),
    ),
    Entry(
        code="D307",
        title="Metric without a source",
        explanation="""
            A scaling target, an alarm or a health check is about something that the process does not have. Requests,
            latency, errors, health checks and a DNS name need a load balancer, and so a `port`; `queueAge` needs a
            queue, and so an event that the process consumes. Add what is missing or remove the setting. What `alarms`
            says for all processes passes over those without the metric, and is refused where all are.
        """,
        wrong=in_web("scaling: {min: 1, max: 4, target: {queueAge: 120}}"),
        right=in_web("scaling: {min: 1, max: 4, target: {cpu: 60}}"),
    ),
    Entry(
        code="D308",
        title="Platform line not served by this library",
        explanation="""
            `platform` names a release line, and the library that compiles the service belongs to another. Within a line
            nothing breaks; between lines it may, so Flagstone does not choose for you. Write the line of the library,
            or choose a library of the right line with `--platform`.
        """,
        wrong=with_head(
            """
            service: shop
            owner: platform
            platform: "0.9"
            processes:
              web: {runtime: instances, command: ./bin/serve, port: 8080}
            """
        ),
        right=with_head(
            """
            service: shop
            owner: platform
            platform: "1.0"
            processes:
              web: {runtime: instances, command: ./bin/serve, port: 8080}
            """
        ),
    ),
    Entry(
        code="D309",
        title="Deployment that cannot progress",
        explanation="""
            A rolling deployment takes instances out of service and puts new ones in. It stops before its first step if
            `minInService` is not below the `max` of the group, and a `batch` above `max` can never be filled. A group
            of one instance at most serves nobody meanwhile, unless `minInService: 0` or `style: inPlace` says that
            this is meant. Raise `max`, lower the other, or choose another `style`.
        """,
        wrong=in_web("scaling: {min: 2, max: 2}\ndeployment: {style: rolling, minInService: 2, batch: 1}"),
        right=in_web("scaling: {min: 2, max: 2}\ndeployment: {style: rolling, minInService: 1, batch: 1}"),
    ),
    Entry(
        code="D310",
        title="Config and secret of the same name",
        explanation="""
            A process finds both its config and its secrets in its environment variables, and one of the two would hide
            the other. Rename or remove one. They may stand in different layers: a secret in production does not replace
            a config value of the service.
        """,
        wrong=in_service("config: {API_TOKEN: none}\nsecrets: {API_TOKEN: /shop/api-token}"),
        right=in_service("config: {API_URL: https://api.example}\nsecrets: {API_TOKEN: /shop/api-token}"),
    ),
    Entry(
        code="D311",
        title="Owner without alarm topics",
        explanation="""
            The platform has no amber and red topic for this owner, so the alarms of the service reach nobody until it
            has. Correct the name, or ask the platform team to add the owner to `owners` in `platform.yml`.
        """,
        wrong=with_head(
            """
            service: shop
            owner: squad-shop
            platform: "1.0"
            processes:
              web: {runtime: instances, command: ./bin/serve, port: 8080}
            """
        ),
        right=with_head(
            """
            service: shop
            owner: squad-orders
            platform: "1.0"
            processes:
              web: {runtime: instances, command: ./bin/serve, port: 8080}
            """
        ),
        severity="warning",
    ),
    Entry(
        code="D312",
        title="Range of scaling without a target",
        explanation="""
            `max` is above `min` and nothing says when to add an instance, so the group stays at `min` for ever, except
            during a deployment. Name a `target`, or make the two equal.
        """,
        wrong=in_web("scaling: {min: 1, max: 4}"),
        right=in_web("scaling: {min: 1, max: 4, target: {cpu: 60}}"),
        severity="warning",
    ),
    Entry(
        code="D313",
        title="Own event that is not published",
        explanation="""
            The service consumes an event of its own that it does not publish, so there is no topic to subscribe to; or
            a process asks to be allowed to publish one. Add the event to `messages.publish`, or correct its name.
        """,
        wrong=in_service("messages:\n  publish: [order-placed]\n  consume:\n    shop.order-paid: {process: web}"),
        right=in_service("messages:\n  publish: [order-placed]\n  consume:\n    shop.order-placed: {process: web}"),
    ),
    Entry(
        code="D314",
        title="DNS name taken by another process",
        explanation="""
            Two processes with the same exposure ask for the same name in the same zone, and a name leads to one load
            balancer. Give one of them another name.
        """,
        wrong=with_head(
            """
            service: shop
            owner: platform
            platform: "1.0"
            processes:
              web: {runtime: instances, command: ./bin/serve, port: 8080, dns: shop}
              admin: {runtime: instances, command: ./bin/admin, port: 8081, dns: shop}
            """
        ),
        right=with_head(
            """
            service: shop
            owner: platform
            platform: "1.0"
            processes:
              web: {runtime: instances, command: ./bin/serve, port: 8080, dns: shop}
              admin: {runtime: instances, command: ./bin/admin, port: 8081, dns: shop-admin}
            """
        ),
    ),
    Entry(
        code="D315",
        title="No such addition",
        explanation="""
            `service.yml` names an addition that is not in `cloudFormation/additions/`: under `additions`, in a list of
            what an environment disables, or in what a process uses. An addition is called as its file is, without the
            suffix.
        """,
        wrong={**in_web("uses: [arhive]"), **file(ADDITION, _ARCHIVE)},
        right={**in_web("uses: [archive]"), **file(ADDITION, _ARCHIVE)},
    ),
    Entry(
        code="D316",
        title="Addition that is not there in an environment",
        explanation="""
            A process uses the outputs of an addition in an environment that disables it, or whose folder does not hold
            it, so that there is nothing to connect the process with. Write `uses` for that environment, or enable the
            addition there.
        """,
        wrong={
            "service.yml": _WITH_USES + "environments:\n  production:\n    additions: {disable: [archive]}\n",
            **file(ADDITION, _ARCHIVE),
        },
        right={"service.yml": _WITH_USES + "environments:\n  production: {}\n", **file(ADDITION, _ARCHIVE)},
    ),
    Entry(
        code="D317",
        title="Output with the name of another value",
        explanation="""
            An output of an addition that a process uses becomes a variable of its environment, named in upper case, and
            `config`, `secrets`, another addition or the platform itself already has a value of that name. Rename the
            output.
        """,
        wrong={
            "service.yml": _WITH_USES + "config: {ARCHIVE_NAME: old}\nenvironments: {production: {}}\n",
            **file(ADDITION, _ARCHIVE),
        },
        right={
            "service.yml": _WITH_USES + "config: {ARCHIVE: old}\nenvironments: {production: {}}\n",
            **file(ADDITION, _ARCHIVE),
        },
    ),
    Entry(
        code="D318",
        title="No such parameter",
        explanation="""
            `additions` has a value for a parameter that the addition does not declare. Write the name as it stands
            under `Parameters` in the addition.
        """,
        wrong={**in_service("additions: {archive: {Dayz: 30}}"), **file(ADDITION, _ARCHIVE)},
        right={**in_service("additions: {archive: {Days: 30}}"), **file(ADDITION, _ARCHIVE)},
    ),
    Entry(
        code="D319",
        title="Value that its parameter does not take",
        explanation="""
            A value for a parameter of an addition is of another type, or outside of the limits that the parameter
            states (`AllowedValues`, `AllowedPattern`, `MinValue` and the like). CloudFormation would refuse it when the
            stack is deployed.
        """,
        wrong={**in_service("additions: {archive: {Days: 7}}"), **file(ADDITION, _ARCHIVE)},
        right={**in_service("additions: {archive: {Days: 30}}"), **file(ADDITION, _ARCHIVE)},
    ),
    Entry(
        code="D320",
        title="Variable that the platform sets",
        explanation="""
            Every process finds `AWS_REGION`, `AWS_DEFAULT_REGION`, `PLATFORM_SERVICE`, `PLATFORM_PROCESS`,
            `PLATFORM_ENVIRONMENT` and `PLATFORM_RELEASE` in its environment, `PORT` if it has a `port`, and the topics
            and queues of its messages by the names of their events. A config value or secret of such a name would
            never be seen, or hide what the platform says. Give it another name.
        """,
        wrong=in_service('config: {PORT: "9090"}'),
        right=in_service('config: {ADMIN_PORT: "9090"}'),
    ),
    Entry(
        code="D321",
        title="Start that takes longer than CloudFormation waits",
        explanation="""
            A deployment waits for each new instance: ten minutes in which it fetches and applies its release, then
            `gracePeriod` in which its process has to answer, then a minute and `healthyThreshold` checks and one more,
            `interval` seconds apart, in which the load balancer has to call it healthy. CloudFormation waits an hour
            for all that, so `gracePeriod` and the checks may take 3000 seconds together; a slower instance would be
            ended while it starts. Shorten them, and put into the machine image what takes so long.
        """,
        wrong=in_web("healthCheck: {gracePeriod: 7200}"),
        right=in_web("healthCheck: {gracePeriod: 2400}"),
    ),
    Entry(
        code="D322",
        title="Public process without a name",
        explanation="""
            The certificate of a public process is for names in the environment's public zone. Without `dns` the process
            has no name there, and whoever calls its load balancer by the name that AWS gave it is told that the
            certificate is for another. Give it a `dns`. If an addition brings its name, with a certificate for it,
            nothing is wrong.
        """,
        wrong=in_web("exposure: public"),
        right=in_web("""
            exposure: public
            dns: shop
        """),
        severity="warning",
    ),
)
