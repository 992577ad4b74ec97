"""Other tools' files: what is taken of each format, what is left with a reason, and that nothing makes a reader fall."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hermes_cfn import config, foreign
from hermes_cfn.cli import hermes
from hermes_cfn.config import frameworks, starter
from hermes_cfn.errors import HermesError
from hermes_cfn.foreign import apprunner, beanstalk, compose, copilot, ecs, fly, heroku, kamal, table
from hermes_cfn.pricing import fly as fly_prices

HIDDEN = "hunter2-Zx81qq"
"""A secret's value: in no output, whatever stands around it."""

KAMAL = f"""\
service: shop
image: acme/shop
servers:
  web: [10.0.0.1, 10.0.0.2]
  job:
    hosts: [10.0.0.3]
    cmd: bin/jobs
proxy: {{ssl: true, host: shop.example.org, app_port: 3000, healthcheck: {{path: /up, interval: 3}}}}
registry: {{username: acme, password: {HIDDEN}}}
builder: {{arch: amd64}}
env:
  clear: {{RAILS_LOG_LEVEL: info, MAILER_PASSWORD: {HIDDEN}}}
  secret: [RAILS_MASTER_KEY, "DB:DATABASE_URL"]
accessories:
  db: {{image: postgres:16, host: 10.0.0.4}}
drain_timeout: 45
labels: {{region: <%= ENV["REGION"] %>}}
"""
FLY = f"""\
app = "shop"
primary_region = "fra"
kill_timeout = "20s"
[build]
dockerfile = "Dockerfile"
[deploy]
release_command = "python manage.py migrate"
[env]
DJANGO_DEBUG = "no"
API_TOKEN = "{HIDDEN}"
[http_service]
internal_port = 8000
min_machines_running = 2
[[http_service.checks]]
path = "/healthz"
interval = "15s"
[[vm]]
memory = "1gb"
cpus = 2
[mounts]
source = "data"
"""
COPILOT = f"""\
name: shop
type: Load Balanced Web Service
http: {{path: /, alias: shop.example.org, healthcheck: {{path: /ok, success_codes: "200,204", interval: 20s}}}}
image: {{build: Dockerfile, port: 8080}}
cpu: 512
memory: 1024
platform: linux/arm64
count: {{range: 2-6, cpu_percentage: 70}}
variables: {{LOG: info, DB_DSN: {HIDDEN}}}
secrets: {{DATABASE_URL: /copilot/shop/db}}
sidecars: {{nginx: {{image: nginx}}}}
environments: {{test: {{count: 1}}}}
"""
COMPOSE = f"""\
x-common: &common {{restart: always}}
services:
  web:
    <<: *common
    build: .
    ports: ["80:${{PORT:-3000}}"]
    environment: [NODE_ENV=production, "SESSION_SECRET={HIDDEN}", "HOST=${{HOST}}"]
    healthcheck: {{test: [CMD, curl, -f, "http://localhost:3000/status"], interval: 30s}}
    deploy: {{replicas: 3, resources: {{limits: {{memory: 3g}}}}}}
    extends: {{file: base.yml, service: web}}
  worker: {{build: ., command: npm run worker}}
  debug: {{image: busybox, profiles: [debug]}}
  db: {{image: "postgres:16", environment: {{POSTGRES_PASSWORD: {HIDDEN}}}, ports: ["5432:5432"]}}
"""
PROCFILE = "release: bin/rails db:migrate\nweb: bin/rails server -p $PORT\nworker: bundle exec sidekiq\n"
APP_JSON = json.dumps(
    {
        "name": "Shop",
        "env": {"SECRET_KEY_BASE": {"generator": "secret"}, "LANG": "C.UTF-8", "SMTP_PASSWORD": {"value": HIDDEN}},
        "addons": ["heroku-postgresql:mini", {"plan": "heroku-redis:mini"}],
        "formation": {"web": {"quantity": 2, "size": "standard-1x"}, "worker": {"quantity": 1}},
    }
)
APPRUNNER = f"""\
version: 1.0
runtime: python3
build: {{commands: {{build: [pip install -r requirements.txt]}}}}
run:
  command: gunicorn app
  network: {{port: 8000, env: APP_PORT}}
  env: [{{name: MODE, value: production}}, {{name: AUTH_TOKEN, value: {HIDDEN}}}]
  secrets: [{{name: DATABASE_URL, value-from: "arn:aws:ssm:eu-west-1:1:parameter/db"}}]
"""
TASK = json.dumps(
    {
        "family": "shop",
        "cpu": "512",
        "memory": "1024",
        "requiresCompatibilities": ["FARGATE"],
        "taskRoleArn": "arn:aws:iam::123456789012:role/shop",
        "containerDefinitions": [
            {"name": "log", "image": "fluent-bit"},
            {
                "name": "web",
                "image": "acme/shop",
                "portMappings": [{"containerPort": 8080}],
                "environment": [
                    {"name": "MODE", "value": "live"},
                    {"name": "DB", "value": f"Host=x;Password={HIDDEN}"},
                ],
                "secrets": [{"name": "DATABASE_URL", "valueFrom": "arn:aws:secretsmanager:x"}],
                "healthCheck": {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health/live || exit 1"]},
                "stopTimeout": 60,
            },
        ],
    }
)
EXPRESS = json.dumps(
    {
        "serviceName": "shop",
        "healthCheckPath": "/ping",
        "cpu": "1024",
        "memory": "2048",
        "scalingTarget": {"minTaskCount": 2, "maxTaskCount": 8},
        "primaryContainer": {
            "image": "acme/shop",
            "containerPort": 9000,
            "environment": [{"name": "MODE", "value": "live"}, {"name": "API_KEY", "value": HIDDEN}],
        },
    }
)
EXTENSION = f"""\
option_settings:
  aws:elasticbeanstalk:application:environment: {{MODE: live, DB_PASSWORD: {HIDDEN}}}
  aws:autoscaling:launchconfiguration: {{InstanceType: m6g.large}}
  aws:autoscaling:asg: {{MinSize: 2, MaxSize: 6}}
  aws:elasticbeanstalk:environment:process:default: {{HealthCheckPath: /ok, MatcherHTTPCode: 200-204}}
container_commands:
  01_migrate: {{command: "python manage.py migrate", leader_only: true}}
packages: {{yum: {{git: []}}}}
"""
DOCKERRUN = json.dumps(
    {"AWSEBDockerrunVersion": "1", "Image": {"Name": "acme/shop"}, "Ports": [{"ContainerPort": 5000}]}
)

CASES: dict[str, tuple[dict[str, str], str, dict[str, object], tuple[str, ...]]] = {
    "kamal": (
        {"config/deploy.yml": KAMAL},
        kamal.TOOL,
        {
            "application.name": "shop",
            "application.port": 3000,
            "application.health_path": "/up",
            "application.architecture": "x86_64",
            "application.secrets": ("MAILER_PASSWORD", "RAILS_MASTER_KEY", "DB"),
            "certificate.domain": "shop.example.org",
            "compute.count": 2,
            "service.deregistration_delay_s": 45,
            "env.RAILS_LOG_LEVEL": "info",
            "processes.job": {"command": ("bin/jobs",)},
        },
        ("accessories.db", "proxy.healthcheck.interval", "labels"),
    ),
    "fly": (
        {"fly.toml": FLY},
        fly.TOOL,
        {
            "application.name": "shop",
            "application.port": 8000,
            "application.health_path": "/healthz",
            "application.migrate": ("python", "manage.py", "migrate"),
            "application.stop_timeout_s": 20,
            "application.secrets": ("API_TOKEN",),
            "application.architecture": "x86_64",
            "account.region": "eu-central-1",
            "compute.count": 2,
            "compute.instance_type": "t3.small",
            "service.health_interval_s": 15,
            "env.DJANGO_DEBUG": "no",
        },
        ("build", "mounts"),
    ),
    "copilot": (
        {"copilot/shop/manifest.yml": COPILOT, "copilot/jobs/manifest.yml": "name: j\ntype: Scheduled Job\n"},
        copilot.TOOL,
        {
            "application.name": "shop",
            "application.port": 8080,
            "application.health_path": "/ok",
            "application.health_codes": (200, 204),
            "application.architecture": "arm64",
            "application.secrets": ("DB_DSN", "DATABASE_URL"),
            "certificate.domain": "shop.example.org",
            "compute.count": 2,
            "compute.instance_type": "t4g.small",
            "service.health_interval_s": 20,
            "env.LOG": "info",
        },
        ("image.build", "count", "sidecars", "environments.test"),
    ),
    "compose": (
        {"compose.yaml": COMPOSE},
        compose.TOOL,
        {
            "application.port": 3000,
            "application.health_path": "/status",
            "application.secrets": ("SESSION_SECRET",),
            "compute.count": 3,
            "compute.instance_type": "t4g.medium",
            "service.health_interval_s": 30,
            "env.NODE_ENV": "production",
            "processes.worker": {"command": ("npm", "run", "worker")},
        },
        ("services.web.extends", "services.debug", "services.db", "services.web.environment.HOST"),
    ),
    "heroku": (
        {"Procfile": PROCFILE, "app.json": APP_JSON},
        heroku.TOOL,
        {
            "application.name": "shop",
            "application.migrate": ("bin/rails", "db:migrate"),
            "application.architecture": "x86_64",
            "application.secrets": ("SECRET_KEY_BASE", "SMTP_PASSWORD"),
            "compute.count": 2,
            "env.LANG": "C.UTF-8",
            "processes.worker": {"command": ("bundle", "exec", "sidekiq")},
        },
        ("web", "addons: heroku-postgresql", "addons: heroku-redis", "formation.web.size"),
    ),
    "apprunner": (
        {"apprunner.yaml": APPRUNNER},
        apprunner.TOOL,
        {
            "application.port": 8000,
            "application.architecture": "x86_64",
            "application.secrets": ("AUTH_TOKEN", "DATABASE_URL"),
            "env.MODE": "production",
            "env.APP_PORT": "8000",
        },
        ("runtime", "build.commands", "run.command"),
    ),
    "ecs": (
        {"task-definition.json": TASK},
        ecs.TOOL,
        {
            "application.name": "shop",
            "application.port": 8080,
            "application.health_path": "/health/live",
            "application.stop_timeout_s": 60,
            "application.architecture": "x86_64",
            "application.secrets": ("DB", "DATABASE_URL"),
            "compute.instance_type": "t3.small",
            "env.MODE": "live",
        },
        ("taskRoleArn", "containerDefinitions[0]", "containerDefinitions[1].image"),
    ),
    "express": (
        {"service.json": EXPRESS},
        ecs.EXPRESS,
        {
            "application.name": "shop",
            "application.port": 9000,
            "application.health_path": "/ping",
            "application.architecture": "x86_64",
            "application.secrets": ("API_KEY",),
            "compute.count": 2,
            "compute.instance_type": "t3.medium",
            "env.MODE": "live",
        },
        ("scalingTarget.maxTaskCount", "primaryContainer.image"),
    ),
    "beanstalk": (
        {".ebextensions/01.config": EXTENSION, "Dockerrun.aws.json": DOCKERRUN},
        beanstalk.TOOL,
        {
            "application.port": 5000,
            "application.health_path": "/ok",
            "application.health_codes": (200, 201, 202, 203, 204),
            "application.migrate": ("python", "manage.py", "migrate"),
            "application.architecture": "arm64",
            "application.secrets": ("DB_PASSWORD",),
            "compute.instance_type": "m6g.large",
            "compute.count": 2,
            "env.MODE": "live",
        },
        ("Image", "aws:autoscaling:asg.MaxSize", "packages"),
    ),
}


def written(folder: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def flat(reading: foreign.Reading) -> dict[str, object]:
    return {f"{one.section}.{one.key}": one.value for one in reading.taken}


@pytest.mark.parametrize("case", CASES)
def test_a_format_says_its_settings_and_what_is_left(tmp_path, case):
    contents, tool, expected, left = CASES[case]
    folder = written(tmp_path, contents)
    reading = foreign.read(folder / "service.json" if case == "express" else folder)
    assert reading.tool == tool
    found = flat(reading)
    assert {key: found.get(key) for key in expected} == expected
    said = [one.origin.partition(" ")[2] for one in reading.left]
    assert set(left) <= set(said), said
    assert all(one.why for one in reading.left)
    assert HIDDEN not in repr(reading)


@pytest.mark.parametrize("case", CASES)
def test_init_writes_it_with_its_origin(tmp_path, case):
    contents, *_ = CASES[case]
    folder = written(tmp_path / "old", contents)
    origin = folder / "service.json" if case == "express" else folder
    words = ["-c", str(tmp_path / "hermes.toml"), "init", "--yes", "--offline", "--no-prices", "--from", str(origin)]
    result = CliRunner().invoke(hermes, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    text = (tmp_path / "hermes.toml").read_text()
    reading = foreign.read(origin)
    made = config.load(tmp_path / "hermes.toml")
    for key, value in flat(reading).items():
        section, _, name = key.partition(".")
        if section == "processes":
            assert made.processes[name].command == value["command"]
            continue
        now = made.env[name] if section == "env" else getattr(getattr(made, section), name)
        assert now == value
        line = next(line for line in text.splitlines() if line.startswith(f"{name} = "))
        assert f"from {reading.origins[section, name]}" in line
    for one in reading.left:
        assert f"#   {one.origin}: {one.why}" in text.splitlines() or f"#   {one.origin}: {one.why}; nearest" in text
    assert HIDDEN not in text + result.output


def test_init_tells_what_it_costs_there_and_here(tmp_path, monkeypatch):
    monkeypatch.setattr("hermes_cfn.cli.init._prices", lambda choices: {})
    monkeypatch.setattr("hermes_cfn.cli.init._totals", dict)
    folder = written(tmp_path / "old", {"fly.toml": FLY})
    words = ["-c", str(tmp_path / "hermes.toml"), "init", "--yes", "--offline", "--no-workflows", "--from", str(folder)]
    result = CliRunner().invoke(hermes, words, catch_exceptions=False)
    one = 2 * fly_prices.shared_machine(2, 1, "fra")
    assert f"${one:.2f}; then: $" in result.output


def test_flags_say_more_than_the_file(tmp_path):
    folder = written(tmp_path / "old", {"fly.toml": FLY})
    words = ["--from", str(folder), "--port", "9999", "--region", "eu-west-3", "--architecture", "arm64", "--no-prices"]
    words = ["-c", str(tmp_path / "hermes.toml"), "init", "--yes", "--offline", *words, "--type", "m7g.large"]
    assert CliRunner().invoke(hermes, words, catch_exceptions=False).exit_code == 0
    made = config.load(tmp_path / "hermes.toml")
    assert (made.application.port, made.region, made.compute.instance_type) == (9999, "eu-west-3", "m7g.large")
    assert made.application.health_path == "/healthz"


def test_the_old_home_is_priced_by_the_published_prices(tmp_path):
    from hermes_cfn.cli import come_from

    reading = foreign.read(written(tmp_path, {"fly.toml": FLY}))
    one = fly_prices.shared_machine(2, 1, "fra")
    assert come_from.price_now(reading.home, "eu-central-1") == 2 * one
    task = foreign.read(written(tmp_path / "ecs", {"task-definition.json": TASK}))
    # AWS Fargate pricing, eu-west-1, x86: 0.04048 a vCPU-hour, 0.004445 a GB-hour; the load balancer 0.0252 an hour,
    # and 0.005 for each of its two public addresses.
    hours = 730 * (0.5 * 0.04048 + 1 * 0.004445 + 0.0252 + 2 * 0.005)
    assert float(come_from.price_now(task.home, "eu-west-1")) == pytest.approx(hours, rel=0.02)


BOMB = "\n".join(
    ["x-a0: &a0 {K: v}"]
    + [f"x-a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    + ["services: {web: {build: ., ports: ['80:80'], environment: *a11}}"]
)
"""A file of half a page that means 9 ** 11 values."""


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("manifest.yml", "name: w\ntype: Worker Service\n", "from-no-web"),
        ("manifest.yml", "name: w\ntype: Scheduled Job\n", "from-no-web"),
        ("Procfile", "worker: run\n", "from-no-web"),
        ("compose.yml", "services: {db: {image: 'postgres:16', ports: ['5432:5432']}}", "from-no-web"),
        ("compose.yml", "services: {web: {ports: ['1:1'", "from-unreadable"),
        ("fly.toml", "app = ", "from-unreadable"),
        ("app.json", "{", "from-unreadable"),
        ("deploy.yml", "a: &a [*a]\nservice: x\n", "from-unreadable"),
        ("compose.yml", BOMB, "from-unreadable"),
        ("deploy.yml", "[" * 5000, "from-unreadable"),
        ("x.json", "[" * 100000, "from-unreadable"),
        ("notes.yml", "hello: world\n", "from-unknown"),
        ("fly.toml", "x" * (1 << 20) + "x", "from-unreadable"),
    ],
)
def test_what_cannot_be_read_is_one_finding_without_its_text(tmp_path, name, text, code):
    with pytest.raises(HermesError) as caught:
        foreign.read(written(tmp_path, {name: text}) / name)
    (finding,) = caught.value.findings
    assert finding.code == code and finding.next
    assert text[:40] not in str(finding) or len(text) < 5


TABLES = {
    "kamal": kamal.TABLE,
    "fly": fly.TABLE,
    "fly service": fly.SERVICE,
    "copilot": copilot.TABLE,
    "copilot http": copilot.HTTP,
    "compose": compose.SERVICE,
    "heroku": heroku.TABLE,
    "apprunner": apprunner.TABLE,
    "task": ecs.TASK,
    "container": ecs.CONTAINER,
    "express": ecs.EXPRESS_SERVICE,
    "options": beanstalk.OPTIONS,
    "config": beanstalk.CONFIG,
}
STRANGE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=12),
        st.sampled_from(["5s", "80:80", "/x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=8), st.integers(), st.none()), inner, max_size=3),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_stands_at_a_key_is_taken_or_left_and_never_falls(name, data):
    rows = TABLES[name]
    row = data.draw(st.sampled_from(sorted(rows)))
    value = data.draw(STRANGE)
    document: object = value
    for part in reversed(row.replace("*", "x").split(".")):
        document = {part: document}
    page = table.Page("file")
    table.walk(rows, {**document, data.draw(st.text(max_size=6)): data.draw(STRANGE)}, page)
    reading = page.reading("tool", ["file"])
    choices = starter.merged(frameworks.choices(reading.framework), reading.choices)
    tomllib.loads(starter.text(choices, "guide", origins=reading.origins))


SAMPLES = [
    ("deploy.yml", KAMAL),
    ("fly.toml", FLY),
    ("manifest.yml", COPILOT),
    ("compose.yml", COMPOSE),
    ("Procfile", PROCFILE),
    ("app.json", APP_JSON),
    ("apprunner.yaml", APPRUNNER),
    ("task.json", TASK),
    ("express.json", EXPRESS),
    ("01.config", EXTENSION),
    ("Dockerrun.aws.json", DOCKERRUN),
]


@pytest.mark.parametrize(("name", "text"), SAMPLES, ids=[name for name, _ in SAMPLES])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(tmp_path, name, text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    put = data.draw(
        st.one_of(
            st.text(max_size=10), st.sampled_from(["{", "]", "- ", ": ", "&a ", "*a", "<%= x %>", "!Ref x", "\n\n"])
        )
    )
    path = tmp_path / name
    path.write_text(text[:start] + put + text[end:], encoding="utf-8", errors="replace")
    try:
        reading = foreign.read(path)
    except HermesError as error:
        assert len(error.findings) == 1
    else:
        assert reading.tool
