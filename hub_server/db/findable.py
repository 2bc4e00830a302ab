"""What finds repositories by pieces of their names and by words of their cards.

It is kept by triggers, so that no code can forget it, and belongs to no revision of the schema: it
is made after the newest migration, and again wherever a part of it is missing. No backup holds it.

| | SQLite (FTS5) | PostgreSQL |
|---|---|---|
| names | `fts_name`: trigrams of `repo.name_key` | `name_index`: GIN of trigrams (pg_trgm) |
| words | `fts_card`: words of `card_text` | `card_index`: GIN of a tsvector |

PostgreSQL has tables of its own for both: an index on `repo` would be written at each like, and a
search that checks its hits would read whole rows of cards. The first line of `card_text.words` is
the name of the repository, which a trigger keeps. Every word is a token as it stands, hence FTS5's
tokenizer `ascii`, which takes all that is not ASCII for letters.

A migration on SQLite rebuilds tables, which ends their triggers; so they go before it, and all is
filled anew afterwards. On PostgreSQL they stay; a migration that changes the type of one of these
columns drops them itself.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

TABLES = ("fts_name", "fts_card", "name_index", "card_index")
TRIGRAMS = "pg_trgm"


class NotFindable(Exception):
    """The database lacks what names are found with; the sentence says what helps."""


_SQLITE_TABLES = {
    "fts_name": "fts5(name_key, content='repo', content_rowid='id', tokenize='trigram')",
    "fts_card": "fts5(words, content='card_text', content_rowid='repo_id', tokenize='ascii')",
}
_SQLITE_TRIGGERS = {
    "fts_name_new": """AFTER INSERT ON repo BEGIN
        INSERT INTO fts_name (rowid, name_key) VALUES (new.id, new.name_key); END""",
    "fts_name_gone": """AFTER DELETE ON repo BEGIN
        INSERT INTO fts_name (fts_name, rowid, name_key) VALUES ('delete', old.id, old.name_key);
        END""",
    "fts_name_changed": """AFTER UPDATE OF name_key ON repo
        WHEN old.name_key IS NOT new.name_key BEGIN
        INSERT INTO fts_name (fts_name, rowid, name_key) VALUES ('delete', old.id, old.name_key);
        INSERT INTO fts_name (rowid, name_key) VALUES (new.id, new.name_key);
        UPDATE card_text SET words =
            replace(replace(replace(replace(new.name_key, '/', ' '), '.', ' '), '_', ' '), '-', ' ')
            || char(10) || substr(words, instr(words, char(10)) + 1) WHERE repo_id = new.id; END""",
    "fts_card_new": """AFTER INSERT ON card_text BEGIN
        INSERT INTO fts_card (rowid, words) VALUES (new.repo_id, new.words); END""",
    "fts_card_gone": """AFTER DELETE ON card_text BEGIN
        INSERT INTO fts_card (fts_card, rowid, words) VALUES ('delete', old.repo_id, old.words);
        END""",
    "fts_card_changed": """AFTER UPDATE OF words ON card_text
        WHEN old.words IS NOT new.words BEGIN
        INSERT INTO fts_card (fts_card, rowid, words) VALUES ('delete', old.repo_id, old.words);
        INSERT INTO fts_card (rowid, words) VALUES (new.repo_id, new.words); END""",
}

_FILL_NAMES = "INSERT INTO name_index SELECT id, name_key FROM repo"
_FILL_CARDS = "INSERT INTO card_index SELECT repo_id, to_tsvector('simple', words) FROM card_text"
# New entries wait in a list that every search reads and some writer empties: it is kept short.
_GIN = "WITH (fastupdate = on, gin_pending_list_limit = 256)"
_POSTGRES_TABLES: Mapping[str, Sequence[str]] = {
    "name_index": (
        "CREATE TABLE name_index (repo_id integer PRIMARY KEY, name_key varchar NOT NULL)",
        _FILL_NAMES,
        "CREATE INDEX ix_name_index_name_key ON name_index "
        f"USING gin (name_key gin_trgm_ops) {_GIN}",
    ),
    "card_index": (
        "CREATE TABLE card_index (repo_id integer PRIMARY KEY, document tsvector NOT NULL)",
        _FILL_CARDS,
        f"CREATE INDEX ix_card_index_document ON card_index USING gin (document) {_GIN}",
    ),
}
_POSTGRES_FUNCTIONS = {
    "name_index_follow": """
        IF TG_OP = 'DELETE' THEN DELETE FROM name_index WHERE repo_id = old.id; RETURN NULL; END IF;
        INSERT INTO name_index VALUES (new.id, new.name_key)
            ON CONFLICT (repo_id) DO UPDATE SET name_key = excluded.name_key;
        IF TG_OP = 'UPDATE' THEN
            UPDATE card_text SET words = translate(new.name_key, '/._-', '    ') || chr(10)
                || substr(words, position(chr(10) IN words) + 1) WHERE repo_id = new.id;
        END IF;
        RETURN NULL;""",
    "card_index_follow": """
        IF TG_OP = 'DELETE' THEN
            DELETE FROM card_index WHERE repo_id = old.repo_id; RETURN NULL;
        END IF;
        INSERT INTO card_index VALUES (new.repo_id, to_tsvector('simple', new.words))
            ON CONFLICT (repo_id) DO UPDATE SET document = excluded.document;
        RETURN NULL;""",
}
_POSTGRES_TRIGGERS = {
    "name_index_added": "AFTER INSERT OR DELETE ON repo FOR EACH ROW "
    "EXECUTE FUNCTION name_index_follow()",
    "name_index_changed": "AFTER UPDATE OF name_key ON repo FOR EACH ROW "
    "WHEN (old.name_key IS DISTINCT FROM new.name_key) EXECUTE FUNCTION name_index_follow()",
    "card_index_added": "AFTER INSERT OR DELETE ON card_text FOR EACH ROW "
    "EXECUTE FUNCTION card_index_follow()",
    "card_index_changed": "AFTER UPDATE OF words ON card_text FOR EACH ROW "
    "WHEN (old.words IS DISTINCT FROM new.words) EXECUTE FUNCTION card_index_follow()",
}


def is_derived(table: str) -> bool:
    """Whether a table of the database is one of these, or holds what is inside of one."""
    return table in TABLES or table.startswith(("fts_name_", "fts_card_"))


def is_whole(connection: Connection) -> bool:
    """Whether all parts are there."""
    tables, triggers = _wanted(connection)
    found = _found(connection)
    return found.issuperset(tables) and found.issuperset(triggers)


def make(connection: Connection) -> None:
    """Make and fill what is missing. Raises NotFindable."""
    if is_whole(connection):
        return
    if _is_sqlite(connection):
        _make_sqlite(connection)
    else:
        _make_postgres(connection)


def loosen(connection: Connection) -> None:
    """Before a migration; `make` must follow it."""
    if _is_sqlite(connection):
        _run(connection, (f"DROP TRIGGER IF EXISTS {name}" for name in _SQLITE_TRIGGERS))


def drop(connection: Connection) -> None:
    """Leave nothing, as before a migration downwards and while rows of a backup come in."""
    if _is_sqlite(connection):
        loosen(connection)
        _run(connection, (f"DROP TABLE IF EXISTS {name}" for name in _SQLITE_TABLES))
        return
    _run(connection, (f"DROP FUNCTION IF EXISTS {name} CASCADE" for name in _POSTGRES_FUNCTIONS))
    _run(connection, (f"DROP TABLE IF EXISTS {name}" for name in _POSTGRES_TABLES))


def _make_sqlite(connection: Connection) -> None:
    drop(connection)
    for name, module in _SQLITE_TABLES.items():
        _run(connection, [f"CREATE VIRTUAL TABLE {name} USING {module}"])
        _run(connection, [f"INSERT INTO {name} ({name}) VALUES ('rebuild')"])  # noqa: S608
    _run(connection, (f"CREATE TRIGGER {name} {rest}" for name, rest in _SQLITE_TRIGGERS.items()))


def _make_postgres(connection: Connection) -> None:
    _make_extension(connection)
    drop(connection)
    _run(connection, ["LOCK TABLE repo, card_text IN SHARE ROW EXCLUSIVE MODE"])
    for statements in _POSTGRES_TABLES.values():
        _run(connection, statements)
    _run(
        connection,
        (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
            for name, body in _POSTGRES_FUNCTIONS.items()
        ),
    )
    _run(connection, (f"CREATE TRIGGER {name} {rest}" for name, rest in _POSTGRES_TRIGGERS.items()))


def _make_extension(connection: Connection) -> None:
    there = text("SELECT 1 FROM pg_extension WHERE extname = :name")
    if connection.execute(there, {"name": TRIGRAMS}).first():
        return
    name = connection.engine.url.database
    try:
        connection.exec_driver_sql(f"CREATE EXTENSION {TRIGRAMS}")
    except DBAPIError as failure:
        said = str(failure.orig).strip().splitlines()[0]
        raise NotFindable(
            f"PostgreSQL has no extension {TRIGRAMS} in the database {name}, which finds "
            f"repositories by their names, and refuses to add it ({said}); its administrator "
            f"runs: psql {name} -c 'CREATE EXTENSION {TRIGRAMS}'"
        ) from failure


def _wanted(connection: Connection) -> tuple[Iterable[str], Iterable[str]]:
    if _is_sqlite(connection):
        return _SQLITE_TABLES, _SQLITE_TRIGGERS
    return _POSTGRES_TABLES, _POSTGRES_TRIGGERS


def _found(connection: Connection) -> set[str]:
    if _is_sqlite(connection):
        statement = "SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')"
    else:
        statement = (
            "SELECT relname FROM pg_class WHERE pg_table_is_visible(oid) AND relkind = 'r' "
            "UNION ALL SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
        )
    return set(connection.scalars(text(statement)))


def _run(connection: Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
