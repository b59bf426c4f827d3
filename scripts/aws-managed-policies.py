#!/usr/bin/env python3
"""Writes crates/iam/data/aws-managed.json.gz: the AWS-managed policies that the platform knows.

AWS publishes the documents through iam:GetPolicyVersion alone. moto (Apache-2.0) carries what that call answers, as data;
this takes the named policies from it as they are. AWS's descriptions and policy ids are not in that data: the ids here
are made of the name, so that they stay the same.

    python3 -m venv v && v/bin/pip install moto && v/bin/python scripts/aws-managed-policies.py
"""

import base64
import gzip
import hashlib
import json
import pathlib

from moto.iam.aws_managed_policies import aws_managed_policies_data

NAMES = [
    "AWSBillingReadOnlyAccess",
    "AdministratorAccess",
    "Billing",
    "IAMReadOnlyAccess",
    "IAMUserChangePassword",
    "PowerUserAccess",
    "ReadOnlyAccess",
    "SecurityAudit",
    "ViewOnlyAccess",
]
TARGET = pathlib.Path(__file__).parent.parent / "crates/iam/data/aws-managed.json.gz"


def row(name, policy):
    digest = hashlib.sha256(f"arn:aws:iam::aws:policy/{name}".encode()).digest()
    return {
        "name": name,
        "path": policy["Path"],
        "id": "ANPA" + base64.b32encode(digest).decode()[:17],
        "version": policy["DefaultVersionId"],
        "created": policy["CreateDate"].replace("+00:00", "Z"),
        "updated": policy["UpdateDate"].replace("+00:00", "Z"),
        "document": json.dumps(policy["Document"], separators=(",", ":")),
    }


known = json.loads(aws_managed_policies_data)
rows = [row(name, known[name]) for name in NAMES]
text = json.dumps(rows, indent=1).encode()
TARGET.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
print(f"{TARGET}: {len(rows)} policies, {len(text)} bytes, {TARGET.stat().st_size} compressed")
