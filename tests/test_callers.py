"""Endpoints derived from what runs in an environment: what stacks call, who says so, and what becomes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compiler.bucket import Bucket, open_bucket
from compiler.callers import find_callers
from compiler.calls import find_calls
from compiler.cli import cli
from compiler.contracts import describe_contract
from compiler.diagnostics import CompileError
from compiler.load import load_document
from compiler.lookups import MOST_REFERENCES, share_lookups
from compiler.model import Json, Library, Settings
from compiler.pipeline import open_library
from compiler.promote import promote_release
from compiler.reach import check_reach
from compiler.resolve import resolve_environment
from tests.describing import SHOP, resolve
from tests.promotions import make_wish, publish_release
from tests.services_by_hand import CASES, build_resources, load_template
from tests.stacks_by_hand import TEMPLATE_LINE, said, stack_of

PLATFORM = Path(__file__).parent.parent / "platform"
PROFILE = {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": "Role"}]}}


def allow(*actions: str, effect: str = "Allow") -> Json:
    return {"Statement": [{"Effect": effect, "Action": list(actions), "Resource": "*"}]}


def role(*inline: Json, **properties: Json) -> Json:
    policies = [{"PolicyName": "p", "PolicyDocument": each} for each in inline]
    return {"Type": "AWS::IAM::Role", "Properties": {"Policies": policies, **properties}}


def managed(document: Json, **properties: Json) -> Json:
    return {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": document, **properties}}


def library(**network: Json) -> Library:
    """The library, with another network of `staging`."""
    packaged = open_library(PLATFORM)
    data = packaged.environments["staging"].data
    text = json.dumps({**data, "network": {**data["network"], **network}})
    document, _ = load_document(text.encode(), "staging.yml", dialect="plain")
    return replace(packaged, environments={**packaged.environments, "staging": document})


FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}, "VpcConfig": {}}}


@pytest.mark.parametrize(
    ("resources", "endpoints"),
    [
        ({"Profile": PROFILE, "Role": role(allow("sqs:SendMessage", "s3:GetObject", "iam:GetRole"))}, ["sqs"]),
        ({"Profile": PROFILE, "Role": role(allow("ECR:*"))}, ["ecr.api", "ecr.dkr"]),
        ({"Profile": PROFILE, "Role": role(allow("sqs:*", effect="Deny"))}, []),
        ({"Profile": PROFILE, "Role": role(allow("*"))}, []),
        (
            {"Profile": PROFILE, "Role": role(ManagedPolicyArns=[{"Ref": "P"}, "arn:a"]), "P": managed(allow("sns:P"))},
            ["sns"],
        ),
        ({"Profile": PROFILE, "Role": role(), "P": managed(allow("events:Put"), Roles=[{"Ref": "Role"}])}, ["events"]),
        ({"Profile": PROFILE, "Role": role({"Fn::If": ["C", allow("kms:Sign"), allow("sts:Get")]})}, ["kms", "sts"]),
        ({"Role": role(allow("sqs:SendMessage"))}, []),
        ({"Function": FUNCTION, "Role": role(allow("secretsmanager:Get", "lambda:I"))}, ["lambda", "secretsmanager"]),
        ({"F": {**FUNCTION, "Properties": {"Role": {"Ref": "Role"}}}, "Role": role(allow("sqs:Send"))}, []),
        ({"Profile": {**PROFILE, "Properties": None}, "Role": 7, "P": {"Type": "AWS::IAM::Policy"}}, []),
    ],
)
def test_calls_are_those_of_roles_that_run_in_the_network(resources: Json, endpoints: list[str]) -> None:
    assert endpoints == list(find_calls(stack_of(resources)))


@pytest.mark.parametrize("case", CASES)
def test_a_service_of_the_library_calls_what_every_instance_does_and_what_it_asks_for(case: str) -> None:
    service, environment = CASES[case]
    calls = set(find_calls(stack_of(build_resources(service, environment))))
    always = set(vars(load_template("_network_endpoints"))["INSTANCES"])
    speaks = bool(service.publishes or service.consumes)
    asked = {each for process in service.processes for each in process.permissions}
    assert calls - always <= {"sns", "sqs", "secretsmanager"}
    assert speaks or asked or not calls - always


def test_what_a_list_of_endpoints_leaves_out_is_told_at_the_word_that_asks_for_it() -> None:
    resources = {"Profile": PROFILE, "Role": role(allow("sqs:SendMessage", "secretsmanager:GetSecretValue"))}
    place = ("Role", "Properties", "Policies", 0, "PolicyDocument", "Statement", 0, "Action", 1)
    stack = stack_of(resources, {place: said("addition", 3)})
    told = "`secretsmanager` cannot be reached in `staging`, whose network has no way out and no endpoint for it"

    def found(**network: Json) -> list[tuple[str, str, str, int]]:
        packaged = library(**network)
        settings = Settings("staging", {}, resolve_environment(packaged, "staging").environment)
        each = check_reach(settings, stack, packaged)
        return [(d.code, d.message, d.span.path, d.span.line) for d in each if d.span]

    # `sqs` is one of those that a network without a way out has in any case.
    assert [("D370", told, "addition.yml", 3)] == found(nat="none", endpoints=["ssm"])
    assert [] == found(nat="none", endpoints=["secretsmanager"])
    assert [] == found(nat="single", endpoints=["ssm"])
    assert [] == found(nat="none", endpoints="derived")


def test_a_service_that_no_endpoint_is_known_of_is_told_and_one_behind_a_gateway_is_not() -> None:
    actions = ("s3:GetObject", "dynamodb:Query", "ses:SendEmail", "iam:GetRole", "quux:Do")
    stack = stack_of({"Profile": PROFILE, "Role": role(allow(*actions))})
    assert ["email"] == list(find_calls(stack))
    for endpoints, codes in (("derived", ["D376", "D376"]), (["ssm"], ["D376", "D376", "D370"])):
        packaged = library(nat="none", endpoints=endpoints)
        settings = Settings("staging", {}, resolve_environment(packaged, "staging").environment)
        found = list(check_reach(settings, stack, packaged))
        assert codes == [each.code for each in found]
        assert ["`iam`", "`quux`"] == [each.message.split()[7] for each in found[:2]]


# As the platform team sees it

SERVICE = SHOP.replace("port: 8080", "port: 8080, permissions: {key: {secret: stripe}}").replace("shop", "till")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"till": SERVICE, "shop": SHOP}.items():
        (tmp_path / "services" / name / "src/bin").mkdir(parents=True)
        (tmp_path / "services" / name / "service.yml").write_text(text.replace("squad-toy", "squad-menu"))
        (tmp_path / "services" / name / "src/bin/serve").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str, out: str = "out") -> Result:
    command = ["platform", "compile", "--env", "staging", "--no-lint", "--out", out, *words]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert 0 == done.exit_code, done.output
    return done


def needed(done: Result) -> dict[str, str]:
    lines = (line.removeprefix("staging/network  ").split(": ", 1) for line in done.stdout.splitlines())
    return {line[0]: line[1] for line in lines if line[0].endswith("Endpoint")}


def test_an_endpoint_comes_with_the_service_that_needs_it_and_goes_with_it(place: Path) -> None:
    before = run("services", out="before")
    assert "till" == needed(before)["SecretsmanagerEndpoint"]
    assert needed(before)["LogsEndpoint"].startswith("every instance: ")
    origins = json.loads((place / "before/staging/network/origins.json").read_text())
    (word,) = origins["/Resources/SecretsmanagerEndpoint/Metadata/NeededBy/0"]
    assert ("till/service.yml", 5, "service") == (word["file"], word["line"], word["layer"])
    after = run("services/shop", out="after")
    assert needed(before).keys() - needed(after).keys() == {"SecretsmanagerEndpoint"}
    diff = CliRunner().invoke(cli, ["diff", "--before", "before", "--after", "after"]).output
    assert diff.startswith("Resources are interrupted by 1 change") and "SecretsmanagerEndpoint" in diff


def test_what_runs_by_the_bucket_needs_endpoints_too(place: Path) -> None:
    bucket: Bucket = open_bucket("bucket")
    for service, contract in {"ledger": {"calls": ["athena"]}, "menu": {}}.items():
        publish_release(bucket, "r1", service=service, contracts={"staging": contract})
        promote_release(bucket, service, "r1", "staging", make_wish())
    done = run("--bucket", "bucket", "services/till")
    assert ("ledger", "till") == (needed(done)["AthenaEndpoint"], needed(done)["SecretsmanagerEndpoint"])
    assert "warning D372: release `r1` of `menu` in `staging` does not say what it calls" in done.stderr


def test_branches_share_the_endpoints_of_their_environment(tmp_path: Path) -> None:
    bucket = open_bucket(str(tmp_path))
    publish_release(bucket, "r1", service="menu", contracts={"env-a": {"calls": ["sqs"]}}, environments=["env-a"])
    promote_release(bucket, "menu", "r1", "env-a", make_wish())
    callers, found = find_callers(open_library(PLATFORM), ["env-default", "staging"], (), bucket)
    assert ({"env-default": {"sqs": ("menu",)}, "staging": {}}, ()) == (callers, found)


def test_a_manifest_tells_what_a_release_calls() -> None:
    stack = stack_of({"Profile": PROFILE, "Role": role(allow("sqs:SendMessage", "sns:Publish"))})
    assert ["sns", "sqs"] == describe_contract(resolve(SHOP), stack)["calls"]


def test_without_a_way_out_somebody_has_to_say_what_runs() -> None:
    closed = library(nat="none", endpoints="derived")
    _, (found,) = find_callers(closed, ["staging"], (), None)
    message = "the endpoints of `staging` are derived, and no service was found that runs there"
    assert ("D371", message, "warning") == (found.code, found.message, found.severity)
    assert ((), ()) == tuple(
        find_callers(each, ["staging"], (), None)[1] for each in (library(), library(endpoints=[]))
    )


def test_a_bucket_in_which_nothing_runs_is_no_word_about_what_runs(tmp_path: Path) -> None:
    bucket = open_bucket(str(tmp_path))
    for network in ({"nat": "none"}, {"nat": "single"}):  # such as a wrong prefix
        _, (found,) = find_callers(library(**network, endpoints="derived"), ["staging"], (), bucket)
        assert "D371" == found.code
    publish_release(
        bucket, "r1", service="menu", contracts={"production": {"calls": ["sqs"]}}, environments=["production"]
    )
    promote_release(bucket, "menu", "r1", "production", make_wish())
    closed = library(nat="none", endpoints="derived")
    assert ["D371"] == [each.code for each in find_callers(closed, ["staging"], (), bucket)[1]]
    assert () == find_callers(closed, ["production"], (), bucket)[1]
    assert () == find_callers(library(nat="single"), ["staging"], (), bucket)[1]


def test_what_is_wrong_with_one_of_several_services_is_told_with_its_folder(place: Path) -> None:
    file = place / "services/till/service.yml"
    file.write_text(file.read_text() + "nonsense: 1\n")
    done = CliRunner().invoke(cli, ["platform", "compile", "--env", "staging", "--no-lint", "services"])
    assert 1 == done.exit_code
    assert "services/till/service.yml:" in done.stderr and "D203" in done.stderr


def test_a_bucket_that_is_not_there_is_no_empty_one(place: Path) -> None:
    command = ["platform", "compile", "--env", "staging", "--no-lint", "--bucket", "buckte"]
    done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert (3, True) == (done.exit_code, "there is no folder `buckte`" in done.stderr)
    assert not (place / "out").exists()


@pytest.mark.parametrize("key", ["environments/staging/menu.json", "services/menu/releases/r1/manifest.json"])
def test_what_cannot_be_read_is_not_taken_for_what_needs_nothing(key: str, tmp_path: Path) -> None:
    bucket = open_bucket(str(tmp_path))
    publish_release(bucket, "r1", service="menu", contracts={"staging": {"calls": ["sqs"]}}, environments=["staging"])
    promote_release(bucket, "menu", "r1", "staging", make_wish())
    (damaged,) = tmp_path.glob(key.replace("releases/", "*"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(CompileError) as caught:
        find_callers(library(), ["staging"], (), bucket)
    (fault,) = caught.value.diagnostics
    assert ("D374", True) == (fault.code, "which endpoints it needs is not known" in fault.message)


def test_what_reaches_no_internet_needs_an_endpoint_where_others_have_a_way_out() -> None:
    base = "{{resolve:ssm:/platform/staging/security/instance-base-policy-arn}}"
    wide = {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    inside, mail = {**wide, "CidrIp": "10.32.0.0/16"}, {**wide, "FromPort": 587, "ToPort": 587}
    place = ("Role", "Properties", "Policies", 0, "PolicyDocument", "Statement", 0, "Action", 0)

    def found(*rules: Json, endpoints: Json, arns: list[Json] | None = None, **more: Json) -> list[str]:
        interfaces = [{"Groups": [{"Ref": "Group"}, *more.pop("groups", [])]}]
        profile = {"Arn": {"Fn::GetAtt": ["Profile", "Arn"]}}
        launch = {"IamInstanceProfile": profile, "NetworkInterfaces": interfaces}
        resources = {
            "Profile": PROFILE,
            "Role": role(allow("secretsmanager:GetSecretValue", "iam:GetRole", "s3:Get"), ManagedPolicyArns=arns or []),
            "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": {"SecurityGroupEgress": [*rules]}},
            "Start": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": launch}},
            **more,
        }
        packaged = library(nat="single", endpoints=endpoints)
        settings = Settings("staging", {}, resolve_environment(packaged, "staging").environment)
        stack = share_lookups(stack_of(resources, {place: said("service", 3)}))
        told = check_reach(settings, stack, packaged)
        return [f"{each.code} {each.message.split('`')[1]}" for each in told]

    assert ["D376 iam", "D398 secretsmanager"] == found(inside, mail, endpoints=["ssm"])
    assert ["D376 iam"] == found(inside, endpoints=["secretsmanager"]) == found(inside, endpoints="derived")
    # What every instance calls is asked for by a policy of the environment, which the role names.
    own = found(inside, endpoints=["secretsmanager", "ssm"], arns=[base])
    calls = ("ec2", "elasticloadbalancing", "kms", "logs", "monitoring", "ssmmessages")
    assert ["D376 iam", *(f"D398 {name}" for name in calls)] == own
    # In a large stack that policy is a parameter.
    many = {"Type": "AWS::SSM::Parameter", "Properties": {str(each): base for each in range(MOST_REFERENCES)}}
    assert own == found(inside, endpoints=["secretsmanager", "ssm"], arns=[base], Many=many)
    apart = {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": {"GroupId": {"Ref": "Group"}, **wide}}
    for case in (
        found(inside, wide, endpoints=["ssm"]),
        found(endpoints=["ssm"]),  # no rule lets everything out
        found(inside, endpoints=["ssm"], Apart=apart),
        found(inside, endpoints=["ssm"], groups=["sg-12345678"]),
        found({**inside, "CidrIp": {"Ref": "Range"}}, endpoints=["ssm"]),
    ):
        assert [] == case


def test_what_the_platform_calls_is_told_where_a_process_does_without_the_internet() -> None:
    group = {"SecurityGroupEgress": [{"CidrIp": "10.32.0.0/16", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}]}
    launch = {"IamInstanceProfile": {"Name": {"Ref": "Profile"}}, "SecurityGroupIds": [{"Ref": "Group"}]}
    resources = {
        "Profile": PROFILE,
        "Role": role(allow("sns:Publish", "autoscaling:CompleteLifecycleAction", "iam:GetRole")),
        "Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group},
        "Start": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": launch}},
    }
    place = ("Role", "Properties", "Policies", 0, "PolicyDocument", "Statement", 0, "Action", 0)
    packaged = library(nat="single", endpoints=["ssm"])
    for word, line in ((", egress: {internet: false}", 6), ("", TEMPLATE_LINE)):  # which an override closed instead
        text = SHOP.replace(
            "port: 8080}", "port: 8080}\n  site: {runtime: instances, command: ./bin/serve" + word + "}"
        )
        settings = replace(resolve(text), environment=resolve_environment(packaged, "staging").environment)
        found = list(check_reach(settings, stack_of(resources, {place: said("addition", 3)}), packaged))
        told = [(each.message.split("`")[1], each.span.line) for each in found if each.span]
        assert [("iam", line), ("autoscaling", line), ("sns", 3)] == told
