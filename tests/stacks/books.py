"""An embedded cloud whose instances exist in the books alone, for tests that deploy many configurations to it."""

import itertools

from hermes_cfn.flows import destroy
from hermes_cfn.local import control
from hermes_cfn.local.options import Options
from tests import owners

REGIONS = ("eu-south-2", "us-east-1")
EVERYTHING = destroy.Consent(unprotect=True, empty_buckets=True, foundation=True)


class Books:
    """The cloud, with a key pair, a hosted zone and the running number of what is deployed to it."""

    def __init__(self, state) -> None:
        self.state = state
        self.endpoint = control.start(state, Options(follow_parent=True, processes=False, speed=10_000)).endpoint
        self.number = itertools.count(1)
        self.client("ec2").create_key_pair(KeyName="hermes-production")
        self.zone = self.made_zone("one")

    def client(self, service: str, region: str = REGIONS[0]):
        return owners.client(self.state, service, region)

    def made_zone(self, reference: str) -> str:
        """The ID of a hosted zone of yourdomain.com."""
        made = self.client("route53").create_hosted_zone(Name="yourdomain.com", CallerReference=reference)
        return made["HostedZone"]["Id"].rpartition("/")[2]

    def forget_provider(self) -> None:
        """An account has GitHub's provider once, and the stack leaves it there."""
        iam = self.client("iam")
        for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=one["Arn"])


def drained(story):
    """What a story told, and its value last."""
    told = []
    while True:
        try:
            told.append(next(story))
        except StopIteration as end:
            return [*told, end.value]
