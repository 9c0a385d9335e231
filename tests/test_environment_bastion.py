"""How people get into the network of an environment: not by an open port, and not for longer than they need it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from compiler.service import Bastion
from tests.environments_by_hand import PRODUCTION, build_template, properties_of

VPN = Bastion("clientVpn", "arn:aws:iam::111122223333:saml-provider/staff", "10.250.0.0/22")


def test_there_is_none_unless_the_environment_says_so() -> None:
    assert "Resources" not in build_template("bastion", replace(PRODUCTION, bastion=Bastion()))


@pytest.mark.parametrize("bastion", [Bastion("host"), VPN], ids=["host", "clientVpn"])
def test_nothing_can_connect_to_it_and_it_reaches_the_network_only(bastion: Bastion) -> None:
    stack = build_template("bastion", replace(PRODUCTION, bastion=bastion))
    (group,) = properties_of(stack, "AWS::EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group
    assert [PRODUCTION.network.cidr] == [rule["CidrIp"] for rule in group["SecurityGroupEgress"]]


def test_a_host_is_not_there_until_asked_for_and_goes_when_business_hours_end() -> None:
    stack = build_template("bastion")
    (group,) = properties_of(stack, "AWS::AutoScaling::AutoScalingGroup").values()
    assert ("0", "1") == (str(group["MinSize"]), str(group["MaxSize"]))
    assert "DesiredCapacity" not in group  # an update would end a host that somebody works with, or start one
    (home,) = properties_of(stack, "AWS::AutoScaling::ScheduledAction").values()
    assert (0, "0 19 * * 1-5", "Europe/London") == (home["DesiredCapacity"], home["Recurrence"], home["TimeZone"])
    data = properties_of(stack, "AWS::EC2::LaunchTemplate")["LaunchTemplate"]["LaunchTemplateData"]
    assert "required" == data["MetadataOptions"]["HttpTokens"]
    assert "{{resolve:ssm:/platform/production/images/arm64:1}}" == data["ImageId"]
    assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True


def test_who_connects_by_vpn_signs_in_and_is_written_down() -> None:
    stack = build_template("bastion", replace(PRODUCTION, bastion=VPN))
    (endpoint,) = properties_of(stack, "AWS::EC2::ClientVpnEndpoint").values()
    assert ["federated-authentication"] == [each["Type"] for each in endpoint["AuthenticationOptions"]]
    assert {"Enabled": True, "CloudwatchLogGroup": {"Ref": "LogGroup"}} == endpoint["ConnectionLogOptions"]
    assert endpoint["SplitTunnel"] is True
    assert 3 == len(properties_of(stack, "AWS::EC2::ClientVpnTargetNetworkAssociation"))


def test_a_vpn_that_nobody_could_sign_in_to_is_refused() -> None:
    with pytest.raises(ValueError, match="bastion.samlProvider"):
        build_template("bastion", replace(PRODUCTION, bastion=Bastion("clientVpn")))
