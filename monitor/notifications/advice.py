"""What a person can do about an incident, most useful first. Cause before delisting, always."""

from collections.abc import Iterator

from core.incident import Incident, Rule
from core.provider import EVERY
from core.text import printable
from monitor.notifications.views import Command

_UNPROVEN = " (gk)"
"""How the catalogue marks what nobody has checked lately."""

_CAUSE = (
    "Find the cause first: which campaign, list or customer began to send through {whom} "
    "shortly before {opened}? Stop that, else the listing comes back."
)
_MANY = 10
_STORM = (
    "So many at once have one cause, or the list errs: ask the list itself about one of them and see "
    "tidegate show sources, before you stop mail."
)
_STEPS: dict[Rule, tuple[str, ...]] = {
    Rule.SNDS_RED: (
        "Look for the campaign of that day: over 90 % of its mail was judged as spam at Outlook.",
        "Suppress recipients at Outlook, Hotmail and Live that have not opened anything for 90 days.",
        "Check that SPF, DKIM and DMARC pass for everything that leaves through this IP.",
    ),
    Rule.SNDS_NON_GREEN: (
        "Compare the days that are not green with your campaign calendar; usually one stream stands out.",
        "Lower the frequency to recipients at Outlook who do not open, before it turns RED.",
    ),
    Rule.SNDS_TRAP_HITS: (
        "Trap addresses never subscribed: find the newest import or form on this IP and stop mailing it.",
        "Require confirmed opt-in for that source, and remove addresses that never engaged.",
    ),
    Rule.SNDS_COMPLAINTS: (
        "Take the recipients from the JMRP complaint reports off the lists.",
        "Check that unsubscribing works in one click and is visible at the top.",
    ),
    Rule.SNDS_BLOCKED: (
        "Stop the stream that caused it, then ask for delivery support: https://olcsupport.office.com/",
        "Quote the SNDS text below and what you changed; a request without a cause is refused.",
    ),
    Rule.SNDS_JUNKED: (
        "Mail is accepted but goes to the junk folder: send to engaged recipients only until it is green.",
    ),
    Rule.SENDER_SCORE_DROP: (
        "Compare bounces, complaints and volume of the last days with the weeks before.",
        "The score is a mean over 30 days: it recovers late even when the cause is gone.",
    ),
    Rule.SENDER_SCORE_LOW: (
        "Filters begin to act at such scores: move important mail to a healthier IP.",
        "Reduce volume to engaged recipients; the score is a mean over 30 days and recovers late.",
    ),
    Rule.COMPLAINTS: (
        "Take the recipients who complained off the lists, and find the campaign of those hours.",
        "Check that unsubscribing works in one click and is visible at the top.",
    ),
    Rule.HARD_BOUNCES: (
        "Stop the newest list or import on this IP: its addresses do not exist.",
        "Take every address that bounced hard off the lists before anything is sent again.",
    ),
    Rule.REPUTATION_DEFERRALS: (
        "Read the reply below: it names what the provider objects to, and often a page that explains it.",
        "Find the stream that grew or changed in those hours; a lower rate alone does not mend its cause.",
    ),
    Rule.BLOCKS: (
        "Read the reply below: most providers name a form for removal, and want the cause mended first.",
        "Stop the stream that began shortly before; mail that is sent into a block prolongs it.",
    ),
    Rule.DECREASE: (
        "This is an early warning, nothing is throttled because of it alone.",
        "Look at what changed on this IP since yesterday: new list, new customer, new volume.",
    ),
    Rule.ALERT: (
        "Look at the alert where it comes from; its labels and links are below.",
        "Mend the cause there: when the other monitor says that it is over, the limit begins to lift.",
    ),
    Rule.ACCESS: (
        "Renew the access as the text says, at https://substrate.office.com/ip-domain-management-snds/SNDS.",
        "Put what changed into the configuration: data-link, status-link and links-issued, or attested.",
        "For a sign-in: tidegate snds login. What it keeps is read at the next round, without a restart.",
    ),
    Rule.BLIND: (
        "See what the source says: tidegate show sources. Ask it by hand: tidegate check, with an IP.",
        "Lists refuse public resolvers: a recursing resolver of your own is what they answer.",
        "Until it answers again, nothing that rests on this source is changed.",
    ),
}


def steps(incident: Incident, opened: str, ips: int = 1) -> tuple[str, ...]:
    """Numbered advice for an incident that so many IPs have. `opened` is when, as the mail writes moments."""
    if incident.rule is not Rule.DNSBL_LISTED:
        return _STEPS[incident.rule]
    return tuple(_delisting(incident, opened, ips))


def _delisting(incident: Incident, opened: str, ips: int) -> Iterator[str]:
    """What the catalogue knows of the list, in the order in which it is done."""
    known = {
        name: printable(str(incident.evidence.get(name) or ""), 200)
        for name in ("delist_url", "lookup_url", "expiry")
    }
    if incident.tier >= 3:
        yield "Few receivers use this list; there is no need to hurry."
    if ips > _MANY:
        yield _STORM
    yield _CAUSE.format(opened=opened, whom="this IP" if ips == 1 else "these IPs")
    if known["lookup_url"] and known["lookup_url"] != known["delist_url"]:
        yield f"See what the list has against the IP: {known['lookup_url']}"
    if known["delist_url"]:
        yield f"Then ask for removal: {known['delist_url']}"
    elif not known["expiry"]:
        yield "Then look for a removal form on the list's own site."
    if known["expiry"]:
        yield f"How long it stays: {known['expiry'].replace(_UNPROVEN, '')}."


def commands(incident: Incident, keys: tuple[str, ...]) -> tuple[Command, ...]:
    """Commands to look closer and to overrule the automation; `keys` are leases that stand."""
    if incident.ip is None:
        return (Command("tidegate show sources", "how every source is doing"),)
    where = "" if incident.provider == EVERY else f" {incident.provider}"
    ip = incident.ip
    known = (
        Command(f"tidegate explain {ip}{where}", "every bound on this IP, and which one holds"),
        Command(f'tidegate hold {ip}{where} --for 2h --reason "…"', "no automatic change meanwhile"),
        Command(f'tidegate pin {ip}{where} --rate 2000/h --for 2h --reason "…"', "a rate of your own"),
    )
    return (*known, *(Command(f'tidegate release {key} --reason "…"', "lift this limit now") for key in keys))
