"""A program that is told to end at about the moment at which it begins to wait for its child, again and again."""

import os
import signal
import subprocess
import sys
import time
from mmap import mmap

from examples.demo import end_of, end_with

WINDOW = range(0, 20_000, 40)  # nanoseconds after the beginning at which the signal comes
PATIENCE = 10  # seconds after which the signal has not been heard


def sender(waiting: mmap, after: int) -> int:
    """Start a process that sends SIGTERM so many nanoseconds after *waiting*, and SIGHUP when nothing came of it."""
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    waiting[1] = 1
    while not waiting[0]:
        pass
    begin = time.perf_counter_ns()
    while time.perf_counter_ns() < begin + after:
        pass
    os.kill(os.getppid(), signal.SIGTERM)
    time.sleep(PATIENCE)
    os.kill(os.getppid(), signal.SIGHUP)
    os._exit(0)


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it runs in the background ignore it
    waiting = mmap(-1, 2)  # whether the wait begins, and whether the sender is there
    for after in WINDOW:
        waiting[0] = waiting[1] = 0
        with subprocess.Popen(["sleep", "600"]) as child:
            told = end_with(child)
            other = sender(waiting, after)
            while not waiting[1]:
                pass
            waiting[0] = 1
            end_of(child)
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)
        if signal.SIGHUP in told:
            sys.exit("a signal was not heard")


if __name__ == "__main__":
    main()
