"""Pushes as the stock git packs them, given to `accept_push` without HTTP."""

import io
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import select, update

from hub_server import contents
from hub_server.accounts import Caller, orgs
from hub_server.cards import validate
from hub_server.contents import AddFile, InvalidCard, PushResults
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.git import Pack, RefLog
from hub_server.db.tables.repos import Repo
from hub_server.errors import Forbidden
from hub_server.git.receive import read_commands
from hub_server.gitstore import RefUpdate
from hub_server.lfs import Pointer, format_pointer
from tests.support import rawgit
from tests.support.gitclient import GitClient
from tests.support.people import caller
from tests.unit.contents.conftest import Place

NULL = rawgit.NULL
pytestmark = pytest.mark.git


@dataclass
class Local:
    """A working copy that reads the hub's objects and pushes by hand."""

    place: Place
    repo: Repo
    git: GitClient
    folder: Path
    base: str = ""

    @property
    def head(self) -> str:
        head = self.place.again(self.repo).head
        assert head
        return head

    def follow(self) -> None:
        """Start from what the hub has on main."""
        store = self.place.hub.git.open(self.repo.id).git_dir / "objects"
        (self.folder / ".git/objects/info/alternates").write_text(f"{store}\n")
        self.base = self.head
        self.git("reset", "-q", "--hard", self.base, cwd=self.folder)

    def commit(self, message: str = "change", **files: str | bytes) -> str:
        return self.git.commit(self.folder, files, message)

    def push(
        self,
        *moves: tuple[str, str, str],
        by: Caller | None = None,
        capabilities: tuple[str, ...] = (),
    ) -> PushResults:
        """Each move is `old new name`."""
        new = [move[1] for move in moves if move[1] != NULL]
        asked = "".join(f"{each}\n" for each in new) + f"^{self.base}\n"
        pack = self.git.run(
            "pack-objects", "--revs", "--stdout", "-q", "--thin", cwd=self.folder,
            given=asked.encode(),
        )  # fmt: skip
        assert pack.code == 0
        body = rawgit.commands([" ".join(move) for move in moves], *capabilities)
        stream = io.BytesIO(body + pack.out.encode(errors="surrogateescape") * bool(new))
        push = read_commands(stream)
        return contents.accept_push(
            self.place.hub, by or self.place.ada, self.place.again(self.repo), push, stream
        )


@pytest.fixture
def local(place: Place, git: GitClient) -> Local:
    repo = place.repo()
    folder = git.folder / "clone"
    git("init", "-q", str(folder))
    made = Local(place, repo, git, folder)
    made.follow()
    return made


MAIN, DEV = "refs/heads/main", "refs/heads/dev"


def packs(local: Local) -> list[str]:
    with local.place.hub.database.read() as session:
        return list(session.scalars(select(Pack.state).where(Pack.repo_id == local.repo.id)))


def test_a_push_lands_as_a_commit_does(local: Local) -> None:
    head = local.head
    new = local.commit(**{"a.txt": "1", "README.md": "---\nlicense: mit\n---\n# T\n"})
    results = local.push((head, new, MAIN))
    assert results == PushResults({MAIN.encode(): None}, None, results.messages)
    assert local.head == new
    assert local.place.files(local.repo)["a.txt"] == "1"
    event = local.place.announced[-1]
    assert event.head == new
    assert "license:mit" in event.record.tags
    with local.place.hub.database.read() as session:
        last = session.scalars(select(RefLog).order_by(RefLog.id.desc()).limit(1)).one()
    assert (last.old, last.new, last.user_id) == (head, new, local.place.ada.user_id)


def test_without_a_git_program_too(local: Local) -> None:
    local.place.hub = replace(local.place.hub, git_program=None)
    head = local.head
    new = local.commit(**{"a.txt": "1"})
    assert local.push((head, new, MAIN)).refs == {MAIN.encode(): None}
    assert local.place.files(local.repo) == {"a.txt": "1"}


def test_commits_and_pushes_exclude_each_other(local: Local) -> None:
    head = local.head
    new = local.commit(**{"a.txt": "1"})
    local.place.commit(local.repo, AddFile("b.txt", b"2"))
    results = local.push((head, new, MAIN))
    assert "fetch first" in str(results.refs[MAIN.encode()])
    assert local.place.files(local.repo) == {"b.txt": "2"}
    assert packs(local).count("live") == 2
    assert "uploading" not in packs(local), "what was sent in vain is forgotten"


def test_branches_and_tags_come_and_go(local: Local) -> None:
    head = local.head
    new = local.commit(a="1")
    local.git("tag", "-a", "v1", "-m", "one", cwd=local.folder)
    tag = local.git("rev-parse", "v1", cwd=local.folder)
    results = local.push((NULL, new, DEV), (NULL, tag, "refs/tags/v1"))
    assert set(results.refs.values()) == {None}
    view = local.place.hub.git.open(local.repo.id)
    assert view.resolve("v1").commit == view.resolve("dev").commit == new
    assert local.head == head, "the default branch stayed"
    assert local.push((new, NULL, DEV)).refs == {DEV.encode(): None}
    assert local.place.hub.git.open(local.repo.id).ref(DEV.encode()) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("refs/heads/../x", "valid"),
        ("refs/notes/x", "outside"),
        ("refs/heads/a b", "valid"),
        ("refs/pr/1", "opened first"),
        ("refs/convert/parquet", "hub"),
    ],
)
def test_names_that_nobody_may_push(local: Local, name: str, reason: str) -> None:
    new = local.commit(a="1")
    results = local.push((NULL, new, name), (NULL, new, DEV))
    assert reason in str(results.refs[name.encode()])
    assert results.refs[DEV.encode()] is None


def test_the_default_branch_stays(local: Local) -> None:
    results = local.push((local.head, NULL, MAIN))
    assert "default branch" in str(results.refs[MAIN.encode()])


def test_an_atomic_push_moves_all_or_nothing(local: Local) -> None:
    new = local.commit(a="1")
    stale = (new, new, MAIN)
    results = local.push(stale, (NULL, new, DEV), capabilities=("atomic",))
    assert all(results.refs.values())
    assert local.place.hub.git.open(local.repo.id).ref(DEV.encode()) is None


def test_a_large_file_is_refused_by_name_with_a_way_out(local: Local) -> None:
    head = local.head
    local.commit(**{"sub/big.bin": bytes(11 * 1024 * 1024)})
    (local.folder / "sub/big.bin").unlink()
    new = local.commit("and it is gone again", small="x")
    results = local.push((head, new, MAIN))
    assert "Git LFS" in str(results.refs[MAIN.encode()])
    told = "\n".join(results.messages)
    assert "sub/big.bin (11.5 MB)" in told
    assert 'git lfs migrate import --include="*.bin"' in told
    assert local.head == head
    assert packs(local) == ["live"]


def test_pointers_to_nothing_are_refused_by_name(local: Local) -> None:
    head = local.head
    pointer = format_pointer(Pointer("a" * 64, 5))
    new = local.commit(**{"w/model.bin": pointer, "ok.txt": "fine"})
    results = local.push((head, new, MAIN))
    assert "never uploaded" in str(results.refs[MAIN.encode()])
    assert any("w/model.bin" in line for line in results.messages)
    assert local.head == head


def test_pointers_to_what_was_sent_are_welcome(local: Local) -> None:
    head = local.head
    data = b"weights"
    oid = local.place.upload(local.repo, data)
    new = local.commit(**{"model.bin": format_pointer(Pointer(oid, len(data)))})
    assert local.push((head, new, MAIN)).refs == {MAIN.encode(): None}
    with local.place.hub.database.read() as session:
        row = local.place.again(local.repo)
        file = contents.resolve_file(local.place.hub, session, row, "main", "model.bin")
    assert file.size == len(data)


def test_an_old_pointer_to_a_removed_object_is_refused(local: Local) -> None:
    """Its blob is known to the repository, so the pack does not bring it."""
    oid = local.place.upload(local.repo, b"weights")
    local.place.commit(local.repo, contents.AddLfs("model.bin", oid))
    local.place.commit(local.repo, contents.Delete("model.bin"))
    with local.place.hub.database.write() as session:
        local.place.hub.objects.unlink(session, local.repo.id, [oid])
    local.follow()
    head = local.head
    new = local.commit(**{"again.bin": format_pointer(Pointer(oid, 7))})
    results = local.push((head, new, MAIN))
    assert any("again.bin" in line for line in results.messages)


def test_a_bad_card_is_refused_on_the_default_branch(local: Local) -> None:
    head = local.head
    new = local.commit(**{"README.md": "---\nlicense: nonsense\n---\n"})
    results = local.push((head, new, MAIN), (NULL, new, DEV))
    assert "README.md" in str(results.refs[MAIN.encode()])
    assert results.refs[DEV.encode()] is None
    assert any('"license" must be one of' in line for line in results.messages)
    assert local.head == head


@pytest.mark.parametrize(
    "block", ["license: nonsense", "tags: [5, 6]\nlicense: x", "a: [", "a: 1\na: 2", "- x", "a: *b"]
)
def test_every_door_judges_a_card_alike(local: Local, block: str) -> None:
    card = f"---\n{block}\n---\n# T\n"
    told = validate(card, "model").as_json()
    assert all("(line " in error["message"] for error in told["errors"])
    with pytest.raises(InvalidCard) as caught:
        local.place.commit(local.repo, AddFile("README.md", card.encode()))
    assert caught.value.body == told
    new = local.commit(**{"README.md": card})
    results = local.push((local.head, new, MAIN))
    assert results.refs[MAIN.encode()] == InvalidCard.reason
    assert all(error["message"] in results.messages[0] for error in told["errors"])


def test_a_card_with_hundreds_of_errors_is_refused_in_a_bounded_message(local: Local) -> None:
    card = "---\ntags: [" + "5," * 5_000 + "]\nlicense: [" + "x," * 5_000 + "]\n---\n"
    new = local.commit(**{"README.md": card})
    results = local.push((local.head, new, MAIN))
    assert results.refs[MAIN.encode()] == InvalidCard.reason
    assert sum(map(len, results.messages)) < 40_000
    assert "; and 80 more" in results.messages[0]


def test_warnings_of_a_card_are_told(local: Local) -> None:
    head = local.head
    new = local.commit(**{"README.md": "---\nlicense: MIT\n---\n# T\n"})
    results = local.push((head, new, MAIN))
    assert results.refs == {MAIN.encode(): None}
    assert any(line.startswith("warning: README.md") for line in results.messages)


def test_a_broken_pack_is_told_not_raised(local: Local) -> None:
    new = local.commit(a="1")
    body = rawgit.commands([f"{NULL} {new} {DEV}"]) + b"PACK\0\0\0\2\0\0\0\1garbage"
    stream = io.BytesIO(body)
    push = read_commands(stream)
    results = contents.accept_push(
        local.place.hub, local.place.ada, local.place.again(local.repo), push, stream
    )
    assert results.unpack
    assert packs(local) == ["live"]


def test_a_ref_to_what_is_not_there_is_refused(local: Local) -> None:
    body = rawgit.commands([f"{NULL} {'f' * 40} {DEV}"]) + rawgit.pack([])
    stream = io.BytesIO(body)
    push = read_commands(stream)
    told = contents.accept_push(
        local.place.hub, local.place.ada, local.place.again(local.repo), push, stream
    )
    assert "missing" in str(told.refs[DEV.encode()])


def test_who_lost_the_right_meanwhile_is_refused(local: Local) -> None:
    place = local.place
    with place.hub.database.write() as session:
        ada, bob = (session.query(Account).filter_by(name=name).one() for name in ("ada", "bob"))
        org = orgs.create_org(session, "lab")
        orgs.set_member(session, org, ada, "admin")
        orgs.set_member(session, org, bob, "write")
        session.execute(
            update(Repo)
            .where(Repo.id == local.repo.id)
            .values(namespace_id=org.id, full_name="lab/tiny", name_key="lab/tiny", created_by=None)
        )
    bob_then = caller(place.hub.database, "bob")
    new = local.commit(a="1")
    assert local.push((NULL, new, DEV), by=bob_then).refs == {DEV.encode(): None}
    with place.hub.database.write() as session:
        orgs.set_member(session, org, bob, "read")
    with pytest.raises(Forbidden):
        local.push((NULL, new, "refs/heads/more"), by=bob_then)
    assert place.hub.git.open(local.repo.id).ref(b"refs/heads/more") is None


def test_the_author_of_a_pull_request_moves_only_its_own_ref(local: Local) -> None:
    place, head = local.place, local.head
    for number, who in ((1, place.bob), (2, place.ada)):
        with place.hub.database.write() as session:
            update_ = RefUpdate(b"refs/pr/%d" % number, None, head)
            place.hub.git.publish(session, local.repo.id, None, [update_], who=who.user_id)
    new = local.commit(a="1")
    repo = place.again(local.repo)
    assert contents.push_target(place.hub, place.bob, repo) is repo
    results = local.push(
        (head, new, "refs/pr/1"), (head, new, "refs/pr/2"), (head, new, MAIN), by=place.bob
    ).refs
    assert results[b"refs/pr/1"] is None
    assert "author" in str(results[b"refs/pr/2"])
    assert "not write" in str(results[MAIN.encode()])


def test_readers_are_turned_away_at_the_door(local: Local) -> None:
    with pytest.raises(Forbidden):
        contents.push_target(local.place.hub, local.place.bob, local.place.again(local.repo))
