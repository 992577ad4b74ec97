"""What cloudsplaining says of IAM policies, as JSON: runs in the environment of ``make rules``, where checkov has brought it.

Reads ``{name: policy document}`` from standard input; writes ``[[name, risk, action], …]``.
"""

import json
import sys

from cloudsplaining.scan.policy_document import PolicyDocument

RISKS = {
    "privilege escalation": "allows_privilege_escalation",
    "data exfiltration": "allows_data_exfiltration_actions",
    "resource exposure": "permissions_management_without_constraints",
    "infrastructure modification": "infrastructure_modification",
    "credentials exposure": "credentials_exposure",
    "service wildcard": "service_wildcard",
}
"""cloudsplaining's own risks, and where its documents say them."""

found = []
for name, document in json.load(sys.stdin).items():
    policy = PolicyDocument(document)
    for risk, attribute in RISKS.items():
        for one in getattr(policy, attribute):
            found.append([name, risk, one if isinstance(one, str) else json.dumps(one, sort_keys=True)])
json.dump(sorted(found), sys.stdout)
