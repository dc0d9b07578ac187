"""CycloneDX 1.6 bills of materials: of the wheel, by the lock, and of the image, by what lies in it."""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from email.parser import BytesParser
from hashlib import sha256
from pathlib import Path, PurePosixPath

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.image_archive import files
from release.source import Source

DISTRIBUTION = "airlock-airflow"
LOCK = "requirements.lock"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+==[^\\\n]+)", re.MULTILINE)
_DPKG = PurePosixPath("var/lib/dpkg/status")
_DISTRO = PurePosixPath("usr/lib/os-release")


def of_wheel(source: Source, wheel: Path) -> Path:
    """Write the bill of *wheel*: what the lock pins, which is what the release was tested with."""
    lock = (source.folder / LOCK).read_text(encoding="utf-8")
    about = {"airlock:from": f"{LOCK}: an installation of the wheel may choose later versions"}
    subject = Component(
        name=DISTRIBUTION,
        version=source.version,
        type=ComponentType.APPLICATION,
        bom_ref=wheel.name,
        purl=PackageURL("pypi", None, DISTRIBUTION, source.version),
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
        hashes=[_hash(wheel)],
    )
    return _write(source, wheel.with_name(f"{wheel.name}.cdx.json"), subject, _locked(lock), about)


def of_image(source: Source, archive: Path) -> Path:
    """Write the bill of the image in *archive*: its Python packages, and Debian's if it has some."""
    found = files(archive, lambda path: path in (_DPKG, _DISTRO) or _is_metadata(path))
    subject = Component(
        name="airlock",
        version=source.version,
        type=ComponentType.CONTAINER,
        bom_ref=archive.name,
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
        hashes=[_hash(archive)],
    )
    components = [*_pythons(found), *_debians(found)]
    return _write(source, archive.with_name(f"{archive.name}.cdx.json"), subject, components, {})


def _write(
    source: Source, path: Path, subject: Component, parts: Iterable[Component], about: Mapping[str, str]
) -> Path:
    (digest,) = subject.hashes
    told = {"airlock:commit": source.commit, **about}
    metadata = BomMetaData(
        component=subject,
        timestamp=datetime.fromtimestamp(source.epoch, UTC),
        properties=[Property(name=name, value=value) for name, value in told.items()],
    )
    # The same subject has the same bill: so the serial number follows from it.
    bill = Bom(components=parts, metadata=metadata, serial_number=uuid.uuid5(uuid.NAMESPACE_OID, digest.content))
    bill.register_dependency(subject, bill.components)
    path.write_text(JsonV1Dot6(bill).output_as_string(indent=2) + "\n", encoding="utf-8")
    return path


def _hash(path: Path) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=sha256(path.read_bytes()).hexdigest())


def _locked(lock: str) -> Iterator[Component]:
    for match in _PINNED.finditer(lock):
        requirement = Requirement(match[1])
        (pin,) = requirement.specifier
        where = [] if requirement.marker is None else [Property(name="airlock:marker", value=str(requirement.marker))]
        yield Component(
            name=requirement.name,
            version=pin.version,
            bom_ref=f"{requirement.name}@{pin.version}",
            purl=PackageURL("pypi", None, str(canonicalize_name(requirement.name)), pin.version),
            properties=where,
        )


def _is_metadata(path: PurePosixPath) -> bool:
    return path.name == "METADATA" and path.parent.suffix == ".dist-info"


def _pythons(found: Mapping[PurePosixPath, bytes]) -> Iterator[Component]:
    for path, content in sorted(found.items()):
        if not _is_metadata(path):
            continue
        told = BytesParser().parsebytes(content, headersonly=True)
        name, version = str(told["Name"]), str(told["Version"])
        licence = told["License-Expression"]
        yield Component(
            name=name,
            version=version,
            bom_ref=str(path.parent),
            purl=PackageURL("pypi", None, str(canonicalize_name(name)), version),
            licenses=[LicenseFactory().make_from_string(str(licence))] if licence else (),
            properties=[Property(name="airlock:place", value=f"/{path.parent}")],
        )


def _debians(found: Mapping[PurePosixPath, bytes]) -> Iterator[Component]:
    distro = dict(line.split("=", 1) for line in found.get(_DISTRO, b"").decode().splitlines() if "=" in line)
    release = distro.get("VERSION_ID", "").strip('"')
    for stanza in found.get(_DPKG, b"").decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
        if not fields.get("Status", "").endswith(" installed"):
            continue
        qualifiers = {"arch": fields["Architecture"], "distro": f"debian-{release}"}
        yield Component(
            name=fields["Package"],
            version=fields["Version"],
            bom_ref=f"debian:{fields['Package']}:{fields['Architecture']}",
            purl=PackageURL("deb", "debian", fields["Package"], fields["Version"], qualifiers),
        )
