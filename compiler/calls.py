"""Calls: which AWS services may be called by what a stack runs inside the network, as its policies say.

In: a Stack.    Out: the names of the interface endpoints that lead there, each with the action that asks for it.
Never: knows which endpoints there are; or looks at policies that are made elsewhere, such as the platform's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compiler.model import Json, Path, Stack, value_at, walk_leaves

# Keyed by environment, then by endpoint: the names of services, each with the line that asks for the call.
Callers = Mapping[str, Mapping[str, tuple[str, ...]]]

# What runs in the network, where it names its roles, and what has to be there for that.
_RUNS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "AWS::ECS::TaskDefinition": (("ExecutionRoleArn", "TaskRoleArn"), "ContainerDefinitions"),
    "AWS::IAM::InstanceProfile": (("Roles",), "Roles"),
    "AWS::Lambda::Function": (("Role",), "VpcConfig"),
}
# The endpoints of what begins an action, by the list of services that AWS PrivateLink has. S3 and DynamoDB are reached
# through gateways, which every network has and which cost nothing; others, such as IAM, have none.
_ENDPOINTS: Mapping[str, tuple[str, ...]] = {
    "aps": ("aps-workspaces",),
    "appconfig": ("appconfig", "appconfigdata"),
    "athena": ("athena",),
    "autoscaling": ("autoscaling",),
    "batch": ("batch",),
    "bedrock": ("bedrock-runtime",),
    "cloudformation": ("cloudformation",),
    "cloudwatch": ("monitoring",),
    "codeartifact": ("codeartifact.api", "codeartifact.repositories"),
    "codebuild": ("codebuild",),
    "codedeploy": ("codedeploy", "codedeploy-commands-secure"),
    "comprehend": ("comprehend",),
    "ec2": ("ec2",),
    "ec2messages": ("ec2messages",),
    "ecr": ("ecr.api", "ecr.dkr"),
    "ecs": ("ecs",),
    "elasticfilesystem": ("elasticfilesystem",),
    "elasticloadbalancing": ("elasticloadbalancing",),
    "es": ("es",),
    "events": ("events",),
    "execute-api": ("execute-api",),
    "firehose": ("kinesis-firehose",),
    "glue": ("glue",),
    "kinesis": ("kinesis-streams",),
    "kms": ("kms",),
    "lambda": ("lambda",),
    "logs": ("logs",),
    "rds": ("rds",),
    "rds-data": ("rds-data",),
    "rekognition": ("rekognition",),
    "sagemaker": ("sagemaker.api", "sagemaker.runtime"),
    "scheduler": ("scheduler",),
    "secretsmanager": ("secretsmanager",),
    "servicediscovery": ("servicediscovery",),
    "sns": ("sns",),
    "sqs": ("sqs",),
    "ssm": ("ssm",),
    "ssmmessages": ("ssmmessages",),
    "states": ("states",),
    "sts": ("sts",),
    "synthetics": ("synthetics",),
    "textract": ("textract",),
    "transcribe": ("transcribe",),
    "translate": ("translate",),
    "xray": ("xray",),
}
# Endpoints that a list may name although no action above leads to them.
_OTHERS = (
    "access-analyzer acm-pca airflow.api airflow.env airflow.ops appmesh-envoy-management apprunner appsync-api "
    "autoscaling-plans backup bedrock bedrock-agent bedrock-agent-runtime braket cassandra cleanrooms cloudcontrolapi "
    "clouddirectory cloudhsmv2 cloudtrail codecommit codepipeline cognito-idp config connect-campaigns databrew "
    "dataexchange datasync devops-guru dms ds dynamodb ebs ecs-agent ecs-telemetry eks eks-auth elasticache "
    "elasticbeanstalk elasticbeanstalk-health elasticfilesystem-fips elasticmapreduce email email-smtp emr-containers "
    "emr-serverless evidently execute-api fis forecast frauddetector fsx git-codecommit grafana grafana-workspace "
    "greengrass groundstation guardduty-data healthlake inspector2 iot.credentials iot.data iotsitewise.api "
    "iotsitewise.data kafka kafka-connect kendra kinesis-streams-fips kms-fips lakeformation license-manager "
    "lookoutmetrics m2 macie2 mediaconnect memory-db mgn migrationhub-orchestrator networkmanager nimble notebook "
    "outposts personalize pinpoint pipes polly proton qldb.session rds-fips redshift redshift-data redshift- "
    "serverless refactor-spaces resource-groups robomaker rolesanywhere rum rum-dataplane s3 sagemaker.featurestore- "
    "runtime secretsmanager-fips securityhub server-migration servicecatalog servicequotas signer snow-device- "
    "management ssm-contacts ssm-incidents sso storagegateway swf sync-states tagging textract-fips timestream tnb "
    "transcribestreaming transfer transfer.server verifiedpermissions voiceid vpc-lattice wafv2 wisdom workspaces"
)
ENDPOINTS = frozenset((*_OTHERS.split(), *(name for names in _ENDPOINTS.values() for name in names)))
_POLICIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::RolePolicy")


def find_calls(stack: Stack) -> dict[str, Path]:
    """Name the endpoints in order, each with the place of the first action that is allowed and needs it."""
    found: dict[str, Path] = {}
    for path, action in _list_actions(stack.template.get("Resources") or {}):
        for endpoint in _ENDPOINTS.get(action.partition(":")[0].lower(), ()):
            found.setdefault(endpoint, path)
    return {endpoint: found[endpoint] for endpoint in sorted(found)}


def _list_actions(resources: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
    running = {name for kind in resources for name in _list_roles(resources[kind])}
    attached: set[str] = set()
    for role in sorted(running & set(resources)):
        at: Path = ("Resources", role, "Properties")
        properties = value_at(resources, at[1:])
        if isinstance(properties, dict):
            yield from _read_actions(properties.get("Policies"), (*at, "Policies"))
            attached.update(_list_names(properties.get("ManagedPolicyArns")))
    for name, body in resources.items():
        if isinstance(body, dict) and body.get("Type") in _POLICIES:
            at = (name, "Properties")
            holders = {
                *_list_names(value_at(resources, (*at, "Roles"))),
                *_list_names(value_at(resources, (*at, "RoleName"))),
            }
            if name in attached or holders & running:
                document = (*at, "PolicyDocument")
                yield from _read_actions(value_at(resources, document), ("Resources", *document))


def _list_roles(body: Json) -> Iterator[str]:
    kind, properties = (body.get(key) if isinstance(body, dict) else None for key in ("Type", "Properties"))
    if isinstance(properties, dict) and isinstance(kind, str) and kind in _RUNS:
        places, condition = _RUNS[kind]
        if condition in properties:
            for place in places:
                yield from _list_names(properties.get(place))


def _list_names(value: Json) -> Iterator[str]:
    """Yield the logical ids that a value refers to by Ref or Fn::GetAtt."""
    for path, leaf in walk_leaves(value):
        if isinstance(leaf, str) and (path[-1:] == ("Ref",) or path[-2:] == ("Fn::GetAtt", 0)):
            yield leaf
        elif isinstance(leaf, str) and path[-1:] == ("Fn::GetAtt",):
            yield leaf.partition(".")[0]


def _read_actions(value: Json, at: Path) -> Iterator[tuple[Path, str]]:
    """Yield what the statements anywhere below a value allow."""
    if isinstance(value, dict) and value.get("Effect") == "Allow":
        for path, action in walk_leaves(value.get("Action"), (*at, "Action")):
            if isinstance(action, str):
                yield path, action
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _read_actions(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _read_actions(item, (*at, index))
