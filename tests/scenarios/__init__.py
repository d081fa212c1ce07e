import pytest

# What is asserted there says in full what was found, as in the tests themselves.
pytest.register_assert_rewrite("tests.scenarios.aftermath", "tests.scenarios.correspondence")
