"""A real Kubernetes control plane on loopback, for tests: etcd, kube-apiserver and kube-controller-manager, no node."""

from tests.harness.control_plane.plane import ControlPlane

__all__ = ["ControlPlane"]
