"""Carries out a step of the plan: one conditional write, which fails when the state it was decided on has changed."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta

import msgspec

from certs.issue import issue_ca, issue_leaf
from certs.names import Names
from certs.pace import CA_LIFE, LEAF_LIFE
from certs.plan import AddAuthority, DropAuthorities, IssueLeaf, Publish, Step
from certs.secret import Signer, write_leaf, write_signers
from certs.store import Bundle
from certs.trust import read_authority, write_trust
from webhook.controller.api import FIELD_MANAGER, INSTALLATION, Api, Object, Written
from webhook.controller.scene import Scene, Site


class Lives(msgspec.Struct, frozen=True):
    """For how long certificates are made."""

    ca: timedelta = CA_LIFE
    leaf: timedelta = LEAF_LIFE


class Certificates:
    """Writes Secrets and caBundles; every write is conditional, and raises OSError when it is refused."""

    def __init__(self, api: Api, site: Site, names: Names, lives: Lives, now: Callable[[], datetime]) -> None:
        self._api = api
        self._site = site
        self._names = names
        self._lives = lives
        self._now = now

    def perform(self, step: Step, scene: Scene) -> Written:
        """Do *step*, which was planned on *scene*."""
        match step:
            case AddAuthority(keep):
                return self._write_signers(scene, [*_kept(scene, keep), self._new_signer()])
            case DropAuthorities(keep):
                return self._write_signers(scene, _kept(scene, keep))
            case IssueLeaf(authority, marks):
                return self._issue(scene, authority, marks)
            case Publish(place, marks):
                bundle = write_trust(scene.known[mark] for mark in marks)
                configuration = next(c for c in scene.configurations if str(c) == place)
                return self._api.patch(configuration.path, configuration.version, configuration.patch(bundle))
        raise TypeError(f"{step} is nothing to do")

    def _new_signer(self) -> Signer:
        pair = issue_ca(self._now(), life=self._lives.ca)
        return Signer(read_authority(pair.cert_pem), pair)

    def _write_signers(self, scene: Scene, signers: list[Signer]) -> Written:
        return self._write_secret(scene.ca, self._site.ca_secret, "Opaque", write_signers(signers))

    def _issue(self, scene: Scene, authority: str, marks: tuple[str, ...]) -> Written:
        signer = next(signer for signer in scene.signers if signer.authority.mark == authority)
        leaf = issue_leaf(signer.pair, self._names, self._now(), life=self._lives.leaf)
        trust = write_trust(scene.known[mark] for mark in marks)
        data = write_leaf(Bundle(leaf.cert_pem, leaf.key_pem, trust))
        return self._write_secret(scene.tls, self._site.tls_secret, "kubernetes.io/tls", data)

    def _write_secret(self, present: Object | None, name: str, kind: str, data: dict[str, str]) -> Written:
        """Create the Secret, or replace the data of the one that is *present*, and keep what else it has."""
        ours = {INSTALLATION: self._site.namespace}
        if present is None:
            metadata = {"name": name, "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER, **ours}}
            body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}
            return self._api.create(self._site.secret(), body)
        changed = deepcopy(present)
        changed["data"] = data
        changed["metadata"].pop("managedFields", None)
        changed["metadata"]["labels"] = {**(changed["metadata"].get("labels") or {}), **ours}
        return self._api.replace(self._site.secret(name), changed)


def _kept(scene: Scene, marks: tuple[str, ...]) -> list[Signer]:
    return [signer for signer in scene.signers if signer.authority.mark in marks]
