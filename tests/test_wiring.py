"""Wiring: where each kind of output of an addition goes."""

from __future__ import annotations

from pathlib import Path

from compiler.pipeline import open_library, plan_service
from compiler.trace import plain
from compiler.wiring import wire_additions

LIBRARY = Path(__file__).parent / "library"
SERVICE = """\
service: shop
owner: squad-toy
platform: "1.0"
processes:
  web: {runtime: instances, command: serve, port: 8080, uses: [archive]}
  worker: {runtime: instances, command: work}
environments: {production: {}}
"""
ADDITION = """\
Conditions: {IsEurope: !Equals [!Ref "AWS::Region", eu-west-1]}
Resources:
  Archive: {Type: "AWS::SNS::Topic"}
  Policy: {Type: "AWS::IAM::ManagedPolicy", Properties: {PolicyDocument: {}}}
  Group: {Type: "AWS::EC2::SecurityGroup", Properties: {GroupDescription: clients}}
Outputs:
  A: {Value: !Ref Policy}
  B: {Value: !GetAtt Policy.PolicyArn, Condition: IsEurope}
  C: {Value: !Ref Group}
  D: {Value: !GetAtt Group.GroupId}
  E: {Value: {"Fn::GetAtt": Group.GroupId}}
  GroupOwner: {Value: {"Fn::GetAtt": Group.VpcId}}
  ArchiveName: {Value: !Ref Archive, Condition: IsEurope}
"""


def test_policies_go_to_the_role_groups_to_the_instances_and_the_rest_into_variables(tmp_path: Path) -> None:
    (tmp_path / "cloudFormation/additions").mkdir(parents=True)
    (tmp_path / "service.yml").write_text(SERVICE)
    (tmp_path / "cloudFormation/additions/archive.yml").write_text(ADDITION)
    plan = plan_service(tmp_path, open_library(LIBRARY), with_archives=False)
    wirings, faults = wire_additions(plan.settings["production"], plan.repository.additions)
    assert () == faults
    assert ["web"] == list(wirings)  # who uses nothing is given nothing
    web = wirings["web"]
    # What a condition leaves out is missing from a list, while a variable has to have some value.
    assert [
        {"Ref": "Policy"},
        {"Fn::If": ["IsEurope", {"Fn::GetAtt": ["Policy", "PolicyArn"]}, {"Ref": "AWS::NoValue"}]},
    ] == plain(list(web.policies))
    same = [{"Ref": "Group"}, {"Fn::GetAtt": ["Group", "GroupId"]}, {"Fn::GetAtt": "Group.GroupId"}]
    assert same == plain(list(web.security_groups))
    assert {
        "GROUP_OWNER": {"Fn::GetAtt": "Group.VpcId"},
        "ARCHIVE_NAME": {"Fn::If": ["IsEurope", {"Ref": "Archive"}, "none"]},
    } == plain(dict(web.environment))
