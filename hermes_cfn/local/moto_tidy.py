"""What goes with something else that goes, where moto leaves it behind.

Network interfaces and volumes of an instance: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
The interface and address of a NAT gateway: https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html
The default network ACL of a VPC: https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html
"""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

from hermes_cfn.local import public_images


@cache
def install() -> None:
    """Changes moto's models, once in a process."""
    from moto.ec2.models import EC2Backend

    _interfaces(EC2Backend)
    _volumes(EC2Backend)
    _nat_gateways(EC2Backend)
    _vpcs(EC2Backend)
    _endpoints(EC2Backend)
    public_images.install()


def _interfaces(backend: Any) -> None:
    """One that is made with an instance goes with it; moto's stays unless the request says otherwise."""
    plain = backend.create_network_interface

    def create(self: Any, *given: Any, **named: Any) -> Any:
        return plain(self, *given, **{**named, **({"delete_on_termination": True} if _LAUNCHED in named else {})})

    backend.create_network_interface = create


_LAUNCHED = "delete_on_termination"
"""The argument that moto gives for interfaces of a new instance, and for no others."""


def _volumes(backend: Any) -> None:
    """``DeleteOnTermination`` of a new volume is true unless the mapping says otherwise; moto's default is false."""
    from moto.ec2.responses.instances import InstanceResponse

    read = InstanceResponse._parse_block_device_mapping

    def mappings(self: Any) -> Any:
        made = read(self)
        for one, written in zip(made, self._get_param("BlockDeviceMappings", []), strict=True):
            if "DeleteOnTermination" not in written.get("Ebs", {}):
                one["Ebs"]["DeleteOnTermination"] = True
        return made

    InstanceResponse._parse_block_device_mapping = mappings
    ask = InstanceResponse.run_instances

    def once(self: Any) -> Any:
        """The same client token is the same call: it answers what it did (EC2 API, "Ensuring idempotency")."""
        done = self.ec2_backend.__dict__.setdefault("_answers_by_token", {})
        token = self._get_param("ClientToken")
        if token and token in done:
            return done[token]
        answer = ask(self)
        if token:
            done[token] = answer
        return answer

    InstanceResponse.run_instances = once
    plain = backend.run_instances

    def run(self: Any, *given: Any, **named: Any) -> Any:
        from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError

        for name in named.get("security_group_names") or (given[3] if len(given) > 3 else ()) or ():
            if self.get_security_group_by_name_or_id(name) is None:
                raise InvalidSecurityGroupNotFoundError(name)
        written = named.get("block_device_mappings")
        if not written and named.get("launch_template"):
            written = self._get_template_from_args(named["launch_template"]).data.get("BlockDeviceMappings")
        if written:
            mappings = copy.deepcopy(written)
            for mapping in mappings:
                mapping.setdefault("Ebs", {}).setdefault("DeleteOnTermination", True)
            named["block_device_mappings"] = mappings
        return plain(self, *given, **named)

    backend.run_instances = run


def _nat_gateways(backend: Any) -> None:
    plain = backend.delete_nat_gateway

    def delete(self: Any, nat_gateway_id: str) -> Any:
        gone = plain(self, nat_gateway_id)
        self.enis.pop(gone._eni.id, None)
        for address in self.addresses:
            if address.eni is gone._eni:
                address.eni = address.association_id = None
        return gone

    backend.delete_nat_gateway = delete


def _endpoints(backend: Any) -> None:
    plain = backend.delete_vpc_endpoints

    def delete(self: Any, vpce_ids: list[str] | None = None) -> Any:
        gone = plain(self, vpce_ids)
        for name in vpce_ids or ():
            self.vpc_end_points.pop(name, None)
        return gone

    backend.delete_vpc_endpoints = delete


def is_default(acl: Any) -> bool:
    """Whether a network ACL came with its VPC."""
    return str(acl.default).lower() == "true"


def _vpcs(backend: Any) -> None:
    plain = backend.delete_vpc

    def delete(self: Any, vpc_id: str) -> Any:
        gone = plain(self, vpc_id)
        for acl in [acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id and is_default(acl)]:
            del self.network_acls[acl.id]
        return gone

    backend.delete_vpc = delete
