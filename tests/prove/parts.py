"""The experiments: what each does, which module does it, and the tests that show the same or the rest of it."""

from tests.figures.runner import Part
from tests.prove import (
    clock,
    edits,
    ends,
    events,
    faults,
    outages,
    parsers,
    patches,
    references,
    reviews,
    soak,
    sockets,
)
from tests.prove.told import Told

GATE, INSTALLED, CONTROLLER = (
    f"tests/{path}.py::test_"
    for path in ("serving/test_gate", "installed/test_installed", "controller/test_controller")
)

# The numbers are those of the list of experiments that airlock was designed with.
PARTS: tuple[Part[Told], ...] = (
    Part(
        "references",
        "1. Image references through the API server",
        "Every row of tests/cases/image as a scheduler's container and init container under each pull policy, where no"
        " tag is trusted: only what has a digest is admitted.",
        references.through_the_server,
    ),
    Part(
        "library",
        "2. Image references beside Kubernetes' own library",
        "Made-up texts, read by airlock and by Debian's docker/distribution 2.8.2, the library of API server and"
        " kubelet; host, path, tag and digest have to be the same.",
        references.beside_the_library,
    ),
    Part(
        "reviews",
        "3. Mutated reviews",
        "Good reviews with one to four changes by the grammar of JSON (types, nulls, depth, surrogates, NaN, numbers),"
        " a quarter of them with noise in their bytes, over TLS to both paths.",
        reviews.measure,
    ),
    Part(
        "settling",
        "4. A second pass changes nothing",
        "Generated schedulers with variables in any order and number, mutated, mutated again, and once more after two"
        " other webhooks have shuffled the variables and added a container.",
        patches.settling,
    ),
    Part(
        "applied",
        "5. Every patch applies",
        "Generated schedulers created through the API server, which refuses a request whose patch does not apply.",
        patches.applied,
    ),
    Part(
        "dry",
        "9. Dry runs leave no trace",
        "Violators created as dry runs, and the API server's audit log read for what airlock's account wrote.",
        soak.dry,
    ),
    Part(
        "clients",
        "10. Many clients at once",
        "Creations (dry runs) by clients in one process, all on this machine; durations are those that the API server"
        " itself counts for its calls of airlock.",
        soak.clients,
    ),
    Part(
        "soak",
        "11. A soak",
        "Creations through the API server at a steady rate; `make prove ARGS='--only soak --soak 30'` takes half an"
        " hour.",
        soak.soak,
    ),
    Part(
        "drained",
        "12. SIGTERM under load",
        "Eight clients with a kept connection each, one replica that is told to end. Twenty rollouts of three replicas"
        " are a test on a real node.",
        ends.drained,
    ),
    Part(
        "killed",
        "13. SIGKILL under load",
        "The same clients, and the worker of the one replica killed again and again. One of three replicas killed is a"
        " test on a real node.",
        ends.killed,
    ),
    Part(
        "slow",
        "14. Slow clients",
        "Four times as many connections as threads, stuck in each half of a request and sending a byte now and then,"
        " beside an honest client with kept and new connections.",
        sockets.slow,
    ),
    Part(
        "crowd",
        "15. Very many connections",
        "Idle connections, and as many handshakes as one client can do beside them.",
        sockets.crowd,
    ),
    Part(
        "pauses",
        "16. Kept connections after any pause",
        "Two connections for each whole second up to 100, more than the 90 s that an API server keeps them, and 25"
        " around airlock's own limit of 120 s.",
        sockets.pauses,
    ),
    Part(
        "clock",
        "21. Jumps of the clock",
        "The wall clock of a running airlock jumps; its exemptions end by that clock, its deadlines do not know of it.",
        clock.jumps,
    ),
    Part(
        "stopped",
        "21. A process that is stopped",
        "Master and worker get SIGSTOP, as if the machine were suspended, and SIGCONT.",
        clock.stopped,
    ),
    Part(
        "edits",
        "22. Edits of the policy under load",
        "Two policies with opposite verdicts, ten edits a second through the API server; each review has an image that"
        " the one denies and one that the other denies.",
        edits.under_load,
    ),
    Part(
        "bad",
        "23. Documents that are none",
        "Every bad policy of tests/cases/documents put into the ConfigMap of a running airlock, and some as the first"
        " that it reads.",
        edits.bad,
    ),
    Part(
        "away",
        "24 and 25. The API server is away",
        "The API server is killed, stays away, and comes back with a compacted history, so that watches get 410.",
        outages.away,
    ),
    Part(
        "storm",
        "26. Ten thousand violations in a minute",
        "Violations of 500 workloads in ten namespaces at a steady rate, and each of them, in turns, to a replica that"
        " writes no Events.",
        events.storm,
    ),
    Part(
        "faults",
        "26. An Events API that fails",
        "Violations at the same rate while the API server refuses Events with 403, 429 and 500, or does not answer.",
        faults.faults,
    ),
    Part(
        "parsers",
        "A fuzz that is guided by coverage",
        "libFuzzer (atheris) on each parser of bytes that others send; any exception but the parser's own fails.",
        parsers.measure,
    ),
)

COVERED: dict[str, tuple[str, ...]] = {
    "6. An update is no way around": (
        f"{GATE}an_image_patched_from_a_digest_to_latest_is_refused",
        f"{GATE}labels_and_finalizers_of_a_pod_that_violates_still_change",
    ),
    "7. Finalizers go from a violator": (f"{GATE}adoption_revocation_labels_and_finalizers_pass_on_pods_that_violate",),
    "8. Labels and owners that are forged": (
        f"{GATE}forged_labels_get_no_variable",
        f"{GATE}a_pod_does_not_become_airflows_on_a_moving_tag",
        f"{GATE}a_label_that_is_taken_off_and_put_back_hides_no_image",
        f"{GATE}no_forged_owner_makes_an_update_milder",
    ),
    "12 and 13. Replicas on a node": (
        f"{INSTALLED}three_replicas_rolled_twenty_times_lose_no_request",
        f"{INSTALLED}one_of_three_replicas_that_is_killed_costs_hardly_more_than_the_requests_in_flight",
    ),
    "17 and 18. Certificates and authorities follow each other": (
        f"{CONTROLLER}authorities_and_leaves_follow_each_other_without_a_failed_request",
        f"{CONTROLLER}five_authorities_and_more_leaves_follow_each_other_without_a_failed_request",
    ),
    "19. A rotation that is interrupted": (
        f"{CONTROLLER}a_controller_that_is_killed_after_every_write_gets_there_all_the_same",
    ),
    "20. What is damaged": (f"{CONTROLLER}what_is_damaged_is_healed_within_ten_seconds",),
    "21. The controller's clock": (f"{CONTROLLER}the_clock_alone_brings_what_is_due",),
    "24. Watches that fall silent": (
        "tests/sources/test_configmap.py::test_a_connection_that_falls_silent_is_left",
        "tests/sources/test_configmap.py::test_a_version_that_etcd_has_forgotten_leads_to_a_new_list",
        "tests/sources/test_configmap.py::test_a_server_that_is_away_is_asked_with_growing_pauses_and_the_last_state_stays",
    ),
    "27. Two controllers": (
        f"{CONTROLLER}two_controllers_survive_thirty_blows",
        f"{CONTROLLER}no_write_succeeds_on_what_is_over",
    ),
    "28. The audit of many pods": (
        "tests/commands/test_audit_scale.py::test_everything_wrong_is_found_among_five_thousand_pods_and_nothing_else",
    ),
    "No object that the API server accepts switches the gate off": ("tests/serving/test_house.py",),
    "Attacks within the chart's limit of memory": ("tests/serving/test_limits.py",),
}
