#!/usr/bin/env python3
"""Writes crates/iam/models/golden-iam-2010-05-08.txt: what IAM's requests and answers are on the wire.

Requests are written by botocore, answers by moto's serializer, both from botocore's service model; nothing in the file
comes from this project. Values are made up by kind, so that every member appears. Run it with the environment of tests/compat after taking a newer botocore or more operations:

    .venv/bin/python scripts/iam-golden.py
"""

import base64
import json
import pathlib
import re
import types
import urllib.parse
from datetime import datetime, timezone

import botocore
import botocore.session
import moto
from botocore.serialize import create_serializer
from moto.core.serialize import QuerySerializer
from moto.core.utils import get_service_model

ROOT = pathlib.Path(__file__).resolve().parent.parent
MODELS = ROOT / "crates" / "iam" / "models"
SERVICE = botocore.session.get_session().get_service_model("iam")
MOTO = get_service_model("iam")
AT = datetime(2026, 11, 23, 5, 3, 10, tzinfo=timezone.utc)
LEAF = {"boolean": True, "integer": 5, "long": 7, "timestamp": AT, "blob": b"MFA seed\n"}


def value(shape, name):
    """A value of every member of a shape, by kind; strings carry what XML and forms must escape."""
    if shape.type_name == "structure":
        return {key: value(member, key) for key, member in shape.members.items()}
    if shape.type_name == "list":
        return [value(shape.member, name)] * 2 if shape.member.type_name == "string" else [value(shape.member, name)]
    if shape.type_name == "map":
        return {(getattr(shape.key, "enum", None) or ["k"])[0]: value(shape.value, name)}
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else f'<{name}> & "é+ ~'
    return LEAF[shape.type_name]


def plain(given):
    """As JSON has it: moments as seconds, bytes as base64."""
    if isinstance(given, dict):
        return {key: plain(inner) for key, inner in given.items()}
    if isinstance(given, list):
        return [plain(inner) for inner in given]
    if isinstance(given, datetime):
        return int(given.timestamp())
    if isinstance(given, bytes):
        return base64.b64encode(given).decode()
    return given


def form(operation, given):
    """The body that botocore sends."""
    request = create_serializer("query", include_validation=False).serialize_to_request(given, operation)
    return urllib.parse.urlencode(request["body"])


def answer(operation, given):
    """The body that moto answers with, empty elements as a pair of tags."""
    context = types.SimpleNamespace(request_id="REQUEST")
    text = QuerySerializer(MOTO.operation_model(operation.name), context).serialize(given)["body"]
    return re.sub(r"<(\w+)/>", r"<\1></\1>", text)


def main():
    names = [line.split(" ")[0] for line in (MODELS / "iam-2010-05-08.txt").read_text().splitlines()]
    names = [name for name in names if name != "#" and "." not in name]
    lines = [
        f"# Written by scripts/iam-golden.py with botocore {botocore.__version__} and moto {moto.__version__}.",
        "# Five lines each: operation, request as JSON, as a form, answer as JSON, as XML.",
    ]
    for name in names:
        operation = SERVICE.operation_model(name)
        given = value(operation.input_shape, name) if operation.input_shape else {}
        answered = value(operation.output_shape, name) if operation.output_shape else {}
        lines += [name, json.dumps(plain(given), ensure_ascii=False), form(operation, given)]
        lines += [json.dumps(plain(answered), ensure_ascii=False), answer(operation, answered)]
    (MODELS / "golden-iam-2010-05-08.txt").write_text("\n".join(lines) + "\n")


main()
