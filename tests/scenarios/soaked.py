"""What is so much alike that some of it is played in every run, and the rest in the soak."""

from __future__ import annotations

from typing import Any

import pytest


def soaked(case: Any) -> Any:
    """The same case of a parametrized test, for the soak alone."""
    return pytest.param(*case.values, id=case.id, marks=(*case.marks, pytest.mark.soak))


# Where everybody is answered there is more to answer.
each_mode = pytest.mark.parametrize("mode", [soaked(pytest.param("guarded")), "open"])
