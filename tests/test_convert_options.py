"""What tools/convert.py refuses of its command line before it reads anything."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

import convert


@pytest.mark.parametrize("option", ["--max-drop", "--margin"])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_convert_refuses_a_bound_that_is_no_number(option: str, value: str) -> None:
    """Nothing is above nan, and nothing above inf: either would switch the check of the result off."""
    given = ["missing.keras", "--labels", "a,b", "--data", "missing", "--out", "m"]
    result = CliRunner().invoke(convert.main, [*given, option, value])
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output
