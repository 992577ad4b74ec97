"""The picture says what the Deployment says."""

import xml.etree.ElementTree as ElementTree

from hermes_cfn import diagram, stacks
from hermes_cfn.config import parse

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
