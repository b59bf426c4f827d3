#!/usr/bin/env bash
# The first article, in its order: a host outside a private network talks with what is in it, by ClassicLink, with aws-cli and our commands.
# Everything runs on loopback without privileges: the gateway and the agent carry the link within their own processes. Prints each step with
# ok, or `ok, refused` where a refusal is what is right; ends by itself within a minute. SHUKUBA_BIN names the binary.
set -euo pipefail
cd "$(dirname "$0")/../.."
source examples/link-on-loopback.sh

# A service in the network, and one on a host outside it.
serve inside "$inside"
serve outside "$outside"
agent "$("$bin" host token)"
step "a host outside the network (EC2-Classic) runs" until_true running
id=$(running)
step "before: it does not reach the network" says_nothing "$front"
step "the network takes links (EnableVpcClassicLink)" ec2 enable-vpc-classic-link --vpc-id "$vpc"
refused "a link needs a security group of the network" "groups" ec2 attach-classic-link-vpc --instance-id "$id" --vpc-id "$vpc"
step "the host, the network and a security group are chosen: linked" ec2 attach-classic-link-vpc --instance-id "$id" --vpc-id "$vpc" --groups "$web"
is_up() { "$bin" link status classic-1 | grep -q ' up '; }
step "the link is up" until_true is_up
step "no rule names it yet: nothing answers" says_nothing "$front"
ec2 authorize-security-group-ingress --group-id "$default" --protocol tcp --port 80 --source-group "$web" > /dev/null
step "a rule inside names its group: outside reaches inside, as on one LAN" until_true says inside "$front"
step "and nothing else: another port does not answer" says_nothing "$closed"
step "inside does not reach outside without a rule" says_nothing "$back"
ec2 authorize-security-group-ingress --group-id "$web" --protocol tcp --port 9000 --cidr 172.31.0.0/24 > /dev/null
step "groups there cannot be named, so the rule has an address range: inside reaches it" until_true says outside "$back"
other=$(ec2 create-vpc --cidr-block 192.168.7.0/24 --query Vpc.VpcId)
there=$(ec2 create-security-group --vpc-id "$other" --group-name g --description g --query GroupId)
ec2 enable-vpc-classic-link --vpc-id "$other" > /dev/null
refused "one network for one instance" "NotLinkable" ec2 attach-classic-link-vpc --instance-id "$id" --vpc-id "$other" --groups "$there"
peering=$(ec2 create-vpc-peering-connection --vpc-id "$vpc" --peer-vpc-id "$other" --query VpcPeeringConnection.VpcPeeringConnectionId)
step "two networks are joined by VPC peering instead" ec2 accept-vpc-peering-connection --vpc-peering-connection-id "$peering"
ec2 authorize-security-group-ingress --group-id "$default" --protocol tcp --port 81 --cidr 10.0.0.0/8 > /dev/null
step "more of the service is opened while it is moved in" until_true says inside "$closed"
kill "$agent"; wait "$agent" 2>/dev/null || true
gone() { [ -z "$(ec2 describe-classic-link-instances --query 'Instances[].InstanceId')" ]; }
step "stopped: the link is lost" until_true gone
refused "and cannot be made while it is stopped" "NotLinkable" ec2 attach-classic-link-vpc --instance-id "$id" --vpc-id "$vpc" --groups "$web"
agent
step "started again" until_true running
step "it is not linked by itself" says_nothing "$front"
step "one command makes the link again" "$bin" link attach classic-1 --vpc tokyo --group from-outside
step "as before" until_true says inside "$front"
step "detached" "$bin" link detach classic-1
step "nothing is left" until_true says_nothing "$front"
