#!/usr/bin/env python3
"""Writes the model that `api::model::check_shapes` compares a service that speaks JSON with, over REST or not, from botocore's service model.

With the service's name in botocore and the operations that are spoken; all of them where none is named:

    .venv/bin/python scripts/rest-model.py lambda Invoke GetFunction > crates/lambda/models/lambda-2015-03-31.txt
"""

import sys

import botocore
import botocore.session

PLAIN = {"float": "double"}


def kind(shape):
    """As `api::model` writes it."""
    if shape.type_name == "list":
        return f"list<{kind(shape.member)}>"
    if shape.type_name == "map":
        return f"map<{kind(shape.value)}>"
    if shape.type_name == "structure":
        return "document" if shape.is_document_type else shape.name
    return PLAIN.get(shape.type_name, shape.type_name)


def place(shape, name, member):
    """Where a member travels, if not in the document of the body."""
    where = member.serialization.get("location")
    if shape.serialization.get("payload") == name:
        return " payload"
    if where is None:
        return ""
    return " statusCode" if where == "statusCode" else f" {where}={member.serialization.get('name', name)}"


def members(shape, lines):
    for name, member in shape.members.items():
        required = " required" if name in shape.required_members else ""
        line = f"{shape.name}.{name} {kind(member)}{required}{place(shape, name, member)}"
        if line not in lines:
            lines.append(line)
            nested(member, lines)


def nested(shape, lines):
    if shape.type_name == "list":
        nested(shape.member, lines)
    elif shape.type_name == "map":
        nested(shape.value, lines)
    elif shape.type_name == "structure":
        members(shape, lines)


def main():
    service = botocore.session.get_session().get_service_model(sys.argv[1])
    version = botocore.__version__
    print(f"# The operations of {service.service_name} that are spoken here, and their members, from the service model that botocore {version}")
    print("# carries (Apache-2.0). Written by scripts/rest-model.py.")
    is_rest = service.metadata["protocol"] == "rest-json"
    print(f"# Operation Input Output{' Method Path Status' if is_rest else ''}; then Shape.Member kind [required]{' [where it travels]' if is_rest else ''}.")
    lines = []
    for name in sorted(sys.argv[2:] or service.operation_names):
        operation = service.operation_model(name)
        output = operation.output_shape
        http = [operation.http[part] for part in ("method", "requestUri", "responseCode")] if is_rest else []
        print(name, operation.input_shape.name, output.name if output else "-", *http)
        members(operation.input_shape, lines)
        if output:
            members(output, lines)
    print("\n".join(lines))


main()
