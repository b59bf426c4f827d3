"""Terraform's AWS provider makes a trail with its bucket, finds nothing to change, changes it, and takes it away."""

import test_s3_terraform
from test_s3_terraform import Terraform, pytestmark  # noqa: F401 (skips where terraform is not on the machine)

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
    s3         = "%(endpoint)s"
    cloudtrail = "%(endpoint)s"
  }
}

resource "aws_s3_bucket" "logs" {
  bucket        = "terraform-trail"
  force_destroy = true
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:GetBucketAcl"
        Resource  = aws_s3_bucket.logs.arn
      },
      {
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${aws_s3_bucket.logs.arn}/*"
        Condition = { StringEquals = { "s3:x-amz-acl" = "bucket-owner-full-control" } }
      },
    ]
  })
}

resource "aws_cloudtrail" "main" {
  name                          = "terraform"
  s3_bucket_name                = aws_s3_bucket.logs.id
  s3_key_prefix                 = "%(prefix)s"
  include_global_service_events = true
  is_multi_region_trail         = true
  enable_log_file_validation    = %(validation)s
  tags                          = { team = "%(team)s" }
  depends_on                    = [aws_s3_bucket_policy.logs]

  event_selector {
    read_write_type           = "WriteOnly"
    include_management_events = true
    data_resource {
      type   = "AWS::S3::Object"
      values = ["${aws_s3_bucket.logs.arn}/"]
    }
  }
}
"""


def test_terraform_makes_a_trail_plans_nothing_changes_and_destroys(server, tmp_path, monkeypatch):
    monkeypatch.setattr(test_s3_terraform, "ESTATE", ESTATE)
    terraform = Terraform(tmp_path, server)
    trail = server.client("cloudtrail")
    terraform.write(prefix="a", validation="true", team="ads")
    terraform.run("init")
    terraform.run("apply", "-auto-approve")
    # 0: nothing to do; 2 would be a change.
    terraform.run("plan", "-detailed-exitcode")
    found = trail.get_trail(Name="terraform")["Trail"]
    assert found["LogFileValidationEnabled"] and found["S3KeyPrefix"] == "a"
    assert trail.get_trail_status(Name="terraform")["IsLogging"]
    terraform.write(prefix="b", validation="false", team="games")
    terraform.run("apply", "-auto-approve")
    terraform.run("plan", "-detailed-exitcode")
    assert trail.get_trail(Name="terraform")["Trail"]["S3KeyPrefix"] == "b"
    tags = trail.list_tags(ResourceIdList=[found["TrailARN"]])["ResourceTagList"][0]["TagsList"]
    assert tags == [{"Key": "team", "Value": "games"}]
    terraform.run("destroy", "-auto-approve")
    assert trail.list_trails()["Trails"] == []
