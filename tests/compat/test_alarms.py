"""Alarms by boto3, on real time with periods of 10 seconds: their lives, histories, actions, compositions, mute rules and limits. What is
expected stands in the CloudWatch API Reference and User Guide; texts marked "recorded" were answers of AWS to others. (How data become
states is tested by the guide's tables in crates/cloudwatch.)
"""

import concurrent.futures
import datetime
import json
import re

import pytest
from botocore.exceptions import WaiterError
from conftest import Server

from watching import later, minute, now, refused, unique, until

TIME = r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d"


@pytest.fixture(scope="module")
def cloudwatch(server):
    return server.client("cloudwatch")


@pytest.fixture(scope="module")
def place(server):
    """What ARNs begin with."""
    return f"arn:aws:cloudwatch:{server.environment['AWS_DEFAULT_REGION']}:{server.client('sts').get_caller_identity()['Account']}"


@pytest.fixture
def name(cloudwatch):
    """A name of the test's own; all alarms whose names begin with it are taken away."""
    name = unique("alarm")
    yield name
    for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=name, AlarmTypes=["CompositeAlarm"]):
        for alarm in page["CompositeAlarms"]:
            cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    names = [alarm["AlarmName"] for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=name) for alarm in page["MetricAlarms"]]
    for at in range(0, len(names), 100):
        cloudwatch.delete_alarms(AlarmNames=names[at:at + 100])


def settings(name, **more):
    """An alarm on a metric of its own, with periods of 10 seconds."""
    given = {
        "AlarmName": name, "Namespace": "Test/Alarms", "MetricName": name, "Statistic": "Average", "Period": 10, "EvaluationPeriods": 1,
        "Threshold": 50.0, "ComparisonOperator": "GreaterThanThreshold", **more,
    }
    return {key: value for key, value in given.items() if value is not None}


def quiet(name, **more):
    """An alarm that stays as it is set: its metric has no data, and that is ignored."""
    return settings(name, Period=86400, TreatMissingData="ignore", **more)


def put(cloudwatch, name, value):
    cloudwatch.put_metric_data(Namespace="Test/Alarms", MetricData=[{"MetricName": name, "Value": value, "StorageResolution": 1}])


def alarm(cloudwatch, name, kind="MetricAlarm"):
    [found] = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=[kind])[f"{kind}s"]
    return found


def is_in(cloudwatch, name, state, kind="MetricAlarm"):
    found = alarm(cloudwatch, name, kind)
    return found if found["StateValue"] == state else None


def history(cloudwatch, name, kind="StateUpdate", **more):
    """Oldest first."""
    more = {"AlarmName": name, "ScanBy": "TimestampAscending", **({"HistoryItemType": kind} if kind else {}), **more}
    return [item for page in cloudwatch.get_paginator("describe_alarm_history").paginate(**more) for item in page["AlarmHistoryItems"]]


def changes(cloudwatch, name, **more):
    return [re.fullmatch(r"Alarm updated from (\w+) to (\w+)", item["HistorySummary"]).groups() for item in history(cloudwatch, name, **more)]


def test_an_alarm_is_made_changed_switched_and_deleted(cloudwatch, place, name):
    before = now().replace(microsecond=0)
    cloudwatch.put_metric_alarm(**quiet(name, AlarmDescription="d", Dimensions=[{"Name": "a", "Value": "1"}], Unit="Percent", Tags=[{"Key": "k", "Value": "v"}]))
    made = alarm(cloudwatch, name)
    # Recorded.
    assert (made["StateValue"], made["StateReason"]) == ("INSUFFICIENT_DATA", "Unchecked: Initial alarm creation")
    assert made["AlarmArn"] == f"{place}:alarm:{name}"
    assert made["AlarmConfigurationUpdatedTimestamp"] >= before and made["StateUpdatedTimestamp"] >= before
    for key, value in quiet(name, AlarmDescription="d", Dimensions=[{"Name": "a", "Value": "1"}], Unit="Percent").items():
        assert made[key] == value, key
    assert made["ActionsEnabled"] is True and made["AlarmActions"] == made["OKActions"] == made["InsufficientDataActions"] == []
    cloudwatch.put_metric_alarm(**settings(f"{name}-least", Period=60))
    # Recorded.
    members = {
        "ActionsEnabled", "AlarmActions", "AlarmArn", "AlarmConfigurationUpdatedTimestamp", "AlarmName", "ComparisonOperator", "Dimensions", "EvaluationPeriods",
        "InsufficientDataActions", "MetricName", "Namespace", "OKActions", "Period", "StateReason", "StateTransitionedTimestamp", "StateUpdatedTimestamp",
        "StateValue", "Statistic", "Threshold",
    }
    assert set(alarm(cloudwatch, f"{name}-least")) == members
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="set")
    # An update overwrites all, leaves the state, and ignores tags.
    cloudwatch.put_metric_alarm(**quiet(name, Threshold=60.0, Tags=[{"Key": "other", "Value": "v"}]))
    changed = alarm(cloudwatch, name)
    assert (changed["Threshold"], changed["StateValue"], changed["StateReason"]) == (60.0, "OK", "set")
    assert "AlarmDescription" not in changed and changed["Dimensions"] == [] and "Unit" not in changed
    assert cloudwatch.list_tags_for_resource(ResourceARN=made["AlarmArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    cloudwatch.disable_alarm_actions(AlarmNames=[name])
    assert alarm(cloudwatch, name)["ActionsEnabled"] is False
    cloudwatch.enable_alarm_actions(AlarmNames=[name])
    assert alarm(cloudwatch, name)["ActionsEnabled"] is True
    kinds = [item["HistorySummary"] for item in history(cloudwatch, name, "ConfigurationUpdate")]
    assert kinds[0] == f'Alarm "{name}" created' and f'Alarm "{name}" updated' in kinds
    cloudwatch.delete_alarms(AlarmNames=[name])
    assert cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] == []
    # Its history stays.
    assert history(cloudwatch, name, "ConfigurationUpdate")[-1]["HistorySummary"] == f'Alarm "{name}" deleted'


@pytest.fixture(scope="module", autouse=True)
def beside(cloudwatch, tmp_path_factory):
    """What takes a minute of real time runs beside the other tests, from the first on."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        yield {one.__name__: pool.submit(one, cloudwatch, tmp_path_factory.mktemp(one.__name__)) for one in (over_and_back, set_for_a_while, killed)}


def test_a_metric_over_its_threshold_is_an_alarm_and_back_is_ok_and_silence_is_insufficient(beside):
    beside["over_and_back"].result()


def over_and_back(cloudwatch, _):
    name = unique("over")
    cloudwatch.put_metric_alarm(**settings(name, TreatMissingData="missing"))
    ignoring, breaching, fine = f"{name}-ignore", f"{name}-breaching", f"{name}-not"
    for other, treatment in [(ignoring, "ignore"), (breaching, "breaching"), (fine, "notBreaching")]:
        cloudwatch.put_metric_alarm(**settings(other, MetricName=name, TreatMissingData=treatment))
    put(cloudwatch, name, 99.5)
    found = until("the alarm", lambda: is_in(cloudwatch, name, "ALARM"), 25)
    assert re.fullmatch(rf"Threshold Crossed: 1 datapoint \[99\.5 \({TIME}\)\] was greater than the threshold \(50\.0\)\.", found["StateReason"]), found["StateReason"]
    reason = json.loads(found["StateReasonData"])
    assert (reason["version"], reason["statistic"], reason["period"], reason["threshold"], reason["recentDatapoints"]) == ("1.0", "Average", 10, 50.0, [99.5])
    assert reason["evaluatedDatapoints"][0]["value"] == 99.5 and {"queryDate", "startDate"} <= set(reason)
    assert found["StateTransitionedTimestamp"] >= found["AlarmConfigurationUpdatedTimestamp"]

    def feed(state):
        put(cloudwatch, name, 10.25)
        return is_in(cloudwatch, name, state)

    found = until("OK", lambda: feed("OK"), 30, every=1)
    text = rf"Threshold Crossed: 1 out of the last 1 datapoints \[10\.25 \({TIME}\)\] was not greater than the threshold \(50\.0\) \(minimum 1 datapoint for ALARM -> OK transition\)\."
    assert re.fullmatch(text, found["StateReason"]), found["StateReason"]
    found = until("no data", lambda: is_in(cloudwatch, name, "INSUFFICIENT_DATA"), 70)
    assert found["StateReason"].startswith("Insufficient Data: 1 datapoint was unknown"), found["StateReason"]
    assert changes(cloudwatch, name) == [("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK"), ("OK", "INSUFFICIENT_DATA")]
    item = history(cloudwatch, name)[0]
    told = json.loads(item["HistoryData"])
    assert item["AlarmType"] == "MetricAlarm" and told["version"] == "1.0"
    assert (told["oldState"]["stateValue"], told["newState"]["stateValue"]) == ("INSUFFICIENT_DATA", "ALARM")
    assert told["newState"]["stateReason"].startswith("Threshold Crossed: 1 datapoint [99.5")
    # The others by what they hold of missing data.
    found = until("missing is breaching", lambda: is_in(cloudwatch, breaching, "ALARM"), 30)
    assert "1 missing datapoint was treated as [Breaching]" in found["StateReason"], found["StateReason"]
    assert alarm(cloudwatch, ignoring)["StateValue"] == "OK" and alarm(cloudwatch, fine)["StateValue"] == "OK"


def test_a_metric_without_data_is_what_missing_data_are_said_to_be(cloudwatch, name):
    for kind, treatment in [("b", "breaching"), ("n", "notBreaching"), ("i", "ignore"), ("m", "missing")]:
        cloudwatch.put_metric_alarm(**settings(f"{name}-{kind}", EvaluationPeriods=2, TreatMissingData=treatment, Unit="Seconds"))
    found = until("ALARM", lambda: is_in(cloudwatch, f"{name}-b", "ALARM"), 25)
    # Recorded, these texts and members.
    assert found["StateReason"] == "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching]."
    reason = json.loads(found["StateReasonData"])
    assert set(reason) == {"version", "queryDate", "unit", "statistic", "period", "recentDatapoints", "threshold", "evaluatedDatapoints"}
    assert (reason["unit"], reason["recentDatapoints"]) == ("Seconds", []) and [set(one) for one in reason["evaluatedDatapoints"]] == [{"timestamp"}] * 2
    found = until("OK", lambda: is_in(cloudwatch, f"{name}-n", "OK"), 25)
    assert found["StateReason"] == "Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [NonBreaching]."
    for kind in "im":
        assert alarm(cloudwatch, f"{name}-{kind}")["StateValue"] == "INSUFFICIENT_DATA"


def test_expressions_and_percentiles_are_watched(cloudwatch, name):
    stat = lambda metric, stat: {"Metric": {"Namespace": "Test/Alarms", "MetricName": metric}, "Period": 10, "Stat": stat}
    metrics = [
        {"Id": "errors", "MetricStat": stat(f"{name}-errors", "Sum"), "ReturnData": False},
        {"Id": "all", "MetricStat": stat(f"{name}-all", "Sum"), "ReturnData": False},
        {"Id": "rate", "Expression": "errors / all * 100", "Label": "rate", "ReturnData": True},
    ]
    one = {"Namespace": None, "MetricName": None, "Statistic": None, "Period": None}
    cloudwatch.put_metric_alarm(**settings(name, Metrics=metrics, Threshold=5.0, TreatMissingData="ignore", **one))
    cloudwatch.put_metric_alarm(**settings(f"{name}-p", MetricName=f"{name}-all", Statistic=None, ExtendedStatistic="p90", Threshold=89.0, TreatMissingData="ignore"))
    made = alarm(cloudwatch, name)
    for given in metrics[:2]:
        given["MetricStat"]["Metric"]["Dimensions"] = []
    for found in made["Metrics"][:2]:
        found["MetricStat"]["Metric"].setdefault("Dimensions", [])
    assert made["Metrics"] == metrics
    assert "MetricName" not in made and "Period" not in made
    assert alarm(cloudwatch, f"{name}-p")["ExtendedStatistic"] == "p90"
    data = [{"MetricName": f"{name}-errors", "Value": 505.0, "StorageResolution": 1}, {"MetricName": f"{name}-all", "Values": [float(n) for n in range(101)], "StorageResolution": 1}]
    cloudwatch.put_metric_data(Namespace="Test/Alarms", MetricData=data)
    until("the rate", lambda: is_in(cloudwatch, name, "ALARM"), 25)
    assert "[10.0 (" in alarm(cloudwatch, name)["StateReason"]
    until("the percentile", lambda: is_in(cloudwatch, f"{name}-p", "ALARM"), 25)
    assert "[90.0 (" in alarm(cloudwatch, f"{name}-p")["StateReason"]


def test_bands_of_what_is_expected_are_watched(cloudwatch, name):
    """The API Reference's example of an alarm on an anomaly detection model; what Terraform's threshold_metric_id puts."""
    space, start = "Test/Bands", minute(5 * 60)
    # Five hours of 50, give or take 1, but for the newest minutes: one of them is the latest whole one.
    value = lambda n: 99.0 if n > 5 * 60 - 3 else 49.0 + 2 * (n % 2)
    data = [{"MetricName": name, "Timestamp": later(start, minutes=n), "Value": value(n)} for n in range(5 * 60 + 1)]
    for begin in range(0, len(data), 100):
        cloudwatch.put_metric_data(Namespace=space, MetricData=data[begin : begin + 100])
    stat = {"Metric": {"Namespace": space, "MetricName": name, "Dimensions": []}, "Period": 60, "Stat": "Average"}
    metrics = [{"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 3)", "Label": "expected", "ReturnData": True}, {"Id": "m1", "MetricStat": stat, "ReturnData": True}]
    none = {"Namespace": None, "MetricName": None, "Statistic": None, "Period": None, "Threshold": None}
    banded = lambda comparison, **more: settings(name, Metrics=metrics, ThresholdMetricId="ad1", ComparisonOperator=comparison, TreatMissingData="ignore", **none | more)
    cloudwatch.put_metric_alarm(**banded("LessThanLowerOrGreaterThanUpperThreshold"))
    made = alarm(cloudwatch, name)
    assert (made["ThresholdMetricId"], made["ComparisonOperator"]) == ("ad1", "LessThanLowerOrGreaterThanUpperThreshold")
    assert "Threshold" not in made and [one["Id"] for one in made["Metrics"]] == ["ad1", "m1"]
    # The edges, as anybody may ask for them: around 50, the lower one first.
    window = {"StartTime": later(start, minutes=3 * 60 + 50), "EndTime": later(start, minutes=4 * 60 + 50)}
    answers = cloudwatch.get_metric_data(MetricDataQueries=metrics, **window)["MetricDataResults"]
    low, high = (one for one in answers if one["Id"] == "ad1")
    assert (low["Label"], high["Label"]) == ("expected Low", "expected High")
    assert len(low["Values"]) == 60 and all(45 < value < 50 for value in low["Values"]) and all(50 < value < 55 for value in high["Values"])
    found = until("the alarm", lambda: is_in(cloudwatch, name, "ALARM"), 25)
    # AWS's words.
    assert found["StateReason"].startswith("Thresholds Crossed: ") and "was less than the lower thresholds [" in found["StateReason"] and "] or greater than the upper thresholds [" in found["StateReason"]
    reason = json.loads(found["StateReasonData"])
    assert "threshold" not in reason and reason["recentLowerThresholds"][0] < 50 < reason["recentUpperThresholds"][0] < 99
    # What does not go together.
    refused("InvalidParameterCombination", cloudwatch.put_metric_alarm, **banded("GreaterThanUpperThreshold", Threshold=1.0))
    refused("ValidationError", cloudwatch.put_metric_alarm, **banded("GreaterThanThreshold"))
    refused("ValidationError", cloudwatch.put_metric_alarm, **settings(name, ComparisonOperator="GreaterThanUpperThreshold"))
    # A detector says how the band is learned.
    detector = {"Namespace": space, "MetricName": name, "Stat": "Average"}
    configuration = {"ExcludedTimeRanges": [{"StartTime": start, "EndTime": later(start, minutes=60)}], "MetricTimezone": "Asia/Tokyo"}
    cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=detector, Configuration=configuration)
    pages = cloudwatch.get_paginator("describe_anomaly_detectors").paginate(Namespace=space, MetricName=name)
    described = [one for page in pages for one in page["AnomalyDetectors"]]
    assert [(one["StateValue"], one["Configuration"]["MetricTimezone"]) for one in described] == [("TRAINED", "Asia/Tokyo")]
    cloudwatch.delete_anomaly_detector(SingleMetricAnomalyDetector=detector)
    refused("ResourceNotFoundException", cloudwatch.delete_anomaly_detector, SingleMetricAnomalyDetector=detector, status=404)


def test_a_state_that_is_set_lasts_until_the_next_evaluation(beside):
    beside["set_for_a_while"].result()


def set_for_a_while(cloudwatch, _):
    name = unique("set")
    put(cloudwatch, name, 1.0)
    cloudwatch.put_metric_alarm(**settings(name))
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a fire drill", StateReasonData='{"drill": 1}')
    assert changes(cloudwatch, name)[-1][1] == "ALARM"
    found = history(cloudwatch, name)[-1]
    assert json.loads(found["HistoryData"])["newState"]["stateReason"] == "a fire drill"

    def fed():
        put(cloudwatch, name, 1.0)
        return is_in(cloudwatch, name, "OK")

    until("OK", fed, 25, every=1)
    # Recorded.
    text = "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
    refused("ValidationError", cloudwatch.set_alarm_state, AlarmName=name, StateValue="INVALID", StateReason="x", text=text, status=400)
    refused("ResourceNotFound", cloudwatch.set_alarm_state, AlarmName=name + "-none", StateValue="OK", StateReason="x", status=404)
    refused("InvalidFormat", cloudwatch.set_alarm_state, AlarmName=name, StateValue="OK", StateReason="x", StateReasonData="{no json")


def test_composites_follow_their_children(cloudwatch, place, name):
    a, b, whole = f"{name}-a", f"{name} b (1)", f"{name}-whole"
    for child in (a, b):
        cloudwatch.put_metric_alarm(**quiet(child))
        cloudwatch.set_alarm_state(AlarmName=child, StateValue="OK", StateReason="set")
    rule = f'(ALARM({a}) OR ALARM("{place}:alarm:{b}")) AND NOT INSUFFICIENT_DATA("{b}") AND TRUE'
    cloudwatch.put_composite_alarm(AlarmName=whole, AlarmRule=rule, AlarmDescription="d", Tags=[{"Key": "k", "Value": "v"}])
    until("OK", lambda: is_in(cloudwatch, whole, "OK", "CompositeAlarm"), 25)
    cloudwatch.set_alarm_state(AlarmName=a, StateValue="ALARM", StateReason="set")
    found = until("the alarm", lambda: is_in(cloudwatch, whole, "ALARM", "CompositeAlarm"), 25)
    assert found["AlarmRule"] == rule and found["AlarmArn"] == f"{place}:alarm:{whole}"
    triggering = json.loads(found["StateReasonData"])["triggeringAlarms"]
    assert [(one["arn"], one["state"]["value"]) for one in triggering] == [(f"{place}:alarm:{a}", "ALARM")]
    cloudwatch.set_alarm_state(AlarmName=b, StateValue="INSUFFICIENT_DATA", StateReason="set")
    until("OK again", lambda: is_in(cloudwatch, whole, "OK", "CompositeAlarm"), 25)
    assert changes(cloudwatch, whole, AlarmTypes=["CompositeAlarm"]) == [("INSUFFICIENT_DATA", "OK"), ("OK", "ALARM"), ("ALARM", "OK")]
    # Without types only metric alarms are told of.
    assert cloudwatch.describe_alarms(AlarmNamePrefix=name)["CompositeAlarms"] == []
    children = cloudwatch.describe_alarms(ChildrenOfAlarmName=whole)["MetricAlarms"]
    assert sorted(child["AlarmName"] for child in children) == sorted([a, b])
    parents = cloudwatch.describe_alarms(ParentsOfAlarmName=a)["CompositeAlarms"]
    assert [parent["AlarmName"] for parent in parents] == [whole]
    # "You cannot specify any other parameters in the request except for MaxRecords and NextToken."
    with pytest.raises(cloudwatch.exceptions.ClientError):
        cloudwatch.describe_alarms(ChildrenOfAlarmName=whole, AlarmTypes=["MetricAlarm"])
    # A child goes only after its parent.
    refused("ValidationError", cloudwatch.delete_alarms, AlarmNames=[a], text=f"Cannot delete {a} as there are composite alarm(s) depending on it.")
    text = f"Could not save the composite alarm as alarms [{name}-unknown] in the alarm rule do not exist"
    refused("ValidationError", cloudwatch.put_composite_alarm, AlarmName=f"{name}-broken", AlarmRule=f"ALARM({name}-unknown)", text=text)
    for broken in ("ALARM(", "ALARM()", f"ALARM({a}) AND", f"SOMETHING({a})", ""):
        with pytest.raises(Exception):
            cloudwatch.put_composite_alarm(AlarmName=f"{name}-broken", AlarmRule=broken)
    at_least = f'AT_LEAST(2, ALARM, ({a}, "{b}"))'
    cloudwatch.put_composite_alarm(AlarmName=whole, AlarmRule=at_least)
    cloudwatch.set_alarm_state(AlarmName=b, StateValue="ALARM", StateReason="set")
    until("two in alarm", lambda: is_in(cloudwatch, whole, "ALARM", "CompositeAlarm"), 25)


def test_a_suppressor_holds_actions_back(cloudwatch, place, name):
    child, suppressor, whole = f"{name}-a", f"{name}-s", f"{name}-whole"
    for one in (child, suppressor):
        cloudwatch.put_metric_alarm(**quiet(one))
        cloudwatch.set_alarm_state(AlarmName=one, StateValue="OK", StateReason="set")
    topic = place.replace("cloudwatch", "sns") + ":nobody"
    wait, extension = 4, 4
    cloudwatch.put_composite_alarm(
        AlarmName=whole, AlarmRule=f"ALARM({child})", AlarmActions=[topic], ActionsSuppressor=suppressor, ActionsSuppressorWaitPeriod=wait,
        ActionsSuppressorExtensionPeriod=extension,
    )
    until("OK", lambda: is_in(cloudwatch, whole, "OK", "CompositeAlarm"), 25)
    cloudwatch.set_alarm_state(AlarmName=suppressor, StateValue="ALARM", StateReason="set")
    cloudwatch.set_alarm_state(AlarmName=child, StateValue="ALARM", StateReason="set")
    found = until("the alarm", lambda: is_in(cloudwatch, whole, "ALARM", "CompositeAlarm"), 25)
    found = until("suppression", lambda: alarm(cloudwatch, whole, "CompositeAlarm") if alarm(cloudwatch, whole, "CompositeAlarm").get("ActionsSuppressedBy") else None, 10)
    assert found["ActionsSuppressedBy"] == "Alarm" and found["ActionsSuppressor"].endswith(suppressor)
    assert (found["ActionsSuppressorWaitPeriod"], found["ActionsSuppressorExtensionPeriod"]) == (wait, extension)
    acted = lambda: history(cloudwatch, whole, "Action", AlarmTypes=["CompositeAlarm"])
    assert not [item for item in acted() if "Successfully" in item["HistorySummary"] or "Failed" in item["HistorySummary"]], acted()
    before = now()
    cloudwatch.set_alarm_state(AlarmName=suppressor, StateValue="OK", StateReason="set")
    # The guide's fifth timeline: the action runs when the extension is over.
    items = until("the action", lambda: [item for item in acted() if topic in item["HistorySummary"] + item["HistoryData"] and "uppress" not in item["HistorySummary"]], 30)
    assert items[0]["Timestamp"] >= before + datetime.timedelta(seconds=extension - 1)


def test_a_mute_rule_mutes(cloudwatch, place, name):
    topic = place.replace("cloudwatch", "sns") + ":nobody"
    cloudwatch.put_metric_alarm(**quiet(name, AlarmActions=[topic]))
    rule, soon = f"{name}-mute", now() - datetime.timedelta(minutes=1)
    schedule = {"Expression": f"at({soon:%Y-%m-%dT%H:%M})", "Duration": "PT15M", "Timezone": "UTC"}
    cloudwatch.put_alarm_mute_rule(Name=rule, Description="d", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": [name]}, Tags=[{"Key": "k", "Value": "v"}])
    cloudwatch.get_waiter("alarm_mute_rule_exists").wait(AlarmMuteRuleName=rule, WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    found = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName=rule)
    assert found["Rule"]["Schedule"] == schedule and found["MuteTargets"] == {"AlarmNames": [name]} and found["Status"] == "ACTIVE"
    assert found["AlarmMuteRuleArn"] == f"{place}:alarm-mute-rule:{rule}"
    assert cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmMuteRuleArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    listed = [one["AlarmMuteRuleArn"] for page in cloudwatch.get_paginator("list_alarm_mute_rules").paginate(AlarmName=name) for one in page["AlarmMuteRuleSummaries"]]
    assert listed == [found["AlarmMuteRuleArn"]]
    cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="set")
    assert changes(cloudwatch, name)[-1][1] == "ALARM"
    assert not [item for item in history(cloudwatch, name, "Action") if "Successfully" in item["HistorySummary"] or "Failed" in item["HistorySummary"]]
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName=rule)
    refused("ResourceNotFoundException", cloudwatch.get_alarm_mute_rule, AlarmMuteRuleName=rule, status=404)
    for wrong in ({**schedule, "Expression": "cron(61 * * * *)"}, {**schedule, "Duration": "PT1S"}, {**schedule, "Duration": "P16D"}, {**schedule, "Timezone": "Mars/Base"}):
        refused("ValidationError", cloudwatch.put_alarm_mute_rule, Name=rule, Rule={"Schedule": wrong}, MuteTargets={"AlarmNames": [name]})


def test_tags_are_put_over_and_taken_away(cloudwatch, place, name):
    cloudwatch.put_metric_alarm(**quiet(name))
    arn = f"{place}:alarm:{name}"
    listed = lambda: {tag["Key"]: tag["Value"] for tag in cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]}
    assert listed() == {}
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "2"}])
    assert listed() == {"a": "2", "b": ""}
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["b", "none"])
    assert listed() == {"a": "2"}
    refused("ResourceNotFoundException", cloudwatch.tag_resource, ResourceARN=arn + "-none", Tags=[{"Key": "a", "Value": "1"}], status=404)


def test_waiters_and_paginators(cloudwatch, name):
    with pytest.raises(WaiterError):
        cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=[name], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    names = [f"{name}-{n:03}" for n in range(120)]
    for one in names:
        cloudwatch.put_metric_alarm(**quiet(one))
    cloudwatch.put_composite_alarm(AlarmName=f"{name}-whole", AlarmRule=f"OK({names[0]})")
    cloudwatch.get_waiter("alarm_exists").wait(AlarmNames=names[:1], WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    cloudwatch.get_waiter("composite_alarm_exists").wait(AlarmNames=[f"{name}-whole"], AlarmTypes=["CompositeAlarm"], WaiterConfig={"Delay": 1, "MaxAttempts": 2})
    first = cloudwatch.describe_alarms(AlarmNamePrefix=name)
    assert len(first["MetricAlarms"]) <= 100 and first["NextToken"]
    paginator = cloudwatch.get_paginator("describe_alarms")
    pages = list(paginator.paginate(AlarmNamePrefix=name, AlarmTypes=["MetricAlarm", "CompositeAlarm"], PaginationConfig={"PageSize": 37}))
    assert [one["AlarmName"] for page in pages for one in page["MetricAlarms"]] == names
    assert [one["AlarmName"] for page in pages for one in page["CompositeAlarms"]] == [f"{name}-whole"]
    assert all(len(page["MetricAlarms"]) + len(page["CompositeAlarms"]) <= 37 for page in pages)
    some = cloudwatch.describe_alarms(AlarmNames=[names[3], names[1], "none"])["MetricAlarms"]
    assert sorted(one["AlarmName"] for one in some) == [names[1], names[3]]
    for n in range(5):
        cloudwatch.set_alarm_state(AlarmName=names[0], StateValue="ALARM" if n % 2 == 0 else "OK", StateReason=f"{n}")
    pages = list(cloudwatch.get_paginator("describe_alarm_history").paginate(AlarmName=names[0], PaginationConfig={"PageSize": 2}))
    items = [item for page in pages for item in page["AlarmHistoryItems"]]
    assert all(len(page["AlarmHistoryItems"]) <= 2 for page in pages)
    assert [item["HistoryItemType"] for item in items] == ["StateUpdate"] * 5 + ["ConfigurationUpdate"], "newest first"
    assert len(changes(cloudwatch, names[0])) == 5
    assert history(cloudwatch, names[0], None, StartDate=later(minute(), hours=1)) == []
    in_alarm = cloudwatch.describe_alarms(AlarmNamePrefix=name, StateValue="ALARM")["MetricAlarms"]
    assert [one["AlarmName"] for one in in_alarm] == [names[0]]
    refused("InvalidNextToken", cloudwatch.describe_alarms, NextToken="no token")


def test_alarms_of_a_metric(cloudwatch, name):
    dimensions = [{"Name": "a", "Value": "1"}]
    cloudwatch.put_metric_alarm(**quiet(name, Dimensions=dimensions))
    cloudwatch.put_metric_alarm(**quiet(f"{name}-2", MetricName=name, Dimensions=dimensions, Statistic="Sum"))
    cloudwatch.put_metric_alarm(**quiet(f"{name}-3", MetricName=name))
    of = lambda **more: sorted(one["AlarmName"] for one in cloudwatch.describe_alarms_for_metric(Namespace="Test/Alarms", MetricName=name, **more)["MetricAlarms"])
    assert of(Dimensions=dimensions) == [name, f"{name}-2"]
    assert of(Dimensions=dimensions, Statistic="Sum") == [f"{name}-2"]
    assert of() == [f"{name}-3"]


def test_a_unit_beside_expressions_is_refused_in_reported_words(cloudwatch, name):
    """CloudWatch's answer, as aws-cloudformation/cfn-lint 1306 has it."""
    metrics = [{"Id": "e1", "Expression": "m1 + 1"}, {"Id": "m1", "MetricStat": {"Metric": {"Namespace": "n", "MetricName": "m"}, "Period": 60, "Stat": "Sum"}, "ReturnData": False}]
    one = {"Namespace": None, "MetricName": None, "Statistic": None, "Period": None}
    text = "Unit should not be set if list of Metrics is set."
    refused("ValidationError", cloudwatch.put_metric_alarm, **settings(name, Metrics=metrics, Unit="Percent", **one), text=text)


def test_what_is_wrong_is_refused(cloudwatch, name):
    put = cloudwatch.put_metric_alarm
    # "EvaluationPeriods * Period": a day, or a week from periods of an hour.
    refused("ValidationError", put, **settings(name, Period=60, EvaluationPeriods=1441))
    refused("ValidationError", put, **settings(name, Period=3600, EvaluationPeriods=169))
    refused("ValidationError", put, **settings(name, Period=7))
    refused("ValidationError", put, **settings(name, Period=90))
    refused("ValidationError", put, **settings(name, EvaluationPeriods=2, DatapointsToAlarm=3))
    refused("ValidationError", put, **settings(name, AlarmActions=["not an arn"]))
    refused("ValidationError", put, **settings("bad\x01name"))
    refused("ValidationError", put, **settings("n" * 256))
    refused("ValidationError", put, **settings(name, AlarmDescription="d" * 1025))
    refused("ValidationError", put, **settings(name, ComparisonOperator="AboveAll"))
    one = {"Namespace": None, "MetricName": None, "Statistic": None, "Period": None}
    topics = [f"arn:aws:sns:ap-northeast-1:123456789012:t{n}" for n in range(6)]
    refused("ValidationError", put, **settings(name, AlarmActions=topics))
    for wrong in (
        settings(name, ExtendedStatistic="p90"),
        settings(name, Statistic=None),
        settings(name, MetricName=None, Namespace=None),
        settings(name, Statistic=None, ExtendedStatistic="p900"),
        settings(name, TreatMissingData="sometimes"),
        settings(name, Metrics=[{"Id": "e1", "Expression": "1 + 1"}]),
    ):
        with pytest.raises(cloudwatch.exceptions.ClientError) as error:
            put(**wrong)
        told = error.value.response
        assert told["ResponseMetadata"]["HTTPStatusCode"] == 400 and told["Error"]["Code"] in ("ValidationError", "InvalidParameterCombination", "InvalidParameterValue", "MissingParameter"), told
    assert cloudwatch.describe_alarms(AlarmNamePrefix=name)["MetricAlarms"] == []
    elsewhere = "arn:aws:sns:us-east-1:123456789012:t"
    refused("ValidationError", put, **settings(name, AlarmActions=[elsewhere]), text="Invalid region us-east-1 specified. Only ap-northeast-1 is supported.")
    many = [{"Id": f"m{n}", "MetricStat": {"Metric": {"Namespace": "n", "MetricName": f"m{n}"}, "Period": 60, "Stat": "Sum"}, "ReturnData": n == 0} for n in range(11)]
    refused("ValidationError", put, **settings(name, Metrics=many, **one))
    with pytest.raises(cloudwatch.exceptions.ClientError):
        put(**settings(name, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(51)]))
    with pytest.raises(cloudwatch.exceptions.ClientError):
        cloudwatch.delete_alarms(AlarmNames=[f"{name}-{n}" for n in range(101)])
    put(**settings(f"{name}-ten", Metrics=many[:10], **one))
    put(**settings(f"{name}-tags", Tags=[{"Key": f"k{n}", "Value": ""} for n in range(50)]))
    for n in (1, 2):
        cloudwatch.put_composite_alarm(AlarmName=f"{name}-whole{n}", AlarmRule=f"ALARM({name}-ten)")
    # "At most one composite alarm in a call."
    with pytest.raises(cloudwatch.exceptions.ClientError):
        cloudwatch.delete_alarms(AlarmNames=[f"{name}-whole1", f"{name}-whole2"])
    put(**settings(name, Period=60, EvaluationPeriods=1440, AlarmActions=topics[:5]))
    put(**settings(name, Period=3600, EvaluationPeriods=168))


def test_a_kill_loses_no_transition_and_doubles_none(beside):
    beside["killed"].result()


def killed(_, directory):
    own = Server(directory)
    try:
        kill_while_alarms_change(own)
    finally:
        own.stop()


def kill_while_alarms_change(own):
    cloudwatch, count = own.client("cloudwatch"), 40
    names = [f"kill-{n:02}" for n in range(count)]
    for one in names:
        cloudwatch.put_metric_alarm(**settings(one, TreatMissingData="ignore"))
    wanted = []

    def feed(value):
        wanted.append(value)
        data = [{"MetricName": one, "Value": value, "StorageResolution": 1} for one in names]
        cloudwatch.put_metric_data(Namespace="Test/Alarms", MetricData=data)

    def states():
        return {one["StateValue"] for one in cloudwatch.describe_alarms(AlarmNamePrefix="kill-", MaxRecords=100)["MetricAlarms"]}

    feed(99.0)
    # Killed while they change, or just before or after: what each has seen is in its history once.
    until("some changed", lambda: states() != {"INSUFFICIENT_DATA"}, 25, every=0.02)
    own.kill()
    own.start()
    cloudwatch = own.client("cloudwatch")
    until("all in alarm", lambda: states() == {"ALARM"}, 40)
    own.kill()
    own.start()
    cloudwatch = own.client("cloudwatch")
    assert states() == {"ALARM"}

    def fed():
        feed(1.0)
        return states() == {"OK"}

    until("all well", fed, 40, every=1)
    own.kill()
    own.start()
    cloudwatch = own.client("cloudwatch")
    for one in names:
        assert changes(cloudwatch, one) == [("INSUFFICIENT_DATA", "ALARM"), ("ALARM", "OK")], one
