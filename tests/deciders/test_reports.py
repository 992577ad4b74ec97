"""What people met with other deployers, as views of a fleet: what this one does there."""

from dataclasses import replace

from hermes_cfn.deciders.actions import Done, Ending, EnterStandby, Launch, Send, Stop, Terminate, WriteStable
from hermes_cfn.deciders.observed import Attempt, Instance, Lifecycle, Progress, Target
from hermes_cfn.deciders.rollout import decide, decide_prepared
from hermes_cfn.instance.report import Fault
from tests.deciders.test_machines import fleet, one, out, want

STANDBY = {"lifecycle": Lifecycle.STANDBY, "target": Target.ABSENT}


def on(release: str, name: str, **more: object) -> Instance:
    return one(name, release=release, **more)


def test_the_way_back_leaves_alone_what_was_never_touched() -> None:
    """d2iq-archive/marathon#4988: a rollback updated all ten instances, nine of which had the old release already."""
    there = fleet(on("old", "i-1"), on("new", "i-2"), on("new", "i-3"))
    for action in decide(there, want(3, back=True)):
        assert isinstance(action, Send | EnterStandby)
        assert action.instances == ("i-1",)


def test_a_way_back_that_fails_in_part_keeps_what_serves() -> None:
    """libertymutual/herman#97: a partly failed rollback took the whole service to zero."""
    for fault in Fault:
        for replaced in (0, 3):
            actions = decide(
                fleet(on("new", "i-1"), on("new", "i-2"), out("i-3", fault), replaced=replaced), want(3, True)
            )
            ended = {action.instance for action in actions if isinstance(action, Terminate)}
            assert ended <= {"i-3"}
            assert ended or isinstance(actions[0], Stop)


def test_a_machine_that_is_lost_while_it_is_deployed_to_is_replaced_and_the_rollout_goes_on() -> None:
    """hashicorp/nomad#11774, #4738: the deployment hung until somebody failed it by hand."""
    lost = one("i-2", release=None, ended=True, **STANDBY)
    (action,) = decide(fleet(one("i-1"), lost), want(2))
    assert action == Terminate("i-2", False, Ending.MACHINE_ENDED, "its machine has ended")


def test_a_container_that_ends_by_itself_after_it_was_healthy_stops_at_the_first_instance() -> None:
    """oblien/openship#335, stardew-valley-dedicated-server/server#649, aws/containers-roadmap#1206: ready, and crash-looping."""
    looping = on("new", "i-1", restarted=True)
    (action,) = decide(fleet(looping, one("i-2")), want(2))
    assert isinstance(action, Stop)
    assert action.instances == ("i-1",)
    before = decide(fleet(replace(looping, release="old"), on("new", "i-2")), want(2))
    assert not isinstance(before[0], Stop), "what is to be replaced anyway does not stop what replaces it"
    assert not isinstance(decide(fleet(looping, one("i-2")), want(2, back=True))[0], Stop)


def test_what_crashed_and_was_never_confirmed_does_not_keep_a_good_release_out() -> None:
    """sil-org/ecs-deploy#187: the next deployment waited for ever for the broken one."""
    refused = Attempt("confirm", 7, 1, Progress.FAILED, fault=Fault.RELEASE)
    broken = one("i-1", armed=7, attempts=(refused,))
    assert EnterStandby(("i-1",)) in decide(fleet(broken, on("new", "i-2")), want(2))
    unsaid = replace(broken, attempts=())
    assert not any(isinstance(action, EnterStandby) for action in decide(fleet(unsaid, on("new", "i-2")), want(2)))


def test_every_instance_counts_also_the_last() -> None:
    """aws/aws-cdk#6575: CodeDeploy calls it a success when the last instance failed."""
    (action,) = decide(fleet(on("new", "i-1"), on("new", "i-2"), out("i-3", Fault.RELEASE)), want(3))
    assert isinstance(action, Stop)


def test_a_replacement_that_cannot_start_ends_nobody_who_serves() -> None:
    """dstackai/dstack#4186: the new replica failed, and the healthy old one was ended with it."""
    serves = on("old", "i-1")
    for fault in Fault:
        new = one("i-2", release=None, unbooted=fault, lifecycle=Lifecycle.PENDING, target=Target.ABSENT)
        for decider in (decide_prepared, decide):
            for back in (False, True):
                actions = decider(fleet(serves, new), want(2, back))
                assert not any(isinstance(action, Terminate) and action.instance == "i-1" for action in actions)


def test_a_way_back_to_what_is_not_there_any_more_ends_nobody() -> None:
    """d2iq-archive/marathon#4046: going back to a version whose artifact was away left no instance at all."""
    for fault in (Fault.RELEASE, Fault.DEPENDENCY):
        serving = tuple(one(name, "prepare", fault, release="other") for name in ("i-1", "i-2", "i-3"))
        (action,) = decide(fleet(*serving), want(3, back=True))
        assert isinstance(action, Stop)


def test_what_serves_and_does_not_answer_keeps_no_good_release_out() -> None:
    """Latand/live-log-viewer-next#305: the deployer asked the hung release for its health first, and so nothing could mend it."""
    hung = tuple(one(name, target=Target.UNHEALTHY, prepared=1) for name in ("i-1", "i-2"))
    assert decide_prepared(fleet(*hung), want(2)) == (Done("every instance has the image"),)
    assert EnterStandby(("i-1",)) in decide(fleet(*hung), want(2))


def test_new_instances_start_the_goal_where_they_cannot_start_what_was_before() -> None:
    """microsoft/service-fabric#732: what could not start was remembered, and kept the good version out as well."""
    starts = one("i-2", release=None, unbooted=Fault.RELEASE, lifecycle=Lifecycle.PENDING, target=Target.ABSENT)
    assert WriteStable("new") in decide(fleet(one("i-1"), starts), want(2))
    assert WriteStable("new") in decide_prepared(fleet(starts), want(1))


def test_nobody_is_taken_before_the_one_before_has_said_that_it_stayed_up() -> None:
    """hashicorp/nomad#4738, Kubernetes' minReadySeconds: available is more than ready."""
    back = on("new", "i-1", armed=1)
    for said in ((), (Attempt("confirm", 1, 1, Progress.RUNNING),)):
        actions = decide(fleet(replace(back, attempts=said), one("i-2")), want(2))
        assert not any(isinstance(action, EnterStandby | Launch) for action in actions)
    assert EnterStandby(("i-2",)) in decide(fleet(on("new", "i-1"), one("i-2")), want(2))
