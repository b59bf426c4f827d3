"""Who may come to the buckets, and how bodies are signed: presigned URLs, chunks, trailers, keys, clocks."""

import base64
import datetime
import hashlib
import hmac
import http.client
import io
import ipaddress
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
import xml.etree.ElementTree as ElementTree

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from conftest import Server
from test_s3 import CHECKED, CHECKSUMS, body, bucket, refused, s3  # noqa: F401  (fixtures)


def credentials(server):
    values = server.environment
    return botocore.credentials.Credentials(values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"])


def give(url, method="GET", data=None, headers=None):
    """(status, code, body) of a request as it stands."""
    request = urllib.request.Request(url, method=method, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, None, answer.read()
    except urllib.error.HTTPError as answer:
        text = answer.read()
        return answer.code, ElementTree.fromstring(text).findtext("Code"), text


class Signer(botocore.auth.S3SigV4Auth):
    """Signs a body as what its `X-Amz-Content-SHA256` says, where the test gives one."""

    said = None

    def payload(self, request):
        return self.said or super().payload(request)


def signed(server, method, path, data=b"", headers=None, at=None, region=None):
    request = botocore.awsrequest.AWSRequest(method=method, url=server.endpoint + path, data=data, headers=headers or {})
    signer = Signer(credentials(server), "s3", region or server.environment["AWS_DEFAULT_REGION"])
    signer.said = (headers or {}).get("X-Amz-Content-SHA256")
    with frozen(at):
        signer.add_auth(request)
    return request.prepare()


class frozen:
    """botocore's clock, stopped at a time."""

    def __init__(self, at):
        self.at = at

    def __enter__(self):
        self.before = botocore.auth.get_current_datetime
        if self.at:
            botocore.auth.get_current_datetime = lambda remove_tzinfo=True: self.at.replace(tzinfo=None)

    def __exit__(self, *_):
        botocore.auth.get_current_datetime = self.before


def send(prepared):
    return give(prepared.url, prepared.method, prepared.body or None, dict(prepared.headers))


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def test_who_is_nobody_or_has_a_wrong_key_is_refused(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert give(f"{server.endpoint}/{bucket}/k")[:2] == (403, "AccessDenied")
    assert give(f"{server.endpoint}/{bucket}/k", "PUT", b"y")[:2] == (403, "AccessDenied")
    assert give(f"{server.endpoint}/{bucket}")[:2] == (403, "AccessDenied")
    refused("InvalidAccessKeyId", 403, server.client("s3", aws_access_key_id="AKIAIOSFODNN7EXAMPLE").get_object, Bucket=bucket, Key="k")
    refused("SignatureDoesNotMatch", 403, server.client("s3", aws_secret_access_key="wrong").get_object, Bucket=bucket, Key="k")
    assert body(s3, bucket, "k") == b"x"


def test_who_signs_for_another_region_is_told_the_right_one(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    status, code, text = send(signed(server, "GET", f"/{bucket}/k", region="eu-west-1"))
    region = ElementTree.fromstring(text).findtext("Region")
    assert (status, code, region) == (400, "AuthorizationHeaderMalformed", server.environment["AWS_DEFAULT_REGION"])
    # boto3 reads it and asks again.
    assert body(server.client("s3", region_name="eu-west-1"), bucket, "k") == b"x"


def test_a_wrong_clock_is_refused(server, s3, bucket):
    for minutes in (-16, 16):
        at = now() + datetime.timedelta(minutes=minutes)
        assert send(signed(server, "GET", f"/{bucket}", at=at))[:2] == (403, "RequestTimeTooSkewed")


def test_a_changed_head_or_body_is_refused(server, s3, bucket):
    prepared = signed(server, "PUT", f"/{bucket}/k", b"one", {"x-amz-meta-a": "1"})
    prepared.headers["x-amz-meta-a"] = "2"
    assert send(prepared)[:2] == (403, "SignatureDoesNotMatch")
    prepared = signed(server, "PUT", f"/{bucket}/k", b"one")
    prepared.body = b"two"
    assert send(prepared)[:2] == (400, "XAmzContentSHA256Mismatch")
    prepared = signed(server, "PUT", f"/{bucket}/k", b"one")
    prepared.url = prepared.url.replace("/k", "/other")
    assert send(prepared)[:2] == (403, "SignatureDoesNotMatch")
    refused("404", 404, s3.head_object, Bucket=bucket, Key="k")


@pytest.fixture
def presigning(server):
    return server.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))


def test_presigned_urls(server, s3, bucket, presigning):
    put = presigning.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "a b/é", "ContentType": "text/plain"}, ExpiresIn=60)
    assert give(put, "PUT", b"hello", {"Content-Type": "text/plain"})[0] == 200
    assert give(put, "PUT", b"hello", {"Content-Type": "text/html"})[:2] == (403, "SignatureDoesNotMatch")
    params = {"Bucket": bucket, "Key": "a b/é", "ResponseContentType": "text/csv"}
    get = presigning.generate_presigned_url("get_object", Params=params, ExpiresIn=60)
    assert give(get) == (200, None, b"hello")
    assert give(get, "DELETE")[:2] == (403, "SignatureDoesNotMatch")
    assert give(get.replace("csv", "html"))[:2] == (403, "SignatureDoesNotMatch")
    old = server.client("s3", config=Config(signature_version="s3")).generate_presigned_url("get_object", Params=params)
    assert give(old)[:2] == (400, "InvalidRequest")


def test_an_expired_url_is_refused(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for ago, lasts, expected in [(120, 60, (403, "AccessDenied")), (120, 600, (200, None)), (0, 604801, (400, "AuthorizationQueryParametersError"))]:
        auth = botocore.auth.S3SigV4QueryAuth(credentials(server), "s3", server.environment["AWS_DEFAULT_REGION"], expires=lasts)
        request = botocore.awsrequest.AWSRequest(method="GET", url=f"{server.endpoint}/{bucket}/k")
        with frozen(now() - datetime.timedelta(seconds=ago)):
            auth.add_auth(request)
        assert give(request.prepare().url)[:2] == expected


ALGORITHMS = ["CRC32", "CRC64NVME", "SHA256"]


def chunks(text, size=4):
    return [text[at:at + size] for at in range(0, len(text), size)] + [b""]


def unsigned(text, trailer):
    """aws-chunked, as "Signature calculations: trailing headers" has it without signatures."""
    lines = [b"%x\r\n%s" % (len(chunk), chunk + b"\r\n" if chunk else b"") for chunk in chunks(text)]
    return b"".join(lines) + trailer + b"\r\n\r\n"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_unsigned_body_with_a_trailer(server, s3, bucket, algorithm):
    name = f"x-amz-checksum-{algorithm.lower()}"
    headers = {
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Trailer": name, "X-Amz-Decoded-Content-Length": str(len(CHECKED)),
        "Content-Encoding": "aws-chunked",
    }
    whole = unsigned(CHECKED, f"{name}:{CHECKSUMS[algorithm]}".encode())
    assert send(signed(server, "PUT", f"/{bucket}/k", whole, headers))[0] == 200
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], body(s3, bucket, "k")) == (CHECKSUMS[algorithm], CHECKED)
    assert "ContentEncoding" not in head
    wrong = unsigned(b"987654321", f"{name}:{CHECKSUMS[algorithm]}".encode())
    assert send(signed(server, "PUT", f"/{bucket}/k", wrong, headers))[:2] == (400, "BadDigest")
    broken = whole[:12]
    assert send(signed(server, "PUT", f"/{bucket}/k", broken, headers))[:2] == (400, "IncompleteBody")
    assert body(s3, bucket, "k") == CHECKED


class Chain:
    """The signatures of chunks. Source: "Signature calculations for the authorization header: transferring payload in multiple chunks"."""

    def __init__(self, server, prepared):
        stamp = prepared.headers["X-Amz-Date"]
        region = server.environment["AWS_DEFAULT_REGION"]
        self.head = f"{stamp}\n{stamp[:8]}/{region}/s3/aws4_request"
        self.key = ("AWS4" + server.environment["AWS_SECRET_ACCESS_KEY"]).encode()
        for part in [stamp[:8], region, "s3", "aws4_request"]:
            self.key = hmac.digest(self.key, part.encode(), "sha256")
        self.last = prepared.headers["Authorization"].rpartition("Signature=")[2]

    def sign(self, kind, *texts):
        digests = "\n".join(hashlib.sha256(text).hexdigest() for text in texts)
        text = f"{kind}\n{self.head}\n{self.last}\n{digests}"
        self.last = hmac.new(self.key, text.encode(), "sha256").hexdigest()
        return self.last.encode()

    def chunk(self, chunk):
        signature = self.sign("AWS4-HMAC-SHA256-PAYLOAD", b"", chunk)
        return b"%x;chunk-signature=%s\r\n%s" % (len(chunk), signature, chunk + b"\r\n" if chunk else b"")


@pytest.mark.parametrize("has_trailer", [False, True])
def test_signed_chunks(server, s3, bucket, has_trailer):
    text = b"0123456789" * 10_000
    name = "x-amz-checksum-sha256"
    headers = {
        "X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if has_trailer else ""), "Content-Encoding": "aws-chunked",
        "X-Amz-Decoded-Content-Length": str(len(text)), **({"X-Amz-Trailer": name} if has_trailer else {}),
    }

    def whole(change=lambda chunk: chunk):
        prepared = signed(server, "PUT", f"/{bucket}/k", b"", headers)
        chain = Chain(server, prepared)
        prepared.body = b"".join(change(chain.chunk(chunk)) for chunk in chunks(text, 64 * 1024))
        if has_trailer:
            line = f"{name}:{base64.b64encode(hashlib.sha256(text).digest()).decode()}\n".encode()
            prepared.body += line[:-1] + b"\r\nx-amz-trailer-signature:" + chain.sign("AWS4-HMAC-SHA256-TRAILER", line) + b"\r\n\r\n"
        else:
            prepared.body += b"\r\n"
        prepared.headers["Content-Length"] = str(len(prepared.body))
        return prepared

    assert send(whole(lambda chunk: chunk.replace(b"12345", b"12354", 1)))[:2] == (403, "SignatureDoesNotMatch")
    refused("404", 404, s3.head_object, Bucket=bucket, Key="k")
    assert send(whole())[0] == 200
    assert body(s3, bucket, "k") == text


def test_who_asks_before_sending_is_answered_without_the_body(server, bucket):
    host = urllib.parse.urlsplit(server.endpoint)
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=20)
    connection.putrequest("PUT", f"/{bucket}/k")
    connection.putheader("Content-Length", str(1 << 30))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()


def statement(effect, action, resource, **more):
    return {"Effect": effect, "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{resource}", **more}


def set_policy(s3, bucket, *statements):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def test_a_bucket_is_open_to_all_only_where_its_block_is_off(server, s3, bucket):
    for key in ["open/k", "closed/k"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    opening = statement("Allow", "s3:GetObject", f"{bucket}/open/*")
    refused("AccessDenied", 403, set_policy, s3, bucket, opening)
    s3.delete_public_access_block(Bucket=bucket)
    set_policy(s3, bucket, opening)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"]
    url = f"{server.endpoint}/{bucket}"
    assert give(f"{url}/open/k") == (200, None, b"x")
    assert give(f"{url}/closed/k")[:2] == (403, "AccessDenied")
    # Who may not list is not told what is missing.
    assert give(f"{url}/open/none")[:2] == (403, "AccessDenied")
    assert give(f"{url}/open/k", "PUT", b"y")[:2] == (403, "AccessDenied")
    assert give(url)[:2] == (403, "AccessDenied")
    block = dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy"], False)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={**block, "RestrictPublicBuckets": True})
    assert give(f"{url}/open/k")[:2] == (403, "AccessDenied")
    assert body(s3, bucket, "open/k") == b"x"


def test_a_bucket_refuses_even_who_may_do_everything(s3, bucket):
    for key in ["kept/k", "k"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    unlike = {"Condition": {"StringNotLike": {"s3:prefix": "kept/*"}}}
    set_policy(s3, bucket, statement("Deny", "s3:DeleteObject", f"{bucket}/kept/*"), statement("Deny", "s3:ListBucket", bucket, **unlike))
    refused("AccessDenied", 403, s3.delete_object, Bucket=bucket, Key="kept/k")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "kept/k"}, {"Key": "k"}]})
    assert [found["Key"] for found in answer["Deleted"]] == ["k"]
    assert [(found["Key"], found["Code"]) for found in answer["Errors"]] == [("kept/k", "AccessDenied")]
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix="kept/")["Contents"]] == ["kept/k"]
    refused("AccessDenied", 403, s3.list_objects_v2, Bucket=bucket)
    s3.delete_bucket_policy(Bucket=bucket)


def test_what_is_no_policy_of_the_bucket_is_refused(s3, bucket):
    for policy in [
        "", "{}", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}',
        json.dumps({"Version": "2012-10-17", "Statement": [statement("Allow", "s3:GetObject", "another/*")]}),
        json.dumps({"Version": "2012-10-17", "Statement": [statement("Allow", "sqs:SendMessage", f"{bucket}/*")]}),
    ]:
        refused("MalformedPolicy", 400, s3.put_bucket_policy, Bucket=bucket, Policy=policy)


@pytest.fixture
def user(server):
    """A user with a key; gives it and its client of S3."""
    iam, name = server.client("iam"), "s3-" + uuid.uuid4().hex[:8]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    yield name, server.client("s3", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
    for policy in iam.list_user_policies(UserName=name)["PolicyNames"]:
        iam.delete_user_policy(UserName=name, PolicyName=policy)
    iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=name)


def test_a_user_does_what_his_policies_or_the_buckets_allow(server, s3, bucket, user):
    name, his = user
    for key in ["in/k", "out/k"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    refused("AccessDenied", 403, his.get_object, Bucket=bucket, Key="in/k")
    refused("AccessDenied", 403, his.list_buckets)
    allow = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": f"arn:aws:s3:::{bucket}/in/*"}
    document = {"Version": "2012-10-17", "Statement": [allow]}
    server.client("iam").put_user_policy(UserName=name, PolicyName="in", PolicyDocument=json.dumps(document))
    assert body(his, bucket, "in/k") == b"x"
    his.put_object(Bucket=bucket, Key="in/new", Body=b"y")
    refused("AccessDenied", 403, his.get_object, Bucket=bucket, Key="in/none")
    refused("AccessDenied", 403, his.get_object, Bucket=bucket, Key="out/k")
    refused("AccessDenied", 403, his.delete_object, Bucket=bucket, Key="in/k")
    refused("AccessDenied", 403, his.put_object, Bucket=bucket, Key="in/tagged", Body=b"x", Tagging="a=b")
    refused("AccessDenied", 403, his.copy_object, Bucket=bucket, Key="in/copy", CopySource={"Bucket": bucket, "Key": "out/k"})
    refused("AccessDenied", 403, his.copy_object, Bucket=bucket, Key="out/copy", CopySource={"Bucket": bucket, "Key": "in/k"})
    arn = server.client("iam").get_user(UserName=name)["User"]["Arn"]
    lists = statement("Allow", "s3:ListBucket", bucket, Principal={"AWS": arn})
    set_policy(s3, bucket, lists)
    assert [found["Key"] for found in his.list_objects_v2(Bucket=bucket)["Contents"]] == ["in/k", "in/new", "out/k"]
    refused("NoSuchKey", 404, his.get_object, Bucket=bucket, Key="in/none")


# What AWS's managed policies say of S3: `s3:*`, all but identities, and `s3:Get*`, `s3:List*`, `s3:Describe*`.
MANAGED = {"AdministratorAccess": (True, True), "PowerUserAccess": (True, True), "ReadOnlyAccess": (True, False), "IAMUserChangePassword": (False, False)}


@pytest.mark.parametrize("managed", MANAGED)
def test_a_user_under_a_managed_policy(server, s3, bucket, user, managed):
    name, his = user
    iam, arn = server.client("iam"), f"arn:aws:iam::aws:policy/{managed}"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    reads = [
        (his.get_object, {"Key": "k"}), (his.list_objects_v2, {}), (his.get_bucket_location, {}), (his.get_object_tagging, {"Key": "k"}),
        (his.list_multipart_uploads, {}), (his.get_bucket_versioning, {}),
    ]
    writes = [
        (his.put_object, {"Key": "new", "Body": b"y"}), (his.put_object_tagging, {"Key": "k", "Tagging": {"TagSet": []}}),
        (his.create_multipart_upload, {"Key": "k"}), (his.delete_public_access_block, {}), (his.delete_object, {"Key": "k"}),
    ]
    for calls, is_allowed in zip((reads, writes), MANAGED[managed]):
        for call, options in calls:
            if is_allowed:
                call(Bucket=bucket, **options)
            else:
                refused("AccessDenied", 403, call, Bucket=bucket, **options)
    iam.detach_user_policy(UserName=name, PolicyArn=arn)
    refused("AccessDenied", 403, his.get_object, Bucket=bucket, Key="k")


def test_a_key_that_is_switched_off_is_refused_at_the_next_call(server, s3, bucket, user):
    name, his = user
    iam = server.client("iam")
    iam.attach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    his.put_object(Bucket=bucket, Key="k", Body=b"x")
    key = iam.list_access_keys(UserName=name)["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Inactive")
    refused("InvalidAccessKeyId", 403, his.get_object, Bucket=bucket, Key="k")
    iam.update_access_key(UserName=name, AccessKeyId=key, Status="Active")
    assert body(his, bucket, "k") == b"x"
    iam.detach_user_policy(UserName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")


def test_a_session_comes_with_its_token(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    token = server.client("sts").get_session_token()["Credentials"]
    keys = {"aws_access_key_id": token["AccessKeyId"], "aws_secret_access_key": token["SecretAccessKey"]}
    session = server.client("s3", aws_session_token=token["SessionToken"], **keys)
    assert body(session, bucket, "k") == b"x"
    refused("InvalidAccessKeyId", 403, server.client("s3", **keys).get_object, Bucket=bucket, Key="k")


@pytest.fixture
def over_tls(tmp_path, monkeypatch):
    """A client of a server with TLS, by a certificate that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    day = datetime.timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now() - day).not_valid_after(now() + day).add_extension(names, critical=False).sign(key, hashes.SHA256())
    certificate, secret, config = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "tls.toml"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.touch(0o600)
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    config.write_text(f'[server]\ntls_certificate = "{certificate}"\ntls_key = "{secret}"\n')
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    server = Server(tmp_path, config)
    yield server.client("s3", verify=str(certificate))
    server.stop()


def test_over_tls_boto3_sends_trailers(over_tls):
    over_tls.create_bucket(Bucket="tls")
    sent = []
    over_tls.meta.events.register("before-send.s3.PutObject", lambda request, **_: sent.append(request.headers))
    text = b"0123456789" * 300_000
    over_tls.put_object(Bucket="tls", Key="k", Body=io.BytesIO(text), ChecksumAlgorithm="SHA256")
    assert sent[0]["x-amz-content-sha256"] in ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", b"STREAMING-UNSIGNED-PAYLOAD-TRAILER")
    head = over_tls.head_object(Bucket="tls", Key="k", ChecksumMode="ENABLED")
    assert head["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(text).digest()).decode()
    assert body(over_tls, "tls", "k") == text
