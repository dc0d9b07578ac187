"""Every thread that reads what may change shows that it does, and a FIFO in a file's place stops none."""

import os
from pathlib import Path

from tests.harness.server import serving
from tests.harness.waiting import until

POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: warn}"
RELOADS = 'airlock_policy_reloads_total{document="policy",outcome="%s"}'
READERS = ("loop", "certificate", "documents", "sources")


def test_readers_go_on_when_a_fifo_takes_the_place_of_a_certificate_or_a_document(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with serving(tmp_path, "--policy", str(policy)) as server:
        certificate = tmp_path / "certs" / "tls.crt"
        kept = certificate.read_bytes()
        for path in (certificate, policy):
            path.unlink()
            os.mkfifo(path)
        until(lambda: "not a regular file; still serving" in server.log.read_text(), "one FIFO to be seen")
        until(lambda: server.metric(RELOADS % "lost") == 1, "the other one to be seen")
        policy.unlink()
        policy.write_text(POLICY.replace("warn", "audit"))
        until(lambda: server.metric(RELOADS % "accepted") >= 2, "the new policy")
        certificate.unlink()
        certificate.write_bytes(kept)
        for reader in READERS:
            assert server.metric(f'airlock_reader_silent_seconds{{reader="{reader}"}}') < 10
        assert server.probe("/metrics")[1].count("airlock_reader_silent_seconds{") == len(READERS)
