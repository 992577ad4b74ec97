# A NAT instance's first boot: it forwards, then takes over address and route. One that cannot powers off, and its group
# replaces it (Amazon EC2 Auto Scaling user guide, "Health checks": an instance that is not running is unhealthy).

set -euo pipefail
trap 'systemctl poweroff' ERR

ROOT="${HERMES_ROOT:-}"
METADATA="${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}"
token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 300' "${METADATA%/}/latest/api/token")
id=$(curl -fsS -H "X-aws-ec2-metadata-token: $token" "${METADATA%/}/latest/meta-data/instance-id")

dnf install --quiet --assumeyes nftables
mkdir -p "$ROOT/etc/sysctl.d" "$ROOT/etc/sysconfig"
printf 'net.ipv4.ip_forward = 1\n' >"$ROOT/etc/sysctl.d/90-nat.conf"
systemctl restart systemd-sysctl
cat >"$ROOT/etc/sysconfig/nftables.conf" <<RULES
table ip nat {
  chain postrouting {
    type nat hook postrouting priority 100;
    ip saddr $NAT_RANGE masquerade
  }
}
RULES
systemctl enable nftables
systemctl restart nftables

aws ec2 modify-instance-attribute --instance-id "$id" --no-source-dest-check
aws ec2 associate-address --instance-id "$id" --allocation-id "$NAT_ADDRESS" --allow-reassociation >/dev/null
aws ec2 replace-route --route-table-id "$NAT_TABLE" --destination-cidr-block 0.0.0.0/0 --instance-id "$id" ||
  aws ec2 create-route --route-table-id "$NAT_TABLE" --destination-cidr-block 0.0.0.0/0 --instance-id "$id" >/dev/null
