"""Terraform's AWS provider makes alarms of each kind and a dashboard, finds nothing to change, changes them, and takes them away."""

import json

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
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    cloudwatch = "%(endpoint)s"
    ec2        = "%(endpoint)s"
  }
}

data "aws_instances" "web" {
  filter {
    name   = "tag:Name"
    values = ["terraform-web-*"]
  }
  instance_state_names = ["pending"]
}

resource "aws_cloudwatch_metric_alarm" "cpu" {
  for_each            = toset(data.aws_instances.web.ids)
  alarm_name          = "terraform-${each.key}-CPUUtilization"
  alarm_description   = "load & <heat>"
  namespace           = "AWS/EC2"
  metric_name         = "CPUUtilization"
  dimensions          = { InstanceId = each.key }
  statistic           = "Average"
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 3
  threshold           = %(threshold)s
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "%(missing)s"
  alarm_actions       = ["arn:aws:sns:%(region)s:123456789012:ops"]
  ok_actions          = ["arn:aws:sns:%(region)s:123456789012:ops"]
  tags                = { team = "%(team)s" }
}

resource "aws_cloudwatch_metric_alarm" "rate" {
  alarm_name                = "terraform-rate"
  comparison_operator       = "GreaterThanOrEqualToThreshold"
  evaluation_periods        = 2
  threshold                 = 10
  alarm_description         = "Request error rate has exceeded 10%%"
  insufficient_data_actions = []

  metric_query {
    id          = "e1"
    expression  = "m2/m1*100"
    label       = "Error Rate"
    return_data = "true"
  }

  metric_query {
    id = "m1"
    metric {
      metric_name = "RequestCount"
      namespace   = "AWS/ApplicationELB"
      period      = 120
      stat        = "Sum"
      unit        = "Count"
      dimensions  = { LoadBalancer = "app/web" }
    }
  }

  metric_query {
    id = "m2"
    metric {
      metric_name = "HTTPCode_ELB_5XX_Count"
      namespace   = "AWS/ApplicationELB"
      period      = 120
      stat        = "Sum"
      unit        = "Count"
      dimensions  = { LoadBalancer = "app/web" }
    }
  }
}

# The provider's own example, of an anomaly detection model.
resource "aws_cloudwatch_metric_alarm" "band" {
  alarm_name                = "terraform-band"
  comparison_operator       = "GreaterThanUpperThreshold"
  evaluation_periods        = 2
  threshold_metric_id       = "e1"
  alarm_description         = "This metric monitors ec2 cpu utilization"
  insufficient_data_actions = []

  metric_query {
    id          = "e1"
    expression  = "ANOMALY_DETECTION_BAND(m1)"
    label       = "CPUUtilization (Expected)"
    return_data = "true"
  }

  metric_query {
    id          = "m1"
    return_data = "true"
    metric {
      metric_name = "CPUUtilization"
      namespace   = "AWS/EC2"
      period      = 120
      stat        = "Average"
      unit        = "Count"
      dimensions  = { InstanceId = "i-abc123" }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "slow" {
  alarm_name                            = "terraform-slow"
  namespace                             = "Web"
  metric_name                           = "Latency"
  extended_statistic                    = "p%(percentile)s"
  evaluate_low_sample_count_percentiles = "ignore"
  period                                = 10
  evaluation_periods                    = 1
  threshold                             = 250.5
  comparison_operator                   = "GreaterThanThreshold"
  actions_enabled                       = false
}

resource "aws_cloudwatch_composite_alarm" "all" {
  alarm_name        = "terraform-all"
  alarm_description = "all of it"
  alarm_rule        = "ALARM(${aws_cloudwatch_metric_alarm.rate.alarm_name}) OR ALARM(${aws_cloudwatch_metric_alarm.slow.alarm_name})"
  alarm_actions     = ["arn:aws:sns:%(region)s:123456789012:ops"]
  tags              = { team = "%(team)s" }

  actions_suppressor {
    alarm            = aws_cloudwatch_metric_alarm.slow.alarm_name
    extension_period = 10
    wait_period      = %(wait)s
  }
}

resource "aws_cloudwatch_dashboard" "web" {
  dashboard_name = "terraform-web"
  dashboard_body = jsonencode({
    widgets = [for name in ["CPUUtilization", "NetworkIn"] : {
      type   = "metric"
      x      = 0
      y      = 0
      width  = %(width)s
      height = 6
      properties = {
        metrics = [for id in data.aws_instances.web.ids : ["AWS/EC2", name, "InstanceId", id]]
        region  = "%(region)s"
        title   = name
      }
    }]
  })
}
"""


def test_terraform_makes_changes_and_destroys_alarms_and_dashboards(own_server, tmp_path, monkeypatch):
    monkeypatch.setattr(test_s3_terraform, "ESTATE", ESTATE)
    ec2, cloudwatch = own_server.client("ec2"), own_server.client("cloudwatch")
    for n in (1, 2):
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": f"terraform-web-{n}"}]}]
        ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, TagSpecifications=tags)
    terraform = Terraform(tmp_path, own_server)
    terraform.write(threshold=80, missing="breaching", team="ads", percentile="99.9", wait=20, width=6)
    terraform.run("init")
    terraform.run("apply", "-auto-approve")
    # 0: nothing to do; 2 would be a change.
    terraform.run("plan", "-detailed-exitcode")
    types = ["MetricAlarm", "CompositeAlarm"]
    made = cloudwatch.describe_alarms(AlarmNamePrefix="terraform-", AlarmTypes=types)
    by_name = {alarm["AlarmName"]: alarm for alarm in made["MetricAlarms"]}
    assert len(by_name) == 5 and by_name["terraform-slow"]["ExtendedStatistic"] == "p99.9"
    assert (by_name["terraform-band"]["ThresholdMetricId"], by_name["terraform-band"]["ComparisonOperator"]) == ("e1", "GreaterThanUpperThreshold")
    [whole] = made["CompositeAlarms"]
    assert (whole["ActionsSuppressorWaitPeriod"], whole["ActionsSuppressorExtensionPeriod"]) == (20, 10)
    terraform.write(threshold=90, missing="notBreaching", team="games", percentile="95", wait=30, width=12)
    terraform.run("apply", "-auto-approve")
    terraform.run("plan", "-detailed-exitcode")
    changed = cloudwatch.describe_alarms(AlarmNamePrefix="terraform-", AlarmTypes=types)
    by_name = {alarm["AlarmName"]: alarm for alarm in changed["MetricAlarms"]}
    assert by_name["terraform-slow"]["ExtendedStatistic"] == "p95"
    cpu = next(alarm for name, alarm in by_name.items() if name.endswith("CPUUtilization"))
    assert (cpu["Threshold"], cpu["TreatMissingData"], cpu["DatapointsToAlarm"]) == (90, "notBreaching", 3)
    tags = cloudwatch.list_tags_for_resource(ResourceARN=changed["CompositeAlarms"][0]["AlarmArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "games"}]
    body = json.loads(cloudwatch.get_dashboard(DashboardName="terraform-web")["DashboardBody"])
    assert [widget["width"] for widget in body["widgets"]] == [12, 12] and len(body["widgets"][0]["properties"]["metrics"]) == 2
    terraform.run("destroy", "-auto-approve")
    left = cloudwatch.describe_alarms(AlarmNamePrefix="terraform-", AlarmTypes=types)
    assert left["MetricAlarms"] == left["CompositeAlarms"] == []
    assert cloudwatch.list_dashboards(DashboardNamePrefix="terraform-")["DashboardEntries"] == []
