"""The picture says what the Deployment says."""

import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

from hermes_cfn import bill, cli, stacks
from hermes_cfn.config import load, parse
from hermes_cfn.diagram import architecture
from hermes_cfn.diagram import stacks as diagram
from hermes_cfn.pricing import books
from hermes_cfn.units import dollars, rounded

ROOT = Path(__file__).parents[1]

SVG = "{http://www.w3.org/2000/svg}"
FULL = "[watch]\nenabled = true\n[edge]\nassets = true\n[worldwide]\ncloudfront = true\n"


def test_every_stack_has_a_box_with_its_resources_and_no_two_boxes_meet():
    deployment = stacks.build(parse(FULL))
    root = ElementTree.fromstring(diagram.svg(deployment))
    boxes = []
    for spec in deployment:
        (group,) = [group for group in root.iter(f"{SVG}g") if group.get("id") == spec.key]
        written = " ".join(text.text for text in group.iter(f"{SVG}text"))
        for resource in spec.template["Resources"].values():
            assert resource["Type"].removeprefix("AWS::").replace("::", " ") in written
        box = group.find(f"{SVG}rect")
        boxes.append([float(box.get(name)) for name in ("x", "y", "width", "height")])
    for index, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[index + 1 :]:
            apart = (
                x + width < other_x or other_x + other_width < x or y + height < other_y or other_y + other_height < y
            )
            assert apart
    _, _, wide, high = (float(part) for part in root.get("viewBox").split())
    assert all(x + width <= wide and y + height <= high for x, y, width, height in boxes)


def test_every_feed_has_an_arrow():
    deployment = stacks.build(parse(FULL))
    told = {title.text for title in ElementTree.fromstring(diagram.svg(deployment)).iter(f"{SVG}title")}
    for spec in deployment:
        for source in spec.parameters.values():
            if hasattr(source, "output"):
                assert any(text.startswith(f"{source.stack} feeds {spec.key}:") for text in told)


def test_the_same_picture_every_time():
    assert diagram.svg(stacks.build(parse(FULL))) == diagram.svg(stacks.build(parse(FULL)))


NETWORK = """
[network]
vpc_id = "vpc-0123456789abcdef0"
public_subnets = ["subnet-0aaaaaaaaaaaaaaa1", "subnet-0aaaaaaaaaaaaaaa2"]
private_subnets = ["subnet-0bbbbbbbbbbbbbbb1", "subnet-0bbbbbbbbbbbbbbb2"]
"""
SHARED = '[environments.staging.environment]\nshares = "production"\n[environments.staging.ingress]\nlistener_priority = 200\n[environments.staging.certificate]\ndomain = "staging.example.com"\n'
WAYS = {
    "the default": ("", None, ["NAT gateway", "443, 5432", "eu-south-2c"], ["CloudFront", "Route 53"]),
    "everything": (FULL, None, ["CloudFront", "NAT gateway"], []),
    "a NAT instance in each zone of two": ('[network]\negress = "nat-instance"\nzones = ["eu-south-2a", "eu-south-2b"]\n', None, ["NAT instance"], ["NAT gateway", "eu-south-2c"]),
    "scaling and processes": ("[scaling]\nminimum = 2\nmaximum = 6\ncpu_percent = 60\n[processes.worker]\ncommand = ['w']\ncount = 2\n", None, ["2 to 6 × t4g.small", "web, 2 × worker"], []),
    "routes and ports": ('[network]\noutbound = ["6379"]\n[routes.old]\npriority = 100\npaths = ["/old"]\nredirect = "/new"\n', None, ["443, 5432, 6379", "routes: old"], []),
    "an existing network": (NETWORK, None, ["VPC vpc-0123456789abcdef0", "2 subnets", "own way out, not on this bill"], ["eu-south-2a"]),
    "a shared load balancer": (SHARED, "staging", ["that of production, on its bill", "VPC of production"], ["NAT gateway"]),
}  # fmt: skip


def drawn(text, environment=None, book="eu-south-2"):
    settings = parse(text, environment)
    deployment = stacks.build(settings)
    made = bill.compute(deployment, books.load(book)) if book else None
    amounts = {}
    for line in made.lines if made else ():
        amounts[line.stack, line.logical_id] = amounts.get((line.stack, line.logical_id), 0) + line.monthly
    return settings, deployment, architecture.Prices(amounts, made.total, "now") if made else None


@pytest.mark.parametrize("way", WAYS)
def test_the_boxes_of_the_architecture_add_up_to_the_bill_and_follow_the_settings(way):
    text, environment, there, absent = WAYS[way]
    settings, deployment, prices = drawn(text, environment)
    boxes = architecture.parts(settings, deployment, prices)
    members = [one for box in boxes for one in box.members]
    everything = [(spec.key, name) for spec in deployment for name in spec.template["Resources"]]
    assert sorted(members) == sorted(everything), "each resource stands in one box"
    assert sum(box.monthly for box in boxes if box.monthly is not None) == rounded(prices.total)
    root = ElementTree.fromstring(architecture.svg(settings, deployment, prices))
    written = " ".join(element.text or "" for element in root.iter(f"{SVG}text"))
    assert dollars(prices.total) in written
    assert all(words in written for words in there), written
    assert not any(words in written for words in absent), written


@pytest.mark.parametrize("way", WAYS)
def test_no_two_boxes_of_the_architecture_meet_and_each_line_fits(way):
    text, environment, _, _ = WAYS[way]
    root = ElementTree.fromstring(architecture.svg(*drawn(text, environment)))
    at = []
    for group in root.iter(f"{SVG}g"):
        box = group.find(f"{SVG}rect")
        x, y, wide, high = (float(box.get(name)) for name in ("x", "y", "width", "height"))
        at.append((y, y + high))
        for line in group.iter(f"{SVG}text"):
            assert y < float(line.get("y")) < y + high
            assert len(line.text) <= architecture.LETTERS and x < float(line.get("x")) <= x + wide
    assert all(end < begin for (_, end), (begin, _) in pairwise(at))
    assert at[-1][1] < float(root.get("height"))


def test_extras_are_boxes_of_their_own(tmp_path):
    (tmp_path / "extras").mkdir()
    (tmp_path / "extras" / "uploads.template.json").write_text('{"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}}')
    (tmp_path / "hermes.toml").write_text("")
    settings = load(tmp_path / "hermes.toml", None)
    made = {box.key: box for box in architecture.parts(settings, stacks.build(settings), None)}
    assert (
        made["extra-uploads"].members == (("extra-uploads", "Bucket"),) and "S3 Bucket" in made["extra-uploads"].lines
    )


def test_without_a_price_book_no_box_has_a_price_and_it_says_so():
    settings, deployment, prices = drawn("", book=None)
    picture = architecture.svg(settings, deployment, prices)
    assert "prices refresh" in picture and "$" not in picture


@pytest.mark.parametrize(("name", "words"), [("stacks", []), ("way-of-a-request", ["--architecture"])])
def test_the_pictures_in_the_docs_are_of_the_templates_here(name, words, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    out = tmp_path / "picture.svg"
    said = CliRunner().invoke(cli.hermes, ["--config", str(ROOT / "hermes.toml"), "diagram", *words, "--out", str(out)])
    assert not said.exception, said.output
    assert out.read_text() == (ROOT / "docs" / f"{name}.svg").read_text(), (
        "hermes-cfn diagram, with --out docs/NAME.svg"
    )
