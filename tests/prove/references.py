"""D1 and D2: image references: every row of the edge table through the API server, and beside Kubernetes' library."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from random import Random

import yaml

from tests.bench.creation import Creator
from tests.figures.figure import Figure, Promise, Row
from tests.harness.gate import HOME, LABEL, config_map
from tests.harness.go import program
from tests.harness.places import CASES
from tests.harness.waiting import until
from tests.prove.told import Told
from webhook.pods.image import ImageError, parse

SEED, BATCH = 20261127, 10_000  # texts that the library is asked about at once
LISTS, POLICIES = ("containers", "initContainers"), ("IfNotPresent", "Always", "Never")
NO_TAG_IS_TRUSTED = "{apiVersion: airlock/v1, kind: Policy, mode: enforce, rules: {mutable-tag: {requireDigest: true}}}"
_REPEATED = re.compile(r"<(\d+) (\w)>")  # in a case <64 a> stands for 64 times a
_PIECES = (
    "a", "b1", "nginx", "library", "Upper", "localhost", "docker.io", "index.docker.io", "r.example.com", "10.0.0.1",
    "[::1]", "[2001:db8::1]", "5000", "a_b", "a__b", "a___b", "a--b", "a.b", "-a", "a-", ".a", "xn--n3h", "é", "\u212a",
    "latest", "1.27", "x" * 127, "x" * 129, "x" * 250, "", " ", "\n", "%eth0", "sha256", "a" * 64, "sha512", "A" * 64,
    "sha384", "md5", "a" * 128, "a" * 96, "a" * 32, "0123456789abcdef" * 4, "..", "https:", "\0",
)  # fmt: skip
_JOINTS = ("/", "/", "/", ":", ":", "@", "@sha256:", ":latest", "", ".")


def rows() -> list[str]:
    """Return the texts of the edge table."""
    entries = [entry for path in sorted(CASES.glob("image/*.yaml")) for entry in yaml.safe_load(path.read_text())]
    return [_REPEATED.sub(lambda run: run[2] * int(run[1]), entry["input"]) for entry in entries]


def through_the_server(told: Told) -> Iterator[Figure | Row]:
    """Create a scheduler with every row of the edge table in every list under every pull policy: D1."""
    with told.gate() as gate:
        gate.apply(config_map(HOME, "airlock-policy", {"policy.yaml": NO_TAG_IS_TRUSTED}))
        creator, namespace = Creator(told.plane), told.plane.namespace(labels={LABEL: ""})

        def verdict(image: str, list_: str = "containers", policy: str = "Always") -> tuple[int, str]:
            status, answer = creator.post(namespace, pod(image, list_, policy))
            return status, str(answer.get("message", ""))

        until(lambda: verdict("a:1.27.1")[0] == 422, "the policy to be in force")
        wrong, errors, done = list[str](), 0, 0
        for text in rows() if not told.quick else rows()[::4]:
            for list_ in LISTS:
                for policy in POLICIES:
                    status, message = verdict(text, list_, policy)
                    done += 1
                    errors += status >= 500
                    if not fits(text, status, message):
                        wrong.append(f"{list_} {policy} {text[:80]!a}: {status} {message[:200]}")
        for one in wrong[:5]:
            yield Row(one, {"times": 1.0})
        yield Figure("creations", (done,))
        yield Figure("verdicts other than expected", (len(wrong),), "", Promise(0))
        yield Figure("answers of 5xx", (errors,), "", Promise(0))


def pod(image: str, list_: str, policy: str) -> bytes:
    """Return a scheduler that has *image* in its *list_*."""
    own = {"name": "own", "image": image, "imagePullPolicy": policy}
    good = {"name": "scheduler", "image": f"apache/airflow@sha256:{'a' * 64}"}
    spec = {"containers": [own, good]} if list_ == "containers" else {"containers": [good], list_: [own]}
    labels = {"tier": "airflow", "component": "scheduler", "release": "airflow"}
    metadata = {"generateName": "airflow-scheduler-", "labels": labels}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}).encode()


def fits(text: str, status: int, message: str) -> bool:
    """Return whether the answer is right where no tag is trusted: only what has a digest passes, as far as it is one.

    The API server itself refuses what is empty or has white space at an end.
    """
    try:
        image = parse(text)
    except ImageError:
        image = None
    if image is not None and image.digest:
        return status == 201
    own = text != text.strip() or not text
    return status == 422 and ("mutable-tag" in message or own)


def beside_the_library(told: Told) -> Iterator[Figure | Row]:
    """Ask airlock and Kubernetes' own library about texts that are made up: D2."""
    random, number, bases = Random(SEED), told.pick(20_000, 200_000), rows()  # noqa: S311 - the same each time
    fates, differ = Counter[str](), list[str]()
    for _ in range(number // BATCH):
        texts = [_made(random) if random.random() < 0.7 else _bent(random, random.choice(bases)) for _ in range(BATCH)]
        for text, answer in zip(texts, _library(texts), strict=True):
            mine = said(text)
            fate = _fate(text, mine, answer)
            fates[fate] += 1
            if fate == "differ":
                differ.append(f"{text[:100]!a}: {mine!a}, and the library {answer!a}")
    for one in differ[:5]:
        yield Row(one, {"times": 1.0})
    yield Figure("texts", (number,))
    yield Figure("texts that both read as the same reference", (fates["same"],))
    yield Figure("refused for sha384, which is not registered with OCI", (fates["stricter"],))
    yield Figure(
        "read as by later versions of the library: IPv6 hosts, hosts of capitals, long paths", (fates["later"],)
    )
    yield Figure("texts about which they differ", (len(differ),), "", Promise(0))


def _library(texts: list[str]) -> list[str]:
    """Return the library's answer to each of *texts*."""
    asked = "".join(json.dumps(text) + "\n" for text in texts)
    run = subprocess.run([program("reference")], input=asked, capture_output=True, text=True, check=True)
    return run.stdout.split("\n")[:-1]


def _fate(text: str, mine: str, answer: str) -> str:
    """Return how what airlock reads compares with what the library does."""
    if mine in (answer, _lower_host(answer)):
        return "same" if mine else "none"
    if not mine and "sha384:" in answer:
        return "stricter"
    return "later" if not answer and _of_later_versions(text, mine) else "differ"


def said(text: str) -> str:
    """Return what airlock reads in *text*, in the words of the library's program."""
    try:
        image = parse(text)
    except ImageError:
        return ""
    return "\t".join((image.domain, image.path, image.tag or "", image.digest or ""))


def _of_later_versions(text: str, mine: str) -> bool:
    """Return whether the library reads this since distribution/reference 0.5, and Debian's 2.8.2 does not."""
    host, path, *_ = mine.split("\t")
    return (
        host.startswith("[")
        or text.partition("/")[0] != text.partition("/")[0].lower()
        or len(host) + 1 + len(path) > 255 >= len(path)
    )


def _lower_host(answer: str) -> str:
    """Return *answer* with its host in lower case, as airlock compares hosts, also Docker's own."""
    host, tab, rest = answer.partition("\t")
    if host.lower() in ("docker.io", "index.docker.io"):
        host, rest = "docker.io", rest if "/" in rest.partition("\t")[0] else f"library/{rest}"
    return f"{host.lower()}{tab}{rest}"


def _made(random: Random) -> str:
    parts = [random.choice(_PIECES)]
    for _ in range(random.randrange(5)):
        parts += [random.choice(_JOINTS), random.choice(_PIECES)]
    return "".join(parts)


def _bent(random: Random, text: str) -> str:
    made = list(text)
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(made) + 1)
        made[at : at + random.randrange(2)] = random.choice(("", *_JOINTS, *"aA0_-.:/@é \n"))
    return "".join(made)
