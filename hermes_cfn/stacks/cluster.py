"""A name under which instances of the group find each other, when ``service.cluster`` is on."""

from __future__ import annotations

from troposphere import GetAtt, Ref, Template, servicediscovery, ssm

from hermes_cfn.names import Names


def build(stack: Template, names: Names, vpc: Ref) -> servicediscovery.Service:
    """A private namespace; instances register their address in it at boot and at every start."""
    namespace = stack.add_resource(
        servicediscovery.PrivateDnsNamespace("ClusterNamespace", Name=names.cluster_namespace, Vpc=vpc)
    )
    service = stack.add_resource(
        servicediscovery.Service(
            "ClusterService",
            Name="app",
            NamespaceId=GetAtt(namespace, "Id"),
            DnsConfig=servicediscovery.DnsConfig(
                RoutingPolicy="MULTIVALUE", DnsRecords=[servicediscovery.DnsRecord(Type="A", TTL=10)]
            ),
        )
    )
    stack.add_resource(
        ssm.Parameter("ClusterParameter", Name=names.cluster_parameter, Type="String", Value=GetAtt(service, "Id"))
    )
    return service
