"""What mails say is found by its words: an index of them, and a list of the mails that it has not seen yet.

The tickets of a queue have an index as well.
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A change of any of these is another mail to whoever looks for it.
_SEEN = "ticket_id, raw_id, subject, sender, author, author_name, recipient"

_IN_A_FILE = (
    "CREATE TABLE search_due (message_id INTEGER NOT NULL PRIMARY KEY)",
    "CREATE TABLE search_entry (place INTEGER NOT NULL PRIMARY KEY, message_id INTEGER NOT NULL UNIQUE,"
    " words BLOB NOT NULL)",
    # The words are kept once, compressed, in the entry: to take one out of the index they must be said again.
    "CREATE VIRTUAL TABLE search_index USING fts5(words, content='', columnsize=0, tokenize='ascii')",
    "CREATE TRIGGER search_came AFTER INSERT ON message BEGIN INSERT OR IGNORE INTO search_due VALUES (new.id); END",
    "CREATE TRIGGER search_went AFTER DELETE ON message BEGIN INSERT OR IGNORE INTO search_due VALUES (old.id); END",
    f"CREATE TRIGGER search_moved AFTER UPDATE OF {_SEEN} ON message"  # noqa: S608 - our own names
    " BEGIN INSERT OR IGNORE INTO search_due VALUES (new.id); END",
)
# An update and not nothing where it is due already: so whoever is just indexing it waits for what changes now. New mail
# is in no pending list of the index, through which every question would have to read.
_ON_A_SERVER = (
    "CREATE TABLE search_due (message_id BIGINT NOT NULL PRIMARY KEY)",
    "CREATE TABLE search_entry (place BIGINT NOT NULL PRIMARY KEY, message_id BIGINT NOT NULL UNIQUE,"
    " words TSVECTOR NOT NULL)",
    "CREATE INDEX ix_search_entry_words ON search_entry USING gin (words) WITH (fastupdate = off)",
    "CREATE FUNCTION search_note_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO search_due SELECT id FROM changed"
    " ON CONFLICT (message_id) DO UPDATE SET message_id = excluded.message_id; RETURN NULL; END $$",
    "CREATE FUNCTION search_note_one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO search_due VALUES (new.id)"
    " ON CONFLICT (message_id) DO UPDATE SET message_id = excluded.message_id; RETURN NULL; END $$",
    "CREATE TRIGGER search_came AFTER INSERT ON message REFERENCING NEW TABLE AS changed"
    " FOR EACH STATEMENT EXECUTE FUNCTION search_note_all()",
    "CREATE TRIGGER search_went AFTER DELETE ON message REFERENCING OLD TABLE AS changed"
    " FOR EACH STATEMENT EXECUTE FUNCTION search_note_all()",
    f"CREATE TRIGGER search_moved AFTER UPDATE OF {_SEEN} ON message FOR EACH ROW EXECUTE FUNCTION search_note_one()",
)


def upgrade() -> None:
    """Make the indexes, that of words empty, and name every mail that is there as one it has not seen."""
    for statement in _IN_A_FILE if op.get_bind().dialect.name == "sqlite" else _ON_A_SERVER:
        op.execute(statement)
    op.create_index("ix_ticket_queue_number", "ticket", ["queue", "number"])
    op.execute("INSERT INTO search_due SELECT id FROM message")
