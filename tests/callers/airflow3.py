"""Runs in a venv of Airflow 3: lets its own callers call the callbacks of the DAG folders that it is told."""

import asyncio
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

TASKS = [f"on_{event}_callback" for event in ("execute", "failure", "retry", "skipped", "success")]


def run_case(folder: Path) -> dict[str, Any]:
    """Return what comes of the callbacks in *folder*."""
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - in Airflow's venv only

    made = watched()
    bag = DagBag(str(folder / "dags"), safe_mode=False, bundle_path=folder / "dags")
    errors = {Path(file).name: text for file, text in bag.import_errors.items()}
    runs: list[dict[str, Any]] = []
    for dag in bag.dags.values():
        runs += of_dag(dag)
        for task in dag.tasks:
            runs += [one for name in TASKS for one in of_task(task, name)]
    for callback, line, raised in list(made):  # running one reads the file again
        runs.append({**of_deadline(folder, callback, raised), "line": line})
    return {"errors": errors, "runs": runs}


def of_dag(dag: Any) -> list[dict[str, Any]]:
    """Return what comes of a DAG's own callbacks."""
    from airflow.callbacks.callback_requests import DagCallbackRequest  # noqa: PLC0415
    from airflow.dag_processing.processor import _execute_dag_callbacks  # noqa: PLC0415
    from recording import run  # noqa: PLC0415 - beside this file

    class Bag:
        dags = {dag.dag_id: dag}  # noqa: RUF012 - a stand-in

    runs = []
    for name in ("on_failure_callback", "on_success_callback"):
        given = getattr(dag, name)
        for callback in [] if given is None else list(given) if isinstance(given, list) else [given]:
            request = DagCallbackRequest(
                filepath="etl.py", bundle_name="x", bundle_version=None, msg="test", dag_id=dag.dag_id, run_id="x",
                is_failure_callback=name == "on_failure_callback",
            )  # fmt: skip
            setattr(dag, name, [callback])

            def call(log: Any, request: Any = request) -> None:
                _execute_dag_callbacks(Bag(), request, log)

            runs.append(run(name, callback, call))
    return runs


def of_task(task: Any, name: str) -> list[dict[str, Any]]:
    """Return what comes of a task's callbacks."""
    from airflow.sdk.execution_time.task_runner import _run_task_state_change_callbacks  # noqa: PLC0415
    from recording import run  # noqa: PLC0415

    runs = []
    given = getattr(task, name, None) or []
    for callback in given if isinstance(given, list) else [given]:

        class Task:
            pass

        setattr(Task, name, [callback])

        def call(log: Any) -> None:
            _run_task_state_change_callbacks(Task(), name, {"reason": "test"}, log)

        runs.append(run(name, callback, call))
    return runs


def watched() -> list[tuple[Any, int, str]]:
    """Return the list to which each AsyncCallback and SyncCallback will be added, with its line and what it raised."""
    from airflow.sdk.definitions.callback import Callback  # noqa: PLC0415

    made: list[tuple[Any, int, str]] = []
    init = getattr(Callback.__init__, "kept", Callback.__init__)

    def recorded(self: Any, *args: Any, **kwargs: Any) -> None:
        raised = ""
        try:
            init(self, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - so that the rest of the file is seen too
            self.path, self.kwargs = "", {}
            raised = f"{type(error).__name__}: {error}"
        made.append((self, sys._getframe(2).f_lineno, raised))  # noqa: SLF001

    recorded.kept = init  # type: ignore[attr-defined]
    Callback.__init__ = recorded
    return made


def of_deadline(folder: Path, callback: Any, raised: str) -> dict[str, Any]:
    """Return what comes of a deadline's callback."""
    from airflow.sdk.execution_time.callback_supervisor import execute_callback  # noqa: PLC0415
    from airflow.triggers.callback import CallbackTrigger  # noqa: PLC0415
    from recording import Log, forget, run  # noqa: PLC0415

    name = type(callback).__name__
    if raised:
        return {"parameter": name, "name": "", "raised": [raised], "frames": [], "output": ""}
    context: dict[str, Any] = {"dag_run": {}, "deadline": {}}
    kwargs = {**callback.kwargs, "context": context}
    forget(folder)

    def triggered(_log: Any) -> None:
        dags = str(folder / "dags")
        sys.path.remove(dags)  # the triggerer has only plugins on its path
        try:
            asyncio.run(events())
        finally:
            sys.path.insert(0, dags)

    async def events() -> None:
        async for event in CallbackTrigger(callback.path, kwargs).run():
            if event.payload.get("state") == "failed":
                raise RuntimeError(event.payload["body"])

    def executed(_log: Any) -> None:
        done, text = execute_callback(callback.path, kwargs, Path("etl.py"), folder / "dags", Log())
        if not done:
            raise RuntimeError(text)

    result: dict[str, Any] = run(name, callback, triggered if name == "AsyncCallback" else executed)
    if name == "SyncCallback":
        result["queued"] = queued()
    return result


def queued() -> str:
    """Return what the KubernetesExecutor raises when a SyncCallback is queued."""
    from airflow.executors import workloads  # noqa: PLC0415
    from airflow.providers.cncf.kubernetes.executors.kubernetes_executor import KubernetesExecutor  # noqa: PLC0415

    try:
        KubernetesExecutor.__new__(KubernetesExecutor).queue_workload(workloads.ExecuteCallback.model_construct(), None)
    except NotImplementedError as error:
        return f"NotImplementedError: {error}"
    return ""


if __name__ == "__main__":
    from recording import main

    main(run_case)
