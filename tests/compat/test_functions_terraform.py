"""Terraform's AWS provider makes a function with all that starts it, finds nothing to change, changes it, and takes it away."""

import json

import test_s3_terraform
from functions import own_server, package  # noqa: F401 (a fixture)
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
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  endpoints {
    lambda = "%(endpoint)s"
    events = "%(endpoint)s"
    iam    = "%(endpoint)s"
    sts    = "%(endpoint)s"
    sqs    = "%(endpoint)s"
  }
}

resource "aws_iam_role" "runner" {
  name = "terraform-runner"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "queues" {
  name = "queues"
  role = aws_iam_role.runner.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sqs:*", Resource = aws_sqs_queue.jobs.arn }]
  })
}

resource "aws_sqs_queue" "jobs" {
  name                       = "terraform-jobs"
  visibility_timeout_seconds = 60
}

resource "aws_lambda_function" "worker" {
  function_name                  = "terraform-worker"
  description                    = "works & waits"
  role                           = aws_iam_role.runner.arn
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  filename                       = "%(package)s"
  source_code_hash               = filebase64sha256("%(package)s")
  memory_size                    = %(memory)s
  timeout                        = 20
  publish                        = true
  reserved_concurrent_executions = 5
  tags                           = { team = "%(team)s" }
  environment {
    variables = { STAGE = "%(team)s" }
  }
  depends_on = [aws_iam_role_policy.queues]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.worker.function_name
  function_version = aws_lambda_function.worker.version
}

resource "aws_lambda_function_event_invoke_config" "worker" {
  function_name                = aws_lambda_function.worker.function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 600
  destination_config {
    on_failure {
      destination = aws_sqs_queue.jobs.arn
    }
  }
}

resource "aws_lambda_event_source_mapping" "jobs" {
  event_source_arn                   = aws_sqs_queue.jobs.arn
  function_name                      = aws_lambda_function.worker.arn
  batch_size                         = %(batch)s
  maximum_batching_window_in_seconds = 1
  function_response_types            = ["ReportBatchItemFailures"]
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "terraform-nightly"
  description         = "each night"
  schedule_expression = "cron(0 %(hour)s * * ? *)"
  tags                = { team = "%(team)s" }
}

resource "aws_cloudwatch_event_target" "worker" {
  rule  = aws_cloudwatch_event_rule.nightly.name
  arn   = aws_lambda_function.worker.arn
  input = jsonencode({ night = "%(team)s" })
}

resource "aws_lambda_permission" "nightly" {
  statement_id  = "nightly"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.worker.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.nightly.arn
}
"""


def test_terraform_makes_changes_and_destroys_functions_and_rules(own_server, tmp_path, monkeypatch):
    monkeypatch.setattr(test_s3_terraform, "ESTATE", ESTATE)
    functions, events = own_server.client("lambda"), own_server.client("events")
    code = tmp_path / "worker.zip"
    code.write_bytes(package())
    terraform = Terraform(tmp_path, own_server)
    terraform.write(package=code, memory=128, team="ads", batch=5, hour=3)
    terraform.run("init")
    terraform.run("apply", "-auto-approve")
    # 0: nothing to do; 2 would be a change.
    terraform.run("plan", "-detailed-exitcode")
    answer = functions.invoke(FunctionName="terraform-worker", Qualifier="live")
    assert answer["ExecutedVersion"] == "1" and json.load(answer["Payload"])["arn"].endswith(":terraform-worker:live")
    assert events.describe_rule(Name="terraform-nightly")["ScheduleExpression"] == "cron(0 3 * * ? *)"
    terraform.write(package=code, memory=256, team="games", batch=7, hour=4)
    terraform.run("apply", "-auto-approve")
    terraform.run("plan", "-detailed-exitcode")
    changed = functions.get_function(FunctionName="terraform-worker")
    assert changed["Configuration"]["MemorySize"] == 256 and changed["Tags"] == {"team": "games"}
    assert functions.get_alias(FunctionName="terraform-worker", Name="live")["FunctionVersion"] == "2"
    [mapping] = functions.list_event_source_mappings()["EventSourceMappings"]
    assert (mapping["BatchSize"], mapping["State"]) == (7, "Enabled")
    [target] = events.list_targets_by_rule(Rule="terraform-nightly")["Targets"]
    assert json.loads(target["Input"]) == {"night": "games"}
    terraform.run("destroy", "-auto-approve")
    assert functions.list_functions()["Functions"] == [] and events.list_rules()["Rules"] == []
    assert functions.list_event_source_mappings()["EventSourceMappings"] == []
