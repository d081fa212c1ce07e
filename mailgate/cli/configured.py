"""Faces: how a command gets the configuration, and nothing else that takes time to import."""

from __future__ import annotations

from mailgate import config
from mailgate.cli.frame import Frame
from mailgate.config import Settings


def settings_of(frame: Frame) -> Settings:
    """The configuration, checked. Raises ConfigError."""
    return config.load(frame.config_file())
