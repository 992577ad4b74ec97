"""Machine images of Windows, Debian and Ubuntu by AWS's public parameters, of which moto knows Amazon Linux alone.

https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-ami.html
https://wiki.debian.org/Cloud/AmazonEC2Image (SSM parameters)
https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hermes_cfn.local.wire import ACCOUNT

PREFIXES = ("/aws/service/ami-windows-latest", "/aws/service/debian", "/aws/service/canonical")
_WORDS = {"x86_64": "amd64", "arm64": "arm64"}


def published() -> Iterator[tuple[str, str, str]]:
    """Each parameter with the architecture and the platform of its image."""
    for year in ("2016", "2019", "2022", "2025"):
        for kind in ("Full", "Core"):
            yield f"{PREFIXES[0]}/Windows_Server-{year}-English-{kind}-Base", "x86_64", "windows"
    for architecture, word in _WORDS.items():
        for release in ("11", "12", "13"):
            yield f"{PREFIXES[1]}/release/{release}/latest/{word}", architecture, ""
        for release in ("18.04", "20.04", "22.04", "24.04", "bionic", "focal", "jammy", "noble"):
            for disk in ("ebs-gp2", "ebs-gp3"):
                name = f"{PREFIXES[2]}/ubuntu/server/{release}/stable/current/{word}/hvm/{disk}/ami-id"
                yield name, architecture, ""


def install() -> None:
    """Loads them into moto's Parameter Store of a region when one is first asked for."""
    from moto.ssm.models import ParameterDict

    plain = ParameterDict._check_loading_status

    def check(self: Any, key: str) -> None:
        plain(self, key)
        if str(key or "").startswith(PREFIXES) and not getattr(self, "_images_of_others", False):
            self._images_of_others = True
            for name, architecture, platform in published():
                self[name].append(_parameter(self, name, _image(self.region_name, name, architecture, platform)))

    ParameterDict._check_loading_status = check


def _image(region: str, name: str, architecture: str, platform: str) -> str:
    """The ID of an image like one of Amazon Linux, under a name of its own."""
    from moto.backends import get_backend

    ec2 = get_backend("ec2")[ACCOUNT][region]
    like = next((ami for ami in ec2.amis.values() if ami.architecture == architecture), next(iter(ec2.amis.values())))
    made = copy.copy(like)
    made.id = f"ami-{hashlib.sha256(f'{region}{name}'.encode()).hexdigest()[:17]}"
    made.name, made.platform = name.removeprefix("/aws/service/").replace("/", "-"), platform or None
    ec2.amis[made.id] = made
    return str(made.id)


def _parameter(store: Any, name: str, value: str) -> Any:
    from moto.ssm.models import Parameter

    return Parameter(
        account_id=store.account_id,
        name=name,
        value=value,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=datetime(2026, 1, 1, tzinfo=UTC).timestamp(),
        version=1,
        data_type="aws:ec2:image",
    )
