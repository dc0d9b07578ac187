"""Manifests as files hold them: read with their lines, opened where charts hide pods, and judged as admission would."""
