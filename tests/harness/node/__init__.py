"""A real one-node Kubernetes cluster for tests: a control plane, and beside it a node in namespaces of its own."""

from tests.harness.node.node import Node

__all__ = ["Node"]
