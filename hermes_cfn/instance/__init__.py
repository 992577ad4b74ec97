"""What runs on an instance: shell scripts, the SSM documents that carry them, and a release as data.

The protocol, which the scripts keep on one side and the deployer on the other:

**Releases.**  Two SSM parameters of type String (``names.goal_parameter``,
``names.stable_parameter``) hold the JSON of a :class:`hermes_cfn.instance.release.Release`.
Each write makes a new parameter version.  A document is told the *version* of goal and reads
``<goal>:<version>``; a new or rebooted instance reads ``stable`` as it is then.

**Documents** (``names.document(task)``, schema 2.2, one ``aws:runShellScript`` step) and their
parameters; every one has an anchored pattern, because Systems Manager pastes it into the shell::

    prepare migrate deploy confirm rollback    OperationId Token GoalVersion
    run                                        OperationId Token GoalVersion Command (base64)
    diagnose                                   OperationId

``OperationId`` ``^[a-z0-9][a-z0-9-]{7,63}$`` · ``Token`` ``^[0-9]{1,12}$`` · ``GoalVersion``
``^[0-9]{1,9}$``.  The last line on stdout is one JSON object, :data:`documents.RESULT_KEYS` among
its keys; the exit status is 0 when ``outcome`` is ``ok``, 75 when the token is refused, else 1.

* One document runs at a time on an instance (``flock``).
* A token lower than the highest seen is refused (``outcome`` ``refused: …``), nothing is done.
* A task that has ended under an operation id is not run again under the same id: its recorded
  last line is printed and its status returned.  To try again, use another id.  A preparation or a deployment that a
  hand or a timer has undone since runs again.
* Why a document failed is a word of :class:`hermes_cfn.instance.report.Cause` (``cause`` in the report and the last
  line), which says whose fault it is; what a dependency refuses is asked for again for ``documents.PATIENCE_S``, with
  the instance's lock given back in between.  One that was cut
  off (reboot) left no record, and runs again; so does a confirmation of what was deployed again since.

**prepare** pulls the image of goal, checks disk and memory, fetches the secrets beforehand, and
leaves the running container alone.  **deploy** prepares if need be, arms the *return timer*
(a transient timer with a name of its own, collected when it has run), stops the container, starts the new one and
asks its health locally.  When it does not answer in time, the previous release is started again at
once and the outcome is ``failed: …``; ``release`` in the report says what runs.  The timer stays
armed in both cases until **confirm**, which the deployer sends when the target is healthy again;
confirm refuses a container that has restarted since it was deployed. For ``documents.PROVE_S`` after a deployment
``hermes-prove``, which the document writes, looks for the same, and puts ``restarted`` into the report when it does.
confirm also prunes images, never the current or the previous one.  If nobody confirms, the timer
starts the previous release if another one runs, and takes the instance out of standby, again and again
until Auto Scaling takes it back; an instance
that is in service and answers stays as it is, because stopping its container would drop requests.
**rollback** is deploy without standby and without a timer, for emergencies.  **migrate** runs the
migrate command once in a container of the goal's image; a line ``schema_version=N`` that the
command prints first is the version before, the last one the version after.  **diagnose** only
reads: ``container``, ``log`` (50 lines, secrets masked), ``health``, ``listens`` (address and port of
each listening socket in the container), ``changed`` (whether somebody replaced the container), ``stopped`` (how the container before ended), ``proxied`` (what
``/`` answers as the load balancer asks), ``memory``, ``disk``, ``docker``, ``systemd``, ``clock``,
``database`` (``name``, ``tcp``, ``tls``, ``login``), ``failed`` (the last deployment, if it failed).
The line has at most 20,000 characters, because Systems Manager keeps the first 24,000: the oldest log lines go first.

**Report.**  After every step an instance writes ``names.instance_report(id)`` (String)::

    {"release": id|null, "goal_version": n|null, "state": "starting|running|prepared|switching|failed|changed",
     "prepared": goal version|null, "operation": last operation id|null, "cause": word of report.py|null, "outcome": "ok"|"failed: …"|null,
     "token": highest seen, "schema_before": n|null, "schema_after": n|null, "at": "…Z"}

``goal_version`` is the version of goal that is running, ``null`` when it was started from stable.
``state`` is ``prepared`` while the running release is untouched and another one is ready, and ``changed`` once
the instance's own watch, which looks every 15 s, has found a container there that no document started.

A release may name processes beside the web process and options of its containers; then ``scripts/processes.py`` starts, asks and
stops them (containers ``APP-PROCESS-NUMBER``), the report has ``processes`` (container to state) and ``process`` (which one
failed), and a last line of ``process-unwell`` or ``restarted`` has ``process``.  Instances have that part, and the documents too,
where the settings have processes or options (:func:`documents.parts_of`).

**Boot** (user data): docker and the CloudWatch agent are installed, ``/opt/hermes/bin`` and the
systemd units ``hermes`` (starts stable at every boot), ``hermes-watch`` (the instance's own health
report) are written and enabled, the release of ``stable`` is started, and the launch lifecycle hook
(``names.launch_hook``) is completed: CONTINUE when it answers locally, ABANDON when it does not.  The release is started
by its unit, so that ``ExecStop`` runs when the instance ends.  The watch reports the instance unhealthy when nothing
answers HTTP for longer than a restart takes; any answer counts, and silence does not while the database is silent too.

**Commands used**, exactly in these forms (``--region`` comes from ``AWS_REGION``)::

    curl -fsS -X PUT  …/latest/api/token   and   …/latest/meta-data/instance-id | local-ipv4
    aws ssm get-parameter --name N[:V] [--with-decryption] --output json
    aws ssm put-parameter --name N --type String --overwrite --value JSON
    aws ecr get-login-password | docker login --username AWS --password-stdin REGISTRY
    aws autoscaling complete-lifecycle-action --lifecycle-hook-name H --auto-scaling-group-name G
        --instance-id I --lifecycle-action-result CONTINUE|ABANDON
    aws autoscaling describe-auto-scaling-instances --instance-ids I --output json
    aws autoscaling exit-standby --auto-scaling-group-name G --instance-ids I
    aws autoscaling set-instance-health --instance-id I --health-status Unhealthy
    docker pull IMAGE | docker image inspect IMAGE | docker stop --time S NAME | docker rm --force NAME
    docker run --detach --name NAME --restart unless-stopped --publish ADDR:PORT:PORT --env-file F
        [--label K=V] [--memory M] [--read-only] [--tmpfs /tmp] [--cap-drop ALL]
        [--security-opt no-new-privileges] [--stop-signal S] [--stop-timeout S]
        [--log-driver json-file --log-opt K=V] IMAGE
    docker run --rm --name NAME-migrate --env-file F [as above] IMAGE COMMAND…
    docker inspect NAME | docker logs --tail 50 NAME | docker exec NAME COMMAND…
    docker image ls --no-trunc --digests REPOSITORY   (a table: REPOSITORY TAG DIGEST IMAGE-ID …, with its header)
    docker image rm IMAGE
    systemctl daemon-reload | enable UNIT… | start UNIT | stop UNIT | is-active UNIT
    systemd-run --quiet --collect --timer-property=AccuracySec=1s --unit=NAME --on-active=SECONDS PROGRAM WORD
    dnf install --quiet --assumeyes PACKAGE…
    amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:PATH
    nsenter --target PID --net cat /proc/net/tcp | /proc/net/tcp6

Every absolute path is under ``${HERMES_ROOT}`` (empty on AWS, as DESTDIR), the container is published
on ``${HERMES_BIND:-0.0.0.0}`` and asked at ``http://${HERMES_BIND:-127.0.0.1}:PORT``, and the metadata
service is ``${AWS_EC2_METADATA_SERVICE_ENDPOINT:-http://169.254.169.254}``.
"""
