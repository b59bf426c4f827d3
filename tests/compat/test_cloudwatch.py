"""Metrics by boto3: put, read by statistics and expressions, listed. What is expected stands in the CloudWatch API Reference and
User Guide; texts marked "recorded" were answers of AWS to others. The tables of expressions are those of the User Guide.
"""

import json
import math

import pytest
from conftest import ROOT

from watching import close, hour, later, minute, now, refused, unique, until

VECTORS = json.loads((ROOT / "crates/cloudwatch/src/math/vectors.json").read_text())["metric_math"]
HUNDRED = list(range(101))


@pytest.fixture(scope="module")
def cloudwatch(server):
    return server.client("cloudwatch")


@pytest.fixture
def space():
    """A namespace of the test's own."""
    return unique("Test/Metrics")


def datum(name, at, value=None, **more):
    return {"MetricName": name, "Timestamp": at, **({} if value is None else {"Value": value}), **more}


def put(cloudwatch, space, *data):
    cloudwatch.put_metric_data(Namespace=space, MetricData=list(data))


def put_row(cloudwatch, space, name, start, values, **more):
    """A value each minute from `start`, none where it is None."""
    data = [datum(name, later(start, minutes=n), value, **more) for n, value in enumerate(values) if value is not None]
    put(cloudwatch, space, *data)


def statistics(cloudwatch, space, name, start, end, period=60, **more):
    """The points by time."""
    wanted = {"Statistics": ["SampleCount", "Sum", "Average", "Minimum", "Maximum"], **more}
    wanted = {key: value for key, value in wanted.items() if value}
    answer = cloudwatch.get_metric_statistics(Namespace=space, MetricName=name, StartTime=start, EndTime=end, Period=period, **wanted)
    assert answer["Label"] == name
    return {point["Timestamp"]: point for point in answer["Datapoints"]}


def metric(identity, space, name, stat="Average", period=60, dimensions=(), **more):
    wanted = {"Namespace": space, "MetricName": name, "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions]}
    return {"Id": identity, "MetricStat": {"Metric": wanted, "Period": period, "Stat": stat}, **more}


def data(cloudwatch, queries, start, end, **more):
    """The results by id, oldest point first."""
    more = {"ScanBy": "TimestampAscending", **more}
    results = cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end, **more)["MetricDataResults"]
    assert all(result["StatusCode"] == "Complete" for result in results)
    return {result["Id"]: dict(zip(result["Timestamps"], result["Values"])) for result in results}


def row(points, start, count):
    return [points.get(later(start, minutes=n)) for n in range(count)]


def test_values_counts_and_sets_add_up(cloudwatch, space):
    at = minute(10)
    put(
        cloudwatch,
        space,
        datum("all", at, 5.0),
        datum("all", at, Values=[1.0, 3.0], Counts=[2.0, 1.0]),
        datum("all", at, StatisticValues={"SampleCount": 4, "Sum": 20, "Minimum": 2, "Maximum": 9}),
        datum("plain", at, Values=[4.0, 6.0]),
    )
    [point] = statistics(cloudwatch, space, "all", at, later(at, minutes=1)).values()
    assert (point["SampleCount"], point["Sum"], point["Minimum"], point["Maximum"]) == (8, 30, 1, 9)
    assert point["Average"] == 3.75 and point["Unit"] == "None"
    [point] = statistics(cloudwatch, space, "plain", at, later(at, minutes=1)).values()
    assert (point["SampleCount"], point["Sum"]) == (2, 10)


def test_a_datum_without_a_time_is_of_now_and_without_a_unit_of_none(cloudwatch, space):
    put(cloudwatch, space, {"MetricName": "now", "Value": 1.0})
    found = statistics(cloudwatch, space, "now", minute(2), later(minute(), minutes=2))
    assert [point["Unit"] for point in found.values()] == ["None"]


def test_the_order_of_dimensions_is_nothing_and_their_set_is_all(cloudwatch, space):
    at = minute(5)
    one, two = {"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}
    put(cloudwatch, space, datum("d", at, 1, Dimensions=[one, two]), datum("d", at, 2, Dimensions=[two, one]), datum("d", at, 4, Dimensions=[one]), datum("d", at, 8))
    for dimensions, total in [([one, two], 3), ([two, one], 3), ([one], 4), ([], 8), ([two], None)]:
        found = statistics(cloudwatch, space, "d", at, later(at, minutes=1), Dimensions=dimensions)
        assert [point["Sum"] for point in found.values()] == ([] if total is None else [total]), dimensions


def test_large_bodies_are_sent_in_gzip(server, space):
    client, encodings = server.client("cloudwatch"), []
    client.meta.events.register("before-send.cloudwatch.PutMetricData", lambda request, **_: encodings.append(request.headers.get("Content-Encoding")))
    at = minute(5)
    client.put_metric_data(Namespace=space, MetricData=[datum("g", at, n, Dimensions=[{"Name": "n", "Value": f"{n:04}"}]) for n in range(1000)])
    assert [encoding if isinstance(encoding, (str, type(None))) else encoding.decode() for encoding in encodings] == ["gzip"]
    found = statistics(client, space, "g", at, later(at, minutes=1), Dimensions=[{"Name": "n", "Value": "0999"}])
    assert [point["Sum"] for point in found.values()] == [999]


def test_the_start_is_within_and_the_end_is_not(cloudwatch, space):
    start = minute(30)
    put_row(cloudwatch, space, "e", start, [1, 2, 3, 4])
    found = statistics(cloudwatch, space, "e", later(start, minutes=1), later(start, minutes=3))
    assert {at: point["Sum"] for at, point in found.items()} == {later(start, minutes=1): 2, later(start, minutes=2): 3}
    # "12:32:34 is rounded down to 12:32:00."
    found = statistics(cloudwatch, space, "e", later(start, minutes=1, seconds=34), later(start, minutes=3))
    assert sorted(point["Sum"] for point in found.values()) == [2, 3]


def test_points_of_longer_periods_are_stamped_with_their_start(cloudwatch, space):
    start = hour(3)
    put_row(cloudwatch, space, "p", start, [1, 2, 3, 4, 5, 6, 7])
    found = statistics(cloudwatch, space, "p", start, later(start, minutes=10), period=300)
    assert {at: point["Sum"] for at, point in found.items()} == {start: 15, later(start, minutes=5): 13}
    found = statistics(cloudwatch, space, "p", start, later(start, hours=1), period=3600)
    assert {at: (point["Sum"], point["SampleCount"]) for at, point in found.items()} == {start: (28, 7)}


def test_seconds_are_kept_where_they_are_asked_for(cloudwatch, space):
    start = minute(3)
    fine = [datum("fine", later(start, seconds=n), n, StorageResolution=1) for n in range(30)]
    coarse = [datum("coarse", later(start, seconds=n), n) for n in range(30)]
    put(cloudwatch, space, *fine, *coarse)
    found = statistics(cloudwatch, space, "fine", start, later(start, seconds=30), period=10)
    assert {at: point["Sum"] for at, point in found.items()} == {start: 45, later(start, seconds=10): 145, later(start, seconds=20): 245}
    found = statistics(cloudwatch, space, "fine", later(start, seconds=5), later(start, seconds=7), period=1)
    assert sorted(point["Sum"] for point in found.values()) == [5, 6]
    # "data from 01:05:10 to 01:05:20" where the start is 01:05:13.
    found = statistics(cloudwatch, space, "fine", later(start, seconds=13), later(start, seconds=20), period=10)
    assert [point["Sum"] for point in found.values()] == [145]
    for name in ("fine", "coarse"):
        found = statistics(cloudwatch, space, name, start, later(start, minutes=1))
        assert [(at, point["Sum"]) for at, point in found.items()] == [(start, 435)]


def test_units_are_aggregated_apart_and_one_can_be_asked_for(cloudwatch, space):
    at = minute(5)
    put(cloudwatch, space, datum("u", at, 1, Unit="Seconds"), datum("u", at, 1000, Unit="Milliseconds"))
    answer = cloudwatch.get_metric_statistics(Namespace=space, MetricName="u", StartTime=at, EndTime=later(at, minutes=1), Period=60, Statistics=["Sum"])
    assert sorted((point["Unit"], point["Sum"]) for point in answer["Datapoints"]) == [("Milliseconds", 1000), ("Seconds", 1)]
    found = statistics(cloudwatch, space, "u", at, later(at, minutes=1), Unit="Seconds")
    assert [point["Sum"] for point in found.values()] == [1]
    answer = cloudwatch.get_metric_data(MetricDataQueries=[metric("m1", space, "u")], StartTime=at, EndTime=later(at, minutes=1))
    [result] = answer["MetricDataResults"]
    # Recorded: the first unit by its name, and a message.
    assert result["Values"] == [1000]
    told = {"Code": "MultipleUnits", "Value": "Multiple units returned: '[Milliseconds, Seconds]'"}
    assert result["Messages"] == [told] and answer["Messages"] == []


def test_percentiles_are_exact(cloudwatch, space):
    at = minute(5)
    put(cloudwatch, space, datum("h", at, Values=HUNDRED), datum("ten", at, Values=list(range(1, 11))))
    # Numbers on which all definitions of a percentile agree.
    wanted = {"p0": 0, "p25": 25, "p50": 50, "p90": 90, "p99": 99, "p100": 100, "IQM": 50, "TM(10%:90%)": 50, "WM(10%:90%)": 50}
    for each in [list(wanted)[:5], list(wanted)[5:]]:
        found = statistics(cloudwatch, space, "h", at, later(at, minutes=1), Statistics=[], ExtendedStatistics=each)
        [point] = found.values()
        assert point["ExtendedStatistics"] == pytest.approx({name: wanted[name] for name in each})
    # The lower bound is out, the upper one in.
    wanted = {"TM(2:8)": 5.5, "TC(2:8)": 6, "TS(2:8)": 33, "PR(:3)": 30, "PR(2:8)": 60}
    found = statistics(cloudwatch, space, "ten", at, later(at, minutes=1), Statistics=[], ExtendedStatistics=list(wanted))
    [point] = found.values()
    assert point["ExtendedStatistics"] == pytest.approx(wanted)
    wanted = {"tm90": 5, "tc90": 9, "ts90": 45, "PR(8:)": 20, "TM(10%:90%)": 5.5}
    queries = [metric(f"m{n}", space, "ten", stat=name) for n, name in enumerate(wanted)]
    found = data(cloudwatch, queries, at, later(at, minutes=1))
    assert [list(points.values()) for points in found.values()] == [[pytest.approx(value)] for value in wanted.values()]


def test_percentiles_are_not_had_of_sets_and_of_negative_numbers(cloudwatch, space):
    at = minute(5)
    several = {"SampleCount": 3, "Sum": 6, "Minimum": 1, "Maximum": 3}
    same = {"SampleCount": 3, "Sum": 6, "Minimum": 2, "Maximum": 2}
    put(cloudwatch, space, datum("set", at, StatisticValues=several), datum("same", at, StatisticValues=same), datum("minus", at, Values=[-1, 1]))
    for name, wanted in [("set", []), ("same", [{"p50": 2}]), ("minus", [])]:
        found = statistics(cloudwatch, space, name, at, later(at, minutes=1), Statistics=[], ExtendedStatistics=["p50"])
        assert [point["ExtendedStatistics"] for point in found.values() if point.get("ExtendedStatistics")] == wanted, name


def test_data_come_newest_first_unless_asked_and_in_pages(cloudwatch, space):
    start = minute(30)
    put_row(cloudwatch, space, "o", start, [1, 2, 3, 4, 5])
    wanted = {"MetricDataQueries": [metric("m1", space, "o")], "StartTime": start, "EndTime": later(start, minutes=5)}
    [result] = cloudwatch.get_metric_data(**wanted)["MetricDataResults"]
    assert (result["Values"], result["Label"]) == ([5, 4, 3, 2, 1], "o")
    [result] = cloudwatch.get_metric_data(**wanted, ScanBy="TimestampAscending")["MetricDataResults"]
    assert result["Values"] == [1, 2, 3, 4, 5]
    pages = list(cloudwatch.get_paginator("get_metric_data").paginate(**wanted, PaginationConfig={"PageSize": 2}))
    assert len(pages) >= 3
    assert [value for page in pages for result in page["MetricDataResults"] for value in result["Values"]] == [5, 4, 3, 2, 1]


def test_no_data_is_an_empty_and_complete_answer(cloudwatch, space):
    wanted = [metric("m1", space, "never"), {"Id": "e1", "Expression": "m1 * 2"}]
    answer = cloudwatch.get_metric_data(MetricDataQueries=wanted, StartTime=minute(10), EndTime=minute())
    assert {result["Id"]: (result["Values"], result["StatusCode"]) for result in answer["MetricDataResults"]} == {"m1": ([], "Complete"), "e1": ([], "Complete")}
    assert statistics(cloudwatch, space, "never", minute(10), minute()) == {}


def test_labels_tell_lines_apart_and_say_what_is_asked(cloudwatch, space):
    start = minute(30)
    put_row(cloudwatch, space, "metric1", start, [1, 2, 95], Dimensions=[{"Name": "Host", "Value": "web-1"}])
    dimensions = [("Host", "web-1")]

    def labels(*queries):
        answer = cloudwatch.get_metric_data(MetricDataQueries=list(queries), StartTime=start, EndTime=later(start, minutes=3))
        return {result["Id"]: result["Label"] for result in answer["MetricDataResults"]}

    def one(identity, **more):
        return metric(identity, space, "metric1", dimensions=dimensions, **more)

    # Recorded.
    assert labels(one("a", stat="Sum"), one("b", stat="Minimum")) == {"a": "metric1 Sum", "b": "metric1 Minimum"}
    assert labels(one("a", stat="Sum"), one("b", stat="Minimum", period=300)) == {"a": "metric1 Sum 60", "b": "metric1 Minimum 300"}
    assert labels(one("a", stat="Sum"), one("b", stat="Sum", period=300)) == {"a": "metric1 60", "b": "metric1 300"}
    # "Using dynamic labels".
    dynamic = {
        "a": ("${PROP('Dim.Host')} ${PROP('MetricName')}", "web-1 metric1"),
        "b": ("${LABEL}!", "metric1!"),
        "c": ("${PROP('Namespace')} ${PROP('Stat')} ${PROP('Period')}", f"{space} Average 60"),
        "d": ("plain", "plain"),
    }
    asked = labels(*[one(identity, Label=label) for identity, (label, _) in dynamic.items()])
    assert {key: asked[key] for key in "acd"} == {key: dynamic[key][1] for key in "acd"}
    assert asked["b"].startswith("metric1")
    asked = labels(one("a", Label="max ${MAX}"), one("b", Label="last ${LAST}"), one("c", Label="${MIN} to ${MAX}"))
    assert [text.replace(".0", "") for text in asked.values()] == ["max 95", "last 95", "1 to 95"]


@pytest.mark.parametrize("case", VECTORS, ids=lambda case: case["expr"])
def test_expressions_give_what_the_guide_s_tables_give(cloudwatch, space, case):
    start = minute(30)
    for name, values in case["in"].items():
        put_row(cloudwatch, space, name, start, values)
    queries = [metric(name, space, name, ReturnData=False) for name in case["in"]]
    found = data(cloudwatch, [*queries, {"Id": "e1", "Expression": case["expr"]}], start, later(start, minutes=len(case["out"])))
    assert list(found) == ["e1"]
    assert row(found["e1"], start, len(case["out"])) == case["out"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 + m2", [3, 5, 1, 12]),
        ("-m1", [-2, -4, None, -8]),
        ("m1 / 0", [None, None, None, None]),
        ("m1 ^ 2", [4, 16, None, 64]),
        ("SUM([m1, m2])", [3, 5, 1, 12]),
        ("AVG([m1, m2])", [1.5, 2.5, 0.5, 6]),
        ("MAX(METRICS())", [2, 4, 1, 8]),
        ("MIN(METRICS())", [1, 1, 1, 4]),
        ("m2 * METRIC_COUNT(METRICS())", [2, 2, 2, 8]),
        ("m1 * PERIOD(m1)", [120, 240, None, 480]),
        ("DIFF(m2)", [None, 0, 0, 3]),
        ("RATE(m2)", [None, 0, 0, 0.05]),
        ("RUNNING_SUM(m2)", [1, 2, 3, 7]),
        ("FILL(m1, 0)", [2, 4, 0, 8]),
        ("FILL(m1, REPEAT)", [2, 4, 4, 8]),
        ("FILL(m1, LINEAR)", [2, 4, 6, 8]),
        ("m2 * MAX(m1)", [8, 8, 8, 32]),
        ("m2 + AVG(m2)", [2.75, 2.75, 2.75, 5.75]),
        ("CEIL(m2 / 3)", [1, 1, 1, 2]),
        ("FLOOR(m2 / 3)", [0, 0, 0, 1]),
        ("ABS(-m2)", [1, 1, 1, 4]),
        ("LOG10(m2 * 100 / m2)", [2, 2, 2, 2]),
        ("FIRST([m1, m2])", [2, 4, None, 8]),
        ("LAST([m1, m2])", [1, 1, 1, 4]),
        ("m1 > 3 AND m1 < 8", [0, 1, None, 0]),
        ("m1 == 2 OR m1 == 8", [1, 0, None, 1]),
        ("SUM(SORT([m1, m2], SUM, DESC, 1))", [2, 4, None, 8]),
        ("SUM(SLICE([m1, m2], 1))", [1, 1, 1, 4]),
        ("TIME_SERIES(7) + m2", [8, 8, 8, 11]),
        ("m2 * DATAPOINT_COUNT(m1)", [3, 3, 3, 12]),
    ],
)
def test_functions_of_expressions(cloudwatch, space, expression, expected):
    start = minute(30)
    put_row(cloudwatch, space, "m1", start, [2, 4, None, 8])
    put_row(cloudwatch, space, "m2", start, [1, 1, 1, 4])
    queries = [metric("m1", space, "m1", ReturnData=False), metric("m2", space, "m2", ReturnData=False), {"Id": "e1", "Expression": expression}]
    found = data(cloudwatch, queries, start, later(start, minutes=4))["e1"]
    given = row(found, start, 4)
    assert [value is None for value in given] == [value is None for value in expected], given
    assert close([value for value in given if value is not None], [value for value in expected if value is not None])


def test_searches_find_series_by_schema_token_and_value(cloudwatch):
    start, space = minute(20), unique("Search")
    hosts = {"web-1": 1, "web-2": 2, "db-1": 4}
    for host, value in hosts.items():
        put_row(cloudwatch, space, "CustomCount1", start, [value, value], Dimensions=[{"Name": "Host", "Value": host}])
    put_row(cloudwatch, space, "CustomCount1", start, [64], Dimensions=[{"Name": "Host", "Value": "web-1"}, {"Name": "Disk", "Value": "a"}])
    put_row(cloudwatch, space, "Other", start, [128], Dimensions=[{"Name": "Host", "Value": "web-1"}])

    def found(search):
        query = {"Id": "e1", "Expression": f"SEARCH('{search}', 'Sum', 60)", "Label": "${PROP('Dim.Host')}"}
        answer = cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=start, EndTime=later(start, minutes=2))
        assert all(result["Id"] == "e1" for result in answer["MetricDataResults"])
        return {result["Label"]: result["Values"] for result in answer["MetricDataResults"]}

    everything = {host: [value, value] for host, value in hosts.items()}
    schema = f'{{"{space}",Host}}'
    assert found(f'{schema} MetricName="CustomCount1"') == everything
    for token in ("customcount1", "custom", "COUNT", "1"):
        assert found(f"{schema} MetricName={token}") == everything, token
    assert found(f'{schema} MetricName="Custom"') == {}
    assert found(f'{schema} MetricName="CustomCount1" Host=web') == {host: everything[host] for host in ("web-1", "web-2")}
    assert found(f'{schema} MetricName="CustomCount1" Host=("web-1" OR "db-1")') == {host: everything[host] for host in ("web-1", "db-1")}
    assert found(f'{schema} MetricName="CustomCount1" NOT Host=web') == {"db-1": [4, 4]}
    # As Grafana sends it.
    query = {"Id": "e1", "Expression": f"REMOVE_EMPTY(SEARCH('{{\"{space}\",\"Host\"}} MetricName=\"CustomCount1\" \"Host\"=(\"web-1\" OR \"web-2\")', 'Average', 60))"}
    answer = cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=start, EndTime=later(start, minutes=2))
    assert sorted(result["Values"] for result in answer["MetricDataResults"]) == [[1, 1], [2, 2]]
    total = {"Id": "e1", "Expression": f"SUM(SEARCH('{schema} MetricName=\"CustomCount1\"', 'Sum', 60))"}
    assert row(data(cloudwatch, [total], start, later(start, minutes=2))["e1"], start, 2) == [7, 7]


def test_select_groups_orders_and_limits(cloudwatch):
    start, space = minute(20), unique("Select")
    for host, value in {"a": 1, "b": 3, "c": 2}.items():
        put_row(cloudwatch, space, "Load", start, [value], Dimensions=[{"Name": "Host", "Value": host}])
    text = f'SELECT AVG(Load) FROM SCHEMA("{space}", Host) GROUP BY Host ORDER BY MAX() DESC LIMIT 2'
    query = {"Id": "q1", "Expression": text, "Period": 60}
    answer = cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=start, EndTime=later(start, minutes=1))
    assert [(result["Label"], result["Values"]) for result in answer["MetricDataResults"]] == [("b", [3]), ("c", [2])]
    text = f'SELECT SUM(Load) FROM SCHEMA("{space}", Host) WHERE Host != \'b\''
    query = {"Id": "q1", "Expression": text, "Period": 60}
    assert list(data(cloudwatch, [query], start, later(start, minutes=1))["q1"].values()) == [3]


def test_metrics_are_listed_in_pages_of_500_and_by_filters(cloudwatch, space):
    host = lambda value: [{"Name": "Host", "Value": value}]
    put(cloudwatch, space, *[datum(f"n{n:03}", minute(5), 1) for n in range(600)])
    put(cloudwatch, space, datum("cpu", minute(5), 1, Dimensions=host("web-1")), datum("cpu", minute(5), 1, Dimensions=host("web-2")), datum("old", later(now(), hours=-5), 1))

    def listed(**filters):
        return until("what was put is listed", lambda: [one for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace=space, **filters) for one in page["Metrics"]])

    first = cloudwatch.list_metrics(Namespace=space)
    assert len(first["Metrics"]) == 500 and first["NextToken"]
    everything = listed()
    assert len({(one["MetricName"], json.dumps(one["Dimensions"])) for one in everything}) == len(everything) == 603
    assert all(one["Namespace"] == space for one in everything)
    assert [one["Dimensions"] for one in listed(MetricName="cpu", Dimensions=[{"Name": "Host", "Value": "web-2"}])] == [host("web-2")]
    assert len(listed(Dimensions=[{"Name": "Host"}])) == 2
    assert "old" in [one["MetricName"] for one in everything]
    # "That have had data points published in the past three hours": all of them, whatever their times.
    assert len(listed(RecentlyActive="PT3H")) == 603
    assert cloudwatch.list_metrics(Namespace=unique("None"))["Metrics"] == []


def test_puts_that_are_wrong_are_refused_whole_in_aws_s_words(cloudwatch, space):
    at = minute(5)

    def wrong(code, *data, text=None):
        refused(code, cloudwatch.put_metric_data, Namespace=space, MetricData=list(data), text=text, status=400)

    good = datum("good", at, 1)
    # These two are recorded.
    wrong(
        "InvalidParameterCombination",
        datum("m", at, 1, Values=[1.0]),
        text="The parameters MetricData.member.1.Value and MetricData.member.1.Values are mutually exclusive and you have specified both.",
    )
    wrong(
        "InvalidParameterValue",
        datum("m", at, Values=[1.0, 2.0], Counts=[1.0]),
        text="The parameters MetricData.member.1.Values and MetricData.member.1.Counts must be of the same size.",
    )
    wrong("InvalidParameterValue", good, datum("m", at, math.nan), text="The value NaN for parameter MetricData.member.2.Value is invalid.")
    wrong("InvalidParameterValue", good, datum("m", at, math.inf))
    wrong("InvalidParameterValue", good, datum("m", at, 2.0**361))
    wrong("InvalidParameterValue", good, datum("m", later(now(), days=-15), 1))
    wrong("InvalidParameterValue", good, datum("m", later(now(), hours=3), 1))
    wrong("InvalidParameterValue", good, datum("m", at, Values=[float(n) for n in range(151)]))
    for data in ([datum("m", at, 1, Unit="Furlongs")], [datum("m", at, 1, StorageResolution=7)], [datum("m", at, 1, Dimensions=[{"Name": f"d{n}", "Value": "v"} for n in range(31)])]):
        message = refused_any(cloudwatch.put_metric_data, Namespace=space, MetricData=[good, *data])
        assert message[0] in ("InvalidParameterValue", "ValidationError"), message
    assert statistics(cloudwatch, space, "good", at, later(at, minutes=1)) == {}
    # Values together with a set are taken: recorded.
    put(cloudwatch, space, datum("both", at, Values=[1.0], Counts=[1.0], StatisticValues={"SampleCount": 1, "Sum": 1, "Minimum": 1, "Maximum": 1}))
    put(cloudwatch, space, datum("edge", at, 2.0**360), datum("zero", at, 0.0), datum("thirty", at, 1, Dimensions=[{"Name": f"d{n}", "Value": "v"} for n in range(30)]))
    assert refused_any(cloudwatch.put_metric_data, Namespace=":x", MetricData=[good])[0] in ("InvalidParameterValue", "ValidationError")
    assert refused_any(cloudwatch.put_metric_data, Namespace=space, MetricData=[good] * 1001)[0] in ("InvalidParameterValue", "ValidationError")


def refused_any(call, **options):
    with pytest.raises(Exception) as error:
        call(**options)
    answer = error.value.response["Error"]
    return answer["Code"], answer["Message"]


def test_reads_that_are_wrong_are_refused_in_aws_s_words(cloudwatch, space):
    read = {"Namespace": space, "MetricName": "m", "Period": 60, "Statistics": ["Sum"], "StartTime": minute(10), "EndTime": minute()}
    call = cloudwatch.get_metric_statistics
    # These three are recorded.
    refused("InvalidParameterValue", call, **{**read, "StartTime": minute()}, text="The parameter StartTime must be less than the parameter EndTime.")
    refused("InvalidParameterValue", call, **{**read, "StartTime": minute(), "EndTime": minute(5)}, text="The parameter StartTime must be less than the parameter EndTime.")
    refused(
        "InvalidParameterCombination",
        call,
        **{**read, "StartTime": later(minute(), days=-1), "EndTime": minute(), "Period": 1},
        text="You have requested up to 86400 datapoints, which exceeds the limit of 1440. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
    )
    refused("InvalidParameterValue", call, **{**read, "Period": 61})
    refused("InvalidParameterValue", call, **{**{key: value for key, value in read.items() if key != "Statistics"}, "ExtendedStatistics": ["p101"]})
    assert call(**{**read, "StartTime": later(minute(), days=-1)})["Datapoints"] == []
    window = {"StartTime": minute(10), "EndTime": minute()}
    for queries in (
        [metric("m1", space, "m"), metric("m1", space, "m")],
        [{"Id": "e1", "Expression": "m1 +"}],
        [{"Id": "e1", "Expression": "unknown * 2"}],
        [metric("M1", space, "m")],
        [metric("m1", space, "m"), {"Id": "e1", "Expression": "PERIOD(m1)"}],
        [metric("m1", space, "m", stat="Median")],
    ):
        code, _ = refused_any(cloudwatch.get_metric_data, MetricDataQueries=queries, **window)
        assert code == "ValidationError", queries
    code, _ = refused_any(cloudwatch.get_metric_data, MetricDataQueries=[metric("m1", space, "m")], StartTime=minute(), EndTime=minute(5))
    assert code == "ValidationError"


def test_operations_that_are_not_here_say_so(cloudwatch):
    """Metric streams and insight rules have no place here: a clear error, not a failure."""
    for call in (cloudwatch.list_metric_streams, cloudwatch.describe_insight_rules):
        code, message = refused_any(call)
        assert code not in ("InternalFailure", "InternalServiceError", "404", "500"), (code, message)


def test_what_was_answered_is_there_after_a_kill(own_server):
    cloudwatch, at, space = own_server.client("cloudwatch"), minute(5), "Kill/Test"
    for n in range(200):
        cloudwatch.put_metric_data(Namespace=space, MetricData=[datum("k", at, 1), datum(f"k{n}", at, n)])
    own_server.kill()
    own_server.start()
    cloudwatch = own_server.client("cloudwatch")
    [point] = statistics(cloudwatch, space, "k", at, later(at, minutes=1)).values()
    assert point["SampleCount"] == 200
    [point] = statistics(cloudwatch, space, "k199", at, later(at, minutes=1)).values()
    assert point["Sum"] == 199
