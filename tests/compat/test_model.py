"""The shapes are written by hand; here they are compared with the published service model (botocore's data)."""

import json
import subprocess

import botocore.session
import pytest
from conftest import BIN

MODEL = botocore.session.get_session().get_service_model("sqs")


@pytest.fixture(scope="module")
def ours():
    """What `shukuba api schema sqs` says of our shapes."""
    answer = subprocess.run([BIN, "api", "schema", "sqs"], capture_output=True, text=True, check=True)
    return {operation["name"]: operation for operation in json.loads(answer.stdout)["operations"]}


def members(shape):
    return set(shape.members) if shape is not None else set()


def test_every_operation_of_the_model_is_there(ours):
    assert set(ours) == set(MODEL.operation_names)


@pytest.mark.parametrize("name", sorted(MODEL.operation_names))
def test_members_are_those_of_the_model(ours, name):
    operation = MODEL.operation_model(name)
    assert {m["name"] for m in ours[name]["input"]} == members(operation.input_shape)
    assert {m["name"] for m in ours[name]["output"]} == members(operation.output_shape)
    required = set(operation.input_shape.required_members) if operation.input_shape else set()
    assert {m["name"] for m in ours[name]["input"] if m["required"]} == required
