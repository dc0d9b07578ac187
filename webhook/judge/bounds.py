"""unreadable: an object that airlock cannot read to its end, or that has more parts than it judges.

It may run anything, so airlock never ignores it. The finding has the strictest mode that any rule has in the
namespace, and no exemption covers it. It is also what a rule says when it stops looking: that not all could be judged.
"""

from itertools import islice

from webhook.pods.workload import ImagePlace, Workload
from webhook.rules.finding import Finding
from webhook.rules.rule import Rule, Subject

# The rule of these violations. It has no options: its mode is the strictest that any rule has in the namespace.
UNREADABLE = "unreadable"

MOST_PLACES = 4000  # containers and volumes of one object: far more than a node can run in one pod
MOST_FINDINGS = 300  # of one rule in one object


Images = tuple[ImagePlace, ...]


def images_of(workload: Workload) -> Images:
    """Return the images of *workload* that are judged."""
    return tuple(islice(workload.images, MOST_PLACES))


def is_crowd(subject: Subject) -> bool:
    """Return whether *subject* has more parts than are judged; not when an update changes no image of it."""
    return bool(subject.images) and subject.workload.size > MOST_PLACES


def crowd(size: int) -> Finding:
    """Return what is said of an object with *size* containers and volumes, more than are judged."""
    text = f"it has {size:,} containers and volumes, and airlock judges {MOST_PLACES:,} of them"
    return Finding("", text, "split it")


def unfinished(rule: Rule) -> Finding:
    """Return what is said where *rule* stops looking: no exemption and no class of tags makes it milder."""
    what = "images" if rule.images else "variables"
    text = f"not all {what} could be judged: {MOST_FINDINGS} findings are named, and there are more"
    return Finding("", text, f"correct the {what} that are named")
