import pytest
from sqlalchemy import event

from hub_server import repos
from hub_server.accounts import ANONYMOUS, Access, GatedRepo, users
from hub_server.db.tables.accounts import AccountRedirect
from hub_server.errors import AlreadyExists, InvalidName, Moved, NotFound, RepoNotFound
from tests.support.people import caller, make_repo, make_user


@pytest.fixture
def ada(database):
    with database.write() as session:
        return make_user(session, "Ada")


@pytest.fixture
def statements(database):
    seen = []

    def note(_connection, _cursor, statement, *_rest):
        if statement.lstrip().startswith("SELECT"):
            seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    yield seen
    event.remove(database.engine, "before_cursor_execute", note)


ODD = ["", "/", "a/b/c", "ada/tiny\0", "ada/\udce9", "x" * 5000, "ada/" + "x" * 5000, "ada/{x}",
       "..", "ada/..", "%", "ada/%", "_da/tiny"]  # fmt: skip


def test_names_match_in_any_case_and_answer_as_stored(database, ada):
    with database.write() as session:
        made = make_repo(session, ada, "Tiny")
    with database.read() as session:
        for path in ("Ada/Tiny", "ada/tiny", "ADA/TINY"):
            assert repos.find(session, "model", path).id == made.id
            assert repos.readable(session, ANONYMOUS, "model", path).full_name == "Ada/Tiny"
            row = repos.readable_row(session, ANONYMOUS, "model", path)
            assert (row.id, row.full_name, row.public_id) == (made.id, "Ada/Tiny", made.public_id)
        with pytest.raises(RepoNotFound):
            repos.readable(session, ANONYMOUS, "dataset", "Ada/Tiny")


@pytest.mark.parametrize("path", ODD)
def test_odd_names_are_simply_not_there(database, ada, path):
    with database.write() as session:
        make_repo(session, ada, "tiny")
    with database.read() as session:
        for look in (repos.readable, repos.readable_row):
            with pytest.raises(RepoNotFound):
                look(session, ANONYMOUS, "model", path)
        with pytest.raises(RepoNotFound):
            repos.locate(session, "model", path)


def test_the_hot_path_is_one_statement(database, ada, statements):
    with database.write() as session:
        make_repo(session, ada, "tiny")
    statements.clear()
    with database.read() as session:
        repos.readable_row(session, ANONYMOUS, "model", "ada/tiny")
    assert len(statements) == 1


def test_hidden_and_missing_are_told_in_the_same_words(database, ada):
    with database.write() as session:
        make_repo(session, ada, "secret", private=True)
        make_user(session, "eve")
    eve = caller(database, "eve")
    for who, status, words in (
        (ANONYMOUS, 401, "Invalid username or password."),
        (eve, 404, "Repository not found"),
    ):
        with database.read() as session:
            for path in ("ada/secret", "ada/nothing", "nobody/nothing"):
                for look in (repos.readable, repos.readable_row):
                    with pytest.raises(RepoNotFound) as refused:
                        look(session, who, "model", path)
                    assert (refused.value.status, str(refused.value)) == (status, words)
                    assert refused.value.code == "RepoNotFound"
    with database.read() as session:
        assert repos.readable(session, caller(database, "ada"), "model", "ada/secret").private


def test_what_is_wanted_is_checked(database, ada):
    with database.write() as session:
        make_repo(session, ada, "gated", gated="manual")
        make_user(session, "eve")
    eve = caller(database, "eve")
    with database.read() as session:
        repos.readable(session, eve, "model", "ada/gated", wanted=Access.SEE)
        with pytest.raises(GatedRepo):
            repos.readable(session, eve, "model", "ada/gated")


def test_former_names_lead_on_for_those_who_may_see(database, ada):
    with database.write() as session:
        repo = make_repo(session, ada, "old", private=True)
        repos.move(session, caller_of_ada := caller(database, "ada"), repo, "ada/New")
    with database.read() as session:
        for path in ("ada/old", "ADA/OLD"):
            for look in (repos.readable, repos.readable_row):
                with pytest.raises(Moved) as moved:
                    look(session, caller_of_ada, "model", path)
                assert (moved.value.old, moved.value.new) == (path, "Ada/New")
            with pytest.raises(RepoNotFound):
                repos.readable(session, ANONYMOUS, "model", path)
            with pytest.raises(Moved):
                repos.locate(session, "model", path)


def test_several_moves_lead_to_the_last_name(database, ada):
    with database.write() as session:
        who = caller(database, "ada")
        repo = make_repo(session, ada, "one")
        for name in ("two", "three", "two", "four"):
            repos.move(session, who, repo, f"ada/{name}")
        for name in ("one", "two", "three"):
            with pytest.raises(Moved) as moved:
                repos.locate(session, "model", f"ada/{name}")
            assert moved.value.new == "Ada/four"


def test_a_new_repository_takes_a_former_name(database, ada):
    with database.write() as session:
        who = caller(database, "ada")
        repo = make_repo(session, ada, "old")
        repos.move(session, who, repo, "ada/new")
        taken = repos.create(session, who, "model", "ada/old")
        assert repos.locate(session, "model", "ada/old").id == taken.id
        repos.delete(session, taken)
        with pytest.raises(RepoNotFound):  # the redirect ended for good
            repos.locate(session, "model", "ada/old")


def test_a_redirect_to_a_deleted_repository_vanishes(database, ada):
    with database.write() as session:
        repo = make_repo(session, ada, "old")
        repos.move(session, caller(database, "ada"), repo, "ada/new")
        repos.delete(session, repo)
        with pytest.raises(RepoNotFound):
            repos.locate(session, "model", "ada/old")
        repos.restore(session, repo)
        with pytest.raises(Moved):
            repos.locate(session, "model", "ada/old")


def test_names_of_one_segment(database, ada):
    with database.write() as session:
        who = caller(database, "ada")
        repos.add_alias(session, "model", "GPT2", "ada/gpt2")
        with pytest.raises(RepoNotFound):
            repos.locate(session, "model", "gpt2")
        repo = repos.create(session, who, "model", "ada/gpt2")
        repos.add_alias(session, "dataset", "gpt2", "ada/words")
        for path in ("gpt2", "Gpt2"):
            with pytest.raises(Moved) as moved:
                repos.readable(session, ANONYMOUS, "model", path)
            assert moved.value.new == "Ada/gpt2"
        with pytest.raises(RepoNotFound):
            repos.locate(session, "dataset", "gpt2")
        repos.move(session, who, repo, "ada/gpt-two")
        repos.create(session, who, "model", "ada/gpt2")  # the alias stays with what it stood for
        with pytest.raises(Moved) as moved:
            repos.locate(session, "model", "gpt2")
        assert moved.value.new == "Ada/gpt-two"
        repos.change_settings(session, repo, repos.RepoSettings(private=True))
        with pytest.raises(RepoNotFound):
            repos.readable(session, ANONYMOUS, "model", "gpt2")
        repos.remove_alias(session, "model", "GPT2")
        with pytest.raises(RepoNotFound):
            repos.locate(session, "model", "gpt2")
        with pytest.raises(NotFound):
            repos.remove_alias(session, "model", "gpt2")
        assert [(a.name_key, a.kind) for a in repos.list_aliases(session)] == [("gpt2", "dataset")]


def test_aliases_and_accounts_share_names(database, ada):
    with database.write() as session:
        repos.add_alias(session, "model", "gpt2", "ada/gpt2")
        with pytest.raises(AlreadyExists):
            repos.add_alias(session, "model", "GPT2", "ada/other")
        with pytest.raises(AlreadyExists):
            repos.add_alias(session, "model", "ada", "ada/other")
        with pytest.raises(AlreadyExists):
            make_user(session, "Gpt2")
        with pytest.raises(AlreadyExists):
            repos.rename_namespace(session, users.user_named(session, "ada"), "gpt2")
        repos.rename_namespace(session, users.user_named(session, "ada"), "ada2")
        repos.add_alias(session, "model", "ada", "ada2/x")  # the former name ends
        assert session.query(AccountRedirect).count() == 0
        for name, target in (("api", "a/b"), ("ok", "nonsense"), ("ok", "a/tree"), ("a/b", "c/d")):
            with pytest.raises(InvalidName):
                repos.add_alias(session, "model", name, target)
