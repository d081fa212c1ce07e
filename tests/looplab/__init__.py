"""Evil peers and the scenarios of loops, played in the laboratory against the shipped rules.

Each scenario has a name like T31, which stands in the name, the id or the docstring of the test that proves it. Those
that need no laboratory are proven next to what decides them, and are not repeated here; `test_scenarios.py` sees to it
that none is left out.
"""
