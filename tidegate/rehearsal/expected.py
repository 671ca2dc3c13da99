"""What the simulation says about the world that was rehearsed: same script, same sender. Decides only."""

from enum import StrEnum

from lab.simulation.world import World
from tidegate.evaluate import score
from tidegate.evaluate.ours import Ours
from tidegate.evaluate.policies import Policy
from tidegate.evaluate.rivals import NoControl
from tidegate.evaluate.score import Score
from tidegate.evaluate.trial import play
from tidegate.rehearsal.plan import Plan


class Control(StrEnum):
    """Who controls the rates."""

    TIDEGATE = "with Tidegate"
    NONE = "without control"


def simulated(plan: Plan, control: Control, first: int) -> Score:
    """The score of the same world as a flow, from step `first` on."""
    script = plan.script()
    world = World(script, plan.variation.physics, first)
    policy: Policy = NoControl(1)
    if control is Control.TIDEGATE:
        policy = Ours(script, worth=plan.worth, first=first)
    moves = play(world, policy, first + plan.steps)
    return score.score(script, world.ledger, moves)
