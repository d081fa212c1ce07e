"""All SQL: the tables, the one writer, and plain functions of a connection. No mail format, no policy, no socket."""
