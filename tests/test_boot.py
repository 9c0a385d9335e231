"""Instances boot for real: the example's user data runs on a throw-away Debian, and fetches its release from MiniStack.

Nothing of the script, the archives, the playbook, the units or the proxy is changed for it. tests/instance.py says what
stands in. Where no machine can be had, tests/test_ansible.py and tests/test_user_data.py still do the same in a folder.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compiler.pipeline import compile_service, open_library
from tests.debian import NoDebian, find_image
from tests.deploying import Cloud
from tests.instance import AGENT_CALLS, AWS_CALLS, INSTANCE, Instance, launch
from tests.ministack import REGION

EXAMPLE = Path(__file__).parent.parent / "examples" / "service-repo"
ENVIRONMENT, STACK = "staging", "staging-orders-boot"
PORT = 8080
SECRET = "a\"secret$of 'quotes'"
TRACE = "1-67891233-abcdef012345678912345678"
PLAYBOOK = ("--chdir=/opt/platform/ansible", "ansible-playbook", "--inventory=localhost,", "--connection=local")


@dataclass(frozen=True, slots=True)
class Release:
    """The example as it is published, and the stack that instances know themselves to be of."""

    cloud: Cloud
    bucket: str
    name: str
    archives: Mapping[str, bytes]
    script: str
    ids: Mapping[str, str]

    def user_data(self, digests: Mapping[str, str] | None = None) -> str:
        """Do with the script as CloudFormation does."""
        proven = {name: hashlib.sha256(content).hexdigest() for name, content in self.archives.items()}
        values = {
            "AWS::StackName": STACK,
            "WebRole": "staging-orders-WebRole-1ABC",
            "WebTargetGroup": self.ids["WebTargetGroup"],
            "Release": self.name,
            "AnsibleDigest": proven["ansible.tar.gz"],
            "SourceDigest": proven["source.tar.gz"],
            **(digests or {}),
        }
        return re.sub(
            r"\$\{(!?)([^}]*)\}", lambda found: f"${{{found[2]}}}" if found[1] else values[found[2]], self.script
        )

    def key(self, archive: str) -> str:
        return f"services/orders/{self.name}/{archive}"


@pytest.fixture(scope="module")
def machines() -> None:
    try:
        find_image()
    except NoDebian as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def release(machines: None, cloud: Cloud) -> Release:
    library = open_library(None)
    bundle = compile_service(EXAMPLE, library, lint=False).bundle
    template = json.loads(bundle.files[f"{ENVIRONMENT}/template.json"])
    resources = template["Resources"]
    script = resources["WebLaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    bucket = str(re.search("s3://([^/']+)", script)[1])  # type: ignore[index]
    cloud.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    cloud.client("logs").create_log_group(logGroupName="/platform/staging/boot")
    archives = {name: content for name, content in bundle.files.items() if name.endswith(".tar.gz")}
    made = Release(cloud, bucket, bundle.release, archives, script, _make_stack(cloud))
    for name, content in archives.items():
        cloud.client("s3").put_object(Bucket=bucket, Key=made.key(name), Body=content)
    _put_parameters(cloud, resources)
    return made


def _make_stack(cloud: Cloud) -> dict[str, str]:
    """Make what an instance asks AWS about; tests/test_service_deploy.py makes the whole stack."""
    group = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": "0", "MaxSize": "0"}}
    network = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
    targets = {"Port": PORT, "Protocol": "HTTP", "VpcId": {"Ref": "Vpc"}}
    target_group = {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": targets}
    cloud.deploy(STACK, {"Resources": {"Vpc": network, "WebGroup": group, "WebTargetGroup": target_group}})
    ids = {name: physical for name, (_, physical) in cloud.resources(STACK).items()}
    cloud.client("elbv2").register_targets(TargetGroupArn=ids["WebTargetGroup"], Targets=[{"Id": INSTANCE}])
    cloud.client("autoscaling").put_lifecycle_hook(
        AutoScalingGroupName=ids["WebGroup"],
        LifecycleHookName="end",
        LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
    )
    return ids


def _put_parameters(cloud: Cloud, resources: Mapping[str, Any]) -> None:
    parameters = cloud.client("ssm")
    for resource in resources.values():
        if resource["Type"] == "AWS::SSM::Parameter":
            name, value = resource["Properties"]["Name"], resource["Properties"]["Value"]
            text = value if isinstance(value, str) else "made by another resource"
            parameters.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)
    parameters.put_parameter(Name="/orders/payments-api-key", Value=SECRET, Type="SecureString", Overwrite=True)


# One instance that serves, and serves again when it is started anew, without its user data


@pytest.fixture(scope="module")
def web(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    place = (
        tmp_path_factory.mktemp("web"),
        release.user_data(),
        release.cloud.server,
        release.cloud.keys,
        release.bucket,
    )
    with launch(*place) as instance:
        result = instance.start()
        assert "success" == result, instance.log()
    with launch(*place) as instance:
        instance.guest.run("timeout", "60", "sh", "-c", f"until curl -fs localhost:{PORT}/ping; do sleep 0.5; done")
        yield instance


def test_an_instance_comes_into_service(web: Instance, release: Release) -> None:
    (signal,) = web.signals()
    assert f"--exit-code 0 --role staging-orders-WebRole-1ABC --stack {STACK} --resource WebGroup" in signal
    states = web.guest.run("systemctl", "is-active", "orders-web", "nginx", "platform-drain", "logrotate.timer")
    assert ["active"] * 4 == states.stdout.split()
    assert 0 == web.guest.run("systemctl", "start", "logrotate.service").returncode
    assert "" == web.guest.run("systemctl", "--failed", "--plain", "--no-legend").stdout
    agent = "-a fetch-config -m ec2 -s -c file:/etc/platform/cloudwatch-agent.json\n"
    assert agent == web.guest.read(AGENT_CALLS)


def test_a_second_run_of_the_published_playbook_changes_nothing(web: Instance) -> None:
    again = web.guest.run("env", *PLAYBOOK, "platform.yml")
    assert (0, "0") == (again.returncode, str(re.findall(r"changed=(\d+)", again.stdout)[-1])), again.stdout


def test_programs_of_the_machine_accept_what_the_roles_wrote(web: Instance) -> None:
    units = "/etc/systemd/system/orders-web.service /etc/systemd/system/orders-worker.service"
    for command in (
        f"systemd-analyze verify --man=no {units} /etc/systemd/system/platform-drain.service",
        "nginx -t -q",
        # It tells at length what it would do; what it does not take is a line of its own, and not always its exit code.
        "logrotate --debug /etc/logrotate.conf > /tmp/told 2>&1; status=$?; grep ^error: /tmp/told; exit $status",
    ):
        done = web.guest.run("sh", "-c", command)
        assert (0, "") == (done.returncode, done.stdout), command


def test_the_process_is_told_its_config_and_its_secrets_and_may_not_change_its_source(web: Instance) -> None:
    main = web.guest.run("systemctl", "show", "--property=MainPID", "--value", "orders-web").stdout.strip()
    environment = dict(
        line.split("=", 1) for line in web.guest.read(f"/proc/{main}/environ").split("\0") if "=" in line
    )
    expected = {"LOG_LEVEL": "debug", "PAYMENTS_API_KEY": SECRET, "PORT": "18080", "PLATFORM_PROCESS": "web"}
    assert expected == {name: environment.get(name) for name in expected}
    assert "service" == web.guest.run("ps", "-o", "user=", "-p", main).stdout.strip()
    # What holds for all of the machine's accounts: the source cannot be written where the process is.
    inside = ("nsenter", f"--target={main}", "--mount", "touch")
    assert 0 == web.guest.run(*inside, "/var/log/orders/new").returncode
    refused = web.guest.run(*inside, "/srv/orders/src/new")
    assert (1, True) == (refused.returncode, "Read-only file system" in refused.stdout), refused.stdout
    modes = web.guest.run(
        "stat", "--format=%a %U", "/run/platform/orders-web.env", "/srv/orders", "/var/log/orders/app.log"
    )
    assert ["600 root", "750 root", "640 service"] == modes.stdout.splitlines()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Amzn-Trace-Id": f"Root={TRACE}"}, TRACE),
        ({}, "[0-9a-f]{32}"),
        ({"X-Request-Id": 'a","level":"error'}, "[0-9a-f]{32}"),
        ({"X-Amzn-Trace-Id": 'Root="}\\n{"level":"error"}'}, "[0-9a-f]{32}"),
        ({"X-Request-Id": "x" * 7000, "User-Agent": '"}\t\x7f{"level":"error"}' + "y" * 7000}, "[0-9a-f]{32}"),
    ],
)
def test_one_request_has_one_id_in_the_answer_the_access_log_and_the_log_of_the_process(
    web: Instance, headers: dict[str, str], expected: str
) -> None:
    before = [_count(web, log) for log in ("/var/log/nginx/access.json", "/var/log/orders/app.log")]
    answer, body = web.ask(PORT, "/ping", headers)
    assert (200, {"status": "ok"}) == (answer.status, json.loads(body))
    request = answer.headers["X-Request-Id"]
    assert re.fullmatch(expected, request)
    web.guest.run("sleep", "0.2")
    (access,) = _lines(web, "/var/log/nginx/access.json", before[0])
    (own,) = _lines(web, "/var/log/orders/app.log", before[1])
    assert (request, "info", 200) == (access["request_id"], access["level"], access["status"])
    assert headers.get("User-Agent", "") == access["user_agent"]
    assert (request, "debug") == (own["request_id"], own["level"])


def test_a_header_that_is_too_long_is_refused_and_leaves_one_line(web: Instance) -> None:
    before = _count(web, "/var/log/nginx/access.json")
    answer, _ = web.ask(PORT, "/orders", {"X-Request-Id": "x" * 10_000})
    assert 400 == answer.status
    web.guest.run("sleep", "0.2")
    (access,) = _lines(web, "/var/log/nginx/access.json", before)
    assert (400, "info") == (access["status"], access["level"])


def test_what_the_load_balancer_asks_is_no_news(web: Instance) -> None:
    before = _count(web, "/var/log/nginx/access.json")
    web.ask(PORT, "/ping", {"User-Agent": "ELB-HealthChecker/2.0"})
    web.ask(PORT, "/ping", {"User-Agent": "a person"})
    web.guest.run("sleep", "0.2")
    assert ["a person"] == [line["user_agent"] for line in _lines(web, "/var/log/nginx/access.json", before)]


def test_each_warning_of_the_journal_is_written_down_once_whether_or_not_anybody_follows(web: Instance) -> None:
    said, journal = ("first-warning", "second-warning"), "/var/log/platform/journal.log"
    for word in said:
        web.guest.run("systemctl", "stop", "platform-journal")
        web.guest.run("sh", "-c", f"echo {word} | systemd-cat --priority=warning && journalctl --sync")
        web.guest.run("systemctl", "start", "platform-journal")
        web.guest.run("timeout", "20", "sh", "-c", f"until grep -q {word} {journal}; do sleep 0.2; done")
    written = web.guest.read(journal)
    assert [1, 1] == [written.count(word) for word in said]


def test_what_a_process_leaves_in_its_home_is_not_run_by_root(web: Instance) -> None:
    config = "[default]\ncredential_process = touch /root/pwned\n"
    home = "/var/lib/service/.aws"
    web.guest.run("install", "--directory", "--owner=service", home)
    web.guest.path(f"{home}/config").write_text(config)
    assert 0 == web.guest.run("systemctl", "restart", "orders-web").returncode
    assert not web.guest.path("/root/pwned").exists()


def test_the_log_of_a_process_holds_its_own_lines_alone(web: Instance, release: Release) -> None:
    parameters, name = release.cloud.client("ssm"), "/orders/payments-api-key"
    journal = ("journalctl", "--unit=orders-web", "--priority=err", "--identifier=platform-environment", "--output=cat")
    parameters.delete_parameter(Name=name)
    try:
        assert 0 != web.guest.run("systemctl", "restart", "orders-web").returncode
        web.guest.run("journalctl", "--sync")
        assert f"no such parameter for `PAYMENTS_API_KEY` ({name})" in web.guest.run(*journal).stdout
    finally:
        parameters.put_parameter(Name=name, Value=SECRET, Type="SecureString")
    assert 0 == web.guest.run("systemctl", "restart", "orders-web").returncode
    assert all(line["message"] for line in _lines(web, "/var/log/orders/app.log", 0))


def _count(web: Instance, path: str) -> int:
    return len(web.guest.read(path).splitlines())


def _lines(web: Instance, path: str, start: int) -> list[dict[str, Any]]:
    """Read what a log has got since it had so many lines."""
    return [json.loads(line) for line in web.guest.read(path).splitlines()[start:]]


def test_an_instance_that_is_let_go_stops_its_process_first_and_answers_the_group(
    web: Instance, release: Release
) -> None:
    """The last test of this instance."""
    web.metadata.told["autoscaling/target-lifecycle-state"] = "Terminated"
    web.guest.run(
        "timeout", "60", "sh", "-c", f"until [ $(grep -c describe-target {AWS_CALLS}) -gt 3 ]; do sleep 0.5; done"
    )
    assert 0 == web.guest.run("systemctl", "is-active", "orders-web").returncode, (
        "the load balancer still sends requests"
    )
    release.cloud.client("elbv2").deregister_targets(
        TargetGroupArn=release.ids["WebTargetGroup"], Targets=[{"Id": INSTANCE}]
    )
    web.guest.run("timeout", "60", "sh", "-c", "while systemctl is-active --quiet platform-drain; do sleep 0.5; done")
    shown = web.guest.run("systemctl", "show", "--property=ActiveState,Result", "platform-drain", "orders-web").stdout
    states = [sorted(unit.splitlines()) for unit in shown.strip().split("\n\n")]
    assert [["ActiveState=inactive", "Result=success"]] * 2 == states
    stopped = web.guest.run(
        "systemctl", "show", "--timestamp=unix", "--property=InactiveEnterTimestamp", "--value", "orders-web"
    ).stdout
    (answered,) = [call for call in web.calls() if " complete-lifecycle-action " in call]
    when, _, call = answered.partition(" ")
    assert f"--lifecycle-hook-name end --instance-id {INSTANCE} --lifecycle-action-result CONTINUE" in call
    assert int(when) >= int(stopped.strip().removeprefix("@"))


# Releases that are not what they should be


@pytest.fixture(scope="module")
def other(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("other")
    with launch(folder, "", release.cloud.server, release.cloud.keys, release.bucket) as instance:
        yield instance


def _archive(names: list[str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return gzip.compress(content.getvalue(), mtime=0)


ESCAPING = _archive(["src/file", "../../escaped"])


@pytest.mark.parametrize(
    ("archive", "fault"),
    [
        ("ansible.tar.gz", "tampered"),
        ("source.tar.gz", "truncated"),
        ("source.tar.gz", "missing"),
        ("source.tar.gz", "escaping"),
    ],
)
def test_an_archive_that_is_not_the_releases_own_leaves_nothing_unpacked(
    other: Instance, release: Release, archive: str, fault: str
) -> None:
    s3, key, good = release.cloud.client("s3"), release.key(archive), release.archives[archive]
    middle = len(good) // 2
    bad = {
        "truncated": good[:middle],
        "tampered": good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :],
        "escaping": ESCAPING,
    }
    parameter = {"ansible.tar.gz": "AnsibleDigest", "source.tar.gz": "SourceDigest"}[archive]
    proven = {parameter: hashlib.sha256(ESCAPING).hexdigest()} if fault == "escaping" else {}
    other.guest.run("rm", "-rf", "/opt/platform", "/srv/orders", "/var/log/signals")
    other.guest.path("/var/lib/cloud/instance/scripts/part-001").write_text(release.user_data(proven))
    if fault == "missing":
        s3.delete_object(Bucket=release.bucket, Key=key)
    else:
        s3.put_object(Bucket=release.bucket, Key=key, Body=bad[fault])
    try:
        assert "exit-code" == other.start()
    finally:
        s3.put_object(Bucket=release.bucket, Key=key, Body=good)
    folder, step = {
        "ansible.tar.gz": ("/opt/platform/ansible", "fetching the roles"),
        "source.tar.gz": ("/srv/orders", "fetching the source"),
    }[archive]
    assert not other.guest.path(folder).exists()
    assert [] == list(other.guest.path("/").glob("*/escaped"))
    assert 0 != other.guest.run("id", "service").returncode, "the playbook has run"
    (signal,) = other.signals()
    assert re.match("--exit-code [1-9]", signal)
    assert other.guest.path("/run/systemd/shutdown/scheduled").exists()
    assert f"failed: {step}, exit code " in _last_words(release)
    (failed,) = release.cloud.client("cloudwatch").list_metrics(Namespace="Platform", MetricName="BootstrapFailed")[
        "Metrics"
    ]
    assert {"environment": "staging", "service": "orders"} == {
        each["Name"]: each["Value"] for each in failed["Dimensions"]
    }


def _last_words(release: Release) -> str:
    """What the instance left in the log that outlives it."""
    events = release.cloud.client("logs").get_log_events(
        logGroupName="/platform/staging/boot", logStreamName=f"staging/orders/web/{INSTANCE}", startFromHead=True
    )["events"]
    return str(events[-1]["message"])
