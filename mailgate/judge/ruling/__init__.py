"""Judge: what the `[[rule]]` tables of the rule files say of a mail."""
