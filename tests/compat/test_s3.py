"""Buckets and objects, by boto3 and by aws-cli. What is expected stands in the S3 API Reference and User Guide."""

import base64
import hashlib
import io
import os
import subprocess
import sys
import urllib.request
import uuid
import zlib

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

MIB = 1 << 20
AWKWARD = ["plain", "a/b/c", "/leading", "trailing/", "a//b", "sp ace+plus", "é/日本語", "q?u=e&r#y", "%41%2F", "quote\"'<>&", ".", "a/../b", "tab\tkey", "~!*'()"]
# The check values ("123456789") of CRC-32, CRC-32C and CRC-64/NVME in the catalogue of parametrised CRC algorithms; NIST for the others.
CHECKED = b"123456789"
CHECKSUMS = {
    "CRC32": base64.b64encode(bytes.fromhex("cbf43926")).decode(),
    "CRC32C": base64.b64encode(bytes.fromhex("e3069283")).decode(),
    "CRC64NVME": base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode(),
    "SHA1": base64.b64encode(hashlib.sha1(CHECKED).digest()).decode(),
    "SHA256": base64.b64encode(hashlib.sha256(CHECKED).digest()).decode(),
}


@pytest.fixture(scope="session")
def s3(server):
    return server.client("s3")


@pytest.fixture
def bucket(s3):
    """A bucket of the test's own."""
    name = "t-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    yield name
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for found in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=found["Key"])
    s3.delete_bucket(Bucket=name)


def refused(code, status, call, *arguments, **options):
    with pytest.raises(ClientError) as error:
        call(*arguments, **options)
    answer = error.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status), answer["Error"]
    return answer


def body(s3, bucket, key, **options):
    return s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read()


def test_a_bucket_is_made_seen_and_deleted(s3, server):
    name = "b-" + uuid.uuid4().hex[:12]
    region = server.environment["AWS_DEFAULT_REGION"]
    made = s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    assert made["Location"] == f"/{name}"
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == region
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == region
    assert name in [found["Name"] for found in s3.list_buckets()["Buckets"]]
    refused("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket=name)
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)
    refused("404", 404, s3.head_bucket, Bucket=name)
    refused("NoSuchBucket", 404, s3.list_objects_v2, Bucket=name)


def test_a_bucket_elsewhere_or_with_a_wrong_name_is_refused(s3):
    elsewhere = {"LocationConstraint": "eu-central-1"}
    refused("IllegalLocationConstraintException", 400, s3.create_bucket, Bucket="b-elsewhere", CreateBucketConfiguration=elsewhere)
    for name in ["Upper", "a..b", "192.168.5.4", "ab", "xn--a-bucket"]:
        refused("InvalidBucketName", 400, s3.create_bucket, Bucket=name)


def test_an_object_comes_back_with_all_that_was_said_of_it(s3, bucket):
    said = {
        "ContentType": "application/json", "ContentEncoding": "gzip", "CacheControl": "max-age=5",
        "ContentDisposition": 'attachment; filename="a.json"', "ContentLanguage": "ja", "Metadata": {"campaign": "s2s", "tool": "adjust"},
    }
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", **said)
    etag = '"' + hashlib.md5(b"hello").hexdigest() + '"'
    assert put["ETag"] == etag
    for answer in [s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")]:
        assert {name: answer[name] for name in said} == said
        assert (answer["ETag"], answer["ContentLength"], answer["AcceptRanges"]) == (etag, 5, "bytes")
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_object(Bucket=bucket, Key="k")
    refused("NoSuchKey", 404, s3.get_object, Bucket=bucket, Key="k")
    refused("404", 404, s3.head_object, Bucket=bucket, Key="k")


def test_a_presented_header_replaces_what_was_said(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/plain")
    answer = s3.get_object(Bucket=bucket, Key="k", ResponseContentType="text/html", ResponseContentDisposition="inline")
    assert (answer["ContentType"], answer["ContentDisposition"]) == ("text/html", "inline")


@pytest.mark.parametrize("key", AWKWARD)
def test_awkward_keys_are_kept_as_they_are(s3, bucket, key):
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert body(s3, bucket, key) == key.encode()
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    assert [found["Key"] for found in s3.list_objects(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert body(s3, bucket, "copy") == key.encode()
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [found["Key"] for found in answer["Deleted"]] == [key]
    refused("404", 404, s3.head_object, Bucket=bucket, Key=key)


def test_ranges(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    for asked, part, told in [
        ("bytes=2-4", b"234", "bytes 2-4/10"), ("bytes=7-", b"789", "bytes 7-9/10"), ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=5-99", b"56789", "bytes 5-9/10"), ("bytes=0-0", b"0", "bytes 0-0/10"),
    ]:
        answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert (answer["Body"].read(), answer["ContentRange"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (part, told, 206)
    refused("InvalidRange", 416, s3.get_object, Bucket=bucket, Key="k", Range="bytes=10-")


def test_conditions_of_reading(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    modified = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert body(s3, bucket, "k", IfMatch=etag) == b"x"
    refused("PreconditionFailed", 412, s3.get_object, Bucket=bucket, Key="k", IfMatch='"0"')
    refused("304", 304, s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag)
    refused("304", 304, s3.get_object, Bucket=bucket, Key="k", IfModifiedSince=modified)
    assert body(s3, bucket, "k", IfUnmodifiedSince=modified) == b"x"
    assert body(s3, bucket, "k", IfMatch=etag, IfUnmodifiedSince="2001-01-01") == b"x"


def test_conditions_of_writing(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"1", IfNoneMatch="*")["ETag"]
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfNoneMatch="*")
    refused("PreconditionFailed", 412, s3.put_object, Bucket=bucket, Key="k", Body=b"2", IfMatch='"0"')
    refused("NoSuchKey", 404, s3.put_object, Bucket=bucket, Key="none", Body=b"2", IfMatch=etag)
    s3.put_object(Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    refused("PreconditionFailed", 412, s3.delete_object, Bucket=bucket, Key="k", IfMatch=etag)
    assert body(s3, bucket, "k") == b"3"


def test_copies_take_or_replace_what_is_said(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from", Body=b"x", Metadata={"a": "1"}, Tagging="team=ads", ContentType="text/plain")
    source = {"Bucket": bucket, "Key": "from"}
    s3.copy_object(Bucket=bucket, Key="same", CopySource=source)
    head = s3.head_object(Bucket=bucket, Key="same")
    assert (head["Metadata"], head["ContentType"]) == ({"a": "1"}, "text/plain")
    assert s3.get_object_tagging(Bucket=bucket, Key="same")["TagSet"] == [{"Key": "team", "Value": "ads"}]
    s3.copy_object(Bucket=bucket, Key="new", CopySource=source, Metadata={"b": "2"}, MetadataDirective="REPLACE", TaggingDirective="REPLACE")
    assert s3.head_object(Bucket=bucket, Key="new")["Metadata"] == {"b": "2"}
    assert s3.get_object_tagging(Bucket=bucket, Key="new")["TagSet"] == []
    refused("InvalidRequest", 400, s3.copy_object, Bucket=bucket, Key="from", CopySource=source)
    refused("NoSuchKey", 404, s3.copy_object, Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "none"})
    refused("PreconditionFailed", 412, s3.copy_object, Bucket=bucket, Key="x", CopySource=source, CopySourceIfMatch='"0"')


def test_tags_of_objects(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=two%20words")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "two words"}]
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags
    assert s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 2
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging={"TagSet": tags[:1]})
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == tags[:1]
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    many = [{"Key": str(at), "Value": ""} for at in range(11)]
    refused("InvalidTag", 400, s3.put_object_tagging, Bucket=bucket, Key="k", Tagging={"TagSet": many})


@pytest.mark.parametrize("algorithm", CHECKSUMS)
def test_checksums_are_checked_kept_and_told(s3, bucket, algorithm):
    name, value = f"Checksum{algorithm}", CHECKSUMS[algorithm]
    put = s3.put_object(Bucket=bucket, Key="k", Body=CHECKED, **{name: value})
    assert (put[name], put["ChecksumType"]) == (value, "FULL_OBJECT")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[name] == value
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["Checksum", "ObjectSize", "ETag"])
    assert (told["Checksum"][name], told["ObjectSize"]) == (value, 9)
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == [algorithm]
    refused("BadDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"another", **{name: value})
    assert body(s3, bucket, "k") == CHECKED


def test_a_wrong_content_md5_is_refused(s3, bucket):
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    refused("BadDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5=wrong)
    refused("InvalidDigest", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x", ContentMD5="no md5")
    refused("404", 404, s3.head_object, Bucket=bucket, Key="k")


def test_uploads_in_parts(s3, bucket):
    text = os.urandom(12 * MIB)
    transfer = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=3)
    s3.upload_fileobj(io.BytesIO(text), bucket, "big", ExtraArgs={"Metadata": {"a": "1"}}, Config=transfer)
    got = io.BytesIO()
    s3.download_fileobj(bucket, "big", got, Config=transfer)
    assert got.getvalue() == text
    parts = [text[at:at + 5 * MIB] for at in range(0, len(text), 5 * MIB)]
    etag = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest() + "-3"
    head = s3.head_object(Bucket=bucket, Key="big")
    assert (head["ETag"], head["Metadata"]) == (f'"{etag}"', {"a": "1"})
    part = s3.get_object(Bucket=bucket, Key="big", PartNumber=3)
    assert (part["Body"].read(), part["PartsCount"]) == (parts[2], 3)
    told = s3.get_object_attributes(Bucket=bucket, Key="big", ObjectAttributes=["ObjectParts"])["ObjectParts"]
    assert [found["Size"] for found in told["Parts"]] == [5 * MIB, 5 * MIB, 2 * MIB]
    s3.copy({"Bucket": bucket, "Key": "big"}, bucket, "copy", Config=transfer)
    assert body(s3, bucket, "copy") == text


def test_an_upload_step_by_step(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")["UploadId"]
    common = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    texts = {1: b"a" * 5 * MIB, 3: b"b"}
    etags = {number: s3.upload_part(PartNumber=number, Body=text, ChecksumAlgorithm="CRC32", **common)["ETag"] for number, text in texts.items()}
    assert [(part["PartNumber"], part["ETag"]) for part in s3.list_parts(**common)["Parts"]] == list(etags.items())
    assert [found["UploadId"] for found in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    chosen = [{"PartNumber": number, "ETag": etag} for number, etag in etags.items()]
    refused("InvalidPartOrder", 400, s3.complete_multipart_upload, MultipartUpload={"Parts": chosen[::-1]}, **common)
    refused("InvalidPart", 400, s3.complete_multipart_upload, MultipartUpload={"Parts": [{"PartNumber": 2, "ETag": etags[1]}]}, **common)
    done = s3.complete_multipart_upload(MultipartUpload={"Parts": chosen}, **common)
    whole = base64.b64encode(zlib.crc32(texts[1] + texts[3]).to_bytes(4, "big")).decode()
    assert (done["ChecksumCRC32"], done["ChecksumType"]) == (whole, "FULL_OBJECT")
    assert body(s3, bucket, "k") == texts[1] + texts[3]
    refused("NoSuchUpload", 404, s3.upload_part, PartNumber=1, Body=b"x", **common)


def test_small_parts_and_ended_uploads_are_refused(s3, bucket):
    common = {"Bucket": bucket, "Key": "k", "UploadId": s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]}
    chosen = [{"PartNumber": number, "ETag": s3.upload_part(PartNumber=number, Body=b"small", **common)["ETag"]} for number in (1, 2)]
    refused("EntityTooSmall", 400, s3.complete_multipart_upload, MultipartUpload={"Parts": chosen}, **common)
    s3.abort_multipart_upload(**common)
    refused("NoSuchUpload", 404, s3.list_parts, **common)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_listings_come_in_pages_and_folders(s3, bucket):
    keys = sorted(["a/1", "a/2", "b", "c/d/1", "c/d/2", "e"])
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    for name in ["list_objects", "list_objects_v2"]:
        pages = s3.get_paginator(name).paginate(Bucket=bucket, PaginationConfig={"PageSize": 2})
        assert [[found["Key"] for found in page["Contents"]] for page in pages] == [keys[:2], keys[2:4], keys[4:]]
        folders = list(s3.get_paginator(name).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 1}))
        found = [[one["Prefix"] for one in page.get("CommonPrefixes", [])] + [one["Key"] for one in page.get("Contents", [])] for page in folders]
        assert found == [["a/"], ["b"], ["c/"], ["e"]]
    page = s3.list_objects_v2(Bucket=bucket, Prefix="c/", Delimiter="/", StartAfter="a")
    assert ([one["Prefix"] for one in page["CommonPrefixes"]], page["KeyCount"]) == (["c/d/"], 1)
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, StartAfter="c/d/1", FetchOwner=True)["Contents"]] == ["c/d/2", "e"]
    refused("InvalidArgument", 400, s3.list_objects_v2, Bucket=bucket, ContinuationToken="not ours")


def test_many_objects_are_deleted_at_once(s3, bucket):
    for key in ["a", "b"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    etag = s3.head_object(Bucket=bucket, Key="a")["ETag"]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a", "ETag": etag}, {"Key": "b", "ETag": '"0"'}, {"Key": "none"}]})
    assert [found["Key"] for found in answer["Deleted"]] == ["a", "none"]
    assert [(found["Key"], found["Code"]) for found in answer["Errors"]] == [("b", "PreconditionFailed")]
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}], "Quiet": True})
    refused("MalformedXML", 400, s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": str(at)} for at in range(1001)]})


ABSENT = {
    "get_bucket_policy": "NoSuchBucketPolicy",
    "get_bucket_policy_status": "NoSuchBucketPolicy",
    "get_bucket_tagging": "NoSuchTagSet",
    "get_bucket_cors": "NoSuchCORSConfiguration",
    "get_bucket_website": "NoSuchWebsiteConfiguration",
    "get_bucket_encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "get_bucket_replication": "ReplicationConfigurationNotFoundError",
    "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
    "get_bucket_lifecycle_configuration": "NoSuchLifecycleConfiguration",
}
SO = {
    "get_bucket_versioning": {},
    "get_bucket_logging": {},
    "get_bucket_accelerate_configuration": {},
    "get_bucket_notification_configuration": {},
    "get_bucket_request_payment": {"Payer": "BucketOwner"},
    "get_public_access_block": {
        "PublicAccessBlockConfiguration": dict.fromkeys(["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"], True),
    },
    "get_bucket_ownership_controls": {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}},
}


def test_a_new_bucket_says_what_it_has(s3, bucket):
    for name, code in ABSENT.items():
        refused(code, 404, getattr(s3, name), Bucket=bucket)
    for name, expected in SO.items():
        answer = getattr(s3, name)(Bucket=bucket)
        assert {key: value for key, value in answer.items() if key != "ResponseMetadata"} == expected, name
    assert [grant["Permission"] for grant in s3.get_bucket_acl(Bucket=bucket)["Grants"]] == ["FULL_CONTROL"]


def test_what_a_bucket_cannot_be_is_not_taken(s3, bucket):
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    for name, options in {
        "put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}},
        "put_bucket_encryption": {"ServerSideEncryptionConfiguration": {"Rules": [rule]}},
        "put_bucket_cors": {"CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}},
        "put_bucket_website": {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "index.html"}}},
        "put_bucket_request_payment": {"RequestPaymentConfiguration": {"Payer": "Requester"}},
        "put_object_legal_hold": {"Key": "k", "LegalHold": {"Status": "ON"}},
    }.items():
        refused("NotImplemented", 501, getattr(s3, name), Bucket=bucket, **options)
    refused("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="AES256")
    refused("NotImplemented", 501, s3.put_object, Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    refused("AccessControlListNotSupported", 400, s3.put_object, Bucket=bucket, Key="k", Body=b"x", ACL="public-read")


def test_there_is_one_version_of_an_object(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert [(found["Key"], found["VersionId"], found["IsLatest"]) for found in versions] == [("k", "null", True)]
    assert body(s3, bucket, "k", VersionId="null") == b"2"
    refused("NoSuchVersion", 404, s3.get_object, Bucket=bucket, Key="k", VersionId="3HL4kqtJlcpXroDTDmJ")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"


def test_tags_of_a_bucket(s3, bucket):
    tags = [{"Key": "team", "Value": "ads"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    refused("NoSuchTagSet", 404, s3.get_bucket_tagging, Bucket=bucket)


def test_a_lifecycle_is_kept_and_told(s3, bucket):
    rules = [
        {"ID": "old logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}},
        {"ID": "broken", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"ID": "tagged", "Status": "Disabled", "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "t", "Value": "1"}], "ObjectSizeGreaterThan": 5}}, "Expiration": {"Days": 1}},
    ]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules
    s3.put_object(Bucket=bucket, Key="logs/1", Body=b"x")
    assert 'rule-id="old%20logs"' in s3.head_object(Bucket=bucket, Key="logs/1")["Expiration"]
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    moving = {"ID": "m", "Status": "Enabled", "Filter": {"Prefix": ""}, "Transitions": [{"Days": 1, "StorageClass": "GLACIER"}]}
    refused("NotImplemented", 501, s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [moving]})
    s3.delete_bucket_lifecycle(Bucket=bucket)
    refused("NoSuchLifecycleConfiguration", 404, s3.get_bucket_lifecycle_configuration, Bucket=bucket)


AWS = os.path.join(os.path.dirname(sys.executable), "aws")


def test_aws_cli_makes_syncs_lists_and_removes(server, tmp_path):
    def aws(*arguments):
        answer = subprocess.run([AWS, "s3", *arguments], capture_output=True, text=True, timeout=300, env=server.shell_environment())
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    bucket = "s3://cli-" + uuid.uuid4().hex[:12]
    files = {"one.txt": b"one", "deep/two words.txt": b"two", "big.bin": os.urandom(9 * MIB), "empty": b""}
    for name, text in files.items():
        (tmp_path / "up" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "up" / name).write_bytes(text)
    aws("mb", bucket)
    aws("sync", str(tmp_path / "up"), bucket + "/x")
    assert "deep/two words.txt" in aws("ls", "--recursive", bucket)
    assert "PRE deep/" in aws("ls", bucket + "/x/")
    aws("sync", bucket + "/x", str(tmp_path / "down"))
    assert {name: (tmp_path / "down" / name).read_bytes() for name in files} == files
    assert aws("sync", str(tmp_path / "up"), bucket + "/x") == ""
    aws("mv", bucket + "/x/big.bin", bucket + "/moved.bin")
    aws("rm", "--recursive", bucket + "/x")
    assert [line.split()[-1] for line in aws("ls", "--recursive", bucket).splitlines()] == ["moved.bin"]
    aws("rb", "--force", bucket)


def test_aws_cli_presigns_once_it_is_told_how(s3, bucket, server, tmp_path):
    s3.put_object(Bucket=bucket, Key="a b", Body=b"hello")
    surroundings = {**server.shell_environment(), "AWS_CONFIG_FILE": str(tmp_path / "config")}
    for arguments in [["configure", "set", "default.s3.signature_version", "s3v4"], ["s3", "presign", f"s3://{bucket}/a b"]]:
        answer = subprocess.run([AWS, *arguments], capture_output=True, text=True, timeout=60, env=surroundings)
        assert answer.returncode == 0, answer.stderr
    with urllib.request.urlopen(answer.stdout.strip(), timeout=20) as got:
        assert got.read() == b"hello"
