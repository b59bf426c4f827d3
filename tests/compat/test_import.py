"""`shukuba import`: what is sent afterwards verifies as the product before it says, with secrets that were never shown.

The exports are made by hand after the answers of each API; their data is invented. The verification of each product is written
here after its documentation, and Svix's own library does its.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import time
import tomllib

import pytest
from conftest import BIN, Server
from standardwebhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook
from test_signing import BODY, Receiver, send

EXPORTS = __import__("pathlib").Path(__file__).parent / "exports"
CUSTOMER = "https://hooks.customer.example"
OTHERS = """

[scaler]
interval = "1s"
notifiers_min = 1

[destinations."*"]
allow_cidrs = ["127.0.0.1/32"]
"""


@pytest.fixture
def receiver():
    running = Receiver()
    yield running
    running.stop()


def take_over(directory, product, file, *more):
    command = [BIN, "import", product, str(file), "--data", str(directory / "data"), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def prepared(directory, name, port=None):
    """The export, its customer's host here, and settings that it goes into."""
    text = (EXPORTS / name).read_text()
    if port:
        text = text.replace(CUSTOMER, f"http://127.0.0.1:{port}")
    export = directory / "export.json"
    export.write_text(text)
    config = directory / "shukuba.toml"
    if not config.exists():
        config.write_text(OTHERS)
    return export, config


def imported(directory, product, name, port, *more):
    export, config = prepared(directory, name, port)
    done = take_over(directory, product, export, "--route", "s2s", "--out", str(config), *more)
    assert done.returncode in (0, 1), done
    checked = subprocess.run(
        [BIN, "config", "check", "--config", str(config), "--data", str(directory / "data")], capture_output=True, text=True
    )
    assert checked.returncode == 0, (checked, config.read_text())
    return config, done.stderr


def requests(directory, product, name, receiver, paths, *more):
    """What arrives at each path after the import."""
    config, said = imported(directory, product, name, receiver.port, *more)
    server = Server(directory, config)
    try:
        for path in paths:
            send(server, receiver.port, path)
        seen = {path: (headers, body) for path, headers, body in receiver.wait(len(paths))}
    finally:
        server.stop()
    return [seen[path] for path in paths], said


def only(headers, *names):
    return {name: headers[name] for name in names}


def standard(headers, prefix):
    return only(headers, *(f"{prefix}-{part}" for part in ("id", "timestamp", "signature")))


def key(letter, count):
    return "whsec_" + base64.b64encode(letter * count).decode()


def code(secret, content, algorithm=hashlib.sha256):
    return hmac.new(secret.encode(), content, algorithm)


def fresh(timestamp):
    assert abs(time.time() - int(timestamp)) < 300


def verify_convoy(headers, body, secret, header, advanced):
    """getconvoy.io/docs/product-manual/signatures: simple is the code alone, advanced `t=TIME,v1=CODE[,v1=CODE]` of `TIME,BODY`."""
    value = headers[header]
    if not advanced:
        expected = base64.b64encode(code(secret, body, hashlib.sha512).digest()).decode()
        return hmac.compare_digest(expected, value)
    parts = [part.split("=", 1) for part in value.split(",")]
    times = [value for name, value in parts if name == "t"]
    fresh(times[0])
    signed = times[0].encode() + b"," + body
    expected = base64.b64encode(code(secret, signed, hashlib.sha512).digest()).decode()
    return any(name == "v1" and hmac.compare_digest(expected, value) for name, value in parts)


def verify_hook0(value, headers, body, secret):
    """documentation.hook0.com, verifying webhook signatures: v1 signs `TIME.NAMES.VALUES.BODY`, v0 `TIME.BODY`."""
    parts = dict(part.split("=", 1) for part in value.split(","))
    if "v1" in parts:
        values = ".".join(headers[name] for name in parts["h"].split(" "))
        signed = f"{parts['t']}.{parts['h']}.{values}.".encode() + body
        return hmac.compare_digest(code(secret, signed).hexdigest(), parts["v1"])
    return hmac.compare_digest(code(secret, parts["t"].encode() + b"." + body).hexdigest(), parts["v0"])


def verify_outpost(value, body, secret):
    """Outpost's page on webhooks: `v0=CODE[,CODE]` of the body, or with the template `t=TIME,v0=…` of `TIME.BODY`."""
    signed = body
    if value.startswith("t="):
        timestamp, _, value = value.removeprefix("t=").partition(",")
        fresh(timestamp)
        signed = timestamp.encode() + b"." + body
    expected = code(secret, signed).hexdigest()
    return any(hmac.compare_digest(expected, one) for one in value.removeprefix("v0=").split(","))


def test_the_verifications_here_are_those_of_the_products():
    payload = b'{"event":"charge.success","amount":1000,"currency":"NGN"}'
    # Published vectors: Convoy's signature-vectors.json, and those of Hook0's own tests.
    simple = "bMdy3IGUKuG1/6kcOmoHsNN+3I3GvYPjUYohnx8Z/3GuG3bWsyCUDUFMI2oarX95MLY+DxkolRlV0xIZVF4bZg=="
    assert verify_convoy({"s": simple}, payload, "convoy-webhook-secret", "s", advanced=False)
    event = {"x-event-id": "1a01cb48-5142-4d9b-8f90-d20cca61f0ee", "x-event-type": "service.resource.verb"}
    for value in (
        "t=1636936200,v0=1b3d69df55f1e52f05224ba94a5162abeb17ef52cd7f4948c390f810d6a87e98",
        "t=1636936200,h=x-event-id x-event-type,v1=bc521546ba5de381b12f135782d2008b028c3065c191760b12b76850a8fc8f51",
    ):
        assert verify_hook0(value, event, b"hello !", "secret")
        assert not verify_hook0(value, event, b"hello ?", "secret")


def test_svix(tmp_path, receiver):
    paths = ["/svix/orders", "/svix/orders/archive/"]
    (orders, archive), said = requests(tmp_path, "svix", "svix.json", receiver, paths)
    SvixWebhook(key(b"o", 24)).verify(orders[1], standard(orders[0], "svix"))
    SvixWebhook(key(b"a", 32)).verify(archive[1], standard(archive[0], "svix"))
    # What was written for a template is sent as it reads, and only to its own endpoint.
    assert orders[0]["x-template"] == "{@id} ${env:HOME} ${file:/etc/hostname}"
    assert orders[0]["x-team"] == "orders" and "x-team" not in archive[0]
    for part in ("order.paid", "authorization", "pause destination", "channels eu", "public half"):
        assert part in said, said
    rules = tomllib.loads((tmp_path / "shukuba.toml").read_text())
    host = f"127.0.0.1:{receiver.port}"
    assert set(rules["destinations"]) == {"*", *(f"{host}{path.rstrip('/')}" for path in paths)}
    assert rules["destinations"][f"{host}/svix/orders"]["rate"] == "50/s"
    assert "server" not in rules


def test_svix_rows_with_a_rotated_key_and_the_neutral_headers(tmp_path, receiver):
    options = ["--signature", "webhook"]
    ((headers, body),), said = requests(tmp_path, "svix", "svix-rows.json", receiver, ["/svix/rows"], *options)
    for letter in (b"n", b"m"):
        StandardWebhook(key(letter, 24)).verify(body, standard(headers, "webhook"))
    assert len(headers["webhook-signature"].split()) == 2
    assert "main_secret" in said and "/svix/gone" not in (tmp_path / "shukuba.toml").read_text()


def test_convoy(tmp_path, receiver):
    paths = ["/convoy/advanced", "/convoy/simple"]
    (advanced, simple), said = requests(tmp_path, "convoy", "convoy.json", receiver, paths)
    for secret in ("convoy-old-secret", "convoy-new-secret"):
        assert verify_convoy(*advanced, secret, "x-shop-signature", advanced=True)
    assert verify_convoy(*simple, "convoy-new-secret", "x-shop-signature", advanced=False)
    assert advanced[0]["x-api-key"] == "customer-key-1"
    assert simple[0]["authorization"] == "Basic " + base64.b64encode(b"shop:pa$$${x}").decode()
    rules = tomllib.loads((tmp_path / "shukuba.toml").read_text())
    own = rules["destinations"][f"127.0.0.1:{receiver.port}/convoy/advanced"]
    assert own["rate"] == "30/min" and own["timeout_total"] == "20s"
    assert own["retry"]["default"] == ["10s", "20s", "40s", "80s", "160s", "320s"]
    assert rules["destinations"][f"127.0.0.1:{receiver.port}/convoy/simple"]["rate"] == "1/s"
    assert rules["routes"]["s2s"]["retry_for"] == "690s"
    auth = rules["destinations"][f"127.0.0.1:{receiver.port}/convoy/token"]["auth"]
    assert auth == {
        "kind": "oauth2",
        "token_url": "https://id.customer.example/oauth/token",
        "client_id": "shop",
        "client_secret": "${secret:CONVOY_01HTOKEN.client-secret}",
        "scope": "events.write",
    }
    assert "application/x-www-form-urlencoded" in said
    assert "01HPAUSED" in said and "pause destination" in said


@pytest.mark.parametrize("signature", ["v1", "v0"])
def test_hook0(signature, tmp_path, receiver):
    options = ["--signature", signature]
    ((headers, body),), said = requests(tmp_path, "hook0", "hook0.json", receiver, ["/hook0/orders"], *options)
    assert f",{signature}=" in headers["x-hook0-signature"]
    assert verify_hook0(headers["x-hook0-signature"], headers, body, "1b4c6f1e-52a7-4c43-9d0e-2f2f6f3f6a01")
    assert headers["x-tenant"] == "shop" and headers["x-event-id"]
    assert "shop.order.paid" in said and "tenant=b" in said


@pytest.mark.parametrize("signature", ["body", "time"])
def test_outpost(signature, tmp_path, receiver):
    paths = ["/outpost/rotated", "/outpost/expired"]
    options = ["--signature", signature]
    (rotated, expired), said = requests(tmp_path, "outpost", "outpost.json", receiver, paths, *options)
    for secret in ("outpost-secret-new", "outpost-secret-old"):
        assert verify_outpost(rotated[0]["x-outpost-signature"], rotated[1], secret)
    assert verify_outpost(expired[0]["x-outpost-signature"], expired[1], "outpost-secret-2")
    assert not verify_outpost(expired[0]["x-outpost-signature"], expired[1], "outpost-secret-0")
    assert rotated[0]["x-api-key"] == "secret123" and rotated[0]["x-outpost-event-id"]
    assert "2099-01-01" in said and "aws_sqs" in said


def test_outpost_by_standard_webhooks(tmp_path, receiver):
    options = ["--signature", "standard-webhooks"]
    ((headers, body),), _ = requests(tmp_path, "outpost", "outpost-standard.json", receiver, ["/outpost/standard"], *options)
    for letter in (b"s", b"t"):
        StandardWebhook(key(letter, 32)).verify(body, standard(headers, "webhook"))


EXPORTED = [("svix", "svix.json"), ("svix", "svix-rows.json"), ("convoy", "convoy.json"), ("hook0", "hook0.json"), ("outpost", "outpost.json")]


@pytest.mark.parametrize("product,name", EXPORTED)
def test_secrets_are_shown_nowhere_and_a_second_import_changes_nothing(product, name, tmp_path):
    export, config = prepared(tmp_path, name)
    dry = take_over(tmp_path, product, export, "--out", str(config), "--dry-run")
    assert config.read_text() == OTHERS and not (tmp_path / "data").exists()
    first = take_over(tmp_path, product, export, "--out", str(config))
    text, sealed = config.read_text(), (tmp_path / "data/secrets.json").read_bytes()
    second = take_over(tmp_path, product, export, "--out", str(config))
    assert (config.read_text(), (tmp_path / "data/secrets.json").read_bytes()) == (text, sealed)
    assert dry.stdout.strip() in text and first.returncode == second.returncode == dry.returncode
    shown = "".join([text, sealed.decode(), *(run.stdout + run.stderr for run in (dry, first, second))])
    for secret in ("convoy-", "customer-key", "pa$$", "1b4c6f1e", "outpost-secret", "secret123", "token-secret", "AKIA"):
        assert secret not in shown
    for letter, count in ((b"o", 24), (b"a", 32), (b"n", 24), (b"m", 24)):
        assert key(letter, count).removeprefix("whsec_") not in shown


def test_nothing_is_written_on_an_error(tmp_path):
    export, config = prepared(tmp_path, "svix.json")
    good = export.read_text()
    for text, said in [
        (good + '{"id": "ep_1"}\n', "record 4: has no `url`"),
        (good + '{"id": 7, "url": "https://a.example/"}\n', "record 4: `id` is a number"),
        (good + "{", "is not JSON"),
        ('{"code": "authentication_failed", "detail": "no"}', "record 1: has no `id`"),
        ("", "holds no record"),
    ]:
        export.write_text(text)
        done = take_over(tmp_path, "svix", export, "--out", str(config))
        assert done.returncode == 2 and said in done.stderr, done
    export.write_text(good)
    # Settings that would not hold: the lines are there already, without the marks of an import.
    config.write_text(OTHERS + '\n[destinations."hooks.customer.example/svix/orders"]\n')
    done = take_over(tmp_path, "svix", export, "--out", str(config))
    assert done.returncode == 2 and "with the import, the settings would have a mistake" in done.stderr, done
    assert not (tmp_path / "data").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.json", "shukuba.toml"]


def test_a_secret_that_was_changed_since_stays(tmp_path):
    export, config = prepared(tmp_path, "hook0.json")
    assert take_over(tmp_path, "hook0", export, "--out", str(config)).returncode == 0
    before = (config.read_text(), (tmp_path / "data/secrets.json").read_bytes())
    other = export.read_text().replace("6f3f6a02", "6f3f6aff")
    export.write_text(other)
    done = take_over(tmp_path, "hook0", export, "--out", str(config))
    assert done.returncode == 2 and "--replace" in done.stderr, done
    assert (config.read_text(), (tmp_path / "data/secrets.json").read_bytes()) == before
    assert take_over(tmp_path, "hook0", export, "--out", str(config), "--replace").returncode == 0
    assert (tmp_path / "data/secrets.json").read_bytes() != before[1]


def test_a_path_rests_and_is_accounted_for_by_itself(tmp_path, receiver):
    config, _ = imported(tmp_path, "outpost", "outpost.json", receiver.port)
    names = [f"127.0.0.1:{receiver.port}/outpost/{path}" for path in ("rotated", "expired")]
    server = Server(tmp_path, config)
    try:
        assert server.run("pause", "destination", names[1]).returncode == 0
        for path in ("/outpost/expired", "/outpost/rotated"):
            send(server, receiver.port, path)
        assert [path for path, _, _ in receiver.wait(1)] == ["/outpost/rotated"]
        assert server.run("resume", "destination", names[1]).returncode == 0
        assert [path for path, _, _ in receiver.wait(2)][1] == "/outpost/expired"
        for _ in range(100):
            books = [book for queue in server.json("ledger")["queues"] for book in queue["destinations"]]
            delivered = {book["destination"]: book["delivered"] for book in books}
            if sum(delivered.values()) == 2:
                break
            time.sleep(0.1)
        assert delivered == {name: 1 for name in names}
    finally:
        server.stop()


def test_many_endpoints_of_one_host_and_what_cannot_be_told_apart(tmp_path):
    def endpoint(number, url, secret):
        return {"id": f"ep_{number}", "url": url, "version": 1, "description": "", "key": key(secret, 24)}

    hooks = [endpoint(n, f"https://hooks.example/catch/{n}", bytes([97 + n % 26])) for n in range(300)]
    export = tmp_path / "export.json"
    export.write_text(json.dumps({"data": hooks, "iterator": None, "done": True}))
    config = tmp_path / "shukuba.toml"
    done = take_over(tmp_path, "svix", export, "--out", str(config))
    assert done.returncode == 0, done
    assert len(tomllib.loads(config.read_text())["destinations"]) == 300
    more = [
        endpoint("same", "https://hooks.example/catch/1", b"b"),
        endpoint("query", "https://hooks.example/catch/1?who=2", b"z"),
        endpoint("mail", "mailto:a@b.example", b"z"),
        endpoint("user", "https://u:p@hooks.example/x", b"z"),
        endpoint("short", "https://hooks.example/short", b"z") | {"key": "whsec_QUJD"},
        endpoint(1, "https://hooks.example/moved", b"b"),
    ]
    export.write_text(json.dumps(hooks + more))
    done = take_over(tmp_path, "svix", export, "--out", str(config))
    assert done.returncode == 1, done
    left = sorted(line.split(": ")[1] for line in done.stderr.splitlines() if line.startswith("left: "))
    assert left == ["ep_1", "ep_mail", "ep_query", "ep_short", "ep_user"], done.stderr
    assert len(tomllib.loads(config.read_text())["destinations"]) == 300


def test_what_others_wrote_is_data(tmp_path):
    hostile = 'x"]\n[server]\nlisten = "0.0.0.0:1"\u001b[2J\u202e# shukuba import svix: end'
    endpoint = {
        "id": hostile,
        "url": 'https://h.example/a"]\n[b',
        "version": 1,
        "description": hostile,
        "key": key(b"k", 24),
        "headers": {"x-a": '"""\'\'\'', hostile: "v", "x-b": "a\r\nx-c: d", "host": "other", "svix-id": "forged", "x-d": "${file:/etc/passwd}"},
    }
    export = tmp_path / "export.json"
    export.write_text(json.dumps([endpoint]))
    config = tmp_path / "shukuba.toml"
    done = take_over(tmp_path, "svix", export, "--out", str(config))
    assert done.returncode == 0, done
    rules = tomllib.loads(config.read_text())
    assert list(rules) == ["destinations"] and list(rules["destinations"]) == ["h.example/a%22][b"]
    headers = rules["destinations"]["h.example/a%22][b"]["headers"]
    assert set(headers) == {"x-a", "x-d"} and headers["x-d"].startswith("${secret:SVIX_"), headers
    assert "\x1b" not in done.stderr + config.read_text() and "\u202e" not in done.stderr + config.read_text()
    again = take_over(tmp_path, "svix", export, "--out", str(config))
    assert again.returncode == 0 and tomllib.loads(config.read_text()) == rules
