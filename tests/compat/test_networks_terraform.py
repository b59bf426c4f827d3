"""Terraform's AWS provider makes two peered networks with subnets, route tables and groups, finds nothing to change, changes them, and takes
them away.
"""

import test_s3_terraform
from test_s3_terraform import Terraform, pytestmark  # noqa: F401 (skips where terraform is not on the machine)

ESTATE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "%(region)s"
  access_key                  = "%(key)s"
  secret_key                  = "%(secret)s"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    ec2 = "%(endpoint)s"
  }
}

resource "aws_vpc" "app" {
  cidr_block           = "172.16.0.0/16"
  enable_dns_hostnames = %(hostnames)s
  tags                 = { Name = "terraform-app", team = "%(team)s" }
}

resource "aws_vpc" "db" {
  cidr_block = "172.17.0.0/16"
  tags       = { Name = "terraform-db" }
}

resource "aws_subnet" "app" {
  count      = 2
  vpc_id     = aws_vpc.app.id
  cidr_block = cidrsubnet(aws_vpc.app.cidr_block, 8, count.index)
  tags       = { Name = "terraform-app-${count.index}", team = "%(team)s" }
}

resource "aws_security_group" "app" {
  name        = "terraform-app"
  description = "application servers"
  vpc_id      = aws_vpc.app.id
  tags        = { team = "%(team)s" }

  ingress {
    description = "web"
    from_port   = %(port)s
    to_port     = %(port)s
    protocol    = "tcp"
    cidr_blocks = ["10.0.0.0/8", "192.168.0.0/16"]
  }

  ingress {
    from_port = 6001
    to_port   = 6001
    protocol  = "tcp"
    self      = true
  }

  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
}

resource "aws_security_group" "rules" {
  name   = "terraform-rules"
  vpc_id = aws_vpc.app.id
}

resource "aws_security_group_rule" "ping" {
  security_group_id = aws_security_group.rules.id
  type              = "ingress"
  protocol          = "icmp"
  from_port         = 8
  to_port           = -1
  cidr_blocks       = ["10.0.0.0/8"]
  description       = "ping for %(team)s"
}

resource "aws_security_group_rule" "from_app" {
  security_group_id        = aws_security_group.rules.id
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = 3306
  to_port                  = 3306
  source_security_group_id = aws_security_group.app.id
}

resource "aws_security_group" "new_rules" {
  name   = "terraform-new-rules"
  vpc_id = aws_vpc.db.id
}

resource "aws_vpc_security_group_ingress_rule" "db" {
  security_group_id = aws_security_group.new_rules.id
  ip_protocol       = "tcp"
  from_port         = %(port)s
  to_port           = %(port)s
  cidr_ipv4         = aws_vpc.app.cidr_block
  description       = "from the application"
  tags              = { team = "%(team)s" }
}

resource "aws_vpc_security_group_egress_rule" "all" {
  security_group_id = aws_security_group.new_rules.id
  ip_protocol       = "-1"
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_vpc_peering_connection" "both" {
  vpc_id      = aws_vpc.app.id
  peer_vpc_id = aws_vpc.db.id
  tags        = { Side = "both" }
}

resource "aws_vpc_peering_connection_accepter" "both" {
  vpc_peering_connection_id = aws_vpc_peering_connection.both.id
  auto_accept               = true
  # In one account both sides have the same tags.
  tags = { Side = "both" }
}

resource "aws_route_table" "app" {
  vpc_id = aws_vpc.app.id
  tags   = { Name = "terraform-app" }
}

resource "aws_route" "to_db" {
  route_table_id            = aws_route_table.app.id
  destination_cidr_block    = aws_vpc.db.cidr_block
  vpc_peering_connection_id = aws_vpc_peering_connection_accepter.both.id
}

resource "aws_route_table_association" "app" {
  subnet_id      = aws_subnet.app[0].id
  route_table_id = aws_route_table.app.id
}

resource "aws_route_table" "db" {
  vpc_id = aws_vpc.db.id

  route {
    cidr_block                = "%(back)s"
    vpc_peering_connection_id = aws_vpc_peering_connection_accepter.both.id
  }
}

resource "aws_main_route_table_association" "db" {
  vpc_id         = aws_vpc.db.id
  route_table_id = aws_route_table.db.id
}

data "aws_vpc" "found" {
  filter {
    name   = "tag:Name"
    values = ["terraform-d?"]
  }
  depends_on = [aws_vpc.db]
}

output "found" {
  value = data.aws_vpc.found.cidr_block
}
"""


def named(name, value):
    return [{"Name": name, "Values": [value]}]


def test_terraform_makes_changes_and_destroys_networks(own_server, tmp_path, monkeypatch):
    monkeypatch.setattr(test_s3_terraform, "ESTATE", ESTATE)
    ec2 = own_server.client("ec2")
    terraform = Terraform(tmp_path, own_server)
    terraform.write(team="ads", port=80, hostnames="false", back="172.16.0.0/24")
    terraform.run("init")
    terraform.run("apply", "-auto-approve")
    # 0: nothing to do; 2 would be a change.
    terraform.run("plan", "-detailed-exitcode")
    assert "172.17.0.0/16" in terraform.run("output", "found")
    [group] = ec2.describe_security_groups(Filters=named("group-name", "terraform-app"))["SecurityGroups"]
    assert sorted(permission["FromPort"] for permission in group["IpPermissions"]) == [80, 6001]
    [peering] = ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
    assert peering["Status"]["Code"] == "active"
    terraform.write(team="games", port=8080, hostnames="true", back="172.16.0.0/16")
    terraform.run("apply", "-auto-approve")
    terraform.run("plan", "-detailed-exitcode")
    [group] = ec2.describe_security_groups(Filters=named("group-name", "terraform-app"))["SecurityGroups"]
    assert sorted(permission["FromPort"] for permission in group["IpPermissions"]) == [6001, 8080]
    [vpc] = ec2.describe_vpcs(Filters=named("tag:Name", "terraform-app"))["Vpcs"]
    assert ec2.describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute="enableDnsHostnames")["EnableDnsHostnames"]["Value"] is True
    terraform.run("destroy", "-auto-approve")
    assert ec2.describe_vpcs()["Vpcs"] == []
    assert ec2.describe_security_groups()["SecurityGroups"] == []
