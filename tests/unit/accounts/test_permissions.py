"""The whole matrix, spelled out; and listings agree with it."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product

import pytest
from sqlalchemy import select

from hub_server.accounts import ANONYMOUS, OPERATOR, Access, Caller, TokenGrant, anonymous
from hub_server.accounts import permissions as p
from hub_server.accounts.scopes import Scope
from hub_server.db.tables.repos import Repo
from hub_server.errors import RepoNotFound, Unauthorized
from tests.support.people import make_org, make_repo, make_user

LAB, ADA, BOB = 10, 1, 2


@dataclass(frozen=True)
class Facts:
    id: int = 100
    kind: str = "model"
    namespace_id: int = LAB
    full_name: str = "lab/tiny"
    private: bool = False
    gated: str | None = None
    disabled: bool = False
    discussions_disabled: bool = False
    created_by: int | None = BOB


def bob(role=None, **fields):
    return Caller(
        user_id=BOB, name="bob", via="session", roles={LAB: role} if role else {}, **fields
    )


def holding(role, *scopes):
    stamp = datetime(2026, 1, 1, tzinfo=UTC)
    return TokenGrant(1, "t", role, tuple(scopes), stamp, None, stale=False)


OTHERS = Facts(created_by=ADA)
OWN = Facts(created_by=BOB)
CALLERS = {
    "anonymous": (ANONYMOUS, OTHERS),
    "anonymous, sign in first": (anonymous("none"), OTHERS),
    "outsider": (bob(), OTHERS),
    "outsider who made it once": (bob(), OWN),
    "read": (bob("read"), OTHERS),
    "read, made it once": (bob("read"), OWN),
    "contributor": (bob("contributor"), OTHERS),
    "contributor, own": (bob("contributor"), OWN),
    "write": (bob("write"), OTHERS),
    "write, own": (bob("write"), OWN),
    "admin": (bob("admin"), OTHERS),
    "owner": (bob(), replace(OTHERS, namespace_id=BOB)),
    "site admin": (bob(is_admin=True), OTHERS),
    "operator": (OPERATOR, OTHERS),
}
#                            public   gated    private  disabled
MATRIX = {
    "anonymous":                ("READ", "SEE", "NONE", "SEE"),
    "anonymous, sign in first": ("NONE", "NONE", "NONE", "NONE"),
    "outsider":                 ("READ", "SEE", "NONE", "SEE"),
    "outsider who made it once": ("READ", "SEE", "NONE", "SEE"),
    "read":                     ("READ", "READ", "READ", "SEE"),
    "read, made it once":       ("READ", "READ", "READ", "SEE"),
    "contributor":              ("READ", "READ", "READ", "SEE"),
    "contributor, own":         ("ADMIN", "ADMIN", "ADMIN", "SEE"),
    "write":                    ("WRITE", "WRITE", "WRITE", "SEE"),
    "write, own":               ("ADMIN", "ADMIN", "ADMIN", "SEE"),
    "admin":                    ("ADMIN", "ADMIN", "ADMIN", "SEE"),
    "owner":                    ("ADMIN", "ADMIN", "ADMIN", "SEE"),
    "site admin":               ("ADMIN", "ADMIN", "ADMIN", "ADMIN"),
    "operator":                 ("ADMIN", "ADMIN", "ADMIN", "ADMIN"),
}  # fmt: skip
STATES = (
    {},
    {"gated": "auto"},
    {"private": True},
    {"disabled": True},
)


def highest(caller, repo):
    """The access a caller really has, found by asking for each."""
    allowed = [step for step in Access if step and p.refusal(caller, repo, step) is None]
    assert allowed == list(Access)[1 : len(allowed) + 1], "each step includes the ones before"
    return (allowed or [Access.NONE])[-1]


@pytest.mark.parametrize("who", MATRIX)
def test_the_matrix(who):
    caller, repo = CALLERS[who]
    found = tuple(highest(caller, replace(repo, **state)).name for state in STATES)
    assert found == MATRIX[who]


def test_the_matrix_names_every_caller():
    assert MATRIX.keys() == CALLERS.keys()


THIS = Scope("repo.read", "models/lab/tiny", "model", repo_id=100)
OTHER = Scope("repo.write", "models/lab/other", "model", repo_id=101)
NARROWED = {
    # token                                                  public  gated   private
    "read": (holding("read"), ("READ", "READ", "READ")),
    "write": (holding("write"), ("ADMIN", "ADMIN", "ADMIN")),
    "scope elsewhere": (holding("fine-grained", OTHER), ("READ", "SEE", "NONE")),
    "scope read": (holding("fine-grained", THIS, OTHER), ("READ", "READ", "READ")),
    "scope write": (
        holding("fine-grained", replace(THIS, permission="repo.write")),
        ("ADMIN", "ADMIN", "ADMIN"),
    ),
    "scope discuss": (
        holding("fine-grained", replace(THIS, permission="discussion.write")),
        ("READ", "READ", "READ"),
    ),
    "namespace": (
        holding("fine-grained", Scope("repo.write", "lab", namespace_id=LAB)),
        ("ADMIN", "ADMIN", "ADMIN"),
    ),
    "namespace, this kind": (
        holding("fine-grained", Scope("repo.read", "models/lab", "model", namespace_id=LAB)),
        ("READ", "READ", "READ"),
    ),
    "namespace, other kind": (
        holding("fine-grained", Scope("repo.write", "datasets/lab", "dataset", namespace_id=LAB)),
        ("READ", "SEE", "NONE"),
    ),
}


@pytest.mark.parametrize("name", NARROWED)
def test_a_token_narrows_what_an_administrator_may(name):
    token, expected = NARROWED[name]
    for caller in (bob("admin", token=token), bob(is_admin=True, token=token)):
        found = tuple(highest(caller, replace(OTHERS, **state)).name for state in STATES[:3])
        assert found == expected


@pytest.mark.parametrize("name", NARROWED)
def test_no_token_gives_more_than_the_role(name):
    token, _ = NARROWED[name]
    for role, state in product((None, "read", "contributor"), STATES[:3]):
        repo = replace(OTHERS, **state)
        assert highest(bob(role, token=token), repo) <= highest(bob(role), repo)


def test_refusals_in_the_words_clients_know():
    private = Facts(private=True, created_by=ADA)
    assert isinstance(error := p.refusal(ANONYMOUS, private, Access.SEE), RepoNotFound)
    assert (error.status, str(error)) == (401, "Invalid username or password.")
    error = p.refusal(bob(), private, Access.WRITE)
    assert (error.status, error.code, str(error)) == (404, "RepoNotFound", "Repository not found")
    gated = replace(OTHERS, gated="manual")
    assert p.refusal(ANONYMOUS, gated, Access.READ).status == 401
    error = p.refusal(bob(), gated, Access.READ)
    assert (error.status, error.code) == (403, "GatedRepo")
    assert "Access to model lab/tiny is restricted and you are not in the authorized" in str(error)
    error = p.refusal(bob("write"), replace(OTHERS, disabled=True), Access.READ)
    assert (error.status, str(error)) == (403, "Access to this resource is disabled.")
    assert isinstance(p.refusal(ANONYMOUS, OTHERS, Access.WRITE), Unauthorized)
    assert p.refusal(bob(), OTHERS, Access.WRITE).status == 403
    token_error = p.refusal(bob("admin", token=holding("read")), OTHERS, Access.WRITE)
    assert token_error.status == 403
    assert "token" in str(token_error)
    with pytest.raises(RepoNotFound):
        p.require(bob(), private, Access.READ)


def test_who_may_discuss():
    assert p.can_discuss(bob(), OTHERS)
    assert p.can_discuss(bob(token=holding("write")), OTHERS)
    scope = replace(THIS, permission="discussion.write")
    assert p.can_discuss(bob(token=holding("fine-grained", scope)), OTHERS)
    assert not p.can_discuss(bob(token=holding("fine-grained", THIS)), OTHERS)
    assert not p.can_discuss(bob(token=holding("read")), OTHERS)
    assert not p.can_discuss(ANONYMOUS, OTHERS)
    assert not p.can_discuss(bob("admin"), replace(OTHERS, discussions_disabled=True))
    assert not p.can_discuss(bob(), replace(OTHERS, private=True))


@dataclass(frozen=True)
class Namespace:
    id: int
    name: str = "lab"


def test_who_may_create():
    lab, own = Namespace(LAB), Namespace(BOB)
    allowed = {
        role: p.can_create(bob(role), lab)
        for role in (None, "read", "contributor", "write", "admin")
    }
    assert allowed == {
        None: False, "read": False, "contributor": True, "write": True, "admin": True,
    }  # fmt: skip
    assert p.can_create(bob(), own)
    assert p.can_create(bob(is_admin=True), lab)
    assert p.creation_refusal(ANONYMOUS, lab).status == 401
    assert not p.can_create(bob(token=holding("read")), own)
    assert p.can_create(bob(token=holding("write")), own)
    whole = Scope("repo.write", "bob", namespace_id=BOB)
    models = replace(whole, kind="model")
    assert p.can_create(bob(token=holding("fine-grained", whole)), own, "dataset")
    assert p.can_create(bob(token=holding("fine-grained", models)), own, "model")
    assert not p.can_create(bob(token=holding("fine-grained", models)), own, "dataset")
    assert not p.can_create(bob(token=holding("fine-grained", models)), own)
    assert not p.can_create(bob(token=holding("fine-grained", whole)), lab)
    reading = replace(whole, permission="repo.read")
    assert not p.can_create(bob(token=holding("fine-grained", reading)), own)


def test_listings_show_exactly_what_can_be_seen(database):
    with database.write() as session:
        ada, bob_row = make_user(session, "ada"), make_user(session, "bob")
        boss = make_user(session, "boss", is_admin=True)
        lab = make_org(session, "lab", read=bob_row)
        repos = [
            make_repo(session, owner, f"{kind}-{private}-{gated}", kind=kind, private=private,
                      gated=gated)
            for owner, kind, private, gated in product(
                (ada, bob_row, lab), ("model", "dataset"), (False, True), (None, "auto"))
        ]  # fmt: skip
        gone = make_repo(session, bob_row, "gone", deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
    private = next(r for r in repos if r.namespace_id == lab.id and r.private)
    grants = [
        None,
        holding("read"),
        holding("write"),
        holding("fine-grained", Scope("repo.read", "x", "model", repo_id=private.id)),
        holding("fine-grained", Scope("repo.read", "x", None, namespace_id=lab.id)),
        holding("fine-grained", Scope("repo.write", "x", "dataset", namespace_id=bob_row.id)),
        holding("fine-grained", Scope("repo.write", "x", None, namespace_id=ada.id)),
        holding("fine-grained"),
    ]
    people = [ANONYMOUS, anonymous("none"), OPERATOR]
    for grant in grants:
        people += [
            Caller(user_id=bob_row.id, via="token", token=grant, roles={lab.id: "read"}),
            Caller(user_id=ada.id, via="token", token=grant),
            Caller(user_id=boss.id, via="token", token=grant, is_admin=True),
        ]
    with database.read() as session:
        for caller in people:
            listed = set(session.scalars(select(Repo.id).where(p.visible_clause(caller))))
            assert listed == {repo.id for repo in repos if p.can_see(caller, repo)}
            assert gone.id not in listed
