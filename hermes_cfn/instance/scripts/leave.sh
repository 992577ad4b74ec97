# When the instance stops: nobody looks for it any more, and the container ends in time.

stop_container
if [ "$HERMES_CLUSTER_PORT" -gt 0 ]; then
  aws servicediscovery deregister-instance --service-id "$(cluster_service)" --instance-id "$(instance_id)" >/dev/null || true
fi
