#!/usr/bin/env python3
"""Sets an alarm on every instance whose Name tag matches, with boto3; here and on AWS alike.

    set-alarm.py 'web-*' --metric CPUUtilization --above 80 --for 3/5 --action ARN
"""

import argparse
import collections
import sys

import boto3


def named(ec2, pattern):
    """Instance ids by Name, of those that match and have not been terminated."""
    found = collections.defaultdict(list)
    states = ["pending", "running", "stopping", "stopped"]
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=[
            {"Name": "tag:Name", "Values": [pattern]},
            {"Name": "instance-state-name", "Values": states},
        ]
    )
    for page in pages:
        for reservation in page["Reservations"]:
            for instance in reservation["Instances"]:
                tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
                found[tags["Name"]].append(instance["InstanceId"])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pattern", help="Name tag, with * and ?")
    parser.add_argument("--namespace", default="AWS/EC2")
    parser.add_argument("--metric", default="CPUUtilization")
    parser.add_argument("--statistic", default="Average")
    parser.add_argument("--above", type=float, default=80)
    parser.add_argument("--for", dest="lasts", default="3/5", help="M/N data points")
    parser.add_argument("--period", type=int, default=60, help="seconds")
    parser.add_argument("--action", action="append", default=[], help="ARN told of ALARM and OK")
    wanted = parser.parse_args()
    points, periods = (int(number) for number in wanted.lasts.split("/"))

    found = named(boto3.client("ec2"), wanted.pattern)
    if not found:
        sys.exit(f"no instance has a Name like {wanted.pattern!r}")
    shared = {name: ids for name, ids in found.items() if len(ids) > 1}
    if shared:
        lines = (f"  {name}: {', '.join(ids)}" for name, ids in sorted(shared.items()))
        sys.exit("instances share a Name; nothing was set:\n" + "\n".join(lines))

    cloudwatch = boto3.client("cloudwatch")
    for name, (instance,) in sorted(found.items()):
        cloudwatch.put_metric_alarm(
            AlarmName=f"{name}-{wanted.metric}",
            Namespace=wanted.namespace,
            MetricName=wanted.metric,
            Dimensions=[{"Name": "InstanceId", "Value": instance}],
            Statistic=wanted.statistic,
            Period=wanted.period,
            EvaluationPeriods=periods,
            DatapointsToAlarm=points,
            ComparisonOperator="GreaterThanThreshold",
            Threshold=wanted.above,
            AlarmActions=wanted.action,
            OKActions=wanted.action,
        )
        print(f"{name}-{wanted.metric} ({instance})")


if __name__ == "__main__":
    main()
