from pathlib import Path

from tests.figures.process import memory
from tests.harness.reviews import review, scheduler
from tests.harness.server import serving
from tests.harness.waiting import until

LARGE = 20 * 1024 * 1024


def test_a_large_body_leaves_no_memory_behind(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("{apiVersion: airlock/v1, kind: Policy, mode: enforce}")
    pod = scheduler()
    pod["metadata"]["annotations"] = {f"a{n}": "x" * 1000 for n in range(LARGE // 1000)}
    with serving(tmp_path, "--policy", str(tmp_path / "policy.yaml")) as server:
        server.review("/validate", review(scheduler()))
        before = memory(server.process.pid)
        for _ in range(3):
            server.review("/validate", review(pod))
        # The answer is on its way before its thread lets go of the body.
        until(lambda: memory(server.process.pid) - before < LARGE / 2**20, "the memory of three large bodies")
