from datetime import timedelta

import pytest

from hub_server import repos
from hub_server.accounts import ANONYMOUS, OPERATOR, AccountNotFound, Caller, orgs, tokens, users
from hub_server.accounts.callers import authenticate_token
from hub_server.db import now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.git import GitRef, Pack
from hub_server.db.tables.repos import Alias, Repo, RepoRedirect
from hub_server.errors import (
    AlreadyExists,
    BadRequest,
    Forbidden,
    InvalidName,
    Moved,
    RepoNotFound,
    RevisionNotFound,
    Unauthorized,
)
from hub_server.repos import Cursor, OwnsRepositories, RepoSettings
from tests.support.crowds import at_once
from tests.support.people import caller, make_org, make_repo, make_user


@pytest.fixture
def ada(database):
    with database.write() as session:
        return make_user(session, "Ada")


@pytest.fixture
def as_ada(database, ada):
    return caller(database, "ada")


def test_a_new_repository(database, ada, as_ada):
    with database.write() as session:
        repo = repos.create(session, as_ada, "dataset", "ada/Words")
    assert (repo.full_name, repo.name_key, repo.namespace_id) == ("Ada/Words", "ada/words", ada.id)
    assert (repo.private, repo.created_by, repo.default_branch, repo.head) == (
        False, ada.id, "main", None,
    )  # fmt: skip
    assert len(repo.public_id) == 24


def test_an_organization_has_a_default_visibility(database, as_ada):
    with database.write() as session:
        ada = users.user_named(session, "ada")
        orgs.create_org(session, "lab", admin=ada, default_visibility="private")
    as_ada = caller(database, "ada")
    with database.write() as session:
        assert repos.create(session, as_ada, "model", "lab/a").private
        assert not repos.create(session, as_ada, "model", "lab/b", private=False).private
        assert repos.create(session, as_ada, "model", "ada/c", private=True).private


def test_a_second_one_of_the_name_says_where_the_first_is(database, as_ada):
    with database.write() as session:
        repos.create(session, as_ada, "model", "ada/tiny")
        repos.create(session, as_ada, "dataset", "ada/tiny")
        for kind, url in (("model", "/Ada/TINY"), ("dataset", "/datasets/Ada/TINY")):
            with pytest.raises(AlreadyExists, match="You already created this") as refused:
                repos.create(session, as_ada, kind, "ADA/TINY")
            assert refused.value.url == url


def test_of_eight_creations_of_one_name_one_succeeds(database, as_ada):
    def create(_number):
        with database.write() as session:
            return repos.create(session, as_ada, "model", "ada/tiny").id

    results = at_once(8, create)
    assert sum(isinstance(each, int) for each in results) == 1
    assert all(isinstance(each, int | AlreadyExists) for each in results)


def test_who_may_not_create(database, ada):
    with database.write() as session:
        bob = make_user(session, "bob")
        make_org(session, "lab", read=bob)
        _, secret = tokens.create_token(session, bob, tokens.NewToken("x", "read"))
    as_bob = caller(database, "bob")
    with database.read() as session:
        reading = authenticate_token(session, secret)
    for who, name, error in (
        (ANONYMOUS, "ada/x", Unauthorized),
        (as_bob, "ada/x", Forbidden),
        (as_bob, "lab/x", Forbidden),
        (reading, "bob/x", Forbidden),
        (as_bob, "nobody/x", AccountNotFound),
        (as_bob, "bob/tree", InvalidName),
        (as_bob, "bob", InvalidName),
        (as_bob, "bob/a/b", InvalidName),
        (as_bob, "bob/a\0", InvalidName),
    ):
        with pytest.raises(error), database.write() as session:
            repos.create(session, who, "model", name)
    with database.write() as session:
        assert repos.create(session, OPERATOR, "model", "lab/x").created_by is None


def test_moving_within_and_between_namespaces(database, as_ada):
    with database.write() as session:
        bob, ada = make_user(session, "bob"), users.user_named(session, "ada")
        lab = make_org(session, "Lab", contributor=ada)
        repo = repos.create(session, as_ada, "model", "ada/tiny")
        repos.create(session, as_ada, "model", "ada/other")
        with pytest.raises(AlreadyExists, match="A model repository called Ada/OTHER already"):
            repos.move(session, as_ada, repo, "ada/OTHER")
        with pytest.raises(Forbidden):
            repos.move(session, as_ada, repo, "bob/tiny")
        with pytest.raises(AccountNotFound):
            repos.move(session, as_ada, repo, "nobody/tiny")
        repos.move(session, as_ada, repo, "ada/TINY")  # another spelling is no redirect
        assert repo.full_name == "Ada/TINY"
        assert session.query(RepoRedirect).count() == 0
    as_ada = caller(database, "ada")
    with database.write() as session:
        repo = repos.find(session, "model", "ada/tiny")
        repos.move(session, as_ada, repo, "lab/Huge")
        assert (repo.full_name, repo.namespace_id) == ("Lab/Huge", lab.id)
        with pytest.raises(Moved):
            repos.locate(session, "model", "ada/tiny")
        assert repos.counts(session, OPERATOR, bob.id) == {"model": 0, "dataset": 0, "space": 0}


def test_settings_change_what_is_given(database, as_ada):
    with database.write() as session:
        repo = repos.create(session, as_ada, "model", "ada/tiny")
        repos.change_settings(session, repo, RepoSettings(private=True, gated="auto"))
        repos.change_settings(session, repo, RepoSettings(discussions_disabled=True))
        assert (repo.private, repo.gated, repo.discussions_disabled) == (True, "auto", True)
        repos.change_settings(session, repo, RepoSettings(private=False, gated=False))
        assert (repo.private, repo.gated) == (False, None)
        space = repos.create(session, as_ada, "space", "ada/demo")
        with pytest.raises(BadRequest):
            repos.change_settings(session, space, RepoSettings(gated="manual"))


def test_the_default_branch_must_exist(database, as_ada):
    with database.write() as session:
        repo = repos.create(session, as_ada, "model", "ada/tiny")
        session.add(GitRef(repo_id=repo.id, name="refs/heads/né".encode(), value="a" * 40))
        session.flush()
        repos.change_settings(session, repo, RepoSettings(default_branch="né"))
        assert (repo.default_branch, repo.head) == ("né", "a" * 40)
        for missing in ("main", "", "\udce9", "x\0"):
            with pytest.raises(RevisionNotFound):
                repos.change_settings(session, repo, RepoSettings(default_branch=missing))


def test_a_copy_is_as_private_as_its_source_unless_told(database, as_ada):
    with database.write() as session:
        source = repos.create(session, as_ada, "model", "ada/secret", private=True)
        source.default_branch = "trunk"
        copy = repos.duplicate(session, as_ada, source, "ada/copy")
        assert (copy.kind, copy.private, copy.default_branch) == ("model", True, "trunk")
        assert not repos.duplicate(session, as_ada, source, "ada/open", private=False).private
        with pytest.raises(AlreadyExists) as refused:
            repos.duplicate(session, as_ada, source, "ada/copy")
        assert refused.value.url == "/Ada/copy"


def test_deleted_repositories_free_the_name_and_come_back(database, as_ada):
    with database.write() as session:
        first = repos.create(session, as_ada, "model", "ada/tiny")
        repos.delete(session, first)
        with pytest.raises(RepoNotFound):
            repos.locate(session, "model", "ada/tiny")
        second = repos.create(session, as_ada, "model", "ada/tiny")
        assert repos.find_deleted(session, "model", "ADA/tiny").id == first.id
        with pytest.raises(AlreadyExists, match="restore under another name"):
            repos.restore(session, first)
        repos.restore(session, first, to="ada/tiny-2")
        assert repos.locate(session, "model", "ada/tiny-2").id == first.id
        repos.delete(session, second)
        assert [each.id for each in repos.list_deleted(session, as_ada.user_id)] == [second.id]
        repos.restore(session, second)
        assert repos.locate(session, "model", "ada/tiny").id == second.id
        assert repos.find_deleted(session, "model", "ada/tiny") is None


def test_purging_takes_old_ones_and_names_their_packs(database, ada, as_ada):
    with database.write() as session:
        old, new, live = (
            repos.create(session, as_ada, "model", f"ada/{name}") for name in ("a", "b", "c")
        )
        for number, repo in enumerate((old, old, live)):
            session.add(
                Pack(repo_id=repo.id, name=f"p{number}", size=1, index_size=1, objects=1,
                     pack_sha256="a" * 64, index_sha256="b" * 64, state="live")
            )  # fmt: skip
        session.add(GitRef(repo_id=old.id, name=b"refs/heads/main", value="a" * 40))
        repos.move(session, as_ada, old, "ada/a2")
        repos.delete(session, old)
        repos.delete(session, new)
        old.deleted_at = now() - timedelta(days=8)
        new.deleted_at = now() - timedelta(days=6)
    with database.write() as session:
        purged = repos.purge_deleted(session, before=now() - timedelta(days=7))
        assert [(each.repo_id, sorted(each.packs)) for each in purged] == [(old.id, ["p0", "p1"])]
        assert {repo.id for repo in session.query(Repo)} == {new.id, live.id}
        assert session.query(GitRef).count() == session.query(RepoRedirect).count() == 0
        assert [pack.name for pack in session.query(Pack)] == ["p2"]
        assert repos.purge_deleted(session, before=now() - timedelta(days=7)) == []


def test_a_renamed_namespace_takes_everything_along(database, as_ada):
    with database.write() as session:
        ada = users.user_named(session, "ada")
        tiny = repos.create(session, as_ada, "model", "ada/Tiny")
        words = repos.create(session, as_ada, "dataset", "ada/Tiny", private=True)
        gone = repos.create(session, as_ada, "model", "ada/Gone")
        repos.delete(session, gone)
        repos.add_alias(session, "model", "tiny", "ada/tiny")
        repos.rename_namespace(session, ada, "Countess")
        assert (tiny.full_name, tiny.name_key) == ("Countess/Tiny", "countess/tiny")
        assert words.full_name == "Countess/Tiny"
        for path in ("ada/tiny", "tiny"):
            with pytest.raises(Moved) as moved:
                repos.readable(session, ANONYMOUS, "model", path)
            assert moved.value.new.lower() == "countess/tiny"
        later = repos.create(session, caller_for_id(as_ada), "model", "countess/later")
        with pytest.raises(Moved) as moved:  # a repository made since, by the former namespace
            repos.locate(session, "model", "ada/later")
        assert moved.value.new == later.full_name
        repos.restore(session, gone)
        assert gone.full_name == "Countess/Gone"
        assert users.moved_account(session, "ADA").name == "Countess"
        assert session.query(Alias).one().target == "Countess/tiny"


def caller_for_id(known: Caller) -> Caller:
    return Caller(user_id=known.user_id, via="session")


def test_a_former_namespace_taken_by_somebody_else(database, as_ada):
    with database.write() as session:
        ada = users.user_named(session, "ada")
        repos.create(session, as_ada, "model", "ada/tiny")
        repos.rename_namespace(session, ada, "ada2")
        other = make_user(session, "ada", email="other@x.org")
        with pytest.raises(Moved):  # still: until the name of the repository itself is taken
            repos.locate(session, "model", "ada/tiny")
        assert users.user_named(session, "ada").id == other.id
        fresh = repos.create(session, caller_for_id(Caller(user_id=other.id)), "model", "ada/tiny")
        assert repos.locate(session, "model", "ada/tiny").id == fresh.id
        repos.rename_namespace(session, other, "gone")
        repos.rename_namespace(session, ada, "Ada")  # back to the first name
        assert repos.locate(session, "model", "ada/tiny").namespace_id == ada.id
        assert repos.locate(session, "model", "gone/tiny").id == fresh.id
        with pytest.raises(Moved) as moved:
            repos.locate(session, "model", "ada2/tiny")
        assert moved.value.new == "Ada/tiny"


def test_another_spelling_of_a_namespace_needs_no_redirect(database, as_ada):
    with database.write() as session:
        repo = repos.create(session, as_ada, "model", "ada/tiny")
        repos.rename_namespace(session, users.user_named(session, "ada"), "ADA")
        assert (repo.full_name, repo.name_key) == ("ADA/tiny", "ada/tiny")
        assert session.query(RepoRedirect).count() == 0
        assert users.moved_account(session, "ada") is None


def test_a_namespace_is_not_renamed_under_a_creation(database, as_ada):
    def change(number):
        with database.write() as session:
            if number == 0:
                repos.rename_namespace(session, users.user_named(session, "ada"), "countess")
                return "renamed"
            return repos.create(session, as_ada, "model", f"ada/r{number}").full_name

    results = at_once(8, change)
    assert "renamed" in results
    with database.read() as session:
        names = [repo.full_name for repo in session.query(Repo)]
    assert all(name.startswith("countess/") for name in names)


def test_accounts_that_own_repositories_stay_unless_told(database, as_ada):
    with database.write() as session:
        ada = users.user_named(session, "ada")
        bob = make_user(session, "bob")
        make_org(session, "lab", admin=ada)
        repo = repos.create(session, as_ada, "model", "ada/tiny")
        with pytest.raises(OwnsRepositories, match="Ada owns 1 repositories"):
            repos.delete_namespace(session, ada)
        repos.delete_namespace(session, bob)
        assert users.find_account(session, "bob") is None
        repos.delete_namespace(session, ada, with_repositories=True)
        assert users.find_account(session, "ada") is None
        with pytest.raises(RepoNotFound):
            repos.locate(session, "model", "ada/tiny")
        with pytest.raises(AccountNotFound):
            repos.restore(session, repo)
        make_user(session, "ada")  # name and address are free again
        repos.restore(session, repo, to="lab/tiny")
        assert repos.locate(session, "model", "lab/tiny").id == repo.id
        repos.purge_deleted(session, before=now())  # nothing needs the nameless account now
        assert {each.name for each in session.query(Account)} == {"ada", "lab"}


def test_an_organization_goes_with_its_members(database, ada):
    with database.write() as session:
        lab = make_org(session, "lab", admin=users.user_named(session, "ada"))
        make_repo(session, lab, "x")
        repos.delete_namespace(session, lab, with_repositories=True)
        assert orgs.list_orgs(session) == []
        assert orgs.orgs_of(session, ada.id) == []


def test_listings_go_page_by_page_newest_first(database, as_ada):
    with database.write() as session:
        made = [
            repos.create(session, as_ada, kind, f"ada/{kind}-{n}", private=n == 2)
            for n in range(4)
            for kind in ("model", "dataset")
        ]
        start = now()
        for place, repo in enumerate(made):
            repo.updated_at = start + timedelta(seconds=place // 2)
    mine = as_ada.user_id
    with database.read() as session:
        seen, after = [], None
        while page := repos.list_in(session, as_ada, mine, after=after, limit=3):
            seen += [repo.id for repo in page]
            after = Cursor.after(page[-1])
        assert seen == [repo.id for repo in reversed(made)]
        public = repos.list_in(session, ANONYMOUS, mine, kind="model")
        assert [repo.full_name for repo in public] == ["Ada/model-3", "Ada/model-1", "Ada/model-0"]
        assert repos.counts(session, ANONYMOUS, mine) == {"model": 3, "dataset": 3, "space": 0}
