"""How many pods of one task get an Event of their own: a task log shows only the Events of its own pod."""

from collections import OrderedDict

from webhook.observe.events.turns import Bucket

RATE, BURST = 3 / 60, 3.0  # Events a second of one task, and at once
MOST = 1000  # tasks that are remembered


class Allowance:
    """Counts the Events of each task; a task that was not heard of for long has its whole allowance."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, Bucket] = OrderedDict()  # the longest untouched first

    def __len__(self) -> int:
        return len(self._tasks)

    def takes(self, task: str, now: float) -> bool:
        """Return whether *task* may have one more Event at the time *now*, in seconds, and count it."""
        bucket = self._tasks.pop(task, Bucket(RATE, BURST, BURST, now)).filled(now)
        allowed = bucket.wait == 0
        self._tasks[task] = bucket.taken() if allowed else bucket
        if len(self._tasks) > MOST:
            self._tasks.popitem(last=False)
        return allowed
