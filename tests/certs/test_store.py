"""The certificate directory: made once, left alone, replaced only when it is ours and of no use."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certs.certificate import MAX_PEM_BYTES, is_key_of, is_signed_by, read_facts
from certs.issue import issue_ca, issue_leaf
from certs.names import Names, parse_names
from certs.store import Bundle, Ensured, Outcome, StoreError, ensure_self_signed, read_bundle

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMES = parse_names(["localhost", "127.0.0.1", "::1"])


def bundle_in(directory: Path) -> Bundle:
    bundle = read_bundle(directory)
    assert bundle is not None
    return bundle


def foreign(directory: Path, names: Names = NAMES, *, days: int = 90) -> Bundle:
    """Put a set into *directory* that somebody else made."""
    ca = issue_ca(NOW, organisation="corporate")
    leaf = issue_leaf(ca, names, NOW, life=timedelta(days=days))
    for name, content in (("tls.crt", leaf.cert_pem), ("tls.key", leaf.key_pem), ("ca.crt", ca.cert_pem)):
        (directory / name).write_bytes(content)
    return bundle_in(directory)


def test_an_empty_directory_gets_a_set_that_fits_together(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "there"
    assert ensure_self_signed(directory, NAMES, NOW) == Outcome(Ensured.MADE)
    bundle = bundle_in(directory)
    assert is_signed_by(bundle.cert_pem, bundle.ca_pem)
    assert is_key_of(bundle.key_pem, bundle.cert_pem)
    assert read_facts(bundle.cert_pem).names == NAMES
    assert read_facts(bundle.cert_pem).not_after == NOW + timedelta(days=365)


def test_the_key_is_for_its_owner_only_and_nothing_else_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / ".airlock-tls.key.dead").write_bytes(b"of a process that was killed")
    ensure_self_signed(tmp_path, NAMES, NOW)
    assert stat.S_IMODE((tmp_path / "tls.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.crt", "tls.crt", "tls.key"]


def test_a_set_that_is_there_is_left_alone(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, NAMES, NOW)
    before = bundle_in(tmp_path)
    assert ensure_self_signed(tmp_path, NAMES, NOW + timedelta(days=300)) == Outcome(Ensured.KEPT)
    assert bundle_in(tmp_path) == before


def test_a_set_that_expires_soon_is_kept_and_said(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, NAMES, NOW)
    outcome = ensure_self_signed(tmp_path, NAMES, NOW + timedelta(days=350))
    assert outcome == Outcome(Ensured.KEPT, "tls.crt expires on 2027-11-23")


def test_an_expired_set_of_ours_is_replaced(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, NAMES, NOW)
    later = NOW + timedelta(days=366)
    assert ensure_self_signed(tmp_path, NAMES, later) == Outcome(
        Ensured.REPLACED, "it expired on 2027-11-23 12:00:00 UTC"
    )
    assert read_facts(bundle_in(tmp_path).cert_pem).fault(later) == ""


def test_a_set_of_ours_that_lacks_a_name_is_replaced(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, NAMES, NOW)
    wider = parse_names(["localhost", "airlock.airflow.svc"])
    assert ensure_self_signed(tmp_path, wider, NOW) == Outcome(Ensured.REPLACED, "it is not for airlock.airflow.svc")
    assert read_facts(bundle_in(tmp_path).cert_pem).names == wider


@pytest.mark.parametrize(
    ("names", "days", "later", "said"),
    [
        (NAMES, 90, timedelta(days=91), "it expired on 2027-02-21 12:00:00 UTC"),
        (parse_names(["localhost"]), 90, timedelta(), "it is not for 127.0.0.1, ::1"),
    ],
    ids=["expired", "lacks names"],
)
def test_somebody_elses_set_is_kept_whatever_is_wrong_with_it(
    tmp_path: Path, names: Names, days: int, later: timedelta, said: str
) -> None:
    before = foreign(tmp_path, names, days=days)
    outcome = ensure_self_signed(tmp_path, NAMES, NOW + later)
    assert outcome == Outcome(Ensured.KEPT, f"tls.crt was not made by airlock and is left as it is, but {said}")
    assert bundle_in(tmp_path) == before


def test_half_a_set_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, NAMES, NOW)
    (tmp_path / "tls.key").unlink()
    with pytest.raises(StoreError, match=r"holds ca.crt and tls.crt but not tls.key: add what is missing, or remove"):
        ensure_self_signed(tmp_path, NAMES, NOW)


def test_a_key_of_another_certificate_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, NAMES, NOW)
    (tmp_path / "tls.key").write_bytes(issue_ca(NOW).key_pem)
    with pytest.raises(StoreError, match=r"tls.key is not the key of tls.crt: repair the set, or remove it"):
        ensure_self_signed(tmp_path, NAMES, NOW)


@pytest.mark.parametrize("name", ["tls.crt", "tls.key"])
def test_garbage_is_an_error_and_stays_where_it_is(tmp_path: Path, name: str) -> None:
    ensure_self_signed(tmp_path, NAMES, NOW)
    (tmp_path / name).write_bytes(b"garbage")
    with pytest.raises(StoreError, match="repair the set, or remove it"):
        ensure_self_signed(tmp_path, NAMES, NOW)
    assert (tmp_path / name).read_bytes() == b"garbage"


def test_a_file_of_any_size_is_not_read(tmp_path: Path) -> None:
    ensure_self_signed(tmp_path, NAMES, NOW)
    (tmp_path / "ca.crt").write_bytes(b"x" * (MAX_PEM_BYTES + 1))
    with pytest.raises(StoreError, match="longer than 65536 bytes"):
        read_bundle(tmp_path)


def test_processes_that_start_together_end_with_one_set(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: ensure_self_signed(tmp_path, NAMES, NOW).what, range(8)))
    assert sorted(outcomes) == [Ensured.KEPT] * 7 + [Ensured.MADE]
    bundle = bundle_in(tmp_path)
    assert is_key_of(bundle.key_pem, bundle.cert_pem)


def test_an_empty_or_absent_directory_holds_no_bundle(tmp_path: Path) -> None:
    assert read_bundle(tmp_path) is None
    assert read_bundle(tmp_path / "absent") is None
