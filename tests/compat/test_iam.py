"""Identities as people and their tools make them: the articles' procedure by aws-cli, and IAM from botocore."""

import csv
import io
import json
import os
import subprocess
import sys
import time

import pytest
from botocore.exceptions import ClientError
from conftest import Server, code_of, serving

ACCOUNT = "arn:aws:iam::aws:policy/"
VIEW_BILLING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["aws-portal:ViewAccount", "aws-portal:ViewBilling"], "Resource": "*"}],
}
CHANGE_PASSWORD = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "iam:ChangePassword",
            "Resource": ["arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::*:user/*/${aws:username}"],
        },
        {"Effect": "Allow", "Action": "iam:GetAccountPasswordPolicy", "Resource": "*"},
    ],
}
SEND = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The module's own: what an account is set to holds for all who use its server."""
    yield from serving(tmp_path_factory.mktemp("server"))


def aws(server, *arguments, key=None):
    """A line of the procedure. aws-cli hands the endpoint to every service by the environment, as validate-logs needs it."""
    environment = {**server.shell_environment(), "AWS_ENDPOINT_URL": server.endpoint}
    if key:
        environment |= {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    program = os.path.join(os.path.dirname(sys.executable), "aws")
    command = [program, "--endpoint-url", server.endpoint, *arguments, "--output", "json"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert answer.returncode == 0, (arguments, answer.stderr)
    if not answer.stdout.lstrip().startswith("{"):
        return answer.stdout
    return json.loads(answer.stdout)


def wait_for_a_digest(server):
    trail = server.client("cloudtrail")
    deadline = time.monotonic() + 60
    while "LatestDigestDeliveryTime" not in trail.get_trail_status(Name="all"):
        assert time.monotonic() < deadline, "no digest came"
        time.sleep(0.2)


def refused(call, **arguments):
    """Code, status and text of a refusal."""
    with pytest.raises(ClientError) as error:
        call(**arguments)
    answer = error.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]


def by(server, service, key):
    """A client that signs by a key."""
    return server.client(service, aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


@pytest.fixture
def iam(server):
    return server.client("iam")


@pytest.fixture
def trailing(tmp_path):
    """A server whose trails deliver every second, and digests every two."""
    fast = {"SHUKUBA_TRAIL_FILE_EVERY": "1s", "SHUKUBA_TRAIL_DIGEST_EVERY": "2s"}
    running = Server(tmp_path, surroundings=fast)
    yield running
    running.stop()


def trail_policy(bucket, account):
    """What the articles put on the bucket of the trail."""
    service = {"Service": "cloudtrail.amazonaws.com"}
    check = {"Sid": "AWSCloudTrailAclCheck", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl"}
    write = {"Sid": "AWSCloudTrailWrite", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject"}
    check["Resource"] = f"arn:aws:s3:::{bucket}"
    write["Resource"] = f"arn:aws:s3:::{bucket}/AWSLogs/{account}/*"
    write["Condition"] = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    return json.dumps({"Version": "2012-10-17", "Statement": [check, write]})


def test_the_procedure_of_the_articles_from_first_to_last_line(trailing, tmp_path):
    """For the console's switch on billing and its made-up passwords, which have no API, our commands stand in."""
    server = trailing
    files = {}
    for name, document in {"ViewBilling": VIEW_BILLING, "ChangePassword": CHANGE_PASSWORD}.items():
        files[name] = f"file://{tmp_path / name}.json"
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    caller = aws(server, "sts", "get-caller-identity")
    account = caller["Account"]
    assert caller["Arn"].startswith(f"arn:aws:iam::{account}:")
    groups = {"Admin": "yamada", "Developers": "suzuki", "Operators": "sato"}
    keys = {}
    for user in groups.values():
        made = aws(server, "iam", "create-user", "--user-name", user)["User"]
        assert made["Arn"] == f"arn:aws:iam::{account}:user/{user}"
        keys[user] = aws(server, "iam", "create-access-key", "--user-name", user)["AccessKey"]
        password = ["--password", f"First-{user}-1", "--password-reset-required"]
        profile = aws(server, "iam", "create-login-profile", "--user-name", user, *password)["LoginProfile"]
        assert profile["PasswordResetRequired"] is True
    opened = server.run("access", "billing", "open")
    assert opened.returncode == 0, opened.stderr
    arns = {name: f"{ACCOUNT}{name}" for name in ["AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess"]}
    for name, file in files.items():
        validate = ["--policy-type", "IDENTITY_POLICY", "--policy-document", file]
        findings = aws(server, "accessanalyzer", "validate-policy", *validate)["findings"]
        assert not [finding for finding in findings if finding["findingType"] == "ERROR"]
        made = aws(server, "iam", "create-policy", "--policy-name", name, "--policy-document", file)
        arns[name] = made["Policy"]["Arn"]
    attached = {
        "Admin": ["AdministratorAccess", "ChangePassword"],
        "Developers": ["PowerUserAccess", "ChangePassword"],
        "Operators": ["ReadOnlyAccess", "ChangePassword", "ViewBilling"],
    }
    for group, user in groups.items():
        aws(server, "iam", "create-group", "--group-name", group)
        for policy in attached[group]:
            aws(server, "iam", "attach-group-policy", "--group-name", group, "--policy-arn", arns[policy])
        aws(server, "iam", "add-user-to-group", "--group-name", group, "--user-name", user)
    location = f"LocationConstraint={server.environment['AWS_DEFAULT_REGION']}"
    aws(server, "s3api", "create-bucket", "--bucket", "logs", "--create-bucket-configuration", location)
    aws(server, "s3api", "put-bucket-policy", "--bucket", "logs", "--policy", trail_policy("logs", account))
    everything = ["--is-multi-region-trail", "--include-global-service-events", "--enable-log-file-validation"]
    trail = aws(server, "cloudtrail", "create-trail", "--name", "all", "--s3-bucket-name", "logs", *everything)["TrailARN"]
    aws(server, "cloudtrail", "start-logging", "--name", "all")
    for user in groups.values():
        change = ["--old-password", f"First-{user}-1", "--new-password", f"Second-{user}-2"]
        aws(server, "iam", "change-password", *change, key=keys[user])
    attribute = "AttributeKey=EventName,AttributeValue=ChangePassword"
    events = aws(server, "cloudtrail", "lookup-events", "--lookup-attributes", attribute)["Events"]
    assert {event["Username"] for event in events} == set(groups.values())
    assert "Second-" not in json.dumps(events)
    wait_for_a_digest(server)
    validated = aws(server, "cloudtrail", "validate-logs", "--trail-arn", trail, "--start-time", "2026-01-01T00:00:00Z")
    assert "digest files valid" in validated and "INVALID" not in validated, validated
    root = server.client("iam")
    for group, user in groups.items():
        listed = root.list_attached_group_policies(GroupName=group)["AttachedPolicies"]
        assert {policy["PolicyName"] for policy in listed} == set(attached[group])
        assert [member["UserName"] for member in root.get_group(GroupName=group)["Users"]] == [user]
        assert root.get_login_profile(UserName=user)["LoginProfile"]["PasswordResetRequired"] is False
    # What each may do, tried by calls: change identities, make a queue, look.
    identities = {"yamada": True, "suzuki": False, "sato": False}
    queues = {"yamada": True, "suzuki": True, "sato": False}
    for user, key in keys.items():
        for is_allowed, service, call, arguments in [
            (identities[user], "iam", "create_user", {"UserName": f"by-{user}"}),
            (queues[user], "sqs", "create_queue", {"QueueName": f"by-{user}"}),
            (True, "sqs", "list_queues", {}),
        ]:
            call = getattr(by(server, service, key), call)
            if is_allowed:
                call(**arguments)
            else:
                code, status, text = refused(call, **arguments)
                assert status in (400, 403) and code.startswith("AccessDenied"), (user, code)
                assert f"user/{user} is not authorized to perform: {service}:" in text


def test_an_inactive_key_is_refused_at_the_next_call(server, iam):
    iam.create_user(UserName="leaver")
    iam.put_user_policy(UserName="leaver", PolicyName="own", PolicyDocument=json.dumps(SEND))
    key = iam.create_access_key(UserName="leaver")["AccessKey"]
    sts = by(server, "sts", key)
    assert sts.get_caller_identity()["Arn"].endswith(":user/leaver")
    iam.update_access_key(UserName="leaver", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
    iam.update_access_key(UserName="leaver", AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == ("leaver", "sts")
    iam.delete_access_key(UserName="leaver", AccessKeyId=key["AccessKeyId"])
    assert refused(sts.get_caller_identity)[:2] == ("InvalidClientTokenId", 403)


def test_lists_come_in_pages(iam):
    names = [f"page-{number:02}" for number in range(7)]
    for name in names:
        iam.create_user(UserName=name, Path="/pages/")
    pages = list(iam.get_paginator("list_users").paginate(PathPrefix="/pages/", PaginationConfig={"PageSize": 3}))
    assert [len(page["Users"]) for page in pages] == [3, 3, 1]
    assert [user["UserName"] for page in pages for user in page["Users"]] == names
    details = iam.get_paginator("get_account_authorization_details").paginate(Filter=["User"], PaginationConfig={"PageSize": 2})
    told = [user["UserName"] for page in details for user in page["UserDetailList"]]
    assert set(names) <= set(told) and len(told) == len(set(told))
    assert refused(iam.list_users, Marker="nonsense")[:2] == ("ValidationError", 400)
    managed = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 5})
    found = {policy["PolicyName"] for page in managed for policy in page["Policies"]}
    assert {"AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "IAMUserChangePassword", "Billing"} <= found


def test_refusals_are_the_exceptions_of_the_model(iam):
    iam.create_user(UserName="held")
    iam.create_access_key(UserName="held")
    for exception, call, arguments, status in [
        (iam.exceptions.NoSuchEntityException, iam.get_user, {"UserName": "nobody"}, 404),
        (iam.exceptions.EntityAlreadyExistsException, iam.create_user, {"UserName": "HELD"}, 409),
        (iam.exceptions.DeleteConflictException, iam.delete_user, {"UserName": "held"}, 409),
        (
            iam.exceptions.MalformedPolicyDocumentException,
            iam.put_user_policy,
            {"UserName": "held", "PolicyName": "own", "PolicyDocument": "{}"},
            400,
        ),
        (
            iam.exceptions.PasswordPolicyViolationException,
            iam.create_login_profile,
            {"UserName": "held", "Password": "short"},
            400,
        ),
    ]:
        with pytest.raises(exception) as error:
            call(**arguments)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    iam.create_access_key(UserName="held")
    with pytest.raises(iam.exceptions.LimitExceededException):
        iam.create_access_key(UserName="held")


def test_a_managed_policy_has_versions_tags_and_holders(iam):
    document = json.dumps(SEND)
    made = iam.create_policy(PolicyName="versions", PolicyDocument=document, Tags=[{"Key": "team", "Value": "ads"}])
    arn = made["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(VIEW_BILLING), SetAsDefault=True)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"] == "v2"
    # botocore decodes the document, as it does AWS's.
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"] == SEND
    assert iam.list_policy_tags(PolicyArn=arn)["Tags"] == [{"Key": "team", "Value": "ads"}]
    iam.create_user(UserName="holder")
    iam.attach_user_policy(UserName="holder", PolicyArn=arn)
    assert iam.list_entities_for_policy(PolicyArn=arn)["PolicyUsers"][0]["UserName"] == "holder"
    iam.detach_user_policy(UserName="holder", PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    iam.delete_user(UserName="holder")


def test_a_role_with_its_profile_and_what_terraform_reads_of_it(iam):
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(trust), Tags=[{"Key": "a", "Value": "b"}])
    assert role["Role"]["AssumeRolePolicyDocument"] == trust
    iam.put_role_policy(RoleName="web", PolicyName="own", PolicyDocument=json.dumps(SEND))
    iam.create_instance_profile(InstanceProfileName="web")
    iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
    assert iam.get_role(RoleName="web")["Role"]["Tags"] == [{"Key": "a", "Value": "b"}]
    assert iam.get_role_policy(RoleName="web", PolicyName="own")["PolicyDocument"] == SEND
    assert iam.list_instance_profiles_for_role(RoleName="web")["InstanceProfiles"][0]["InstanceProfileName"] == "web"
    iam.update_role(RoleName="web", Description="hosts", MaxSessionDuration=7200)
    assert iam.get_role(RoleName="web")["Role"]["MaxSessionDuration"] == 7200
    for waiter in ["role_exists", "instance_profile_exists"]:
        name = {"role_exists": "RoleName"}.get(waiter, "InstanceProfileName")
        iam.get_waiter(waiter).wait(**{name: "web"})
    iam.remove_role_from_instance_profile(InstanceProfileName="web", RoleName="web")
    iam.delete_instance_profile(InstanceProfileName="web")
    iam.delete_role_policy(RoleName="web", PolicyName="own")
    iam.delete_role(RoleName="web")


def test_a_device_shows_codes_and_its_picture_says_the_seed(iam):
    iam.create_user(UserName="phone")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    seed = made["Base32StringSeed"].decode()
    assert made["QRCodePNG"].startswith(b"\x89PNG\r\n\x1a\n")
    step = int(time.time()) // 30
    codes = {"AuthenticationCode1": code_of(seed, step - 1), "AuthenticationCode2": code_of(seed, step)}
    iam.enable_mfa_device(UserName="phone", SerialNumber=made["SerialNumber"], **codes)
    assert iam.list_mfa_devices(UserName="phone")["MFADevices"][0]["SerialNumber"] == made["SerialNumber"]
    iam.deactivate_mfa_device(UserName="phone", SerialNumber=made["SerialNumber"])
    iam.delete_virtual_mfa_device(SerialNumber=made["SerialNumber"])


def test_the_credential_report_has_a_line_for_root_and_each_user(iam):
    iam.create_user(UserName="reported")
    assert iam.generate_credential_report()["State"] in ("STARTED", "COMPLETE")
    report = iam.get_credential_report()
    rows = list(csv.DictReader(io.StringIO(report["Content"].decode())))
    assert rows[0]["user"] == "<root_account>" and rows[0]["password_enabled"] == "not_supported"
    assert rows[0]["access_key_1_active"] == "false"
    assert len(rows[0]) == 22


def test_leavers_are_seen_by_what_they_used_last(server, iam):
    iam.create_user(UserName="seldom")
    iam.put_user_policy(UserName="seldom", PolicyName="own", PolicyDocument=json.dumps(SEND))
    key = iam.create_access_key(UserName="seldom")["AccessKey"]
    url = server.client().create_queue(QueueName="seldom")["QueueUrl"]
    before = int(time.time()) - 1
    by(server, "sqs", key).send_message(QueueUrl=url, MessageBody="m")
    arn = iam.get_user(UserName="seldom")["User"]["Arn"]
    job = iam.generate_service_last_accessed_details(Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
    report = iam.get_service_last_accessed_details(JobId=job)
    assert report["JobStatus"] == "COMPLETED"
    (sqs,) = report["ServicesLastAccessed"]
    assert (sqs["ServiceNamespace"], sqs["LastAuthenticatedEntity"]) == ("sqs", arn)
    assert sqs["LastAuthenticated"].timestamp() >= before
    assert [action["ActionName"] for action in sqs["TrackedActionsLastAccessed"]] == ["SendMessage"]


def test_a_policy_is_judged_before_it_is_made(server):
    analyzer = server.client("accessanalyzer")
    wrong = json.dumps({**SEND, "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage"}]})
    found = analyzer.validate_policy(policyDocument=wrong, policyType="IDENTITY_POLICY")["findings"]
    assert ("ERROR", "MISSING_RESOURCE") in [(finding["findingType"], finding["issueCode"]) for finding in found]
    pages = analyzer.get_paginator("validate_policy").paginate(
        policyDocument="{}", policyType="IDENTITY_POLICY", PaginationConfig={"PageSize": 1}
    )
    assert all(len(page["findings"]) <= 1 for page in pages)
    with pytest.raises(analyzer.exceptions.ValidationException):
        analyzer.validate_policy(policyDocument=wrong, policyType="NONSENSE")


def test_a_kill_loses_nothing_that_was_answered(own_server):
    iam = own_server.client("iam")
    key = None
    for number in range(20):
        name = f"kept-{number}"
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.create_group(GroupName="kept")
    iam.add_user_to_group(GroupName="kept", UserName="kept-19")
    iam.put_group_policy(GroupName="kept", PolicyName="own", PolicyDocument=json.dumps(SEND))
    iam.update_account_password_policy(MinimumPasswordLength=17)
    own_server.kill()
    own_server.start()
    iam = own_server.client("iam")
    names = {user["UserName"] for user in iam.list_users()["Users"]}
    assert {f"kept-{number}" for number in range(20)} <= names
    assert iam.get_group(GroupName="kept")["Users"][0]["UserName"] == "kept-19"
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 17
    url = own_server.client().create_queue(QueueName="kept")["QueueUrl"]
    by(own_server, "sqs", key).send_message(QueueUrl=url, MessageBody="by a key of before")


def test_the_document_of_aws_is_given_as_it_is(iam):
    arn = ACCOUNT + "ReadOnlyAccess"
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    actions = [action for statement in document["Statement"] for action in statement["Action"]]
    assert len(actions) > 2000 and "sqs:Receive*" in actions
    assert refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=json.dumps(SEND))[:2] == ("AccessDenied", 403)
