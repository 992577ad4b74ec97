"""The client against a server that speaks the Pricing API's protocol, on loopback."""

import threading
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
import pytest
from botocore.validate import ParamValidator

from hermes_cfn.aws import clients
from hermes_cfn.aws import prices as door
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.errors import HermesError
from hermes_cfn.local import signature, wire
from hermes_cfn.local.services.commitments import SavingsPlans, SpotPrices
from hermes_cfn.local.services.pricing import Pricing
from hermes_cfn.local.wire import CALL, Call, HttpRequest, ServiceError
from hermes_cfn.pricing import books, cache, commitments
from hermes_cfn.pricing.prices import Basis, Price, PriceBook, Tier
from hermes_cfn.pricing.wanted import Wanted, settle


@pytest.fixture
def cloud(monkeypatch):
    """The snapshot served on loopback; gives (service, doors to it)."""
    monkeypatch.setattr(clients, "RETRIES", {"mode": "standard", "max_attempts": 4})
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    service = Pricing(books.snapshot())
    service.cut = False

    book = books.snapshot()
    others = {"savingsplans": SavingsPlans(book), "ec2": SpotPrices(book, lambda: datetime.now(UTC))}
    service.refused = set()

    class Wire(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = HttpRequest("POST", self.path, headers, body)
            signed = signature.read(request.target, headers)
            call = Call(wire.service_of(signed.service), signed.region, signed.key)
            action = wire.operation_name(call.service, request)
            token = CALL.set(call)
            try:
                if call.service in service.refused:
                    raise ServiceError("AccessDeniedException", "not allowed", 403)
                answer = others.get(call.service, service).handle(action, wire.parse(call.service, action, request))
            except ServiceError as error:
                answer = error
            finally:
                CALL.reset(token)
            sent = wire.serialise(call.service, action, answer)
            body = sent.body[: len(sent.body) // 2] if service.cut else sent.body
            self.send_response(sent.status)
            for name, value in sent.headers.items():
                if name.lower() != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Wire)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    yield service, door.Prices.of(clients.connect(None, "eu-south-2", endpoint, ("AKIATEST", "secret")))
    server.shutdown()
    server.server_close()


NAT = Wanted("AmazonEC2", "eu-south-2", ("EUS2-NatGateway-Hours",), "NatGateway", "NatGateway-Hours")


def test_a_product_is_found_by_service_usage_type_and_operation(cloud):
    (found,) = cloud[1].product(NAT)
    assert (found.first, found.region, found.operation) == (D("0.048"), "eu-south-2", "NatGateway")
    assert found.source.startswith("AWS Pricing API")


def test_the_second_spelling_is_tried(cloud):
    want = Wanted(
        "AmazonEC2", "us-east-1", ("USE1-NatGateway-Hours", "NatGateway-Hours"), "NatGateway", "NatGateway-Hours"
    )
    (found,) = cloud[1].product(want)
    assert found.usage_type == "NatGateway-Hours"


def test_a_whole_book_of_madrid_comes_and_what_is_missing_is_told(cloud):
    service, prices = cloud
    service._prices = tuple(price for price in service._prices if price.stem != "NatGateway-Hours")
    fetched = prices.fetch("eu-south-2")
    assert len(fetched.prices) > 100
    (told,) = fetched.findings
    assert (told.code, told.what) == ("price-not-single", "AWS offers no such product")
    assert told.where == "AmazonEC2 EUS2-NatGateway-Hours in eu-south-2"
    came = {(price.service_code, price.stem, price.operation): price for price in fetched.prices}
    assert came[("AmazonEC2", "BoxUsage:t4g.small", "RunInstances")].first == D("0.0184")
    assert came[("AWSELB", "LCUUsage", "LoadBalancing:Application")].first == D("0.008")
    assert {item.stem for item in prices.products("AWSELB", regionCode="eu-south-2")} >= {"Outposts-LCUUsage"}
    assert came[("AWSDataTransfer", "DataTransfer-Out-Bytes", "")].region == "eu-south-2"
    assert {price.region for price in fetched.prices} <= {"eu-south-2", "europe", "united-states", "global"}


def test_every_class_of_a_region_comes_although_no_row_of_the_snapshot_names_it(cloud):
    service, prices = cloud
    new = replace(books.snapshot().find("AmazonEC2", "BoxUsage:t4g.small", "eu-south-2"), basis=Basis.PUBLISHED)
    service._prices = (*service._prices, replace(new, usage_type="EUS2-BoxUsage:c9g.metal", sku="NEW"))
    assert "BoxUsage:c9g.metal" in {price.stem for price in prices.fetch("eu-south-2").prices}


def test_a_product_that_aws_gives_an_operation_is_found_without_naming_it(cloud):
    service, prices = cloud
    want = Wanted("AmazonCloudWatch", "us-east-1", ("USE1-DataProcessing-Bytes",), "", "DataProcessing-Bytes")
    logs = replace(
        books.snapshot().find("AmazonCloudWatch", "DataProcessing-Bytes", "us-east-1"),
        usage_type="USE1-DataProcessing-Bytes",
        operation="PutLogEvents",
    )
    service._prices = (logs,)
    (found,) = prices.product(want)
    assert found.operation == "PutLogEvents"
    book = PriceBook("api", [found])
    assert book.find("AmazonCloudWatch", "DataProcessing-Bytes", "us-east-1", "") is found


def test_two_products_where_one_must_be_are_told_and_neither_is_taken():
    nat = books.snapshot().find("AmazonEC2", "NatGateway-Hours", "eu-south-2", "NatGateway")
    kept, findings = settle("eu-south-2", [replace(nat, sku="A"), replace(nat, sku="B")])
    assert kept == ()
    (told,) = [
        finding for finding in findings if "NatGateway-Hours" in finding.where and "Regional" not in finding.where
    ]
    assert told.what == "2 products match, and exactly one must"
    assert told.evidence.count("\n") == 1


def test_reserved_terms_come_with_the_products(cloud):
    terms = cloud[1].reserved(["t3.medium"], "us-east-1")
    assert len(terms) == 12
    assert {term.years for term in terms} == {1, 3}
    (year,) = (term for term in terms if term.name == "reserved 1 year, partial upfront, standard")
    assert (year.upfront, year.hourly) == (D("109"), D("0.0124"))
    two = cloud[1].reserved(["t3.medium", "t3.small"], "us-east-1")
    assert {term.instance_type for term in two} == {"t3.medium", "t3.small"}
    assert cloud[1].reserved(["x9.huge"], "us-east-1") == ()


def test_a_refresh_brings_reserved_terms_savings_plans_and_spot(cloud, tmp_path):
    _, prices = cloud
    fetched = prices.fetch("eu-south-2")
    kinds = {offer.name.split(" ")[0] for offer in fetched.offers if offer.instance_type == "t4g.small"}
    assert kinds == {"reserved", "Compute", "EC2Instance", "spot,"}
    cache.write("eu-south-2", fetched.prices, prices._now(), "api", tmp_path, fetched.offers)
    book = books.load("eu-south-2", directory=tmp_path)
    assert book.offers == fetched.offers
    (plan,) = (
        offer
        for offer in commitments.for_instance("t4g.small", "eu-south-2", book)
        if offer.name == "Compute savings plan 1 year, no upfront"
    )
    assert (plan.basis, plan.source, plan.effective) == (
        "published", "DescribeSavingsPlansOfferingRates", D("0.01327"),
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*does not match an error shape")
def test_who_may_not_ask_for_savings_plans_still_gets_the_rest_and_is_told(cloud):
    service, prices = cloud
    service.refused = {"savingsplans"}
    fetched = prices.fetch("eu-south-2")
    assert [(told.code, str(told.severity)) for told in fetched.findings] == [("permission-denied", "warning")]
    assert {offer.name.split(" ")[0] for offer in fetched.offers} == {"reserved", "spot,"}


def test_pages_are_followed(monkeypatch):
    many = [
        Price("AmazonX", f"U{i}", "", "us-east-1", "Hrs", (Tier(D(0), None, D(1)),), Basis.PUBLISHED, "t", sku=f"S{i}")
        for i in range(250)
    ]
    service = Pricing(PriceBook("many", many))
    first = service.handle("GetProducts", {"ServiceCode": "AmazonX"})
    second = service.handle("GetProducts", {"ServiceCode": "AmazonX", "NextToken": first["NextToken"]})
    last = service.handle("GetProducts", {"ServiceCode": "AmazonX", "NextToken": second["NextToken"]})
    assert [len(page["PriceList"]) for page in (first, second, last)] == [100, 100, 50]
    assert "NextToken" not in last


def test_the_client_follows_pages(cloud):
    _, prices = cloud
    assert len(list(prices._pricing.pages("get_products", "PriceList", ServiceCode="AmazonEC2"))) > 100


def test_the_client_follows_pages_of_savings_plans_and_spot(cloud, monkeypatch):
    monkeypatch.setattr("hermes_cfn.local.services.commitments.PAGE", 4)
    assert len(cloud[1].savings_plans(["t4g.small"], "eu-south-2")) == 12
    assert len(cloud[1].spot(["t4g.micro", "t4g.small", "t4g.nano"], "eu-south-2")) == 6


def test_throttling_is_survived(cloud):
    service, prices = cloud
    service.fail("throttle", 2)
    assert len(prices.product(NAT)) == 1


def test_endless_throttling_says_so(cloud):
    service, prices = cloud
    service.fail("throttle", 50)
    with pytest.raises(AwsError) as caught:
        prices.product(NAT)
    assert caught.value.findings[0].code == "throttled"


def test_an_expired_token_says_what_to_do(cloud):
    service, prices = cloud
    service.fail("expired")
    with pytest.raises(AwsError) as caught:
        prices.product(NAT)
    finding = caught.value.findings[0]
    assert finding.code == "credentials-expired"
    assert "renew" in str(finding.next)


def test_broken_json_says_so_and_leaves_the_cache_alone(cloud, tmp_path):
    service, prices = cloud
    service.fail("broken-json")
    with pytest.raises(HermesError) as caught:
        cache.write("eu-south-2", prices.fetch("eu-south-2").prices, prices._now(), "api", tmp_path)
    assert caught.value.findings[0].code == "price-list-broken"
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_cut_off_is_not_taken_for_an_empty_one(cloud):
    service, prices = cloud
    service.cut = True
    with pytest.raises(AwsError) as caught:
        prices.fetch("eu-south-2")
    assert caught.value.findings[0].code == "answer-broken"


def test_no_network_says_so():
    prices = door.Prices.of(clients.connect(None, "eu-south-2", "http://127.0.0.1:9", ("AKIATEST", "secret")))
    prices._pricing._client.meta.config.retries = {"max_attempts": 0}
    with pytest.raises(AwsError) as caught:
        prices.product(NAT)
    assert caught.value.findings[0].code == "aws-unreachable"


HEADER = (
    "SKU,TermType,EffectiveDate,StartingRange,EndingRange,Unit,PricePerUnit,Currency,serviceCode,usageType,operation,"
    "Region Code,From Region Code,From Location"
)


def offer_file(service, region):
    """An offer file as AWS lays it out: a service in a region, or in the whole world, with what must not be taken."""
    yield f'"FormatVersion","v1.0"\n"Publication Date","2026-11-01T00:00:00Z"\n"Version","20261101000000"\n{HEADER}'
    for price in books.snapshot():
        if price.service_code != service or (region and price.region != region):
            continue
        transfer = service == "AWSDataTransfer"
        where = "" if price.region in ("global", "europe") else price.region
        places = ("", where, "") if transfer else (where, "", "Europe" if price.region == "europe" else "")
        for tier in price.tiers:
            end = "Inf" if tier.end is None else f"{tier.end:f}"
            row = (
                f"{price.usage_type} {price.operation}",
                "OnDemand",
                "2026-11-01",
                f"{tier.start:f}",
                end,
                price.unit,
                f"{tier.price:f}",
                "USD",
            )
            yield ",".join(f'"{cell}"' for cell in (*row, service, price.usage_type, price.operation, *places))
    for usage_type, operation in (
        ("EUS2-Outposts-LCUUsage", "LoadBalancing:Application"),
        ("EUS2-UnusedBox:t4g.small", ""),
    ):
        yield f'"DECOY","OnDemand","2026-11-01","0","Inf","Hrs","0","USD","{service}","{usage_type}","{operation}","{region}","",""'


def test_the_public_offer_files_give_the_same_book_without_an_account():
    class Files(BaseHTTPRequestHandler):
        def do_GET(self):
            _, _, service, _, *rest = self.path.split("/")
            body = "\n".join(offer_file(service, rest[0] if len(rest) == 2 else "")).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        fetched = door.bulk("eu-south-2", f"http://127.0.0.1:{server.server_port}/offers")
    finally:
        server.shutdown()
        server.server_close()
    known, _ = settle("eu-south-2", books.snapshot())
    assert {price.key: price.tiers for price in fetched.prices} == {price.key: price.tiers for price in known}
    assert {price.source for price in fetched.prices} >= {"AWS bulk price list, AmazonEC2 20261101000000"}


def test_an_unreachable_offer_file_says_so():
    with pytest.raises(HermesError) as caught:
        door.bulk("eu-south-2", "http://127.0.0.1:9/offers")
    assert caught.value.findings[0].code == "aws-unreachable"


def shaped(service, action, answer):
    model = botocore.session.get_session().get_service_model(service).operation_model(action)
    return not ParamValidator().validate(answer, model.output_shape).has_errors()


def test_spot_prices_of_the_embedded_cloud_are_those_that_were_seen_and_no_others():
    spot = SpotPrices(books.snapshot(), lambda: datetime(2026, 11, 1, tzinfo=UTC))
    token = CALL.set(Call("ec2", "eu-south-2", "AKIATEST"))
    try:
        answer = spot.handle("DescribeSpotPriceHistory", {"InstanceTypes": ["t4g.small"]})
        assert sorted(item["SpotPrice"] for item in answer["SpotPriceHistory"]) == ["0.0037", "0.0043"]
        assert shaped("ec2", "DescribeSpotPriceHistory", answer)
        first = spot.handle("DescribeSpotPriceHistory", {"MaxResults": 4})
        rest = spot.handle("DescribeSpotPriceHistory", {"MaxResults": 4, "NextToken": first["NextToken"]})
        assert (len(first["SpotPriceHistory"]), len(rest["SpotPriceHistory"]), "NextToken" in rest) == (4, 2, False)
        with pytest.raises(ServiceError, match="does not know spot prices of x9"):
            spot.handle("DescribeSpotPriceHistory", {"InstanceTypes": ["x9.huge"]})
        with pytest.raises(ServiceError, match="nextToken"):
            spot.handle("DescribeSpotPriceHistory", {"NextToken": "x"})
    finally:
        CALL.reset(token)


def test_savings_plans_of_the_embedded_cloud_are_those_of_the_book_page_by_page():
    plans = SavingsPlans(books.snapshot())
    asked = {
        "savingsPlanTypes": ["Compute"],
        "filters": [
            {"name": "region", "values": ["eu-south-2"]},
            {"name": "instanceType", "values": ["t4g.small"]},
        ],
        "maxResults": 4,
    }
    action = "DescribeSavingsPlansOfferingRates"
    first = plans.handle(action, asked)
    rest = plans.handle(action, {**asked, "nextToken": first["nextToken"]})
    assert (len(first["searchResults"]), len(rest["searchResults"]), "nextToken" in rest) == (4, 2, False)
    assert shaped("savingsplans", action, first)
    rates = {
        rate["savingsPlanOffering"]["planDescription"]: rate["rate"]
        for page in (first, rest)
        for rate in page["searchResults"]
    }
    assert len(rates) == 6
    # 0.0300 of t3.medium's 0.0416 in us-east-1, of 0.0184
    assert rates["1 year No Upfront Compute Savings Plan"] == "0.01327"
    with pytest.raises(ServiceError, match="does not know"):
        plans.handle("DescribeSavingsPlans", {})
    with pytest.raises(ServiceError, match="does not know a filter by productId"):
        plans.handle(action, {"filters": [{"name": "productId", "values": ["x"]}]})
    with pytest.raises(ServiceError, match="pagination token"):
        plans.handle(action, {"nextToken": "x"})


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("GetProducts", {"ServiceCode": "AmazonEC2"}),
        ("DescribeServices", {}),
        ("GetAttributeValues", {"ServiceCode": "AmazonEC2", "AttributeName": "usagetype"}),
    ],
)
def test_answers_have_the_shapes_of_botocores_model(action, params):
    model = botocore.session.get_session().get_service_model("pricing").operation_model(action)
    answer = Pricing(books.snapshot()).handle(action, params)
    assert not ParamValidator().validate(answer, model.output_shape).has_errors()
    assert not ParamValidator().validate(params, model.input_shape).has_errors()


def test_what_it_does_not_know_is_refused():
    service = Pricing(books.guide())
    with pytest.raises(ServiceError, match="does not know"):
        service.handle("ListPriceLists", {})
    with pytest.raises(ServiceError, match="pagination token"):
        service.handle("GetProducts", {"ServiceCode": "AmazonEC2", "NextToken": "x"})
