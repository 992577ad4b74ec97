# First boot: what the instance needs, its units, its release, and the launch hook.

finish_launch() {
  persist aws autoscaling complete-lifecycle-action --lifecycle-hook-name "$HERMES_HOOK" \
    --auto-scaling-group-name "$HERMES_GROUP" --instance-id "$(instance_id)" --lifecycle-action-result "$1" || true
}
trap 'say "boot failed"; finish_launch ABANDON' ERR

dnf install --quiet --assumeyes docker amazon-cloudwatch-agent
systemctl enable docker
systemctl start docker

mkdir -p "$HOME_DIR/bin" "$ROOT/etc/systemd/system"
for name in start return watch leave; do
  { echo '#!/bin/bash'; cat "$LIB"/{settings,library,"$name"}.sh; } >"$HOME_DIR/bin/hermes-$name"
  chmod 700 "$HOME_DIR/bin/hermes-$name"
done

unit() { { cat; printf '[Install]\nWantedBy=multi-user.target\n'; } >"$ROOT/etc/systemd/system/$1.service"; }
unit hermes <<UNIT
[Unit]
Description=$HERMES_APP, the stable release
After=docker.service network-online.target
Requires=docker.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$HOME_DIR/bin/hermes-start
ExecStop=$HOME_DIR/bin/hermes-leave
%if containers
TimeoutStopSec=180
%else
TimeoutStopSec=$((HERMES_STOP_TIMEOUT + 60))
%end
StandardOutput=append:$ROOT/var/log/cloud-init-output.log
StandardError=inherit
UNIT
unit hermes-watch <<UNIT
[Unit]
Description=reports this instance unhealthy when $HERMES_APP accepts no connection
After=hermes.service
[Service]
Restart=always
RestartSec=15
ExecStart=$HOME_DIR/bin/hermes-watch
UNIT

if [ "$AWS_USE_DUALSTACK_ENDPOINT" = true ]; then
  mkdir -p "$ROOT/etc/amazon/ssm"
  printf '{"Agent": {"UseDualStackEndpoint": true}}\n' >"$ROOT/etc/amazon/ssm/amazon-ssm-agent.json"
  systemctl restart amazon-ssm-agent
fi

# use_dualstack_endpoint: amazon-cloudwatch-agent, pull request 1864 of September 2025.
agent="$ROOT/opt/aws/amazon-cloudwatch-agent/etc/hermes.json"
mkdir -p "$(dirname "$agent")"
cat >"$agent" <<AGENT
{"agent": {"run_as_user": "root", "use_dualstack_endpoint": $AWS_USE_DUALSTACK_ENDPOINT},
 "logs": {"logs_collected": {"files": {"collect_list": [
   {"file_path": "/var/lib/docker/containers/*/*-json.log", "log_group_name": "$HERMES_LOG_GROUP", "log_stream_name": "{instance_id}/app"},
   {"file_path": "/var/log/cloud-init-output.log", "log_group_name": "$HERMES_LOG_GROUP", "log_stream_name": "{instance_id}/boot"}]}}},
 "metrics": {"namespace": "CWAgent", "append_dimensions": {"AutoScalingGroupName": "\${aws:AutoScalingGroupName}"},
   "aggregation_dimensions": [["AutoScalingGroupName"]],
   "metrics_collected": {"mem": {"measurement": ["mem_used_percent"]},
     "disk": {"measurement": ["used_percent"], "resources": ["/"], "drop_device": true}}}}
AGENT
amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c "file:$agent" >/dev/null

systemctl daemon-reload
systemctl enable hermes hermes-watch
systemctl start hermes
systemctl start hermes-watch
finish_launch CONTINUE
