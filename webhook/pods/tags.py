"""Classes of image tags, in one table: which tags name one image for good, and which get pushed again."""

from enum import StrEnum
from functools import lru_cache

import msgspec
import re2


class TagClass(StrEnum):
    """Whether a tag always names the same image."""

    IMMUTABLE = "immutable"
    MUTABLE = "mutable"
    UNRECOGNISED = "unrecognised"


class Kind(msgspec.Struct, frozen=True):
    """A row of the table: a noun for people, the class, and an RE2 pattern for whole tags in lower case."""

    name: str
    is_: TagClass
    pattern: str
    images: str = ""  # an RE2 pattern for whole repositories, whose publisher has a policy of its own; "": any


# The words of the patterns. A tag is read in pieces, with a dash, an underscore or a dot between two.
_SEP = "[-_.]"
_BEFORE = f"(?:.*{_SEP})?"
_AFTER = f"(?:{_SEP}.*)?"

_FULL = r"v?\d+(?:\.\d+){2,}"
_LINE = r"v?\d+\.\d+"
_NAMES = "(?:[a-z0-9][a-z0-9.]*[-_])*"

# git abbreviates to seven digits or more (core.abbrev). One is a letter here: dates and numbers have rows of their own.
_HEX = "|".join([*(rf"\d{{{digits}}}[a-f][0-9a-f]{{{6 - digits},}}" for digits in range(7)), r"\d{7,}[a-f][0-9a-f]*"])
_DATE = rf"20\d\d{_SEP}?(?:0[1-9]|1[0-2]){_SEP}?(?:0[1-9]|[12]\d|3[01])(?:t?\d{{2,6}}z?)?"

_BRANCH = r"(?:daily|dev\d?|devel|develop|development|main|mainline|master|nightly|tip|trunk|unstable|weekly|wip)"
_STAGE = (
    r"(?:(?:non|pre)?(?:prd|prod|production)\d?|(?:pre)?(?:stage|staging|stg)\d?|(?:qa|test|testing|uat)\d?"
    "|acc|acceptance|alpha|beta|canary|candidate|current|demo|edge|experimental|ga|head|int|integration|live|lts|next"
    "|preview|prerelease|rc|release|rolling|sandbox|sit|stable)"
)
_TOPIC = "(?:bug|bugfix|chore|dependabot|experiment|feat|feature|fix|hotfix|issue|refactor|renovate|spike|ticket|topic)"
_REQUEST = "(?:mr|pr|pull)"

# What stands beside a version and says what the same source was built on or for.
_VARIANT = (
    "(?:alma|almalinux|alpine|amazonlinux|bionic|bookworm|bullseye|buster|busybox|centos|debian|distroless|el|fedora"
    "|focal|jammy|ltsc|nanoserver|noble|oraclelinux|photon|rhel|rocky|rockylinux|trixie|ubi|ubuntu|windowsservercore"
    "|wolfi|cuda|go|golang|java|jdk|jre|node|openjdk|php|py|pypy|python|ruby|rust|scala|spark"
    "|aarch64|amd64|arm|arm64|linux|ppc64le|s390x|windows|x86[-_]64"
    r"|fips|full|minimal|nonroot|rootless|slim|unprivileged)(?:-?v?\d+(?:\.\d+)*)?"
)
_VARIANTS = f"(?:{_SEP}{_VARIANT})*"
_PRE_RELEASE = rf"{_SEP}?(?:a|alpha|b|beta|c|ea|m|milestone|pre|preview|rc){_SEP}?\d+(?:\.\d+)*"
_BUILD = rf"{_SEP}(?:build|eks|eksbuild|gke|k3s|p|patch|post|r|rev){_SEP}?\d+(?:\.\d+)*"
# Also a version or number of its own (2.10.5-1, 2.10.5-1.4), and the words that end a line of pre-releases.
_VERSION = rf"{_FULL}(?:{_PRE_RELEASE}|{_BUILD}|{_SEP}{_VARIANT}|[-_]v?\d+(?:\.\d+)*|{_SEP}(?:final|ga|lts|release))*"

# Repositories by publisher, mirrors included: registry.example.com/hub/bitnami/redis.
_BITNAMI = "(?:.*/)?bitnami(?:legacy|secure)?/[^/]+"
_ASTRONOMER = r"(?:.*/)?astro-runtime|(?:.*\.)?astronomer\.(?:cloud|io)/.*|astrocrpublic\.azurecr\.io/.*"
_CHAINGUARD = r"(?:.*/)?cgr\.dev/.*|(?:.*/)?chainguard/[^/]+"
_RED_HAT = (
    r"registry\.access\.redhat\.com/.*|registry\.redhat\.io/.*|(?:.*/)?redhat/[^/]+|(?:.*/)?ubi\d+(?:/.*|-[^/]+)?"
)

_IMMUTABLE, _MUTABLE, _UNRECOGNISED = TagClass.IMMUTABLE, TagClass.MUTABLE, TagClass.UNRECOGNISED

KINDS: tuple[Kind, ...] = (
    Kind("latest", _MUTABLE, "latest"),
    Kind("latest of a line", _MUTABLE, f".*{_SEP}latest"),
    Kind("snapshot", _MUTABLE, f"{_BEFORE}snapshot"),
    # git describe --dirty: whatever lay in somebody's work tree beside the commit.
    Kind("uncommitted build", _MUTABLE, f"{_BEFORE}dirty{_AFTER}"),
    # Built again at each push. Before commit ids and numbers, because some trackers' numbers have seven digits.
    Kind("pull request", _MUTABLE, rf"{_REQUEST}{_SEP}?\d+{_VARIANTS}"),
    Kind("topic branch", _MUTABLE, rf"{_TOPIC}{_SEP}\d+"),
    # It names the image, whatever branch or stage stands beside it. Letters alone will do (befacaad; one id of seven
    # digits in a thousand): hexadecimal words that long (defaced, deadbeef) are not a branch; facade has six letters.
    Kind("commit id", _IMMUTABLE, f"{_BEFORE}(?:g|git|sha)?(?:{_HEX}){_AFTER}"),
    Kind("dated build", _IMMUTABLE, f"{_BEFORE}v?{_DATE}{_AFTER}"),
    # 1234567 is a commit id without a letter (one in 27 of seven digits) or a pipeline's number: neither is used twice.
    Kind("build number", _IMMUTABLE, rf"{_BEFORE}\d{{7,}}{_AFTER}"),
    # 2.11.0.dev0 is what Airflow's main branch is called for months; .dev45 may be a count of commits: unrecognised.
    Kind("snapshot", _MUTABLE, rf"{_BEFORE}snapshot{_AFTER}|{_BEFORE}v?\d+(?:\.\d+)*{_SEP}?dev0?{_AFTER}"),
    Kind("latest of a line", _MUTABLE, f"{_BEFORE}latest{_AFTER}"),
    # docs.bitnami.com, "Understand rolling tags": 6.4.3 and 6.4.3-debian-12 follow the newest revision, -rN is one.
    Kind("Bitnami revision", _IMMUTABLE, r".*\d.*-r\d+", _BITNAMI),
    Kind("Bitnami version without its revision -rN", _MUTABLE, rf"{_FULL}{_VARIANTS}", _BITNAMI),
    # Astronomer, "Runtime versioning": major.minor-patch for Airflow 3, with what the image is for behind it.
    Kind("Astro Runtime", _IMMUTABLE, rf"(?:{_LINE}-\d+|{_FULL})(?:-(?:base|slim|python-\d+\.\d+))*", _ASTRONOMER),
    # Chainguard, "Image tagging philosophy": versions and epochs (-r2) are built again; timestamps (above) are not.
    Kind("Chainguard version, which is built again", _MUTABLE, rf"{_FULL}{_AFTER}|{_LINE}-r\d+{_AFTER}", _CHAINGUARD),
    # Red Hat publishes version-release: 9.3-1612, 1-186 (newer releases are timestamps, above).
    Kind("Red Hat release", _IMMUTABLE, r"v?\d+(?:\.\d+)*-\d+(?:\.\d+)*", _RED_HAT),
    # With the suffixes above and no other: 2.10.5-etl is most likely somebody's image on Airflow 2.10.5, built again
    # under the same tag: unrecognised.
    Kind("full version", _IMMUTABLE, rf"(?:(?:{_VARIANT}|rel|release|ver|version)[-_])*{_VERSION}"),
    # 3.2rc1, rc-2: some projects freeze them and some do not.
    Kind("numbered pre-release", _UNRECOGNISED, rf"{_BEFORE}(?:v?\d+(?:\.\d+)?)?{_PRE_RELEASE}{_VARIANTS}"),
    # main-1234 may count builds. Up to two digits number environments and release branches: below.
    Kind(
        "numbered branch or stage",
        _UNRECOGNISED,
        rf"{_BEFORE}(?:{_BRANCH}|{_STAGE}){_SEP}(?:build{_SEP}?)?\d{{3,6}}",
    ),
    Kind("branch or stage name", _MUTABLE, f"{_BEFORE}{_BRANCH}{_AFTER}"),
    # prod-1.4.2: version 1.4.2 promoted for good, or the stage's own image on a base of that version.
    Kind(
        "stage name with a version",
        _UNRECOGNISED,
        f"{_BEFORE}{_STAGE}{_SEP}{_BEFORE}{_FULL}{_AFTER}|{_BEFORE}{_FULL}{_SEP}{_BEFORE}{_STAGE}{_AFTER}",
    ),
    # A name before a version says what has that version: airflow-pgbouncer-1.23.1.
    Kind("full version", _IMMUTABLE, f"{_NAMES}{_VERSION}"),
    Kind("build of a version", _IMMUTABLE, rf"{_NAMES}v?\d+(?:\.\d+)?{_VARIANTS}{_BUILD}{_VARIANTS}"),
    Kind("branch or stage name", _MUTABLE, f"{_BEFORE}{_STAGE}{_AFTER}"),
    Kind("topic branch", _MUTABLE, f"(?:{_TOPIC}|{_REQUEST}){_SEP}.+"),
    # 3.0.5-etl-1.4, 3.1-11-python-3.12: what follows a whole version is its own affair, and no line that moves.
    Kind("version with an addition", _UNRECOGNISED, rf"{_BEFORE}{_FULL}{_AFTER}|{_LINE}[-_]\d+(?:[-_].*)?"),
    # Numbers of three to six digits alone or behind a name (1234, build-17) count builds or lines: unrecognised.
    Kind(
        "floating version",
        _MUTABLE,
        rf"(?:{_NAMES}(?:{_LINE}|v?\d+(?:\.\d+)*(?:\.x)+)|(?:(?:{_VARIANT}|airflow)[-_])*v?\d{{1,2}}){_VARIANTS}",
    ),
    Kind("variant without a version", _MUTABLE, f"{_VARIANT}{_VARIANTS}"),
)
UNKNOWN = Kind("no known form", _UNRECOGNISED, "")

# What is never pushed again, of publishers whose full versions are: an RE2 pattern for whole repositories, and words.
FROZEN = ((_BITNAMI, "a full version with its revision (-rN)"), (_CHAINGUARD, "a tag with a timestamp"))
FULL_VERSION = "a full version"

_LONGEST = 128  # characters that the grammar of references gives to a tag


def _compiled(kinds: tuple[Kind, ...]) -> re2.Set:
    """Return one automaton for all patterns: it reads a tag once and tells which rows match."""
    rows = re2.Set.FullMatchSet()
    for kind in kinds:
        rows.Add(kind.pattern)
    rows.Compile()
    return rows


_ROWS = _compiled(KINDS)


def classify(tag: str, repository: str = "") -> Kind:
    """Return the first row of `KINDS` that *tag* of *repository* matches, capitals or not; `UNKNOWN` when none does.

    >>> classify("2.10.5-python3.12").name, classify("Main").name
    ('full version', 'branch or stage name')
    >>> classify("3.0.5", "docker.io/bitnami/airflow").is_.value
    'mutable'
    """
    if len(tag) > _LONGEST or not tag.isascii():
        return UNKNOWN
    return _classified(tag.lower(), repository)


def frozen(repository: str) -> str:
    """Return what to name so that an image of *repository* stays the same.

    >>> frozen("docker.io/apache/airflow"), frozen("cgr.dev/chainguard/airflow")
    ('a full version', 'a tag with a timestamp')
    """
    return next((words for images, words in FROZEN if _publishes(images, repository)), FULL_VERSION)


@lru_cache(maxsize=4096)
def _classified(tag: str, repository: str) -> Kind:
    matching = (KINDS[row] for row in sorted(_ROWS.Match(tag) or ()))
    return next((kind for kind in matching if _publishes(kind.images, repository)), UNKNOWN)


def _publishes(images: str, repository: str) -> bool:
    return not images or re2.fullmatch(images, repository) is not None
