#!/usr/bin/env bash
# The fifth article, in its order, with aws-cli: users, policies, groups, the trail; then what each group can do, and a leaver.
# Prints each step with ok or refused; ends by itself within two minutes. SHUKUBA_BIN names the binary; scripts/venv.sh makes aws-cli.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath "${SHUKUBA_BIN:-target/debug/shukuba}")
aws=$(realpath "${AWS_BIN:-.venv/bin/aws}")
[ -x "$bin" ] || { echo "no binary: cargo build -p shukuba" >&2; exit 1; }
[ -x "$aws" ] || { echo "no aws-cli: scripts/venv.sh makes $aws" >&2; exit 1; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/shukuba-iam.XXXXXX")
server=
cleanup() {
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    rm -rf "$dir"
}
trap cleanup EXIT
unset AWS_ENDPOINT_URL AWS_PROFILE AWS_SESSION_TOKEN SHUKUBA_ENDPOINT
export SHUKUBA_DATA="$dir/data" SHUKUBA_CONFIG="$dir/shukuba.toml" SHUKUBA_LOG=error AWS_PAGER='' AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE="$dir/aws" AWS_SHARED_CREDENTIALS_FILE="$dir/aws"
: > "$SHUKUBA_CONFIG"

say() { printf '%-70s %s\n' "$1" "$2"; }
step() { # NAME COMMAND…: must go well
    local name=$1; shift
    if "$@" > "$dir/out" 2>&1; then say "$name" ok; else say "$name" refused; cat "$dir/out" >&2; exit 1; fi
}
refuses() { # NAME CODE COMMAND…: must be refused with that code
    local name=$1 code=$2; shift 2
    if "$@" > "$dir/out" 2>&1 || ! grep -q "($code" "$dir/out"; then say "$name" "wrong"; cat "$dir/out" >&2; exit 1; fi
    say "$name" "ok, refused"
}
as() { # USER COMMAND…: with that user's key
    local keys; keys=$(cat "$dir/$1.key"); shift
    AWS_ACCESS_KEY_ID=${keys%%$'\t'*} AWS_SECRET_ACCESS_KEY=${keys##*$'\t'} "$@"
}
sqs() { "$aws" sqs "$@" --endpoint-url "$AWS_ENDPOINT_URL"; } # version 1 does not read the variable
key_of() { "$aws" iam create-access-key --user-name "$1" --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text > "$dir/$1.key"; }

"$bin" serve --listen 127.0.0.1:0 2> "$dir/serve.log" & server=$!
for _ in $(seq 300); do [ -s "$SHUKUBA_DATA/endpoint" ] && break; sleep 0.1; done
eval "$("$bin" env 2>/dev/null)"
account=$("$aws" sts get-caller-identity --query Account --output text)
own="arn:aws:iam::$account:policy" of_aws=arn:aws:iam::aws:policy

# The premises: root has a new password and is used for the account and the bill alone; it has no key.
root_password() { printf 'a long new password of root\n' | "$bin" root password; }
root_has_no_key() { [ "$("$aws" iam get-account-summary --query SummaryMap.AccountAccessKeysPresent)" = 0 ]; }
step "root's password is changed" root_password
step "root has no key" root_has_no_key

# Users.
for user in boss coder watch; do
    step "user $user" "$aws" iam create-user --user-name "$user"
    step "  with a key" key_of "$user"
    step "  and a first password, to be changed" "$aws" iam create-login-profile --user-name "$user" \
        --password 'First-password-1' --password-reset-required
done

# Policies. The switch has no API on AWS, and here a command.
cat > "$dir/ViewBilling.json" <<'POLICY'
{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["aws-portal:ViewAccount","aws-portal:ViewBilling"],"Resource":"*"}]}
POLICY
cat > "$dir/ChangePassword.json" <<'POLICY'
{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"iam:ChangePassword","Resource":["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:user/*/${aws:username}"]},
  {"Effect":"Allow","Action":"iam:GetAccountPasswordPolicy","Resource":"*"}]}
POLICY
step "access of users to billing is activated" "$bin" access billing open
for policy in ViewBilling ChangePassword; do
    step "policy $policy is validated" "$aws" accessanalyzer validate-policy --policy-type IDENTITY_POLICY --policy-document "file://$dir/$policy.json"
    step "policy $policy" "$aws" iam create-policy --policy-name "$policy" --policy-document "file://$dir/$policy.json"
done

# Groups.
group() { # NAME USER ARN…
    local group=$1 user=$2; shift 2
    step "group $group" "$aws" iam create-group --group-name "$group"
    for arn in "$@"; do step "  with ${arn##*/}" "$aws" iam attach-group-policy --group-name "$group" --policy-arn "$arn"; done
    step "  and user $user" "$aws" iam add-user-to-group --group-name "$group" --user-name "$user"
}
group Admin boss "$of_aws/AdministratorAccess" "$own/ChangePassword"
group Developers coder "$of_aws/PowerUserAccess" "$own/ChangePassword"
group Operators watch "$of_aws/ReadOnlyAccess" "$own/ChangePassword" "$own/ViewBilling"

# The trail.
bucket="trail-$account"
cat > "$dir/bucket.json" <<POLICY
{"Version":"2012-10-17","Statement":[
  {"Sid":"AWSCloudTrailAclCheck","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:GetBucketAcl","Resource":"arn:aws:s3:::$bucket"},
  {"Sid":"AWSCloudTrailWrite","Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject",
   "Resource":"arn:aws:s3:::$bucket/AWSLogs/$account/*","Condition":{"StringEquals":{"s3:x-amz-acl":"bucket-owner-full-control"}}}]}
POLICY
step "bucket $bucket" "$aws" s3api create-bucket --bucket "$bucket" --create-bucket-configuration "LocationConstraint=$AWS_DEFAULT_REGION"
step "  lets the trail in" "$aws" s3api put-bucket-policy --bucket "$bucket" --policy "file://$dir/bucket.json"
step "trail audit" "$aws" cloudtrail create-trail --name audit --s3-bucket-name "$bucket" --is-multi-region-trail \
    --include-global-service-events --enable-log-file-validation
step "  is on" "$aws" cloudtrail start-logging --name audit

# What each of them can do.
step "Admin: makes a user" as boss "$aws" iam create-user --user-name late
step "Admin: makes a queue" as boss sqs create-queue --queue-name work
url=$(sqs get-queue-url --queue-name work --query QueueUrl --output text)
step "Developers: sends" as coder sqs send-message --queue-url "$url" --message-body one
refuses "Developers: makes a user" AccessDenied as coder "$aws" iam create-user --user-name mine
step "Operators: looks at the queue" as watch sqs get-queue-attributes --queue-url "$url" --attribute-names All
refuses "Operators: sends" AccessDenied as watch sqs send-message --queue-url "$url" --message-body two
refuses "Operators: makes a user" AccessDenied as watch "$aws" iam create-user --user-name mine
for user in boss coder watch; do
    step "$user changes the password" as "$user" "$aws" iam change-password --old-password 'First-password-1' --new-password 'Second-password-2'
done
step "Operators: may see the bill" "$bin" access explain watch aws-portal:ViewBilling '*'
refuse_bill() { ! "$bin" access explain watch aws-portal:ViewBilling '*'; }
step "the bill is closed again" "$bin" access billing close
step "Operators: may not see the bill now" refuse_bill

# Who did it.
found() { [ "$("$aws" cloudtrail lookup-events --lookup-attributes "AttributeKey=EventName,AttributeValue=$1" --query "length(Events[?Username=='$2'])")" -ge 1 ]; }
step "the trail tells who made the late user" found CreateUser boss
step "  and who was refused" found CreateUser watch

# Somebody leaves: nobody else's password changes.
step "coder leaves" "$bin" access offboard coder
refuses "coder's key is of no use" InvalidClientTokenId as coder sqs send-message --queue-url "$url" --message-body three
step "Admin works on" as boss "$aws" iam get-user --user-name late

# The trail's files show that nobody changed them. Stopping delivers the last of them.
step "the trail is stopped" "$aws" cloudtrail stop-logging --name audit
validate() {
    "$aws" cloudtrail validate-logs --trail-arn "arn:aws:cloudtrail:$AWS_DEFAULT_REGION:$account:trail/audit" \
        --start-time "$(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:%SZ)" | tee "$dir/valid"
}
are_valid() { # asked until the last file has come
    for _ in $(seq 20); do validate && grep -q 'log files valid' "$dir/valid" && return 0; sleep 1; done
    return 1
}
step "its files are valid" are_valid
