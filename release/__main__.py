"""`python -m release`: builds everything that is published into one folder, the same bytes each time."""

import shutil
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import click

from release import sbom
from release.chart import chart, manifests
from release.image_archive import image
from release.packages import packages
from release.source import ReleaseError, Source, changed, check_out

ROOT = Path(__file__).parent.parent
SUMS = "SHA256SUMS"


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=Path("dist"), show_default=True, help="The folder.")
@click.option(
    "--base", metavar="IMAGE|FILE.tar", help="The image's base; without it the one that the Dockerfile names."
)
@click.option("--image/--no-image", "with_image", default=True, help="Whether to build the image, which takes buildah.")
def main(*, output: Path, base: str | None, with_image: bool) -> None:
    """Build wheel, sdist, image, chart, plain manifests, bills of materials and checksums from the current commit."""
    try:
        with tempfile.TemporaryDirectory(prefix="airlock-release.") as folder:
            source = check_out(ROOT, Path(folder) / "source")
            if changed(ROOT):
                click.echo("edits that are not committed are left out", err=True)
            built = Path(folder) / "built"
            built.mkdir()
            build(
                source,
                built,
                str(Path(base).resolve()) if base and Path(base).is_file() else base,
                with_image=with_image,
            )
            if output.exists():
                shutil.rmtree(output)
            shutil.copytree(built, output)
    except ReleaseError as error:
        click.echo(f"release: {error}", err=True)
        sys.exit(1)
    click.echo("\n".join(f"{output / path.name}" for path in sorted(output.iterdir())))


def build(source: Source, target: Path, base: str | None, *, with_image: bool) -> None:
    """Write all that is published into *target*. Raises ReleaseError."""
    helm = shutil.which("helm")
    program = Path(helm) if helm else ROOT / "tests/harness/chart/helm"
    wheel, _ = packages(source, target)
    sbom.of_wheel(source, wheel)
    chart(source, program, target)
    manifests(source, program, target)
    if with_image:
        sbom.of_image(source, image(source, base, target))
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(target.iterdir())]
    (target / SUMS).write_text("".join(lines), encoding="ascii")


if __name__ == "__main__":
    main()
