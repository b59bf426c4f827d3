"""The shapes are written by hand; here they are compared with the published service model (botocore's data)."""

import json
import subprocess

import botocore.session
import pytest
from conftest import BIN

SERVICES = ["iam", "sqs"]
MODELS = {service: botocore.session.get_session().get_service_model(service) for service in SERVICES}


def ours(service):
    """What `shukuba api schema` says of our shapes."""
    answer = subprocess.run([BIN, "api", "schema", service], capture_output=True, text=True, check=True)
    return {operation["name"]: operation for operation in json.loads(answer.stdout)["operations"]}


@pytest.fixture(scope="module")
def shapes():
    return {service: ours(service) for service in SERVICES}


def members(shape):
    return set(shape.members) if shape is not None else set()


def test_every_operation_of_sqs_is_there(shapes):
    assert set(shapes["sqs"]) == set(MODELS["sqs"].operation_names)


@pytest.mark.parametrize("service", SERVICES)
def test_members_are_those_of_the_model(shapes, service):
    for name, shape in shapes[service].items():
        operation = MODELS[service].operation_model(name)
        assert {m["name"] for m in shape["input"]} == members(operation.input_shape), name
        assert {m["name"] for m in shape["output"]} == members(operation.output_shape), name
        required = set(operation.input_shape.required_members) if operation.input_shape else set()
        assert {m["name"] for m in shape["input"] if m["required"]} == required, name
