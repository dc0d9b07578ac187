"""Runs in a venv of Airflow 2: lets its own callers call the callbacks of the DAG folders that it is told."""

import logging
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

TASKS = [f"on_{event}_callback" for event in ("execute", "failure", "retry", "skipped", "success")]


def run_case(folder: Path) -> dict[str, Any]:
    """Return what comes of the callbacks in *folder*."""
    from airflow.models import DagBag  # noqa: PLC0415 - in Airflow's venv only

    bag = DagBag(str(folder / "dags"), include_examples=False, read_dags_from_db=False, safe_mode=False)
    errors = {Path(file).name: text for file, text in bag.import_errors.items()}
    runs: list[dict[str, Any]] = []
    for dag in bag.dags.values():
        runs += of_dag(dag)
        for task in dag.tasks:
            for name in TASKS:
                runs += [of_task(name, given) for given in several(getattr(task, name, None))]
    return {"errors": errors, "runs": runs}


def several(given: Any) -> list[Any]:
    """Return what is given, one by one: an item of a list in a list of its own."""
    return [] if given is None else [[one] for one in given] if isinstance(given, list) else [given]


def only(given: Any) -> Any:
    """Return the item of a list of one, else what is given."""
    return given[0] if isinstance(given, list) else given


def of_task(name: str, callback: Any) -> dict[str, Any]:
    """Return what comes of a task's callback."""
    from airflow.models.taskinstance import TaskInstance, _run_finished_callback  # noqa: PLC0415
    from recording import run  # noqa: PLC0415 - beside this file

    def call(log: Any) -> None:
        context = {"dag": None, "reason": "test", "exception": ValueError("x")}
        if name == "on_execute_callback":
            instance, task = SimpleNamespace(log=log), SimpleNamespace(on_execute_callback=callback)
            TaskInstance._run_execute_callback(instance, context, task)  # noqa: SLF001
            return
        with logged("airflow.task", log), logged("airflow.models.taskinstance", log):
            _run_finished_callback(callbacks=callback, context=context)

    result: dict[str, Any] = run(name, only(callback), call)
    return result


def of_dag(dag: Any) -> list[dict[str, Any]]:
    """Return what comes of a DAG's own callbacks."""
    from recording import run  # noqa: PLC0415

    runs = []
    for name in ("on_failure_callback", "on_success_callback"):
        for callback in several(getattr(dag, name)):

            def call(log: Any, callback: Any = callback) -> None:
                with logged("airflow.models.dag.DAG", log):
                    callbacks = callback if isinstance(callback, list) else [callback] if callback else None
                    dag.execute_callback(callbacks, {"dag": dag, "reason": "test"}, dag.dag_id)

            runs.append(run(name, only(callback), call))
    for callback in several(dag.sla_miss_callback):

        def missed(log: Any, callback: Any = callback) -> None:
            miss(dag, callback, log)

        runs.append(run("sla_miss_callback", only(callback), missed))
    return runs


def miss(dag: Any, callback: Any, log: Any) -> None:
    """Let a task of *dag* miss its SLA, and the DagFileProcessor notice."""
    from airflow.dag_processing.processor import DagFileProcessor  # noqa: PLC0415
    from airflow.models import DagModel, DagRun, SlaMiss, TaskInstance  # noqa: PLC0415
    from airflow.utils import timezone  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from airflow.utils.state import DagRunState, TaskInstanceState  # noqa: PLC0415
    from airflow.utils.types import DagRunType  # noqa: PLC0415

    dag.sla_miss_callback = callback
    start = timezone.utcnow().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=4)
    with create_session() as session:
        for model in (SlaMiss, TaskInstance, DagRun):
            session.query(model).delete()
        session.merge(DagModel(dag_id=dag.dag_id, fileloc=dag.fileloc))
        session.flush()
        for day, state in ((0, TaskInstanceState.SUCCESS), (2, TaskInstanceState.FAILED)):
            date = start + timedelta(days=day)
            made = dag.create_dagrun(
                run_id=f"scheduled__{day}", execution_date=date, data_interval=(date, date + timedelta(days=1)),
                state=DagRunState.SUCCESS, run_type=DagRunType.SCHEDULED, session=session,
            )  # fmt: skip
            for instance in made.task_instances:
                instance.state = state
        session.commit()

    class Bag:
        def get_dag(self, _dag_id: str) -> Any:
            return dag

    DagFileProcessor._get_dagbag = classmethod(lambda _cls, _folder: Bag())  # noqa: SLF001 - the bag is loaded already
    with logged("airflow.processor", log), logged("airflow.dag_processing.processor.DagFileProcessor", log):
        DagFileProcessor.manage_slas(dag.fileloc, dag.dag_id)


class logged:  # noqa: N801 - a context manager
    """Sends the exceptions that the logger *name* logs to *log*."""

    def __init__(self, name: str, log: Any) -> None:
        self.logger, self.log = logging.getLogger(name), log

    def __enter__(self) -> None:
        log = self.log

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if record.exc_info and record.exc_info[1] is not None:
                    log.caught.append(record.exc_info[1])

        self.handler = Handler()
        self.before = self.logger.disabled, self.logger.level, self.logger.propagate, self.logger.handlers
        self.logger.disabled, self.logger.propagate, self.logger.handlers = False, False, [self.handler]
        self.logger.setLevel(logging.INFO)

    def __exit__(self, *_error: object) -> None:
        self.logger.disabled, level, self.logger.propagate, self.logger.handlers = self.before
        self.logger.setLevel(level)


if __name__ == "__main__":
    from recording import main

    main(run_case)
