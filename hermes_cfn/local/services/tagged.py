"""What a call of ACM, CloudFront, Route 53, Cloud Map or WAF is about, for its permission: the ARN, and its tags.

Service Authorization Reference, the columns "Resource types"; an action that has none needs a statement on ``*``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from hermes_cfn.local.moto_side import backend
from hermes_cfn.local.wire import ACCOUNT

Found = list[tuple[str, dict[str, str]]]
_STAR: Found = [("*", {})]


def about(prefix: str, action: str, params: Mapping[str, Any], path: str, region: str) -> Found:
    """ARN and tags of the resource; ``path`` is that of the request, where protocols name the resource there."""
    resolve = _SERVICES.get(prefix)
    looks = action.startswith(("Describe", "Get", "List"))
    return resolve(action, params, path, region) if resolve and not looks else _STAR


def _acm(_action: str, params: Mapping[str, Any], _path: str, region: str) -> Found:
    arn = params.get("CertificateArn")
    known = backend("acm", region, ACCOUNT)._certificates.get(arn)
    return [(arn, {key: str(value) for key, value in known.tags.items()} if known else {})] if arn else _STAR


def _cloudfront(_action: str, _params: Mapping[str, Any], path: str, region: str) -> Found:
    found = re.match(
        r"/[\d-]+/(distribution|origin-access-control|response-headers-policy|cache-policy)/([^/?]+)", path
    )
    if not found:
        return _STAR
    arn = f"arn:aws:cloudfront::{ACCOUNT}:{found[1]}/{found[2]}"
    return [(arn, dict(backend("cloudfront", region, ACCOUNT).tagger.get_tag_dict_for_resource(arn)))]


def _route53(_action: str, _params: Mapping[str, Any], path: str, _region: str) -> Found:
    found = re.match(r"/[\d-]+/hostedzone/([^/?]+)/rrset", path)
    return [(f"arn:aws:route53:::hostedzone/{found[1]}", {})] if found else _STAR


def _servicediscovery(action: str, params: Mapping[str, Any], _path: str, region: str) -> Found:
    named = str(params.get("Id") or params.get("ServiceId") or params.get("NamespaceId") or "")
    if "Resource" in action or not named:
        return _STAR
    kind = "namespace" if named.startswith("ns-") else "service"
    arn = named if named.startswith("arn:") else f"arn:aws:servicediscovery:{region}:{ACCOUNT}:{kind}/{named}"
    return [(arn, dict(backend("servicediscovery", region, ACCOUNT).tagger.get_tag_dict_for_resource(arn)))]


def _wafv2(action: str, params: Mapping[str, Any], _path: str, region: str) -> Found:
    if params.get("Name"):
        scope = "global" if params.get("Scope") == "CLOUDFRONT" else "regional"
        return [(f"arn:aws:wafv2:{region}:{ACCOUNT}:{scope}/webacl/{params['Name']}/{params.get('Id', 'new')}", {})]
    arns = [str(params[key]) for key in ("WebACLArn", "ResourceArn", "ResourceARN") if params.get(key)]
    return [(arn, {}) for arn in arns] or _STAR


_SERVICES: Mapping[str, Callable[[str, Mapping[str, Any], str, str], Found]] = {
    "acm": _acm, "cloudfront": _cloudfront, "route53": _route53, "servicediscovery": _servicediscovery, "wafv2": _wafv2,
}  # fmt: skip
