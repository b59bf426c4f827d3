"""The console's rooms in a real browser, on a phone: every page in both languages, and what people do there.

`SHUKUBA_SHOTS` names a folder for pictures of every page; without it none are taken.
"""

import base64
import datetime
import http.server
import json
import os
import pathlib
import subprocess
import threading
import time

import pytest
from conftest import BIN, ROOT, Server
from selenium.webdriver.common.by import By
from test_browser import FIRST, PHONE, Page, person, start_browser
from test_door import call
from test_sign_in import Browser

WEB = {"widgets": [
    {"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
        "title": "CPU 使用率", "view": "timeSeries", "region": "ap-northeast-1", "period": 60,
        "metrics": [["Test", "Load", "Host", "web-1"]]}},
    {"type": "metric", "x": 12, "y": 0, "width": 12, "height": 6, "properties": {
        "title": "Now", "view": "singleValue", "region": "ap-northeast-1",
        "metrics": [["Test", "Load", "Host", "web-1"]]}},
    {"type": "explorer", "x": 0, "y": 8, "width": 24, "height": 8, "properties": {
        "title": "ウェブのホスト", "labels": [{"key": "Role", "value": "web"}], "period": 60,
        "metrics": [{"metricName": name, "resourceType": "AWS::EC2::Instance", "stat": "Average"} for name in ("CPUUtilization", "mem_used_percent")]}},
    {"type": "text", "x": 0, "y": 6, "width": 24, "height": 2, "properties": {"markdown": "# 手順\nSee the wiki."}},
]}
CONFIG = """
[notices]
time_zone = "Asia/Tokyo"
[notices.receivers.ops]
webhook = "http://127.0.0.1:1/"
[[notices.routes]]
to = ["ops"]
[routes.orders]
queue = "orders"
"""
CHECKS = """
[checks.disk]
plugin = "/bin/sh -c 'echo DISK CRITICAL - 3% free; exit 2'"
attempts = 1
[checks.load]
plugin = "/bin/sh -c 'echo LOAD OK; exit 0'"
[checks.traffic]
munin = "{folder}/if_eth0"
every = "5s"
"""
# What describes its graphs: the host's page draws them.
MUNIN = """#!/bin/sh
if [ "$1" = config ]; then
    echo "graph_title 通信量 eth0"
    echo "graph_vlabel bytes"
    echo "down.label received"
    echo "up.label sent"
else
    echo "down.value 12"
    echo "up.value 500"
fi
"""
WAIT_SECS_MAX = 90


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with a host that really runs, an alarm with a problem, and a dashboard."""
    folder = tmp_path_factory.mktemp("console")
    (folder / "config.toml").write_text(CONFIG)
    (folder / "checks.toml").write_text(CHECKS.format(folder=folder))
    (folder / "if_eth0").write_text(MUNIN)
    (folder / "if_eth0").chmod(0o755)
    running = Server(folder, config=folder / "config.toml")
    agent = None
    try:
        token = running.json("host", "token")["token"]
        command = [BIN, "agent", "--join", running.endpoint, "--token", token, "--name", "web-1", "--role", "web"]
        command += ["--every", "10s", "--state", str(folder / "agent"), "--checks", str(folder / "checks.toml")]
        log = open(folder / "agent.log", "ab")
        agent = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        furnish(running)
        yield running
    finally:
        if agent:
            agent.terminate()
            agent.wait(30)
        running.stop()


def furnish(server):
    cloudwatch = server.client("cloudwatch")
    now = datetime.datetime.now(datetime.timezone.utc)
    cloudwatch.put_metric_data(Namespace="Test", MetricData=[
        {"MetricName": "Load", "Dimensions": [{"Name": "Host", "Value": "web-1"}],
         "Timestamp": now - datetime.timedelta(minutes=minute), "Value": 95.0 if minute < 10 else 60.0 + minute % 7}
        for minute in range(1, 120)])
    cloudwatch.put_metric_alarm(
        AlarmName="web-1 load", AlarmDescription="高負荷", Namespace="Test", MetricName="Load", Statistic="Average", Period=60,
        Dimensions=[{"Name": "Host", "Value": "web-1"}], EvaluationPeriods=3, DatapointsToAlarm=1, Threshold=80.0,
        ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore", Tags=[{"Key": "Name", "Value": "web-1"}])
    cloudwatch.put_metric_alarm(
        AlarmName="quiet", Namespace="Test", MetricName="Nothing", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1.0, ComparisonOperator="LessThanThreshold", TreatMissingData="notBreaching")
    cloudwatch.put_dashboard(DashboardName="web", DashboardBody=json.dumps(WEB, indent=2, ensure_ascii=False))
    iam = person(server, "operator", reset=False)
    iam.attach_user_policy(UserName="operator", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    until(lambda: any(it["status"] == "CRITICAL" for it in server.json("check", "list")["checks"]), "a check with a problem")
    link_hosts(server)
    until(lambda: "通信量" in json.dumps(server.json("dashboard", "generate", "web-*", "--plugins"), ensure_ascii=False), "a graph of a plugin")
    until(lambda: any("alarm" in it["source"] for it in server.json("notice", "list")["problems"]), "a problem of an alarm")


def link_hosts(server):
    """A network with the host linked to it, and a gateway that has refused packets."""
    ec2 = server.client("ec2")
    network = ec2.create_vpc(CidrBlock="172.31.0.0/16", TagSpecifications=[
        {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "本社"}]}])["Vpc"]["VpcId"]
    ec2.enable_vpc_classic_link(VpcId=network)
    group = ec2.create_security_group(VpcId=network, GroupName="app", Description="guests")["GroupId"]
    host = server.json("host", "list")["hosts"][0]["id"]
    until(lambda: ec2.describe_instances(InstanceIds=[host])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running", "a running host")
    ec2.attach_classic_link_vpc(InstanceId=host, VpcId=network, Groups=[group])
    report_refused(server, network)


def report_refused(server, network):
    """What a gateway says of itself: who says it needs no device."""
    linked = next(it["links"][0]["address"] for it in networks(server) if it["id"] == network)
    ingress, spoofed = {"way": "inbound", "why": "no_ingress"}, {"way": "path", "why": "spoofed"}
    flow = {"source": linked, "destination": "172.31.0.10", "protocol": 6, "port": 9090, "packets": 1234567}
    report = {
        "network": network, "key": base64.b64encode(bytes([7] * 32)).decode(), "endpoint": "gateway.invalid:51820", "inside": None,
        "generation": 0, "problem": None, "peers": [], "refused": 1234577, "refusals": [[ingress, 1234567], [spoofed, 10]],
        "recent": [flow, {**flow, "source": "203.0.113.255", "protocol": 47, "port": None, "packets": 10}]}
    # Of what is in the first report nobody knows when it was.
    for said in ({**report, "recent": []}, report):
        headers = {"Content-Type": "application/json"}
        status, _, answer = call(server, json.dumps(said).encode(), headers, path="/_shukuba/api/link-gateway", service="shukuba")
        assert status == 200, answer


def networks(server):
    """`link status` has exit code 1 where a link is not up."""
    return json.loads(server.run("link", "status", "--output", "json").stdout)["networks"]


def until(is_so, what):
    deadline = time.monotonic() + WAIT_SECS_MAX
    while not is_so():
        assert time.monotonic() < deadline, f"no {what}"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def browser(server, tmp_path_factory):
    driver = start_browser(tmp_path_factory.mktemp("profile"), PHONE)
    page = Page(server, driver)
    page.open("?lang=en")
    page.sign_in(user="operator", password=FIRST)
    yield page
    driver.quit()


def axe():
    found = sorted((ROOT / ".cache/axe").glob("*/axe.min.js"))
    return found[-1].read_text() if found else None


def pages(server):
    host = server.json("host", "list")["hosts"][0]["id"]
    return [
        "", "hosts", f"hosts/{host}", "checks", "checks?show=problems", f"checks/{host}/disk", "alarms", "alarms?state=OK",
        "alarms/web-1%20load", "dashboards", "dashboards/web", "dashboards/platform", "dashboards/web/edit",
        "dashboards/web/delete", "new-dashboard", "links", "silences", "billing", "nothing", "change-password",
    ]


def wait_for_pictures(driver):
    ready = "return [...document.images].every(it => it.complete && it.naturalWidth > 0)"
    # Those further down are read when they come near.
    driver.execute_script("for (const it of document.images) it.loading = 'eager'")
    until(lambda: driver.execute_script(ready), "pictures")


def shoot(driver, name):
    folder = os.environ.get("SHUKUBA_SHOTS")
    if not folder:
        return
    height = driver.execute_script("return document.documentElement.scrollHeight")
    width = driver.execute_script("return window.innerWidth")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, 6000), "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    pathlib.Path(folder, f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def check_page(browser, path, language, rules):
    """What holds of every page; gives what is wrong."""
    driver, wrong = browser.driver, []
    sign = "&" if "?" in path else "?"
    browser.open(f"{path}{sign}lang={language}")
    wait_for_pictures(driver)
    root = driver.find_element(By.TAG_NAME, "html")
    if root.get_attribute("lang") != language:
        wrong.append("language")
    width = driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    if width[0] > width[1]:
        wide = "return [...document.querySelectorAll('*')].filter(it => it.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(it => it.outerHTML.slice(0, 120))"
        wrong.append(f"wider than the window: {width} {driver.execute_script(wide)}")
    if len(driver.find_elements(By.TAG_NAME, "h1")) != 1:
        wrong.append("not one h1")
    fields = driver.find_elements(By.CSS_SELECTOR, "input:not([type=hidden]), select, textarea, button, img")
    wrong += [f"no name: {field.get_attribute('outerHTML')[:100]}" for field in fields if not field.accessible_name]
    is_missing = "status of 404" if path == "nothing" else "status of 403" if path == "billing" else None
    logs = [it["message"] for it in driver.get_log("browser") if not (is_missing and is_missing in it["message"])]
    wrong += [f"log: {line}" for line in logs]
    if rules:
        # The pages' policy runs no script: the driver does.
        driver.execute_script(rules)
        found = driver.execute_async_script("axe.run().then(arguments[0])")
        wrong += [f"{it['id']}: {[node['html'][:160] for node in it['nodes'][:3]]}" for it in found["violations"]]
    return wrong


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_page_fits_a_phone_and_can_be_read_by_all(server, browser, language):
    rules, wrong = axe(), {}
    for number, path in enumerate(pages(server)):
        found = check_page(browser, path, language, rules)
        shoot(browser.driver, f"{language}-{number:02}-{path.split('?')[0].replace('/', '_') or 'overview'}")
        if found:
            wrong[path] = found
    browser.open("?lang=en")
    assert wrong == {}


@pytest.mark.parametrize(("language", "reason"), [("en", "groups do not let it in"), ("ja", "受信を許可していません")])
def test_what_a_gateway_refused_is_shown_with_its_host(server, browser, language, reason):
    browser.open(f"links?lang={language}")
    linked = next(it["links"][0]["address"] for it in networks(server) if it["links"])
    assert reason in browser.text and f"{linked} → 172.31.0.10 tcp 9090" in browser.text
    assert "1,234,567" in browser.text and "203.0.113.255 → 172.31.0.10 protocol 47" in browser.text
    browser.open("?lang=en")


def test_an_alarm_is_taken_on_silenced_and_its_silence_ended(server, browser):
    browser.open("alarms")
    browser.driver.find_element(By.LINK_TEXT, "web-1 load").click()
    browser.fill(comment="on it")
    browser.press("Acknowledge")
    assert "operator is on it" in browser.text
    browser.driver.find_element(By.CSS_SELECTOR, "input[value=name]").click()
    browser.press("Silence")
    assert "nobody is told until it ends" in browser.text
    listed = server.json("notice", "list")
    problem = next(it for it in listed["problems"] if "alarm" in it["source"])
    assert problem["acknowledged"]["comment"] == "on it" and problem["is_silenced"]
    assert listed["silences"][0]["match"] == {"Name": "web-1"}
    browser.open("silences")
    browser.press("End it")
    assert "The silence has ended" in browser.text
    browser.open("alarms/web-1%20load")
    browser.press("Do not run its actions")
    alarm = server.client("cloudwatch").describe_alarms(AlarmNames=["web-1 load"])["MetricAlarms"][0]
    assert alarm["ActionsEnabled"] is False


def test_a_check_is_taken_on(server, browser):
    browser.open("checks?show=problems")
    browser.driver.find_element(By.LINK_TEXT, "disk").click()
    browser.press("Acknowledge")
    assert "operator is on it" in browser.text
    found = [it for it in server.json("check", "list")["checks"] if it["check"] == "disk"]
    assert found[0]["acknowledged"].endswith("operator")


def test_a_dashboard_is_edited_with_a_slip_then_right(server, browser):
    browser.open("dashboards/web")
    browser.driver.find_element(By.LINK_TEXT, "Edit its JSON").click()
    area = browser.driver.find_element(By.NAME, "body")
    text = area.get_attribute("value")
    assert json.loads(text) == WEB
    wrong = text.replace('"timeSeries"', '"sideways"')
    type_into(browser.driver, area, wrong)
    browser.press("Save")
    shoot(browser.driver, "slip")
    assert "Not saved" in browser.text and "/widgets/0/properties/view" in browser.text
    area = browser.driver.find_element(By.NAME, "body")
    assert area.get_attribute("value") == wrong
    right = text.replace("See the wiki.", "See the new wiki.")
    type_into(browser.driver, area, right)
    browser.press("Save")
    assert "Saved." in browser.text
    body = server.client("cloudwatch").get_dashboard(DashboardName="web")["DashboardBody"]
    assert body == right


def type_into(driver, area, text):
    driver.execute_script("arguments[0].value = arguments[1]", area, text)


def test_hosts_by_their_tags_are_drawn_for_those_who_may_see_hosts(server):
    iam = person(server, "viewer", reset=False)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cloudwatch:*", "Resource": "*"}]}
    iam.put_user_policy(UserName="viewer", PolicyName="watch", PolicyDocument=json.dumps(policy))
    seen = {}
    for name in ("operator", "viewer"):
        client = Browser(server)
        client.sign_in(user=name, password=FIRST)
        answer, seen[name] = client.ask("picture/dashboard/web/2?size=1200x400")
        assert answer.status == 200 and "ウェブのホスト" in seen[name], seen[name]
    assert all(words in seen["operator"] for words in (">web-1<", "CPUUtilization (Average)", "mem_used_percent (Average)"))
    assert "web-1" not in seen["viewer"] and "ec2:DescribeInstances" in seen["viewer"], seen["viewer"]


def test_a_dashboard_of_a_million_bytes_is_saved(server, browser):
    browser.open("new-dashboard")
    browser.fill(name="large")
    text = json.dumps({"widgets": [], "note": "あ" * 300_000}, ensure_ascii=False)
    type_into(browser.driver, browser.driver.find_element(By.NAME, "body"), text)
    browser.press("Make it")
    assert "Saved." in browser.text, browser.text[:300]
    browser.open("dashboards/large/delete")
    browser.press("Delete it")
    assert "Deleted." in browser.text


def test_a_link_of_another_site_leads_to_its_page(server, browser):
    class Mail(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<a href="{server.endpoint}/_shukuba/alarms">look</a>'.encode())

        def log_message(self, *_):
            pass

    elsewhere = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mail)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    try:
        browser.driver.get(f"http://localhost:{elsewhere.server_port}/")
        browser.driver.find_element(By.LINK_TEXT, "look").click()
        until(lambda: "web-1 load" in browser.text, "alarms")
    finally:
        elsewhere.shutdown()
        elsewhere.server_close()


def test_what_was_done_is_in_the_trail(server, browser):
    def names():
        answer = server.client("cloudtrail").lookup_events(
            LookupAttributes=[{"AttributeKey": "Username", "AttributeValue": "operator"}])
        return {event["EventName"] for event in answer["Events"]}
    until(lambda: {"PutDashboard", "AcknowledgeNotice", "SilenceNotices", "DisableAlarmActions"} <= names(), "calls in the trail")


def test_pages_are_usable_in_a_wide_and_dark_window(server, tmp_path):
    driver = start_browser(tmp_path / "profile", (1280, 900))
    try:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
        page = Page(server, driver)
        page.open("?lang=en")
        page.sign_in(user="operator", password=FIRST)
        rules, wrong = axe(), {}
        for path in ("", "hosts", "alarms", "alarms/web-1%20load", "dashboards/web", "dashboards/web/edit"):
            found = check_page(page, path, "en", rules)
            shoot(driver, f"dark-{path.replace('/', '_') or 'overview'}")
            if found:
                wrong[path] = found
        assert wrong == {}
    finally:
        driver.quit()
