"""What the index of names and texts finds, asked without the hub's own code."""

from sqlalchemy import text

from hub_server.db import Database


def by_name(database: Database, piece: str) -> set[int]:
    """Ids of repositories whose name holds `piece`: plain letters, three or more."""
    if database.is_sqlite:
        return _ids(database, f"SELECT rowid FROM fts_name WHERE fts_name MATCH '\"{piece}\"'")
    return _ids(database, f"SELECT repo_id FROM name_index WHERE name_key LIKE '%{piece}%'")


def by_word(database: Database, word: str) -> set[int]:
    if database.is_sqlite:
        return _ids(database, f"SELECT rowid FROM fts_card WHERE fts_card MATCH '\"{word}\"'")
    wanted = f"plainto_tsquery('simple', '{word}')"
    return _ids(database, f"SELECT repo_id FROM card_index WHERE document @@ {wanted}")


def check(database: Database) -> None:
    """Fail if the index is not what the rows say."""
    if database.is_sqlite:
        with database.write() as session:
            for table in ("fts_name", "fts_card"):
                session.execute(text(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')"))
        return
    for wanted, kept in (
        ("SELECT id, name_key FROM repo", "SELECT * FROM name_index"),
        (
            "SELECT repo_id, to_tsvector('simple', words) FROM card_text",
            "SELECT * FROM card_index",
        ),
    ):
        for one, other in ((wanted, kept), (kept, wanted)):
            with database.read() as session:
                assert not session.execute(text(f"{one} EXCEPT {other}")).all()


def _ids(database: Database, statement: str) -> set[int]:
    with database.read() as session:
        return set(session.scalars(text(statement)))
