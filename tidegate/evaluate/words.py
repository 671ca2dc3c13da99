"""The words of the evaluation's page that no number can say: what is measured, assumed, and not known."""

from typing import Final

MEASURES: Final = """
*Good %*: of the wanted mail, what was delivered within the fourteen days. *Delay*: mean hours that a
wanted message waited in the queue, lost ones until they were lost. *Reversals*: how often a rate was
lowered after it had been raised, summed over the IP's providers; the promise above is about one scope
(IP × provider), so the sum divided by four. The oracle knows the bad hours and every provider's hidden
limit; its rate follows that limit and is not counted.
"""

ASSUMPTIONS: Final = """
## What the world rests on

Published: the table of Return Path and Validity (2017, 2018) that ties score, complaint rate and
delivery; fast fall and slow rise of a reputation; deferrals for unusual volume (Gmail's 421-4.7.28) and
for reputation (Outlook's RP-001, Yahoo's TSS04); SpamCop's formula and its end after 24 hours; Spamhaus
CSS' end three days after the last detection; SNDS a day late and silent below 100 messages; feedback
loops late. Assumed, because nobody publishes it: time constants, the size of hidden limits, what
pressure costs, how many people complain, how many traps an old list holds. Every number stands with its
reason in `lab/simulation/physics.py` and `scenarios.py`. A person deletes the unwanted mail at the next
09:00 under every policy.
"""

RIVALS: Final = """
## The other policies

One rule each, as their makers describe it. The human looks at 09:00, sets a provider that refused a
tenth to a quarter of the usual volume for three days; with half the volume the results differ by one to
three points. PowerMTA's backoff mode after one matching reply, an hour at 5 % of the rate; KumoMTA's
shaping automation with five replies in an hour, either suspending for two hours or at one message a
minute for 90 minutes; Momentum's hourly sweep (3 % halves, 10 % suspends for four hours, a quarter more
after a clean hour). Real installations combine many rules and are tuned by people who know their
traffic. Their backlog is let go at the operator's full limit when a timer ends: that makes the
stop-and-go that is measured here look worse than in a well-kept installation, and it is what the
documented defaults do.
"""

CAVEATS: Final = """
## What a toy world can and cannot say

It can say which shape of control is safe: whether a policy runs away, starves, hammers a provider that
blocks, recovers, or moves without cause; and it says so about the code that ships, not about a sketch of
it. It can compare policies in the same weather. It cannot say how much of your mail will arrive. No
provider publishes how it judges, so the size of every effect is ours, and a world that punishes pressure
flatters whoever presses less. Mail here is a flow of equal recipients, domains and content do not
differ, four providers share one formula, one IP stands alone, and people do nothing but delete the bad
campaign in the morning. The sender's reputation depends on this IP only, while Gmail looks at domains as
well: a throttled IP does not help there. Differences of a few percent between policies mean nothing;
orders of magnitude in reversals, and good mail lost by a fifth, do.

Where Tidegate falls short here, and why. It keeps little of the unwanted mail from being delivered: it
acts on what providers say, and they say it late; what it saves is the wanted mail of the days after. It
delays wanted mail together with unwanted mail, because a rate knows no difference between them. In a
clean spike it cuts: nothing is lost, but the cuts are false, for a provider that defers for volume
sounds as if it deferred for reputation. Where limits are wide, an hourly sweep delivers as much wanted
mail, only later and with many more reversals. And where a provider's limit lies far below the operator's
("tight limits"), Tidegate keeps feeling for it, with the reversals that the table shows: an operator who
lowers the limit to what the provider takes is spared that.
"""
