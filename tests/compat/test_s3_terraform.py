"""Terraform's AWS provider makes a bucket with all that is set for it, finds nothing to change, and takes it away.

It needs `terraform` and the provider in a mirror on this machine (`SHUKUBA_TF_MIRROR`, default `/opt/tf-plugins`).
"""

import os
import pathlib
import shutil
import subprocess

import pytest

MIRROR = pathlib.Path(os.environ.get("SHUKUBA_TF_MIRROR", "/opt/tf-plugins"))
PROVIDER = "registry.terraform.io/hashicorp/aws"
pytestmark = pytest.mark.skipif(
    not shutil.which("terraform") or not (MIRROR / PROVIDER).is_dir(), reason="terraform or its AWS provider is not on this machine"
)

ESTATE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "%(region)s"
  access_key                  = "%(key)s"
  secret_key                  = "%(secret)s"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    s3 = "%(endpoint)s"
  }
}

resource "aws_s3_bucket" "results" {
  bucket        = "terraform-results"
  force_destroy = true
  tags          = { team = "%(team)s", "a b" = "c/d" }
}

resource "aws_s3_bucket_policy" "results" {
  bucket = aws_s3_bucket.results.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Trail"
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "s3:GetBucketAcl"
      Resource  = aws_s3_bucket.results.arn
    }]
  })
}

resource "aws_s3_bucket_lifecycle_configuration" "results" {
  bucket = aws_s3_bucket.results.id
  rule {
    id     = "old"
    status = "Enabled"
    filter {
      prefix = "logs/"
    }
    expiration {
      days = %(days)s
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_public_access_block" "results" {
  bucket                  = aws_s3_bucket.results.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "results" {
  bucket = aws_s3_bucket.results.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_object" "readme" {
  bucket       = aws_s3_bucket.results.id
  key          = "a/readme.txt"
  content      = "hello"
  content_type = "text/plain"
  metadata     = { tool = "s2s" }
  tags         = { kind = "text" }
}

data "aws_s3_bucket" "results" {
  bucket = aws_s3_bucket.results.id
}

data "aws_s3_objects" "all" {
  bucket     = aws_s3_bucket.results.id
  depends_on = [aws_s3_object.readme]
}

output "region" {
  value = data.aws_s3_bucket.results.region
}

output "keys" {
  value = data.aws_s3_objects.all.keys
}
"""


class Terraform:
    def __init__(self, directory, server):
        self.directory = directory
        self.server = server
        mirror = directory / "terraformrc"
        mirror.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{MIRROR}"\n    include = ["{PROVIDER}"]\n  }}\n}}\n'
        )
        self.surroundings = {**os.environ, "TF_CLI_CONFIG_FILE": str(mirror), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
        # Go collects its garbage less often: the provider reads 1,500 schemas for each command, 7 s instead of 10 (measured 2026-11-29).
        self.surroundings.setdefault("GOGC", "400")

    def write(self, **values):
        environment = self.server.environment
        common = {
            "endpoint": self.server.endpoint, "region": environment["AWS_DEFAULT_REGION"],
            "key": environment["AWS_ACCESS_KEY_ID"], "secret": environment["AWS_SECRET_ACCESS_KEY"],
        }
        (self.directory / "main.tf").write_text(ESTATE % {**common, **values})

    def run(self, *arguments, expected=0):
        answer = subprocess.run(
            ["terraform", *arguments, "-no-color"], cwd=self.directory, env=self.surroundings, capture_output=True, text=True, timeout=1200
        )
        assert answer.returncode == expected, answer.stdout + answer.stderr
        return answer.stdout


def test_terraform_applies_plans_nothing_changes_and_destroys(server, tmp_path):
    terraform = Terraform(tmp_path, server)
    s3 = server.client("s3")
    terraform.write(team="ads", days=30)
    terraform.run("init")
    terraform.run("apply", "-auto-approve")
    # 0: nothing to do; 2 would be a change.
    terraform.run("plan", "-detailed-exitcode")
    assert '"a/readme.txt"' in terraform.run("output", "keys")
    assert s3.head_object(Bucket="terraform-results", Key="a/readme.txt")["Metadata"] == {"tool": "s2s"}
    terraform.write(team="games", days=31)
    terraform.run("apply", "-auto-approve")
    terraform.run("plan", "-detailed-exitcode")
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket="terraform-results")["TagSet"]}
    assert tags == {"team": "games", "a b": "c/d"}
    assert s3.get_bucket_lifecycle_configuration(Bucket="terraform-results")["Rules"][0]["Expiration"] == {"Days": 31}
    terraform.run("destroy", "-auto-approve")
    assert "terraform-results" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
