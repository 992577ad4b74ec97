# How the stacks are brought to what the templates beside this file say: in order, each through a change set, as CloudFormation
# wants it. What has not changed is left alone. Run it again after it was cut off. Needs bash, python3 and the AWS CLI.
#
# The templates are yours from here on. Edit <stack>.template.json and <stack>.parameters.json, look at the change, then run
# this file:
#   aws cloudformation deploy --no-execute-changeset ...   shows what a change would do (DRY=yes ./stacks.sh)

HERE=$(cd "$(dirname "$0")" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# output STACK REGION NAME: an output of a stack that is there.
output() {
  aws cloudformation describe-stacks --stack-name "$1" --region "$2" \
    --query "Stacks[0].Outputs[?OutputKey=='$3'].OutputValue | [0]" --output text
}

# there STACK REGION
there() {
  aws cloudformation describe-stacks --stack-name "$1" --region "$2" >/dev/null 2>&1
}

# tags STACK REGION FILE: the tags that the stack has; those of the file where there is no stack yet. CloudFormation takes a tag
# away from every resource when it is no longer given.
tags() {
  if there "$1" "$2"; then
    aws cloudformation describe-stacks --stack-name "$1" --region "$2" --query 'Stacks[0].Tags' --output json
  else
    cat "$3"
  fi | python3 -c '
import json, sys
for tag in json.load(sys.stdin):
    print(tag["Key"] + "=" + tag["Value"])'
}

# stack KEY NAME REGION ROLE PARAMETER...: a parameter that is given nowhere keeps the value that it has.
stack() {
  local key=$1 name=$2 region=$3 role=$4
  shift 4
  python3 -c '
import json, sys
given = json.load(open(sys.argv[1])) + sys.argv[3:]
json.dump(given, open(sys.argv[2], "w"))' "$HERE/$key.parameters.json" "$WORK/$key.json" "$@"
  local options=(--stack-name "$name" --region "$region" --template-file "$HERE/$key.template.json"
    --capabilities CAPABILITY_NAMED_IAM --no-fail-on-empty-changeset)
  if [ "$(cat "$WORK/$key.json")" != "[]" ]; then options+=(--parameter-overrides "file://$WORK/$key.json"); fi
  # A request carries 51,200 bytes of template; a larger one goes through a bucket.
  if [ "$(wc -c <"$HERE/$key.template.json")" -gt 51200 ]; then
    options+=(--s3-bucket "$BUCKET" --s3-prefix "templates/$ENVIRONMENT")
  fi
  # CloudFormation works with the role of this environment, which may do more than whoever types this.
  if [ -n "$role" ]; then options+=(--role-arn "$role"); fi
  if [ -n "${DRY:-}" ]; then options+=(--no-execute-changeset); fi
  local told=()
  while IFS= read -r tag; do told+=("$tag"); done < <(tags "$name" "$region" "$HERE/$key.tags.json")
  if [ "${#told[@]}" -gt 0 ]; then options+=(--tags "${told[@]}"); fi
  echo "== $name ($region)"
  aws cloudformation deploy "${options[@]}"
}

ACCOUNT=$(aws sts get-caller-identity --query Account --output text)
ROLE=arn:aws:iam::$ACCOUNT:role/$ROLE_NAME
BUCKET=$(printf '%s' "$BUCKET_NAME" | sed "s/ACCOUNT/$ACCOUNT/")
