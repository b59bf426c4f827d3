"""Terraform's AWS provider makes the articles' identities, finds nothing to change, changes them, and takes them away."""

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
  skip_metadata_api_check     = true
  endpoints {
    iam = "%(endpoint)s"
    sts = "%(endpoint)s"
    sqs = "%(endpoint)s"
  }
}

data "aws_caller_identity" "me" {}

data "aws_iam_policy_document" "change" {
  statement {
    actions   = ["iam:ChangePassword"]
    resources = ["arn:aws:iam::*:user/$${aws:username}", "arn:aws:iam::*:user/*/$${aws:username}"]
  }
}

data "aws_iam_policy" "read_only" {
  arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
}

resource "aws_iam_policy" "change" {
  name        = "TerraformChangePassword"
  description = "People change their passwords"
  policy      = data.aws_iam_policy_document.change.json
  tags        = { team = "%(team)s" }
}

resource "aws_iam_group" "operators" {
  name = "TerraformOperators"
  path = "/people/"
}

resource "aws_iam_group_policy_attachment" "read" {
  group      = aws_iam_group.operators.name
  policy_arn = data.aws_iam_policy.read_only.arn
}

resource "aws_iam_group_policy_attachment" "change" {
  group      = aws_iam_group.operators.name
  policy_arn = aws_iam_policy.change.arn
}

resource "aws_iam_group_policy" "own" {
  group  = aws_iam_group.operators.name
  name   = "own"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Deny", Action = "sqs:ReceiveMessage", Resource = "*" }]
  })
}

resource "aws_iam_user" "sato" {
  name                 = "terraform-sato"
  path                 = "/people/"
  permissions_boundary = data.aws_iam_policy.read_only.arn
  force_destroy        = true
  tags                 = { team = "%(team)s" }
}

resource "aws_iam_user_group_membership" "sato" {
  user   = aws_iam_user.sato.name
  groups = [aws_iam_group.operators.name]
}

resource "aws_iam_access_key" "sato" {
  user   = aws_iam_user.sato.name
  status = "%(status)s"
}

resource "aws_iam_user_login_profile" "sato" {
  user                    = aws_iam_user.sato.name
  password_reset_required = true
  lifecycle {
    ignore_changes = [password_reset_required]
  }
}

resource "aws_iam_account_password_policy" "all" {
  minimum_password_length        = %(length)s
  require_lowercase_characters   = true
  require_numbers                = true
  require_uppercase_characters   = true
  require_symbols                = true
  allow_users_to_change_password = true
  password_reuse_prevention      = 24
}

resource "aws_iam_role" "web" {
  name                 = "terraform-web"
  max_session_duration = 7200
  assume_role_policy   = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { AWS = aws_iam_user.sato.arn }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "web" {
  role   = aws_iam_role.web.id
  name   = "own"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = aws_sqs_queue.jobs.arn }]
  })
}

resource "aws_iam_role_policy_attachment" "web" {
  role       = aws_iam_role.web.name
  policy_arn = aws_iam_policy.change.arn
}

resource "aws_iam_instance_profile" "web" {
  name = "terraform-web"
  role = aws_iam_role.web.name
}

resource "aws_sqs_queue" "jobs" {
  name = "terraform-jobs"
}

resource "aws_sqs_queue_policy" "jobs" {
  queue_url = aws_sqs_queue.jobs.id
  policy    = jsonencode({
    Version   = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.web.arn }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.jobs.arn
    }]
  })
}

output "account" {
  value = data.aws_caller_identity.me.account_id
}
"""


def test_terraform_makes_changes_and_destroys_the_identities(own_server, tmp_path, monkeypatch):
    monkeypatch.setattr(test_s3_terraform, "ESTATE", ESTATE)
    terraform = Terraform(tmp_path, own_server)
    iam = own_server.client("iam")
    terraform.write(team="ads", status="Active", length=14)
    terraform.run("init")
    terraform.run("apply", "-auto-approve")
    # 0: nothing to do; 2 would be a change.
    terraform.run("plan", "-detailed-exitcode")
    assert own_server.client("sts").get_caller_identity()["Account"] in terraform.run("output", "account")
    user = iam.get_user(UserName="terraform-sato")["User"]
    assert user["Path"] == "/people/" and user["Tags"] == [{"Key": "team", "Value": "ads"}]
    terraform.write(team="games", status="Inactive", length=16)
    terraform.run("apply", "-auto-approve")
    terraform.run("plan", "-detailed-exitcode")
    assert iam.list_access_keys(UserName="terraform-sato")["AccessKeyMetadata"][0]["Status"] == "Inactive"
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 16
    assert iam.list_user_tags(UserName="terraform-sato")["Tags"] == [{"Key": "team", "Value": "games"}]
    terraform.run("destroy", "-auto-approve")
    assert iam.list_policies(Scope="Local")["Policies"] == []
    assert iam.list_roles()["Roles"] == [] and iam.list_groups()["Groups"] == []
    assert "terraform-sato" not in [user["UserName"] for user in iam.list_users()["Users"]]
