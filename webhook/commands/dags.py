"""The fourth layer for `airlock audit --dags`: what `airlock lint` finds in the callbacks of a DAG folder."""

from collections.abc import Iterator

from webhook.audit.survey import Callbacks, Survey
from webhook.commands.dag_files import folders_of_plugins, found
from webhook.lint.facts import Facts
from webhook.lint.folder import Folder
from webhook.lint.lint import lint
from webhook.lint.linted import joined
from webhook.lint.versions import Versions, of_tag
from webhook.pods.airflow import Component
from webhook.pods.image import ImageError, parse

# Whose image says for which Airflow the DAGs are written.
_READERS = (Component.SCHEDULER, Component.DAG_PROCESSOR, Component.WORKER, Component.TASK)


def read(paths: tuple[str, ...], survey: Survey, dag_id: str = "") -> Callbacks:
    """Return what the DAG files in *paths* say, for the Airflow that runs in *survey*; *dag_id* is asked about."""
    files = found(paths)
    folder = Folder(files.read, files.roots, folders_of_plugins(files))
    linted = lint(folder, files.names, Facts(image=next(_versions(survey), None)))
    without = "" if any(_has(folder, file, dag_id) for file in files.names) else dag_id
    return Callbacks(joined(linted, unusable=files.unusable, skipped=files.skipped), without)


def _has(folder: Folder, file: str, dag_id: str) -> bool:
    """Return whether *file* has the text *dag_id*, which may also come from the file's own name."""
    return dag_id in file or dag_id.encode(errors="replace") in (folder.data(file) or b"")


def _versions(survey: Survey) -> Iterator[Versions]:
    """Yield what the tags of running images say, those of components that read DAGs first."""
    for component in _READERS:
        for group in survey.groups:
            for use in group.images if group.component is component else ():
                try:
                    image = parse(use.image)
                except ImageError:
                    continue
                told = of_tag(image.repository, image.tag) if image.tag is not None else None
                if told is not None:
                    yield told
