#!/usr/bin/env bash
# Sets an alarm on every instance whose Name tag matches, with plain aws-cli; here and on AWS alike.
#
#     set-alarm.sh 'web-*' [METRIC] [THRESHOLD] [ACTION…]
#
# METRIC: CPUUtilization where none is given; THRESHOLD: 80. ACTION: ARNs of what is told of ALARM and OK.
# NAMESPACE, STATISTIC, PERIOD, EVALUATION_PERIODS, DATAPOINTS change the rest. AWS_CLI: how aws-cli is called.
set -euo pipefail

pattern=${1:?"usage: set-alarm.sh 'NAME-PATTERN' [METRIC] [THRESHOLD] [ACTION...]"}
metric=${2:-CPUUtilization} threshold=${3:-80}
actions=("${@:4}")
aws() { ${AWS_CLI:-command aws} "$@"; }

instances=$(aws ec2 describe-instances \
    --filters "Name=tag:Name,Values=$pattern" 'Name=instance-state-name,Values=pending,running,stopping,stopped' \
    --query "Reservations[].Instances[].[InstanceId, Tags[?Key=='Name'] | [0].Value]" --output text)
[ -n "$instances" ] || { echo "no instance has a Name like '$pattern'" >&2; exit 1; }

# A Name is the key of its alarm: where two instances share one, the second would silently take the first one's alarm.
twice=$(cut -f2 <<< "$instances" | sort | uniq -d)
if [ -n "$twice" ]; then
    echo "instances share a Name; nothing was set:" >&2
    grep -F -w -f <(printf '%s\n' "$twice") <<< "$instances" | sort -k2 >&2
    exit 1
fi

while IFS=$'\t' read -r id name; do
    aws cloudwatch put-metric-alarm --alarm-name "$name-$metric" \
        --namespace "${NAMESPACE:-AWS/EC2}" --metric-name "$metric" --dimensions "Name=InstanceId,Value=$id" \
        --statistic "${STATISTIC:-Average}" --period "${PERIOD:-60}" \
        --evaluation-periods "${EVALUATION_PERIODS:-5}" --datapoints-to-alarm "${DATAPOINTS:-3}" \
        --comparison-operator GreaterThanThreshold --threshold "$threshold" \
        ${actions[@]+--alarm-actions "${actions[@]}" --ok-actions "${actions[@]}"}
    echo "$name-$metric ($id)"
done <<< "$instances"
