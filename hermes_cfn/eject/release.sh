# How a release reaches the fleet without dropping a request, an instance at a time: out of the load balancer, new container,
# checked, back. `./release.sh TAG` rolls the image TAG of the registry. The release before stays the one that new instances
# start with until every instance has the new one. Needs bash, python3 and the AWS CLI.
#
# If this stops half way: what was taken out comes back by itself with the release before (the timer of the document `deploy`);
# `aws autoscaling resume-processes` and the line `give_back` below are done by the trap. Run it again with the same TAG.

TAG=${1:?usage: $0 TAG}
PAUSE=${PAUSE:-5}
WORK=$(mktemp -d)
export AWS_DEFAULT_REGION=$REGION

ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
DIGEST=$(aws ecr describe-images --repository-name "$REPOSITORY" --image-ids "imageTag=$TAG" \
  --query 'imageDetails[0].imageDigest' --output text)
IMAGE=$ACCOUNT.dkr.ecr.$REGION.amazonaws.com/$REPOSITORY@$DIGEST

# 1. The lock: one deployer at a time. Each holder gets a larger token, and instances refuse a document with an older one.
OWNER="$(id -un)@$(hostname) $$"
NOW=$(date +%s)
take() {
  aws dynamodb update-item --table-name "$LOCK_TABLE" --key "{\"LockID\": {\"S\": \"$LOCK_KEY\"}}" \
    --update-expression 'SET #o = :owner, #p = :purpose, #e = :until ADD #t :one' \
    --condition-expression 'attribute_not_exists(#e) OR #e <= :now' \
    --expression-attribute-names '{"#o": "owner", "#p": "purpose", "#e": "expires", "#t": "token"}' \
    --expression-attribute-values "{\":owner\": {\"S\": \"$OWNER\"}, \":purpose\": {\"S\": \"release $TAG\"}, \
\":until\": {\"N\": \"$((NOW + 7200))\"}, \":now\": {\"N\": \"$NOW\"}, \":one\": {\"N\": \"1\"}}" \
    --return-values ALL_NEW --query 'Attributes.token.N' --output text
}
give_back() {
  aws dynamodb update-item --table-name "$LOCK_TABLE" --key "{\"LockID\": {\"S\": \"$LOCK_KEY\"}}" \
    --update-expression 'SET #e = :zero' --condition-expression '#o = :owner AND #t = :token' \
    --expression-attribute-names '{"#o": "owner", "#e": "expires", "#t": "token"}' \
    --expression-attribute-values "{\":owner\": {\"S\": \"$OWNER\"}, \":token\": {\"N\": \"$TOKEN\"}, \":zero\": {\"N\": \"0\"}}"
}
TOKEN=$(take)
trap 'aws autoscaling resume-processes --auto-scaling-group-name "$GROUP" --scaling-processes AZRebalance; give_back; rm -rf "$WORK"' EXIT

# 2. What shall run: the release before, with another image. To use a new version of a secret, change its number here
#    (aws ssm get-parameter-history says which there are); to change a plain variable, change it here.
aws ssm get-parameter --name "$STABLE" --query Parameter.Value --output text >"$WORK/stable.json"
python3 - "$WORK/stable.json" "$WORK/goal.json" "$IMAGE" "$TAG" "$OWNER" <<'PYTHON'
import datetime, json, sys
before, after, image, tag, owner = sys.argv[1:]
release = json.load(open(before))
now = datetime.datetime.now(datetime.timezone.utc)
release |= {"id": f"{tag}-{now:%Y%m%d%H%M%S}", "image": image, "tag": tag}
release |= {"requested_at": now.isoformat(), "requested_by": owner, "migrated_from": release["id"]}
json.dump(release, open(after, "w"), sort_keys=True, separators=(",", ":"))
PYTHON
VERSION=$(aws ssm put-parameter --name "$GOAL" --type String --overwrite --value "file://$WORK/goal.json" \
  --query Version --output text)
RUN=$(date +%s)-$$

# send TASK INSTANCE: runs one of this environment's documents on an instance, and waits for its end.
send() {
  local command state
  command=$(aws ssm send-command --document-name "$DOCUMENTS-$1" --instance-ids "$2" --comment "$1 $TAG" \
    --parameters "OperationId=eject-$1-$RUN,Token=$TOKEN,GoalVersion=$VERSION" \
    --query Command.CommandId --output text)
  while :; do
    sleep "$PAUSE"
    state=$(aws ssm get-command-invocation --command-id "$command" --instance-id "$2" --query Status --output text \
      2>/dev/null || echo Pending)
    case "$state" in
      Pending | InProgress | Delayed) ;;
      Success) return 0 ;;
      *)
        aws ssm get-command-invocation --command-id "$command" --instance-id "$2" \
          --query '[Status, StandardOutputContent, StandardErrorContent]' --output text >&2
        return 1
        ;;
    esac
  done
}

# until_state INSTANCE STATE: of its group.
until_state() {
  until [ "$(aws autoscaling describe-auto-scaling-instances --instance-ids "$1" \
    --query 'AutoScalingInstances[0].LifecycleState' --output text)" = "$2" ]; do sleep "$PAUSE"; done
}

# until_healthy INSTANCE: in every target group of the group.
until_healthy() {
  local arn
  for arn in $(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$GROUP" \
    --query 'AutoScalingGroups[0].TargetGroupARNs' --output text); do
    until [ "$(aws elbv2 describe-target-health --target-group-arn "$arn" --targets "Id=$1" \
      --query 'TargetHealthDescriptions[0].TargetHealth.State' --output text)" = healthy ]; do sleep "$PAUSE"; done
  done
}

INSTANCES=$(aws autoscaling describe-auto-scaling-groups --auto-scaling-group-names "$GROUP" \
  --query "AutoScalingGroups[0].Instances[?LifecycleState=='InService'].InstanceId" --output text)

# 3. The image and the secrets are fetched before anything leaves the load balancer; then the migration, once.
for instance in $INSTANCES; do
  echo "== $instance: prepare"
  send prepare "$instance"
done
if [ -n "$MIGRATE" ]; then
  echo "== migrate"
  send migrate "${INSTANCES%%[[:space:]]*}"
fi

# 4. One instance after the other. AZRebalance would start and end instances meanwhile.
aws autoscaling suspend-processes --auto-scaling-group-name "$GROUP" --scaling-processes AZRebalance
for instance in $INSTANCES; do
  echo "== $instance: out, $TAG, back"
  aws autoscaling enter-standby --auto-scaling-group-name "$GROUP" --instance-ids "$instance" \
    --should-decrement-desired-capacity >/dev/null
  until_state "$instance" Standby
  send deploy "$instance"
  aws autoscaling exit-standby --auto-scaling-group-name "$GROUP" --instance-ids "$instance" >/dev/null
  until_state "$instance" InService
  until_healthy "$instance"
  send confirm "$instance"
done

# 5. Every instance has it: from now on new instances start with it.
aws ssm put-parameter --name "$STABLE" --type String --overwrite --value "file://$WORK/goal.json" >/dev/null
echo "== $TAG is on every instance"
