"""The client against a server that speaks the Pricing API's protocol, on loopback."""

import json
import threading
from decimal import Decimal as D
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import botocore.session
import pytest
from botocore.validate import ParamValidator

from hermes_cfn.aws import prices as door
from hermes_cfn.aws import session
from hermes_cfn.aws.calls import AwsError
from hermes_cfn.errors import HermesError
from hermes_cfn.local.services.pricing import Pricing
from hermes_cfn.local.wire import ServiceError
from hermes_cfn.pricing import books, cache
from hermes_cfn.pricing.prices import Basis, Price, PriceBook, Tier
from hermes_cfn.pricing.wanted import Wanted


@pytest.fixture
def cloud(monkeypatch):
    """The snapshot served on loopback; gives (service, doors to it)."""
    monkeypatch.setattr(session, "RETRIES", {"mode": "standard", "max_attempts": 4})
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    service = Pricing(books.snapshot())

    class Wire(BaseHTTPRequestHandler):
        def do_POST(self):
            action = self.headers["X-Amz-Target"].partition(".")[2]
            params = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            try:
                status, answer = 200, service.handle(action, params)
            except ServiceError as error:
                status, answer = error.status, {"__type": error.code, "message": error.message}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Wire)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    yield service, door.Prices.of(session.connect(None, "eu-south-2", endpoint, ("AKIATEST", "secret")))
    server.shutdown()
    server.server_close()


NAT = Wanted("AmazonEC2", "eu-south-2", ("EUS2-NatGateway-Hours",), "NatGateway", "NatGateway-Hours")


def test_a_product_is_found_by_service_usage_type_and_operation(cloud):
    (found,) = cloud[1].products(NAT)
    assert (found.first, found.region, found.operation) == (D("0.048"), "eu-south-2", "NatGateway")
    assert found.source.startswith("AWS Pricing API")


def test_the_second_spelling_is_tried(cloud):
    want = Wanted(
        "AmazonEC2", "us-east-1", ("USE1-NatGateway-Hours", "NatGateway-Hours"), "NatGateway", "NatGateway-Hours"
    )
    (found,) = cloud[1].products(want)
    assert found.usage_type == "NatGateway-Hours"


def test_a_whole_book_of_madrid_comes_and_what_is_missing_is_told(cloud):
    fetched = cloud[1].fetch("eu-south-2")
    assert len(fetched.prices) > 100
    assert {"price-not-single"} == {finding.code for finding in fetched.findings}
    assert any("BoxUsage:t2.small" in finding.where for finding in fetched.findings)


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


def test_throttling_is_survived(cloud):
    service, prices = cloud
    service.fail("throttle", 2)
    assert len(prices.products(NAT)) == 1


def test_endless_throttling_says_so(cloud):
    service, prices = cloud
    service.fail("throttle", 50)
    with pytest.raises(AwsError) as caught:
        prices.products(NAT)
    assert caught.value.findings[0].code == "throttled"


def test_an_expired_token_says_what_to_do(cloud):
    service, prices = cloud
    service.fail("expired")
    with pytest.raises(AwsError) as caught:
        prices.products(NAT)
    finding = caught.value.findings[0]
    assert finding.code == "credentials-expired"
    assert "renew" in finding.next


def test_broken_json_says_so_and_leaves_the_cache_alone(cloud, tmp_path):
    service, prices = cloud
    service.fail("broken-json")
    with pytest.raises(HermesError) as caught:
        cache.write("eu-south-2", prices.fetch("eu-south-2").prices, prices._now(), "api", tmp_path)
    assert caught.value.findings[0].code == "price-list-broken"
    assert list(tmp_path.iterdir()) == []


def test_no_network_says_so():
    prices = door.Prices.of(session.connect(None, "eu-south-2", "http://127.0.0.1:9", ("AKIATEST", "secret")))
    prices._pricing._client.meta.config.retries = {"max_attempts": 0}
    with pytest.raises(AwsError) as caught:
        prices.products(NAT)
    assert caught.value.findings[0].code == "aws-unreachable"


def test_an_unreachable_offer_file_says_so():
    with pytest.raises(HermesError) as caught:
        list(door.bulk("eu-south-2", "http://127.0.0.1:9/offers"))
    assert caught.value.findings[0].code == "aws-unreachable"


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
