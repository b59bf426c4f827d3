"""Dashboards by boto3: kept as they are written, checked in AWS's words, drawn. Texts marked "recorded" were answers of AWS to others."""

import json
import struct
import urllib.parse
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from watching import minute, now, png_size, refused, unique

TEXT = {"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": "# Hosts"}}
# The second article's: the load and the incoming traffic of two instances.
ARTICLE = {
    "start": "-PT3H",
    "widgets": [
        {
            "type": "metric", "x": 0, "y": 0, "width": 6, "height": 6,
            "properties": {"metrics": [["AWS/EC2", name, "InstanceId", "i-1"], ["...", "i-2"]], "region": "ap-northeast-1", "title": name, "view": "timeSeries"},
        }
        for name in ("CPUUtilization", "NetworkIn")
    ],
}


@pytest.fixture(scope="module")
def cloudwatch(server):
    return server.client("cloudwatch")


@pytest.fixture
def name(cloudwatch):
    name = unique("board")
    yield name
    left = [one["DashboardName"] for page in cloudwatch.get_paginator("list_dashboards").paginate(DashboardNamePrefix=name) for one in page["DashboardEntries"]]
    if left:
        cloudwatch.delete_dashboards(DashboardNames=left)


def put(cloudwatch, name, body, **more):
    return cloudwatch.put_dashboard(DashboardName=name, DashboardBody=body if isinstance(body, str) else json.dumps(body), **more)["DashboardValidationMessages"]


def test_a_dashboard_is_put_got_listed_changed_and_deleted(cloudwatch, server, name):
    account = server.client("sts").get_caller_identity()["Account"]
    arn = f"arn:aws:cloudwatch::{account}:dashboard/{name}"
    # Kept to the byte.
    body = '{ "widgets" : [],\n  "start": "-PT6H" }'
    before = now().replace(microsecond=0)
    assert put(cloudwatch, name, body) == []
    got = cloudwatch.get_dashboard(DashboardName=name)
    assert (got["DashboardArn"], got["DashboardBody"], got["DashboardName"]) == (arn, body, name)
    [entry] = cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]
    assert (entry["DashboardName"], entry["DashboardArn"], entry["Size"]) == (name, arn, len(body))
    assert entry["LastModified"] >= before
    assert put(cloudwatch, name, ARTICLE) == []
    assert json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]) == ARTICLE
    cloudwatch.delete_dashboards(DashboardNames=[name])
    refused("ResourceNotFound", cloudwatch.get_dashboard, DashboardName=name, status=404)
    refused("ResourceNotFound", cloudwatch.delete_dashboards, DashboardNames=[name], status=404)


def test_dashboards_are_listed_by_prefix_in_pages(cloudwatch, name):
    names = [f"{name}-{n}" for n in range(5)]
    for one in names:
        put(cloudwatch, one, {"widgets": [TEXT]})
    pages = cloudwatch.get_paginator("list_dashboards").paginate(DashboardNamePrefix=name)
    assert [one["DashboardName"] for page in pages for one in page["DashboardEntries"]] == names
    # One that is not there, and none is deleted.
    refused("ResourceNotFound", cloudwatch.delete_dashboards, DashboardNames=[names[0], f"{name}-none"])
    assert len(cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]) == 5


def test_names_are_checked_in_recorded_words(cloudwatch):
    # Recorded.
    text = "The value for field DashboardName contains invalid characters. It can only contain alphanumerics, dash (-) and underscore (_).\n"
    for wrong in ("a b", "a/b", "あ"):
        refused("InvalidParameterValue", cloudwatch.put_dashboard, DashboardName=wrong, DashboardBody='{"widgets":[]}', text=text, status=400)


def test_a_request_by_hand_gets_the_picture_itself(server):
    """ "If you specify image/png, the HTTP response has a content-type set to image/png, and the body of the response is a PNG image." """
    widget = json.dumps({"metrics": [["N", "M"]], "width": 320, "height": 240, "title": "画像"})
    body = urllib.parse.urlencode({"Action": "GetMetricWidgetImage", "Version": "2010-08-01", "MetricWidget": widget, "OutputFormat": "image/png"}).encode()
    keys = botocore.credentials.Credentials(server.environment["AWS_ACCESS_KEY_ID"], server.environment["AWS_SECRET_ACCESS_KEY"])
    request = botocore.awsrequest.AWSRequest("POST", server.endpoint + "/", headers={"Content-Type": "application/x-www-form-urlencoded"}, data=body)
    botocore.auth.SigV4Auth(keys, "monitoring", server.environment["AWS_DEFAULT_REGION"]).add_auth(request)
    answer = urllib.request.urlopen(urllib.request.Request(request.url, data=body, headers=dict(request.headers)))
    assert answer.headers["Content-Type"] == "image/png"
    png = answer.read()
    assert png[:8] == b"\x89PNG\r\n\x1a\n" and struct.unpack(">II", png[16:24]) == (320, 240)


def problems(cloudwatch, name, body):
    text = refused("InvalidParameterInput", cloudwatch.put_dashboard, DashboardName=name, DashboardBody=json.dumps(body), status=400)
    head, _, rest = text.partition("\n")
    messages = json.loads(rest)
    assert head == f"The dashboard body is invalid, there are {len(messages)} validation errors:"
    # As it was recorded: two spaces, a member a line.
    assert rest == json.dumps(messages, indent=2, ensure_ascii=False)
    return [(one["dataPath"], one["message"]) for one in messages]


def test_bodies_are_checked_in_recorded_words(cloudwatch, name):
    widget = lambda **properties: {"widgets": [{"type": "metric", "properties": properties}]}
    found = problems(cloudwatch, name, widget(region="us-east-1"))
    assert ("/widgets/0/properties", "Should have required property 'metrics'") in found
    found = problems(cloudwatch, name, widget(metrics=[["N", "M"]]))
    assert ("/widgets/0/properties", "The metric widget should have specified a region and a data source or an alarm annotation") in found or found == []
    found = problems(cloudwatch, name, widget(metrics="x", region="us-east-1"))
    assert ("/widgets/0/properties/metrics", "Should be array") in found
    found = problems(cloudwatch, name, widget(metrics=[[{"a": 1}, "x"]], region="us-east-1"))
    assert any('Field "metrics" has to be an array of array of strings, with an optional metricRenderer object as last element' == text for _, text in found), found
    found = problems(cloudwatch, name, {"widgets": [{"type": "alarm", "properties": {"alarms": []}}]})
    assert ("/widgets/0/properties/alarms", "Should NOT have less than 1 items") in found
    found = problems(cloudwatch, name, {"start": "-PT1H"})
    assert ("", "Should have required property 'widgets'") in found or ("/", "Should have required property 'widgets'") in found
    many = [widget(region="us-east-1")["widgets"][0]] * 10
    assert ("/widgets/9/properties", "Should have required property 'metrics'") in problems(cloudwatch, name, {"widgets": many})
    for body in ("no json", "[1]", '"x"'):
        refused("InvalidParameterInput", cloudwatch.put_dashboard, DashboardName=name, DashboardBody=body)
    refused("ResourceNotFound", cloudwatch.get_dashboard, DashboardName=name)


def test_what_is_only_doubtful_is_kept_with_a_warning(cloudwatch, name):
    messages = put(cloudwatch, name, {"widgets": [TEXT], "unknown": 1})
    assert [sorted(message) for message in messages] == [["DataPath", "Message"]]
    assert json.loads(cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"])["unknown"] == 1


def test_every_type_and_view_of_a_widget_is_taken(cloudwatch, server, name):
    region = server.environment["AWS_DEFAULT_REGION"]
    rows = [["N", "M", {"id": "m1", "label": "a", "color": "#ff0000", "yAxis": "right"}], [{"expression": "m1 * 2", "id": "e1"}]]
    views = ["timeSeries", "singleValue", "bar", "pie", "table"]
    widgets = [{"type": "metric", "properties": {"metrics": rows, "region": region, "view": view, "stat": "Average", "period": 300}} for view in views]
    axis = {"left": {"min": 0, "max": 100}}
    widgets.append({"type": "metric", "properties": {"metrics": rows, "region": region, "view": "gauge", "yAxis": axis}})
    widgets.append({"type": "metric", "properties": {"metrics": rows, "region": region, "stacked": True, "annotations": {"horizontal": [{"value": 80, "label": "high"}]}}})
    widgets += [TEXT, {"type": "log", "properties": {"query": "SOURCE 'a' | fields @message", "region": region}}]
    widgets.append({"type": "alarm", "properties": {"alarms": [f"arn:aws:cloudwatch:{region}:123456789012:alarm:a"], "title": "alarms"}})
    assert put(cloudwatch, name, {"widgets": widgets}) == []


@pytest.mark.parametrize("size", [(600, 400), (300, 200), (1200, 100)])
def test_a_widget_is_drawn(cloudwatch, size):
    space, (width, height) = unique("Test/Pictures"), size
    data = [{"MetricName": "m", "Timestamp": minute(n), "Value": float(n % 7)} for n in range(60)]
    cloudwatch.put_metric_data(Namespace=space, MetricData=data)
    widget = {"metrics": [[space, "m", {"color": "#2ca02c"}]], "title": "使用率", "start": "-PT1H", "period": 60}
    if size != (600, 400):
        widget |= {"width": width, "height": height}
    picture = cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(widget))["MetricWidgetImage"]
    assert png_size(picture) == size and len(picture) > 500
    empty = cloudwatch.get_metric_widget_image(MetricWidget=json.dumps({**widget, "metrics": [[space, "none"]]}))["MetricWidgetImage"]
    assert png_size(empty) == size and empty != picture


def test_widgets_that_cannot_be_drawn_are_refused(cloudwatch):
    for widget in ("no json", "[]", json.dumps({"metrics": 1}), json.dumps({"metrics": [["N", "M"]], "width": 100_000})):
        refused("ValidationError", cloudwatch.get_metric_widget_image, MetricWidget=widget, status=400)
