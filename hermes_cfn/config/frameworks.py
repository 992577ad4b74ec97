"""What ``init`` knows of web frameworks: what each needs in ``hermes.toml``, and how its tests run.

The steps use what GitHub's ubuntu-24.04 image has installed; whoever needs another version adds its setup action.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Framework:
    """``steps`` are name and shell lines of the job that tests the application; an empty one keeps what is there."""

    name: str
    port: int
    health_path: str
    migrate: tuple[str, ...]
    secrets: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[tuple[str, str], ...] = ()


FRAMEWORKS: Mapping[str, Framework] = {
    one.name: one
    for one in (
        Framework(
            "django",
            8000,
            "/health",
            ("python", "manage.py", "migrate", "--noinput"),
            ("SECRET_KEY", "DATABASE_URL"),
            {"PORT": "8000", "PYTHONUNBUFFERED": "1"},
            (
                ("Dependencies", "python3 -m venv .venv && .venv/bin/pip install --requirement requirements.txt"),
                ("Test", ".venv/bin/python manage.py test"),
            ),
        ),
        Framework(
            "rails",
            3000,
            "/up",
            ("bin/rails", "db:migrate"),
            ("SECRET_KEY_BASE", "DATABASE_URL"),
            {"PORT": "3000", "RAILS_ENV": "production", "RAILS_LOG_TO_STDOUT": "1"},
            (("Dependencies", "bundle install"), ("Test", "bin/rails test")),
        ),
        Framework(
            "laravel",
            8000,
            "/up",
            ("php", "artisan", "migrate", "--force"),
            ("APP_KEY", "DATABASE_URL"),
            {"PORT": "8000", "APP_ENV": "production", "LOG_CHANNEL": "stderr"},
            (("Dependencies", "composer install --no-interaction"), ("Test", "php artisan test")),
        ),
        Framework(
            "node",
            3000,
            "/health",
            (),
            ("DATABASE_URL",),
            {"PORT": "3000", "NODE_ENV": "production"},
            (("Dependencies", "npm ci"), ("Test", "npm test")),
        ),
        Framework("go", 8080, "/health", (), ("DATABASE_URL",), {"PORT": "8080"}, (("Test", "go test ./..."),)),
        Framework(
            "spring",
            8080,
            "/actuator/health/liveness",
            (),
            ("DATABASE_URL",),
            {"SERVER_PORT": "8080", "MANAGEMENT_ENDPOINT_HEALTH_PROBES_ENABLED": "true"},
            (("Test", "./mvnw --batch-mode verify"),),
        ),
        Framework("other", 8080, "/health", (), ("DATABASE_URL",), {"PORT": "8080"}, (("Build", "docker build ."),)),
    )
}
"""Every framework but Phoenix, whose values are the defaults of ``hermes.toml``."""

PHOENIX = "phoenix"
NAMES = (PHOENIX, *FRAMEWORKS)


def choices(name: str, port: int | None = None) -> dict[str, dict[str, object]]:
    """What ``hermes.toml`` says for a framework; a port of one's own is its variable's too."""
    found = FRAMEWORKS.get(name)
    if found is None:
        return {} if port is None else {"env": {"PORT": str(port)}}
    own: dict[str, object] = {
        key: str(port) if port is not None and key in ("PORT", "SERVER_PORT") else value
        for key, value in found.env.items()
    }
    return {
        "application": {
            "port": found.port,
            "health_path": found.health_path,
            "migrate": found.migrate,
            "secrets": found.secrets,
        },
        "env": own,
    }


def steps(name: str) -> str:
    """The steps of the job that tests the application, as a workflow writes them; empty for Phoenix."""
    found = FRAMEWORKS.get(name)
    return "".join(f"      - name: {title}\n        run: {line}\n" for title, line in found.steps) if found else ""
