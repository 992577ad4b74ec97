"""One look asks once what it asks twice, side by side too; never what it waits for, and never across a change."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from hermes_cfn.aws.calls import Calls, Memo, ServiceTime


class Service:
    """A client that counts, and whose answers wait until as many have asked as ``gate`` says."""

    class meta:
        class events:
            register = staticmethod(lambda *_: None)

        region_name = "eu-south-2"

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.opened = threading.Event()
        self.opened.set()
        self.fails = 0

    def __getattr__(self, name):
        def call(**arguments):
            self.opened.wait()
            self.asked[name] += 1
            if self.fails:
                self.fails -= 1
                raise RuntimeError(name)
            return {"n": self.asked[name], **arguments}

        return call


def calls(service, memo=True):
    made = Calls(service, "cloudformation", ServiceTime(), lambda _: None)
    made.memo = Memo() if memo else None
    return made


def test_the_same_question_is_asked_once_and_another_one_by_itself() -> None:
    service = Service()
    aws = calls(service)
    assert aws.describe_stacks(StackName="a") == aws.describe_stacks(StackName="a")
    aws.describe_stacks(StackName="b")
    assert service.asked["describe_stacks"] == 2


def test_without_a_look_every_question_is_asked() -> None:
    service = Service()
    aws = calls(service, memo=False)
    aws.describe_stacks(StackName="a")
    aws.describe_stacks(StackName="a")
    assert service.asked["describe_stacks"] == 2


def test_side_by_side_all_wait_for_the_one_that_asks() -> None:
    service = Service()
    service.opened.clear()
    aws = calls(service)
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(aws.describe_stacks, StackName="a") for _ in range(6)]
        service.opened.set()
        assert {str(answer.result()) for answer in answers} == {str({"n": 1, "StackName": "a"})}
    assert service.asked["describe_stacks"] == 1


def test_an_error_is_everybodys() -> None:
    service = Service()
    service.fails = 1
    aws = calls(service)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            aws.describe_stacks(StackName="a")
    assert service.asked["describe_stacks"] == 1


def test_a_change_ends_it() -> None:
    service = Service()
    aws = calls(service)
    aws.describe_stacks(StackName="a")
    aws.delete_stack(StackName="a")
    aws.describe_stacks(StackName="a")
    assert service.asked["describe_stacks"] == 2


@pytest.mark.parametrize("name", ["describe_change_set", "describe_stack_drift_detection_status"])
def test_what_is_waited_for_is_never_from_memory(name: str) -> None:
    service = Service()
    aws = calls(service)
    for _ in range(3):
        getattr(aws, name)(StackName="a")
    assert service.asked[name] == 3


def test_who_asks_again_because_an_answer_is_old_gets_a_new_one_and_the_look_keeps_it() -> None:
    service = Service()
    aws = calls(service)
    assert aws.until(lambda: aws.describe_stacks(StackName="a"), lambda seen: seen["n"] == 3)["n"] == 3
    assert aws.describe_stacks(StackName="a")["n"] == 3
