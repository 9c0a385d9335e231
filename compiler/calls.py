"""Calls: which AWS services may be called by what a stack runs inside the network, as its policies say.

In: a Stack.    Out: the names of the interface endpoints that lead there, each with the action that asks for it.
Never: knows which endpoints there are; or looks at policies that are made elsewhere, such as the platform's own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

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
# through gateways, which every network has and which cost nothing; of others, such as IAM, none is known.
_ENDPOINTS: Mapping[str, tuple[str, ...]] = {
    "acm-pca": ("acm-pca",),
    "appconfig": ("appconfig", "appconfigdata"),
    "aps": ("aps-workspaces",),
    "athena": ("athena",),
    "autoscaling": ("autoscaling",),
    "backup": ("backup",),
    "batch": ("batch",),
    "bedrock": ("bedrock-runtime",),
    "cassandra": ("cassandra",),
    "cloudformation": ("cloudformation",),
    "cloudtrail": ("cloudtrail",),
    "cloudwatch": ("monitoring",),
    "codeartifact": ("codeartifact.api", "codeartifact.repositories"),
    "codebuild": ("codebuild",),
    "codecommit": ("codecommit",),
    "codedeploy": ("codedeploy", "codedeploy-commands-secure"),
    "codepipeline": ("codepipeline",),
    "cognito-idp": ("cognito-idp",),
    "comprehend": ("comprehend",),
    "config": ("config",),
    "dms": ("dms",),
    "ec2": ("ec2",),
    "ec2messages": ("ec2messages",),
    "ecr": ("ecr.api", "ecr.dkr"),
    "ecs": ("ecs",),
    "eks": ("eks",),
    "elasticache": ("elasticache",),
    "elasticfilesystem": ("elasticfilesystem",),
    "elasticloadbalancing": ("elasticloadbalancing",),
    "es": ("es",),
    "events": ("events",),
    "execute-api": ("execute-api",),
    "firehose": ("kinesis-firehose",),
    "fsx": ("fsx",),
    "glue": ("glue",),
    "kendra": ("kendra",),
    "kinesis": ("kinesis-streams",),
    "kms": ("kms",),
    "lambda": ("lambda",),
    "logs": ("logs",),
    "personalize": ("personalize",),
    "pipes": ("pipes",),
    "polly": ("polly",),
    "rds": ("rds",),
    "rds-data": ("rds-data",),
    "redshift": ("redshift",),
    "redshift-data": ("redshift-data",),
    "redshift-serverless": ("redshift-serverless",),
    "rekognition": ("rekognition",),
    "sagemaker": ("sagemaker.api", "sagemaker.runtime"),
    "scheduler": ("scheduler",),
    "secretsmanager": ("secretsmanager",),
    "securityhub": ("securityhub",),
    "servicecatalog": ("servicecatalog",),
    "servicediscovery": ("servicediscovery",),
    "ses": ("email",),
    "signer": ("signer",),
    "sns": ("sns",),
    "sqs": ("sqs",),
    "ssm": ("ssm",),
    "ssm-contacts": ("ssm-contacts",),
    "ssm-incidents": ("ssm-incidents",),
    "ssmmessages": ("ssmmessages",),
    "states": ("states",),
    "storagegateway": ("storagegateway",),
    "sts": ("sts",),
    "swf": ("swf",),
    "synthetics": ("synthetics",),
    "tag": ("tagging",),
    "textract": ("textract",),
    "transcribe": ("transcribe",),
    "transfer": ("transfer",),
    "translate": ("translate",),
    "verifiedpermissions": ("verifiedpermissions",),
    "wafv2": ("wafv2",),
    "xray": ("xray",),
}
# What begins an action that no interface endpoint is needed for: its service is reached through a gateway, or it is no
# call of the service's API, such as signing in to a database.
_WITHOUT = frozenset("dynamodb rds-db s3 s3-object-lambda".split())
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


def find_calls(stack: Stack, roles: Collection[str] | None = None) -> dict[str, Path]:
    """Name the endpoints in order, each with the place of the first action that is allowed and needs it; of those roles
    only that are named, if any."""
    found: dict[str, Path] = {}
    for path, action in _list_actions(stack.template.get("Resources") or {}, roles):
        for endpoint in list_endpoints(action):
            found.setdefault(endpoint, path)
    return {endpoint: found[endpoint] for endpoint in sorted(found)}


def list_endpoints(action: str) -> tuple[str, ...]:
    """Name the endpoints that an action of a policy leads to, where any are known."""
    return _ENDPOINTS.get(action.partition(":")[0].lower(), ())


def find_unknown(stack: Stack, roles: Collection[str] | None = None) -> dict[str, Path]:
    """Name in order what begins the actions that lead nowhere we know of, each with the place of the first."""
    found: dict[str, Path] = {}
    for path, action in _list_actions(stack.template.get("Resources") or {}, roles):
        service, colon, _ = action.lower().partition(":")
        if colon and service not in _ENDPOINTS and service not in _WITHOUT:
            found.setdefault(service, path)
    return {service: found[service] for service in sorted(found)}


def _list_actions(resources: Mapping[str, Json], roles: Collection[str] | None) -> Iterator[tuple[Path, str]]:
    running = {name for kind in resources for name in _list_roles(resources[kind])}
    running = running if roles is None else running.intersection(roles)
    attached: set[str] = set()
    for role in sorted(running & set(resources)):
        at: Path = ("Resources", role, "Properties")
        properties = value_at(resources, at[1:])
        if isinstance(properties, dict):
            yield from read_actions(properties.get("Policies"), (*at, "Policies"))
            attached.update(list_names(properties.get("ManagedPolicyArns")))
    for name, body in resources.items():
        if isinstance(body, dict) and body.get("Type") in _POLICIES:
            at = (name, "Properties")
            holders = {
                *list_names(value_at(resources, (*at, "Roles"))),
                *list_names(value_at(resources, (*at, "RoleName"))),
            }
            if name in attached or holders & running:
                document = (*at, "PolicyDocument")
                yield from read_actions(value_at(resources, document), ("Resources", *document))


def _list_roles(body: Json) -> Iterator[str]:
    kind, properties = (body.get(key) if isinstance(body, dict) else None for key in ("Type", "Properties"))
    if isinstance(properties, dict) and isinstance(kind, str) and kind in _RUNS:
        places, condition = _RUNS[kind]
        if condition in properties:
            for place in places:
                yield from list_names(properties.get(place))


def list_names(value: Json) -> Iterator[str]:
    """Yield the logical ids that a value refers to by Ref or Fn::GetAtt."""
    for path, leaf in walk_leaves(value):
        if isinstance(leaf, str) and (path[-1:] == ("Ref",) or path[-2:] == ("Fn::GetAtt", 0)):
            yield leaf
        elif isinstance(leaf, str) and path[-1:] == ("Fn::GetAtt",):
            yield leaf.partition(".")[0]


def read_actions(value: Json, at: Path) -> Iterator[tuple[Path, str]]:
    """Yield what the statements anywhere below a value allow."""
    if isinstance(value, dict) and value.get("Effect") == "Allow":
        for path, action in walk_leaves(value.get("Action"), (*at, "Action")):
            if isinstance(action, str):
                yield path, action
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from read_actions(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from read_actions(item, (*at, index))
