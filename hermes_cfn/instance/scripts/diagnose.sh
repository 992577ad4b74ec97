exec 2>/dev/null
export ROOT
python3 - "$HERMES_APP" "$ASK" "$HERMES_HEALTH_PATH" "$HOME_DIR" "$OPERATION" "$STATE_DIR" "$HERMES_PERIOD_S" "$HERMES_DOMAIN" <<'PYTHON'
import fcntl, http.client, json, os, pathlib, re, socket, subprocess, sys, threading, time, urllib.error, urllib.request

app, here, health, home, operation, state_dir, period, domain = sys.argv[1:]
ROOT = os.environ["ROOT"]

late = {}  # commands that did not answer are not asked again: the whole must end while somebody waits for it

def run(*command):
    try:
        if command[0] in late:
            raise late[command[0]]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20)
    except subprocess.TimeoutExpired as error:
        late[command[0]] = error
        return f"status 124: no answer within {error.timeout:.0f} s"
    return done.stdout.strip() if done.returncode == 0 else f"status {done.returncode}: {masked(done.stdout.strip())[-300:]}"

def safely(answer):
    try:
        return answer()
    except Exception as error:
        return f"{type(error).__name__}: {error}"

def kept(name):
    path = pathlib.Path(state_dir, name)
    return path.read_text(errors="replace") if path.exists() else ""

%include mask
masked = masker(home)

def variables():
    """Of the container's environment; the last line that names one holds."""
    path = pathlib.Path(home, ".env")
    return dict(line.split("=", 1) for line in (path.read_text() if path.exists() else "").splitlines() if "=" in line)

def container(inspected):
    if inspected.startswith("status "):
        return inspected
    found = json.loads(inspected)[0]
    state = found.get("State", {})
    return {"status": state.get("Status"), "exit_code": state.get("ExitCode"), "oom_killed": state.get("OOMKilled"),
            "restarts": found.get("RestartCount"), "image": found.get("Config", {}).get("Image")}

class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *told):
        return None

def answer(path, headers):
    request = urllib.request.Request(here + path, headers=headers)
    try:
        reply = urllib.request.build_opener(Stay).open(request, timeout=5)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        return {"status": reply.status, "body": masked(reply.read(5000).decode(errors="replace"))[:500],
                "location": reply.headers.get("Location")}

def listens():
    """Where the container's programs listen, by the kernel's own table of its network (proc(5), "/proc/pid/net/tcp")."""
    pid, found = str(json.loads(inspected)[0]["State"]["Pid"]), []
    for name, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in run("nsenter", "--target", pid, "--net", "cat", f"/proc/net/{name}").splitlines()[1:]:
            (address, _, port), state = line.split()[1].partition(":"), line.split()[3]
            words = [int(address[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(address), 8)]
            if state == "0A":
                found.append([socket.inet_ntop(family, b"".join(words)), int(port, 16)])
    return found

def stopped():
    """How the container before this one ended."""
    told = dict(line.split("\t", 1) for line in kept("stopped").splitlines() if "\t" in line)
    return {"exit_code": int(told["ExitCode"]), "oom_killed": told["OOMKilled"] == "True"} if told else None

def changed():
    """Whether another container stands where the last deployment started one."""
    return kept("container") not in ("", json.loads(run("docker", "inspect", app))[0]["Id"])

def memory(meminfo):
    lines = dict(line.split(":", 1) for line in meminfo.splitlines())
    return {"total_kb": int(lines["MemTotal"].split()[0]), "available_kb": int(lines["MemAvailable"].split()[0])}

%include database

def failed():
    """What the container of the last deployment that failed said of itself."""
    head, _, body = kept("failed-health").replace("\r", "").partition("\n\n")
    answer = {"status": head.split()[1], "body": masked(body)[:500]} if head else "none"
    return {"release": kept("failed-release"), "container": safely(lambda: container(kept("failed-container"))),
            "log": masked(kept("failed-log")).splitlines()[-50:], "health": answer,
%if containers
            "process": kept("failed-process") or None,
%end
            "memory": safely(lambda: memory(kept("failed-memory")))}

def scrub():
    """What is kept of a failure is kept without secrets from now on; whoever deploys just now writes it anew."""
    if kept("failed-env"):
        with open(pathlib.Path(state_dir, "lock"), "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            state = [{key: one.get(key) for key in ("State", "RestartCount")} | {"Config": {"Image": one.get("Config", {}).get("Image")}}
                     for one in json.loads(kept("failed-container") or "[]")]
            for name, text in (("failed-container", json.dumps(state)), *((name, masked(kept(name))) for name in ("failed-log", "failed-health"))):
                pathlib.Path(state_dir, name).write_text(text)
            pathlib.Path(state_dir, "failed-env").unlink()

def requests():
    """What the container's own log says that it answered within the last period, and how much of it was a failure."""
    first = re.findall(r"\bSent ([1-5])\d\d\b", run("docker", "logs", "--since", period + "s", app))
    return {"within_s": int(period), "answered": len(first), "failed": first.count("5")}

def disk():
    total, _, free = run("df", "-Pm", ROOT or "/").splitlines()[-1].split()[1:4]
    return {"total_bytes": int(total) * 2**20, "free_bytes": int(free) * 2**20}

def short(value):
    """Nothing of it is longer than it may be written out: texts are cut, lists keep their end."""
    if isinstance(value, dict):
        return {name: short(item) for name, item in value.items()}
    if isinstance(value, list):
        return [short(item) for item in value[-50:]]
    while isinstance(value, str) and len(json.dumps(value)) > 500:
        value = value[: min(500, len(value) * 4 // 5)]
    return value

def fitting(told):
    """The report with as many of the newest log lines as fit: Systems Manager keeps the first 24,000 characters."""
    told, logs = short(told), []
%if containers
    for part in (told, told["failed"], *(told["processes"].values() if isinstance(told["processes"], dict) else ())):
%else
    for part in (told, told["failed"]):
%end
        if isinstance(part, dict) and isinstance(part.get("log"), list):
            logs.append(part["log"])
    while len(json.dumps(told)) > 20000 and any(logs):
        max(logs, key=lambda log: len(json.dumps(log))).pop(0)
    return told

%if containers
def processes():
    """Each container beside the web process: how it is, and its last lines."""
    found = {}
    for name, said in json.loads(kept("processes.json") or "{}").items():
        known = safely(lambda: container(run("docker", "inspect", name)))
        log = safely(lambda: masked(run("docker", "logs", "--tail", "20", name)).splitlines()[-20:])
        found[name[len(app) + 1:]] = {"process": said["process"], "container": known, "log": log}
    return found

%end
IDLE_S = 5.5

def idle():
    """How long it keeps a connection on which nobody asks: as it announces, and as it does while somebody waits for it."""
    wire = http.client.HTTPConnection(here.partition("//")[2], timeout=5)
    wire.request("GET", health)
    reply = wire.getresponse()
    reply.read()
    announced = re.search(r"timeout=(\d+)", reply.headers.get("Keep-Alive") or "")
    told = {"announced_s": int(announced[1]) if announced else None, "closed_after_s": None, "watched_s": IDLE_S}
    if wire.sock is None:
        return {**told, "closed_after_s": 0.0}
    wire.sock.settimeout(IDLE_S)
    begun = time.monotonic()
    try:
        wire.sock.recv(1)
        told["closed_after_s"] = round(time.monotonic() - begun, 1)
    except socket.timeout:
        pass
    except OSError:
        told["closed_after_s"] = round(time.monotonic() - begun, 1)
    finally:
        wire.close()
    return told

kept_open = {}
watching = threading.Thread(target=lambda: kept_open.update(idle=safely(idle)), daemon=True)
if operation.startswith("doctor-"):
    watching.start()

def waited_for():
    """Only where nobody waits for a way back."""
    if not operation.startswith("doctor-"):
        return None
    watching.join(IDLE_S + 1)
    return kept_open.get("idle")

inspected = safely(lambda: run("docker", "inspect", app))
print(json.dumps(fitting({"task": "diagnose", "operation": operation, "outcome": "ok", **throughout({
    "failed": safely(failed) if kept("failed-release") else None,
    "container": safely(lambda: container(inspected)),
    "log": safely(lambda: masked(run("docker", "logs", "--tail", "50", app)).splitlines()[-50:]),
%if containers
    "processes": safely(processes),
%end
    "health": safely(lambda: answer(health, {})), "listens": safely(listens), "changed": safely(changed), "stopped": safely(stopped),
    "proxied": safely(lambda: answer("/", {"Host": domain, "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"})),
    "memory": safely(lambda: memory(pathlib.Path(f"{ROOT}/proc/meminfo").read_text())),
    "disk": safely(disk), "requests": safely(requests), "idle": safely(waited_for),
    "docker": safely(lambda: run("systemctl", "is-active", "docker")),
    "systemd": {unit: safely(lambda: run("systemctl", "is-active", unit)) for unit in ("hermes", "hermes-watch")},
    "clock": safely(lambda: run("date", "-u", "+%FT%T+00:00")),
    "database": safely(lambda: database(variables().get("DATABASE_URL", "")))}, masked)})))
safely(scrub)
PYTHON
