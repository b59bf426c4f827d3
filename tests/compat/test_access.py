"""Who may do what, from botocore: groups, boundaries, policies of queues, sessions, and the codes of refusals."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import BIN, serving

MANAGED = "arn:aws:iam::aws:policy/"
CHANGE_PASSWORD = MANAGED + "IAMUserChangePassword"
VIEW_BILLING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["aws-portal:ViewAccount", "aws-portal:ViewBilling"], "Resource": "*"}],
}
# The groups of the articles, and what AWS's documents say of their policies: AdministratorAccess allows all;
# PowerUserAccess all but iam, organizations and account, with iam:ListRoles and account:ListRegions; ReadOnlyAccess
# reads, messages too (sqs:Receive*).
GROUPS = {
    "Admin": [MANAGED + "AdministratorAccess", CHANGE_PASSWORD],
    "Developers": [MANAGED + "PowerUserAccess", CHANGE_PASSWORD],
    "Operators": [MANAGED + "ReadOnlyAccess", CHANGE_PASSWORD, "ViewBilling"],
}
ALLOWED = {
    # action: Admin, Developers, Operators
    "sqs:CreateQueue": "yyn",
    "sqs:DeleteQueue": "yyn",
    "sqs:SendMessage": "yyn",
    "sqs:ReceiveMessage": "yyy",
    "sqs:DeleteMessage": "yyn",
    "sqs:ChangeMessageVisibility": "yyn",
    "sqs:PurgeQueue": "yyn",
    "sqs:GetQueueAttributes": "yyy",
    "sqs:GetQueueUrl": "yyy",
    "sqs:ListQueues": "yyy",
    "sqs:ListQueueTags": "yyy",
    "sqs:ListDeadLetterSourceQueues": "yyy",
    "sqs:SetQueueAttributes": "yyn",
    "sqs:AddPermission": "yyn",
    "sqs:TagQueue": "yyn",
    "sqs:StartMessageMoveTask": "yyn",
    "s3:GetObject": "yyy",
    "s3:ListBucket": "yyy",
    "s3:PutObject": "yyn",
    "s3:DeleteObject": "yyn",
    "s3:CreateBucket": "yyn",
    "s3:PutBucketPolicy": "yyn",
    "s3:GetBucketPolicy": "yyy",
    "iam:CreateUser": "ynn",
    "iam:DeleteUser": "ynn",
    "iam:GetUser": "yny",
    "iam:ListUsers": "yny",
    "iam:ListRoles": "yyy",
    "iam:AttachGroupPolicy": "ynn",
    "iam:CreateAccessKey": "ynn",
    "iam:SimulatePrincipalPolicy": "yny",
    "iam:GenerateCredentialReport": "yny",
    "iam:GetAccountPasswordPolicy": "yyy",
    "iam:CreateServiceLinkedRole": "yyn",
    "sts:AssumeRole": "yyn",
    "sts:GetCallerIdentity": "yyy",
    "cloudtrail:LookupEvents": "yyy",
    "cloudtrail:CreateTrail": "yyn",
    "cloudtrail:StopLogging": "yyn",
    "cloudwatch:GetMetricData": "yyy",
    "cloudwatch:PutMetricData": "yyn",
    "organizations:LeaveOrganization": "ynn",
    "account:ListRegions": "yyy",
    "account:CloseAccount": "ynn",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The module's own: what an account is set to holds for all who use its server."""
    yield from serving(tmp_path_factory.mktemp("server"))


def refusal(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def user(server, name, groups=()):
    """A user in groups; gives its key."""
    iam = server.client("iam")
    iam.create_user(UserName=name)
    for group in groups:
        iam.add_user_to_group(GroupName=group, UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def policy(*actions, effect="Allow", resource="*", **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": list(actions), "Resource": resource, **more}]})


@pytest.fixture(scope="module")
def groups(server):
    iam = server.client("iam")
    arn = iam.create_policy(PolicyName="ViewBilling", PolicyDocument=json.dumps(VIEW_BILLING))["Policy"]["Arn"]
    for group, policies in GROUPS.items():
        iam.create_group(GroupName=group)
        for attached in policies:
            iam.attach_group_policy(GroupName=group, PolicyArn=arn if attached == "ViewBilling" else attached)
    return {group: user(server, f"of-{group}", [group]) for group in GROUPS}


@pytest.fixture
def queue(server, request):
    return server.client().create_queue(QueueName=request.node.name[:60].replace("[", "-").replace("]", ""))["QueueUrl"]


def test_groups_may_do_what_their_policies_say(server, groups):
    """Simulation, which a property test holds to what is enforced."""
    iam = server.client("iam")
    for index, group in enumerate(GROUPS):
        source = iam.get_user(UserName=f"of-{group}")["User"]["Arn"]
        pages = iam.get_paginator("simulate_principal_policy").paginate(PolicySourceArn=source, ActionNames=list(ALLOWED))
        results = [result for page in pages for result in page["EvaluationResults"]]
        got = {result["EvalActionName"]: result["EvalDecision"] == "allowed" for result in results}
        assert got == {action: allowed[index] == "y" for action, allowed in ALLOWED.items()}, group


def test_groups_are_held_to_it_by_sqs_and_iam(server, groups, queue):
    admin, developer, operator = ({"sqs": server.client(**key), "iam": server.client("iam", **key)} for key in groups.values())
    for who in (admin, developer):
        who["sqs"].send_message(QueueUrl=queue, MessageBody="m")
    code, status, text = refusal(operator["sqs"].send_message, QueueUrl=queue, MessageBody="m")
    arn = "arn:aws:sqs:{}:{}:{}".format(server.environment["AWS_DEFAULT_REGION"], *queue.split("/")[-2:])
    assert (code, status) == ("AccessDenied", 403)
    account = queue.split("/")[-2]
    assert text == (
        f"User: arn:aws:iam::{account}:user/of-Operators is not authorized to perform: sqs:SendMessage "
        f"on resource: {arn} because no identity-based policy allows the sqs:SendMessage action"
    )
    assert operator["sqs"].receive_message(QueueUrl=queue)["Messages"], "ReadOnlyAccess takes messages, as with AWS"
    admin["iam"].create_user(UserName="made")
    assert refusal(developer["iam"].create_user, UserName="other")[:2] == ("AccessDenied", 403)
    assert refusal(operator["iam"].delete_user, UserName="made")[:2] == ("AccessDenied", 403)
    operator["iam"].get_user(UserName="made")


def test_an_inactive_key_is_refused_at_the_very_next_call(server, queue):
    iam = server.client("iam")
    key = user(server, "leaver")
    iam.put_user_policy(UserName="leaver", PolicyName="p", PolicyDocument=policy("sqs:*"))
    client = server.client(**key)
    client.send_message(QueueUrl=queue, MessageBody="m")
    for status in ("Inactive", "Active", "Inactive"):
        iam.update_access_key(UserName="leaver", AccessKeyId=key["aws_access_key_id"], Status=status)
        if status == "Active":
            client.send_message(QueueUrl=queue, MessageBody="m")
        else:
            assert refusal(client.send_message, QueueUrl=queue, MessageBody="m")[0] == "InvalidClientTokenId"
    iam.update_access_key(UserName="leaver", AccessKeyId=key["aws_access_key_id"], Status="Active")
    iam.put_user_policy(UserName="leaver", PolicyName="deny", PolicyDocument=policy("*", effect="Deny"))
    assert refusal(client.send_message, QueueUrl=queue, MessageBody="m")[2].endswith("with an explicit deny in an identity-based policy")


def test_a_command_beside_the_server_counts_as_well(server, queue):
    made = server.json("key", "create", "--role", "sender", "--name", "beside", "--secret-file", str(server.directory / "beside"))
    lines = (server.directory / "beside").read_text()
    client = server.client(aws_access_key_id=made["AccessKeyId"], aws_secret_access_key=json.loads(lines)["SecretAccessKey"])
    client.send_message(QueueUrl=queue, MessageBody="m")
    assert refusal(client.receive_message, QueueUrl=queue)[0] == "AccessDenied"


def test_codes_of_refusals_by_protocol(server, queue):
    iam = server.client("iam")
    wrong = {"aws_secret_access_key": "wrong"}
    unknown = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"}
    for changes, codes in (
        (wrong, ("SignatureDoesNotMatch", "InvalidSignatureException")),
        (unknown, ("InvalidClientTokenId", "UnrecognizedClientException")),
        ({"config": Config(signature_version=UNSIGNED)}, ("MissingAuthenticationToken", "MissingAuthenticationTokenException")),
    ):
        for call, arguments in (
            (server.client(**changes).get_queue_attributes, {"QueueUrl": queue}),
            (server.client("iam", **changes).list_users, {}),
            (server.client("sts", **changes).get_caller_identity, {}),
        ):
            code, status, _ = refusal(call, **arguments)
            assert code in codes and status == 403, (changes, code, status)
    assert iam.list_users()["Users"]


def test_a_queues_policy_lets_others_in(server, queue):
    iam, sqs = server.client("iam"), server.client()
    key = user(server, "guest")
    guest = server.client(**key)
    assert refusal(guest.send_message, QueueUrl=queue, MessageBody="m")[0] == "AccessDenied"
    arn = iam.get_user(UserName="guest")["User"]["Arn"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    text = policy("sqs:SendMessage", resource=queue_arn, Principal={"AWS": arn})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": text})
    guest.send_message(QueueUrl=queue, MessageBody="m")
    assert refusal(guest.receive_message, QueueUrl=queue)[0] == "AccessDenied"
    # An account that is named delegates: its own policies must allow it too.
    account = arn.split(":")[4]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    sqs.add_permission(QueueUrl=queue, Label="l", AWSAccountIds=[account], Actions=["SendMessage"])
    assert refusal(guest.send_message, QueueUrl=queue, MessageBody="m")[0] == "AccessDenied"
    deny = policy("sqs:SendMessage", effect="Deny", resource=queue_arn, Principal="*")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": deny})
    assert refusal(sqs.send_message, QueueUrl=queue, MessageBody="m")[2].endswith("with an explicit deny in a resource-based policy")


def test_a_queue_may_be_open_to_everybody(server, queue):
    sqs = server.client()
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    text = policy("sqs:SendMessage", resource=queue_arn, Principal="*")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": text})
    nobody = server.client(config=Config(signature_version=UNSIGNED))
    nobody.send_message(QueueUrl=queue, MessageBody="m")
    code, status, text = refusal(nobody.receive_message, QueueUrl=queue)
    assert (code, status) == ("AccessDenied", 403) and text.startswith("User: anonymous is not authorized to perform: sqs:ReceiveMessage")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    assert refusal(nobody.send_message, QueueUrl=queue, MessageBody="m")[0].startswith("MissingAuthenticationToken")


def test_a_boundary_bounds(server, queue):
    iam = server.client("iam")
    key = user(server, "bounded")
    iam.put_user_policy(UserName="bounded", PolicyName="p", PolicyDocument=policy("sqs:*"))
    arn = iam.create_policy(PolicyName="bound", PolicyDocument=policy("sqs:Get*"))["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="bounded", PermissionsBoundary=arn)
    client = server.client(**key)
    client.get_queue_attributes(QueueUrl=queue)
    text = refusal(client.send_message, QueueUrl=queue, MessageBody="m")[2]
    assert text.endswith("because no permissions boundary allows the sqs:SendMessage action")


def test_a_role_is_assumed(server, queue):
    iam, sts = server.client("iam"), server.client("sts")
    account = sts.get_caller_identity()["Account"]
    trust = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}})
    role = iam.create_role(RoleName="deploy", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="deploy", PolicyName="p", PolicyDocument=policy("sqs:*"))
    answer = sts.assume_role(RoleArn=role, RoleSessionName="me", Policy=policy("sqs:SendMessage"))
    assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{account}:assumed-role/deploy/me"
    given = answer["Credentials"]
    session = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    client = server.client(**session)
    client.send_message(QueueUrl=queue, MessageBody="m")
    assert refusal(client.receive_message, QueueUrl=queue)[2].endswith("because no session policy allows the sqs:ReceiveMessage action")
    assert server.client("sts", **session).get_caller_identity()["Arn"].endswith(":assumed-role/deploy/me")
    # A token of another key, and one that was changed.
    for changed in ({"aws_session_token": given["SessionToken"][:-4] + "AAAA"}, {"aws_access_key_id": "ASIAIOSFODNN7EXAMPLE"}):
        assert refusal(server.client(**{**session, **changed}).send_message, QueueUrl=queue, MessageBody="m")[0] == "InvalidClientTokenId"
    token = sts.get_session_token(DurationSeconds=900)["Credentials"]
    session = boto3.Session(token["AccessKeyId"], token["SecretAccessKey"], token["SessionToken"], server.environment["AWS_DEFAULT_REGION"])
    assert refusal(session.client("iam", endpoint_url=server.endpoint).list_users)[2].endswith("give SerialNumber and TokenCode for them")
    key = sts.get_access_key_info(AccessKeyId=server.environment["AWS_ACCESS_KEY_ID"])
    assert key["Account"] == account


def test_simulation_tells_the_statement(server):
    iam = server.client("iam")
    text = '{"Version":"2012-10-17","Statement":[\n  {"Effect":"Allow","Action":"sqs:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/a":"b"}}}]}'
    entry = {"ContextKeyName": "aws:RequestTag/a", "ContextKeyValues": ["b"], "ContextKeyType": "string"}
    ask = {"PolicyInputList": [text], "ActionNames": ["sqs:SendMessage"]}
    result = iam.simulate_custom_policy(**ask)["EvaluationResults"][0]
    assert result["EvalDecision"] == "implicitDeny" and result["MissingContextValues"] == ["aws:RequestTag/a"]
    result = iam.simulate_custom_policy(**ask, ContextEntries=[entry])["EvaluationResults"][0]
    assert result["EvalDecision"] == "allowed"
    matched = result["MatchedStatements"][0]
    assert matched["SourcePolicyId"] == "PolicyInputList.1" and matched["StartPosition"] == {"Line": 2, "Column": 3}
    assert iam.get_context_keys_for_custom_policy(PolicyInputList=[text])["ContextKeyNames"] == ["aws:RequestTag/a"]
    code, status, _ = refusal(iam.simulate_custom_policy, PolicyInputList=["{"], ActionNames=["sqs:SendMessage"])
    assert (code, status) == ("InvalidInput", 400)
    first = iam.simulate_custom_policy(PolicyInputList=[text], ActionNames=["a:a", "a:b", "a:c"], MaxItems=2)
    assert first["IsTruncated"]
    rest = iam.simulate_custom_policy(PolicyInputList=[text], ActionNames=["a:a", "a:b", "a:c"], Marker=first["Marker"])
    assert [result["EvalActionName"] for result in rest["EvaluationResults"]] == ["a:c"]


def test_identities_outlive_a_kill(own_server):
    iam = own_server.client("iam")
    key = user(own_server, "kept")
    iam.put_user_policy(UserName="kept", PolicyName="p", PolicyDocument=policy("sqs:ListQueues"))
    own_server.kill()
    own_server.start()
    own_server.client(**key).list_queues()
    assert own_server.client("iam").get_user_policy(UserName="kept", PolicyName="p")["PolicyName"] == "p"


def test_root_has_a_password_and_no_key(own_server):
    def set_password(text):
        return subprocess.run([BIN, "root", "password", *own_server.common()], input=text, capture_output=True, text=True, timeout=60)

    assert own_server.json("root", "show")["HasPassword"] is False
    refused = set_password("short\n")
    assert refused.returncode == 2 and "12 to 128 characters" in refused.stderr
    assert set_password("correct horse battery\n").returncode == 0
    shown = own_server.json("root", "show")
    assert shown["HasPassword"] is True and shown["HasAccessKey"] is False and shown["Unlocked"] is False
    for command, unlocked in (("unlock", True), ("lock", False)):
        assert own_server.run("root", command).returncode == 0
        assert own_server.json("root", "show")["Unlocked"] is unlocked
