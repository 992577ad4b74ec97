#!/bin/bash
# Packages of Amazon Linux that this machine stands in for; anything else is refused.
verb=
for word in "$@"; do
  case "$word" in
    -y | -q | --assumeyes | --quiet | --setopt=* | --refresh) ;;
    install | update | upgrade | makecache | clean | all) verb=$word ;;
    docker | amazon-cloudwatch-agent | amazon-ssm-agent | aws-cli | awscli-2 | jq | curl | python3 | amazon-ecr-credential-helper | postgresql1* | htop | nftables) ;;
    *)
      printf 'dnf: the embedded cloud does not know %s\n' "$word" >&2
      exit 64
      ;;
  esac
done
[ -n "$verb" ] || { printf 'dnf: the embedded cloud does not know: %s\n' "$*" >&2; exit 64; }
