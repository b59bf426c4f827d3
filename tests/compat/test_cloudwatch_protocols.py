"""Each operation of CloudWatch in each of its three protocols: JSON 1.0, query, and Smithy RPC v2 with CBOR. botocore is made to speak
each of them, by its own model; what comes back, parsed, must be the same, and so must errors.
"""

import copy
import datetime
import json
import re

import botocore.loaders
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from watching import later, minute, unique

PROTOCOLS = ["json", "query", "smithy-rpc-v2-cbor"]
# What differs from call to call: the type alone is compared.
OWN = ["LastModified", "AlarmConfigurationUpdatedTimestamp", "StateUpdatedTimestamp", "StateTransitionedTimestamp", "LastUpdatedTimestamp", "NextToken", "AnomalyDetectorId"]
# Answered with a clear error in each protocol, in the words of each.
ABSENT = ["ListMetricStreams", "DescribeInsightRules", "ListManagedInsightRules"]


class Loader(botocore.loaders.Loader):
    """botocore's data, with one protocol alone in CloudWatch's model."""

    def __init__(self, protocol):
        super().__init__()
        self.protocol = protocol

    def load_service_model(self, service_name, type_name, api_version=None):
        model = super().load_service_model(service_name, type_name, api_version)
        if (service_name, type_name) == ("cloudwatch", "service-2"):
            model = copy.deepcopy(model)
            model["metadata"] |= {"protocol": self.protocol, "protocols": [self.protocol]}
        return model


class Speaker:
    """CloudWatch in one protocol, with what its requests looked like."""

    def __init__(self, server, protocol):
        self.protocol = protocol
        session = botocore.session.Session()
        session.register_component("data_loader", Loader(protocol))
        environment = server.environment
        self.client = session.create_client(
            "cloudwatch",
            endpoint_url=server.endpoint,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            region_name=environment["AWS_DEFAULT_REGION"],
            config=Config(retries={"max_attempts": 0}),
        )
        self.requests = []
        self.client.meta.events.register("before-send.cloudwatch", lambda request, **_: self.requests.append(request))

    def call(self, operation, **members):
        """The answer or the error, without what differs from call to call."""
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        try:
            answer = getattr(self.client, method)(**members)
        except ClientError as error:
            answer = error.response
            metadata = answer["ResponseMetadata"]
            told = answer["Error"]
            more = {key: value for key, value in answer.items() if key not in ("Error", "ResponseMetadata", "message")}
            return {"error": told["Code"], "message": told.get("Message") or "", "status": metadata["HTTPStatusCode"], **more}
        assert answer.pop("ResponseMetadata")["HTTPHeaders"]["x-amzn-requestid"], (self.protocol, operation)
        return answer


@pytest.fixture(scope="module")
def speakers(server):
    return {protocol: Speaker(server, protocol) for protocol in PROTOCOLS}


def same(value, prefix):
    """Without what is of one speaker alone: its names, and times of changes to the second."""
    if isinstance(value, dict):
        skipped = [*OWN, *(["Timestamp"] if "HistoryItemType" in value else [])]
        return {key: type(inner).__name__ if key in skipped else same(inner, prefix) for key, inner in value.items() if inner != []}
    if isinstance(value, list):
        return [same(inner, prefix) for inner in value]
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, str):
        # Times within texts.
        value = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(Z|[+-]\d{4})", "TIME", value)
        return value.replace(prefix, "PREFIX")
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def script(prefix, start):
    """What is called, in order; every operation that is there, and what each refuses."""
    name, space = f"{prefix}-alarm", f"Protocols/{prefix}"
    window = {"StartTime": start, "EndTime": later(start, minutes=5)}
    host = [{"Name": "Host", "Value": "web 1/&<"}]
    stat = {"Metric": {"Namespace": space, "MetricName": "m", "Dimensions": host}, "Period": 60, "Stat": "Average"}
    alarm = {
        "AlarmName": name, "Namespace": space, "MetricName": "none", "Dimensions": host, "Statistic": "Average", "Period": 86400, "EvaluationPeriods": 1,
        "Threshold": 1.5, "ComparisonOperator": "GreaterThanThreshold", "TreatMissingData": "ignore", "AlarmDescription": "a & b < c 日本語\n",
        "Tags": [{"Key": "k", "Value": "v"}],
    }
    detector = {"Namespace": space, "MetricName": "m", "Dimensions": host, "Stat": "Average"}
    arn = f"arn:aws:cloudwatch:REGION:ACCOUNT:alarm:{name}"
    body = json.dumps({"widgets": [{"type": "text", "x": 0, "y": 0, "width": 6, "height": 6, "properties": {"markdown": "# あ & b"}}]})
    unknown = {"AlarmName": f"{prefix}-unknown"}
    return [
        ("PutMetricData", {"Namespace": space, "MetricData": [
            {"MetricName": "m", "Dimensions": host, "Timestamp": start, "Value": 1.25, "Unit": "Percent", "StorageResolution": 60},
            {"MetricName": "m", "Dimensions": host, "Timestamp": later(start, minutes=1), "Values": [1.0, 2.5], "Counts": [3.0, 1.0], "Unit": "Percent"},
            {"MetricName": "m", "Dimensions": host, "Timestamp": later(start, minutes=2), "StatisticValues": {"SampleCount": 2, "Sum": 5, "Minimum": 1, "Maximum": 4}, "Unit": "Percent"},
        ]}),
        ("PutMetricData", {"Namespace": space, "MetricData": [{"MetricName": "m", "Value": 1.0, "Values": [1.0]}]}),
        ("PutMetricData", {"Namespace": space, "MetricData": [{"MetricName": "m", "Value": float("nan")}]}),
        ("PutMetricData", {"Namespace": space, "MetricData": [{"MetricName": "m", "Value": float("-inf")}]}),
        ("GetMetricStatistics", {"Namespace": space, "MetricName": "m", "Dimensions": host, "Period": 300, "Statistics": ["SampleCount", "Sum", "Average", "Minimum", "Maximum"], **window}),
        ("GetMetricStatistics", {"Namespace": space, "MetricName": "m", "Dimensions": host, "Period": 60, "ExtendedStatistics": ["p50", "tm90"], "StartTime": start, "EndTime": later(start, minutes=2)}),
        ("GetMetricStatistics", {"Namespace": space, "MetricName": "m", "Period": 1, "Statistics": ["Sum"], "StartTime": later(start, days=-1), "EndTime": start}),
        ("GetMetricData", {"MetricDataQueries": [{"Id": "m1", "MetricStat": stat}, {"Id": "e1", "Expression": "m1 * 2", "Label": "twice ${LABEL}"}], **window}),
        ("GetMetricData", {"MetricDataQueries": [{"Id": "m1", "MetricStat": stat}], "MaxDatapoints": 1, "ScanBy": "TimestampAscending", **window}),
        ("GetMetricData", {"MetricDataQueries": [{"Id": "e1", "Expression": "m9 * 2"}], **window}),
        ("ListMetrics", {"Namespace": space}),
        ("ListMetrics", {"NextToken": "no token"}),
        ("PutMetricAlarm", alarm),
        ("PutMetricAlarm", {**alarm, "AlarmName": f"{prefix}-math", "Metrics": [{"Id": "m1", "MetricStat": stat, "ReturnData": False}, {"Id": "e1", "Expression": "m1 + 1", "Label": "more"}], "EvaluationPeriods": 2, "DatapointsToAlarm": 1, **NOT_ONE}),
        ("PutMetricAlarm", {**alarm, "EvaluationPeriods": 8}),
        ("PutMetricAlarm", {**alarm, "Period": 7}),
        ("PutMetricAlarm", {**alarm, "AlarmActions": ["no arn"]}),
        ("PutCompositeAlarm", {"AlarmName": f"{prefix}-whole", "AlarmRule": f'ALARM("{name}") AND NOT OK("{prefix}-math")', "ActionsSuppressor": name, "ActionsSuppressorWaitPeriod": 10, "ActionsSuppressorExtensionPeriod": 20}),
        ("PutCompositeAlarm", {"AlarmName": f"{prefix}-broken", "AlarmRule": "ALARM("}),
        ("DescribeAlarms", {"AlarmNamePrefix": prefix, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}),
        ("DescribeAlarms", {"AlarmNames": [name], "AlarmNamePrefix": prefix}),
        ("DescribeAlarms", {"AlarmNamePrefix": prefix, "MaxRecords": 1}),
        ("DescribeAlarms", {"ChildrenOfAlarmName": f"{prefix}-whole"}),
        ("DescribeAlarms", {"ParentsOfAlarmName": name}),
        ("DescribeAlarmsForMetric", {"Namespace": space, "MetricName": "none", "Dimensions": host}),
        ("PutAnomalyDetector", {"SingleMetricAnomalyDetector": detector, "Configuration": {"ExcludedTimeRanges": [{"StartTime": later(start, days=-1), "EndTime": start}], "MetricTimezone": "Asia/Tokyo"}, "MetricCharacteristics": {"PeriodicSpikes": True}}),
        ("PutAnomalyDetector", {"SingleMetricAnomalyDetector": detector, "Namespace": space}),
        ("DescribeAnomalyDetectors", {"Namespace": space}),
        ("DescribeAnomalyDetectors", {"NextToken": "no token"}),
        ("DeleteAnomalyDetector", {"SingleMetricAnomalyDetector": detector}),
        ("DeleteAnomalyDetector", {"SingleMetricAnomalyDetector": detector}),
        ("DisableAlarmActions", {"AlarmNames": [name]}),
        ("EnableAlarmActions", {"AlarmNames": [name]}),
        ("SetAlarmState", {"AlarmName": name, "StateValue": "ALARM", "StateReason": "for a test & so", "StateReasonData": '{"a": 1}'}),
        ("SetAlarmState", {**unknown, "StateValue": "OK", "StateReason": "x"}),
        ("SetAlarmState", {"AlarmName": name, "StateValue": "INVALID", "StateReason": "x"}),
        ("DescribeAlarms", {"AlarmNames": [name], "StateValue": "ALARM"}),
        ("DescribeAlarmHistory", {"AlarmName": name, "HistoryItemType": "StateUpdate"}),
        ("DescribeAlarmHistory", {"AlarmName": name, "HistoryItemType": "ConfigurationUpdate", "ScanBy": "TimestampAscending", "MaxRecords": 1}),
        ("DescribeAlarmContributors", {"AlarmName": name}),
        ("TagResource", {"ResourceARN": arn, "Tags": [{"Key": "k2", "Value": ""}]}),
        ("UntagResource", {"ResourceARN": arn, "TagKeys": ["k"]}),
        ("ListTagsForResource", {"ResourceARN": arn}),
        ("ListTagsForResource", {"ResourceARN": arn + "-unknown"}),
        ("PutAlarmMuteRule", {"Name": f"{prefix}-mute", "Rule": {"Schedule": {"Expression": "cron(0 3 * * *)", "Duration": "PT1H", "Timezone": "Asia/Tokyo"}}, "MuteTargets": {"AlarmNames": [name]}}),
        ("GetAlarmMuteRule", {"AlarmMuteRuleName": f"{prefix}-mute"}),
        ("GetAlarmMuteRule", {"AlarmMuteRuleName": f"{prefix}-unknown"}),
        ("ListAlarmMuteRules", {"AlarmName": name}),
        ("DeleteAlarmMuteRule", {"AlarmMuteRuleName": f"{prefix}-mute"}),
        ("PutDashboard", {"DashboardName": f"{prefix}-board", "DashboardBody": body}),
        ("PutDashboard", {"DashboardName": "a b", "DashboardBody": body}),
        ("PutDashboard", {"DashboardName": f"{prefix}-board", "DashboardBody": json.dumps({"widgets": [{"type": "metric", "properties": {}}]})}),
        ("GetDashboard", {"DashboardName": f"{prefix}-board"}),
        ("GetDashboard", {"DashboardName": f"{prefix}-unknown"}),
        ("ListDashboards", {"DashboardNamePrefix": prefix}),
        ("DeleteDashboards", {"DashboardNames": [f"{prefix}-board"]}),
        ("DeleteDashboards", {"DashboardNames": [f"{prefix}-board"]}),
        ("GetMetricWidgetImage", {"MetricWidget": json.dumps({"metrics": [[space, "m", "Host", "web 1/&<"]], "width": 300, "height": 200, **{key.removesuffix("Time").lower(): at.isoformat() for key, at in window.items()}})}),
        ("GetMetricWidgetImage", {"MetricWidget": "no json"}),
        ("DeleteAlarms", {"AlarmNames": [f"{prefix}-whole"]}),
        ("DeleteAlarms", {"AlarmNames": [name, f"{prefix}-math"]}),
        ("DescribeAlarms", {"AlarmNamePrefix": prefix}),
        *[(operation, {"InsightRuleName": "x"} if operation.startswith("Get") else {"ResourceARN": arn} if "Managed" in operation else {}) for operation in ABSENT],
    ]


# What an alarm of expressions does not have.
NOT_ONE = {"Namespace": None, "MetricName": None, "Dimensions": None, "Statistic": None, "Period": None}


def members(given, server):
    """With the account and the region filled in, and without what is not given."""
    account = server.client("sts").get_caller_identity()["Account"]
    region = server.environment["AWS_DEFAULT_REGION"]
    fill = lambda value: value.replace("REGION", region).replace("ACCOUNT", account) if isinstance(value, str) and "arn:" in value else value
    return {key: fill(value) for key, value in given.items() if value is not None}


@pytest.fixture(scope="module")
def told(server, speakers):
    """What each protocol was answered, call by call."""
    start, answers = minute(10), {}
    for protocol, speaker in speakers.items():
        # Prefixes of one length, so that sizes are the same.
        prefix = unique("p")
        calls = [(operation, members(given, server)) for operation, given in script(prefix, start)]
        answers[protocol] = [(operation, same(speaker.call(operation, **given), prefix)) for operation, given in calls]
    return answers


def test_each_client_speaks_the_protocol_that_it_is_said_to(told, speakers):
    bodies = {protocol: speaker.requests[0] for protocol, speaker in speakers.items()}
    assert bodies["json"].headers["X-Amz-Target"].decode() == "GraniteServiceVersion20100801.PutMetricData"
    assert b"Action=PutMetricData" in bodies["query"].body
    assert bodies["smithy-rpc-v2-cbor"].url.endswith("/service/GraniteServiceVersion20100801/operation/PutMetricData")


def test_answers_and_errors_are_the_same_in_each_protocol(told):
    differences = []
    for (operation, by_json), (_, by_query), (_, by_cbor) in zip(*[told[protocol] for protocol in PROTOCOLS], strict=True):
        for protocol, other in (("query", by_query), ("cbor", by_cbor)):
            if other != by_json and operation not in ABSENT:
                differences.append((operation, protocol, other, "json", by_json))
    assert differences == [], "\n".join(map(str, differences))


def test_every_operation_that_is_here_was_called(told, server):
    called = {operation for operation, _ in told["json"]}
    answer = server.run("api", "schema", "cloudwatch")
    if answer.returncode:
        pytest.skip("`shukuba api schema` does not know cloudwatch")
    here = {operation["name"] for operation in json.loads(answer.stdout)["operations"]}
    assert here - called == set()
    answered = {operation for operation, answer in told["json"] if "error" not in answer}
    assert here - answered == set(), "each has an answer to compare, too"


def test_what_was_refused_is_refused_with_the_model_s_codes(told):
    refusals = [(operation, answer["error"]) for operation, answer in told["json"] if "error" in answer and operation not in ABSENT]
    assert refusals == [
        ("PutMetricData", "InvalidParameterCombination"),
        ("PutMetricData", "InvalidParameterValue"),
        ("PutMetricData", "InvalidParameterValue"),
        ("GetMetricStatistics", "InvalidParameterCombination"),
        ("GetMetricData", "ValidationError"),
        ("ListMetrics", "InvalidParameterValue"),
        ("PutMetricAlarm", "ValidationError"),
        ("PutMetricAlarm", "ValidationError"),
        ("PutMetricAlarm", "ValidationError"),
        ("PutCompositeAlarm", "ValidationError"),
        ("DescribeAlarms", "InvalidParameterCombination"),
        ("PutAnomalyDetector", "InvalidParameterCombination"),
        ("DescribeAnomalyDetectors", "InvalidNextToken"),
        ("DeleteAnomalyDetector", "ResourceNotFoundException"),
        ("SetAlarmState", "ResourceNotFound"),
        ("SetAlarmState", "ValidationError"),
        ("ListTagsForResource", "ResourceNotFoundException"),
        ("GetAlarmMuteRule", "ResourceNotFoundException"),
        ("PutDashboard", "InvalidParameterValue"),
        ("PutDashboard", "InvalidParameterInput"),
        ("GetDashboard", "ResourceNotFound"),
        ("DeleteDashboards", "ResourceNotFound"),
        ("GetMetricWidgetImage", "ValidationError"),
    ]


def test_what_is_wrong_with_a_dashboard_is_a_list_in_each_protocol(told):
    for protocol in PROTOCOLS:
        [wrong] = [answer for operation, answer in told[protocol] if operation == "PutDashboard" and answer.get("error") == "InvalidParameterInput"]
        [first, *_] = wrong["dashboardValidationMessages"]
        assert first == {"DataPath": "/widgets/0/properties", "Message": "Should have required property 'metrics'"}, (protocol, wrong)


def test_absent_operations_are_refused_alike(told):
    for protocol in PROTOCOLS:
        refusals = [answer for operation, answer in told[protocol] if operation in ABSENT]
        assert [answer["error"] for answer in refusals] == ["InvalidAction"] * len(ABSENT), (protocol, refusals)
        assert all(answer["status"] < 500 and answer["message"] for answer in refusals)


def test_every_answer_has_the_members_of_the_model(told, speakers):
    model = speakers["json"].client.meta.service_model
    for protocol in PROTOCOLS:
        for operation, answer in told[protocol]:
            if "error" not in answer:
                shape = model.operation_model(operation).output_shape
                assert set(answer) <= set(shape.members if shape else ()), (protocol, operation)
