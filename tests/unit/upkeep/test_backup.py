"""A backup is whole or is refused; it copies nothing twice; it comes back on either kind of hub."""

import json
import shutil
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import MetaData, delete, func, select, update

from hub_server import contents, faults
from hub_server.db import findable, now, upsert
from hub_server.db.facts import read_fact, write_fact
from hub_server.db.schema import SchemaError
from hub_server.db.tables.accounts import BrowserSession, Token
from hub_server.db.tables.catalog import CardText
from hub_server.db.tables.git import Lease, Pack
from hub_server.db.tables.jobs import Fact
from hub_server.db.tables.objects import LargeObject, ObjectForm
from hub_server.db.tables.xet import XetFile, XetTerm, Xorb
from hub_server.errors import Conflict, HubError
from hub_server.gitstore import Heartbeat, blobs_are_kept
from hub_server.keys import Keys
from hub_server.upkeep.backup_format import (
    BackupFolder,
    DamagedBackup,
    LineWriter,
    Manifest,
    NotABackup,
    read_lines,
)
from hub_server.upkeep.restore import NotEmpty
from tests.support import finding
from tests.support import rows as any_rows
from tests.support.xorbs import noise
from tests.unit.upkeep.backups import KEY, MakePlace, Place, make_place

__all__ = ["make_place"]

LEFT_OUT = ("alembic_version", "lease", "fact", "upload", "upload_part", "doomed_blob",
            "prune_mark", "browser_session", "one_time_link", "catalog_clock",
            "recent_download")  # fmt: skip
SQLITE, POSTGRES = "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)


@pytest.fixture(params=[SQLITE, POSTGRES])
def filled(request: pytest.FixtureRequest, make_place: MakePlace) -> Place:
    place = make_place(request.param)
    place.populate()
    return place


@pytest.fixture
def lite(make_place: MakePlace) -> Place:
    place = make_place("sqlite")
    place.populate()
    return place


def same(one: Place, other: Place) -> None:
    assert one.rows(*LEFT_OUT) == other.rows(*LEFT_OUT)
    assert one.contents() == other.contents()


def test_everything_comes_back_on_either_kind(
    filled: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    done = filled.back_up(tmp_path / "backup")
    assert done.whole
    assert done.copied == done.blobs == len(filled.contents())
    other = make_place("sqlite" if not filled.database.is_sqlite else "postgres", empty=True)
    back = other.restore(tmp_path / "backup")
    assert (back.rows, back.blobs, back.skipped) == (done.rows, done.blobs, [])
    same(filled, other)
    again = make_place("sqlite" if filled.database.is_sqlite else "postgres")
    other.back_up(tmp_path / "second")
    again.restore(tmp_path / "second")
    same(filled, again)


def test_names_and_texts_are_found_again(
    filled: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    """No backup holds what finds them, so either kind of hub makes its own."""
    repo = filled.named("ada/model")
    with filled.database.write() as session:
        row = {"repo_id": repo.id, "words": "ada model\nun modele 학습 습"}
        upsert(session, CardText, row, key=["repo_id"], update=["words"])
    filled.back_up(tmp_path / "backup")
    there = make_place("postgres" if filled.database.is_sqlite else "sqlite", empty=True)
    there.restore(tmp_path / "backup")
    there.back_up(tmp_path / "second")
    back = make_place("sqlite" if filled.database.is_sqlite else "postgres")
    back.restore(tmp_path / "second")
    for place in (there, back):
        finding.check(place.database)
        assert place.schema.differences() == []
        assert repo.id in finding.by_name(place.database, "mod")
        assert repo.id in finding.by_word(place.database, "학습")
        other = place.repo("ada/later")
        assert finding.by_name(place.database, "later") == {other.id}


def test_files_of_chunks_come_back(filled: Place, make_place: MakePlace, tmp_path: Path) -> None:
    """And clients, who think they know what the hub has, are led to another address."""
    with filled.database.write() as session:
        write_fact(session, "xet_epoch", "0123abcd")
    filled.back_up(tmp_path / "backup")
    other = make_place("postgres" if filled.database.is_sqlite else "sqlite", empty=True)
    other.restore(tmp_path / "backup")
    assert any(key.startswith("xorb/") for key in other.contents())
    with filled.database.read() as session:
        oids = session.scalars(select(LargeObject.sha256)).all()
        chunked = session.scalar(select(func.count()).select_from(XetFile))
    assert (len(oids), chunked) == (6, 3)
    for oid in oids:
        with filled.hub.objects.open(oid) as one, other.hub.objects.open(oid) as two:
            assert one.read() == two.read()
    with other.database.read() as session:
        epoch = read_fact(session, "xet_epoch")
    assert epoch
    assert len(epoch) == 8
    assert epoch != "0123abcd"
    oid = other.commit_chunks(other.repo("ada/more"), "x.bin", noise(50_000) + b"new" * 9000)
    with other.hub.objects.open(oid) as reader:
        assert reader.read().endswith(b"newnew")


def test_the_restored_hub_goes_on(filled: Place, make_place: MakePlace, tmp_path: Path) -> None:
    """New rows get ids of their own, and histories grow where they were."""
    filled.back_up(tmp_path / "backup")
    other = make_place("postgres" if filled.database.is_sqlite else "sqlite", empty=True)
    other.restore(tmp_path / "backup")
    repo = other.named("ada/model")
    before = filled.refs(filled.named("ada/model"))
    assert other.refs(repo) == before
    other.commit(repo, **{"c.txt": "more"})
    other.commit_large(other.repo("ada/new"), "x.bin", b"x" * 70_000)
    assert other.refs(repo)[b"refs/heads/main"] != before[b"refs/heads/main"]


def test_every_kind_of_value_comes_back(make_place: MakePlace, tmp_path: Path) -> None:
    """Rows in every table, made from what the schema says, once around both databases."""
    first = make_place("sqlite")
    any_rows.fill(first.database)
    with first.database.write() as session:
        session.execute(update(Pack).values(state="live"))
        for form in session.scalars(select(ObjectForm)):
            form.key = f"lfs/{form.object_id:064x}"
        for xorb in session.scalars(select(Xorb)):
            xorb.sha256 = f"{xorb.id:064x}"
    assert not first.back_up(tmp_path / "one").whole
    second = make_place("postgres", empty=True)
    with pytest.raises(NotEmpty):
        first.restore(tmp_path / "one")
    second.restore(tmp_path / "one", skip_damaged=True)
    second.back_up(tmp_path / "two")
    third = make_place("sqlite", empty=True)
    third.restore(tmp_path / "two", skip_damaged=True)
    assert first.rows(*LEFT_OUT) == second.rows(*LEFT_OUT) == third.rows(*LEFT_OUT)


def test_text_that_postgresql_refuses_does_not_stop_a_restore(
    lite: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    with lite.database.write() as session:
        repo = session.merge(lite.named("ada/model"))
        repo.facts = {"a\0b": ["\0", float("inf")]}
    lite.back_up(tmp_path / "backup")
    other = make_place("postgres", empty=True)
    other.restore(tmp_path / "backup")
    assert other.named("ada/model").facts == {"a\ufffdb": ["\ufffd", None]}


def test_an_unchanged_hub_costs_no_copies(filled: Place, tmp_path: Path) -> None:
    first = filled.back_up(tmp_path / "backup")
    second = filled.back_up(tmp_path / "backup")
    assert second.snapshot > first.snapshot
    assert (second.copied, second.blobs, second.rows) == (0, first.blobs, first.rows)
    filled.commit_large(filled.named("ada/model"), "new.bin", b"new" * 30_000)
    assert filled.back_up(tmp_path / "backup").copied == 3  # the file, a pack, its index


def test_old_snapshots_go_and_take_only_what_is_theirs(
    lite: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    folder = BackupFolder(tmp_path / "backup")
    first = lite.back_up(folder.root)
    lost = lite.commit_large(lite.named("ada/model"), "gone.bin", b"gone" * 30_000)
    second = lite.back_up(folder.root)
    contents.delete_lfs_files(lite.hub, lite.caller(), lite.named("ada/model"), [lost])
    with lite.database.write() as session:
        session.execute(delete(LargeObject).where(LargeObject.sha256 == lost))
    third = lite.back_up(folder.root, keep=2)
    assert third.removed_snapshots == [first.snapshot]
    assert third.removed_blobs == 0
    fourth = lite.back_up(folder.root, keep=1)
    assert fourth.removed_snapshots == [second.snapshot, third.snapshot]
    assert fourth.removed_blobs == 1
    other = make_place("sqlite", empty=True)
    other.restore(folder.root)
    assert f"lfs/{lost}" not in other.contents()


def test_what_the_hub_has_lost_is_told_and_the_rest_is_saved(
    filled: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    keys = sorted(filled.contents())
    gone, altered = keys[0], keys[-1]
    filled.blobs.delete(gone)
    with filled.blobs.open(altered) as file:
        data = file.read()
    (tmp_path / "bad").write_bytes(bytes([data[0] ^ 1]) + data[1:])
    filled.blobs.put(altered, tmp_path / "bad")
    done = filled.back_up(tmp_path / "backup")
    assert (done.missing, done.damaged, done.whole) == ([gone], [altered], False)
    other = make_place("sqlite", empty=True)
    back = other.restore(tmp_path / "backup")
    assert sorted(back.missing) == [gone, altered]
    assert sorted(other.contents()) == keys[1:-1]


def test_a_good_copy_outlives_damage_in_the_hub(lite: Place, tmp_path: Path) -> None:
    lite.back_up(tmp_path / "backup")
    key = next(key for key in lite.contents() if key.startswith("lfs/"))
    path = lite.blobs.local_path(key)
    assert path
    good = path.read_bytes()
    path.write_bytes(b"!" * len(good))
    done = lite.back_up(tmp_path / "backup", verify=True)
    assert done.whole
    assert done.healed == 0
    saved = tmp_path / "backup" / "blobs" / path.relative_to(path.parents[3])
    assert saved.read_bytes() == good


def test_verify_mends_the_backup_from_the_hub(lite: Place, tmp_path: Path) -> None:
    lite.back_up(tmp_path / "backup")
    blobs = [path for path in (tmp_path / "backup" / "blobs").rglob("*") if path.is_file()]
    blobs[0].write_bytes(b"?" * blobs[0].stat().st_size)
    blobs[1].write_bytes(b"")
    done = lite.back_up(tmp_path / "backup", verify=True)
    assert (done.copied, done.healed, done.whole) == (1, 1, True)
    assert lite.back_up(tmp_path / "backup", verify=True).healed == 0


def test_a_damaged_backup_is_refused_by_name(
    filled: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    done = filled.back_up(tmp_path / "backup")
    place = tmp_path / "backup" / "snapshots" / done.snapshot
    other = make_place("sqlite" if filled.database.is_sqlite else "postgres", empty=True)
    for name in ("tables/repo.jsonl.gz", "blobs.jsonl.gz", "manifest.json"):
        path = place / name
        whole = path.read_bytes()
        for bad in (whole[:-1], whole.replace(whole[20:22], b"\0\0"), None):
            path.unlink()
            if bad is not None:
                path.write_bytes(bad)
            with pytest.raises(DamagedBackup, match=name if bad or "mani" not in name else "half"):
                other.restore(tmp_path / "backup")
            path.write_bytes(whole)
    assert other.schema.current() is None


def test_damaged_blobs_are_named_and_may_be_left_out(
    filled: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    filled.back_up(tmp_path / "backup")
    files = sorted(path for path in (tmp_path / "backup/blobs/lfs").rglob("*") if path.is_file())
    files[0].write_bytes(b"!" * files[0].stat().st_size)
    files[1].unlink()
    other = make_place("sqlite" if filled.database.is_sqlite else "postgres", empty=True)
    with pytest.raises(DamagedBackup, match=rf"{files[0]}|{files[1]}") as told:
        other.restore(tmp_path / "backup")
    assert "2 files" in str(told.value)
    if other.schema.current():
        assert other.rows("alembic_version")["repo"] == []
    back = other.restore(tmp_path / "backup", skip_damaged=True)
    assert sorted(back.skipped) == [f"lfs/{path.name}" for path in files[:2]]
    assert other.refs(other.named("ada/model")) == filled.refs(filled.named("ada/model"))


def test_half_a_backup_is_refused_and_taken_up_again(
    lite: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    other = make_place("sqlite", empty=True)
    for step in ("begun", "rows", "blobs", "manifest"):
        faults.arm(f"backup.{step}:error")
        with pytest.raises(faults.InjectedFault):
            lite.back_up(tmp_path / step)
        faults.arm("")
        with pytest.raises(DamagedBackup, match="half a backup"):
            other.restore(tmp_path / step)
        assert lite.back_up(tmp_path / step).whole
        assert BackupFolder(tmp_path / step).partial() == []
        assert list((tmp_path / step / "blobs/incoming").iterdir()) == []
    other.restore(tmp_path / "manifest")
    same(lite, other)
    done = lite.back_up(tmp_path / "rows")
    shutil.rmtree(tmp_path / "rows/snapshots" / done.snapshot / "tables")
    with pytest.raises(DamagedBackup, match="tables"):
        make_place("sqlite", empty=True).restore(tmp_path / "rows", done.snapshot)


def test_a_restore_that_was_cut_off_is_finished(
    filled: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    filled.back_up(tmp_path / "backup")
    filled.back_up(tmp_path / "other")
    for step in ("marked", "blobs", "filled", "rows"):
        target = make_place("sqlite" if filled.database.is_sqlite else "postgres", empty=True)
        faults.arm(f"restore.{step}:error")
        with pytest.raises(faults.InjectedFault):
            target.restore(tmp_path / "backup")
        faults.arm("")
        if step == "rows":
            with pytest.raises(NotEmpty):
                target.restore(tmp_path / "backup")
            continue
        with pytest.raises(NotEmpty, match="another restore"):
            target.restore(tmp_path / "other")
        target.restore(tmp_path / "backup")
        same(filled, target)


def test_nothing_is_replaced(filled: Place, make_place: MakePlace, tmp_path: Path) -> None:
    filled.back_up(tmp_path / "backup")
    with pytest.raises(NotEmpty, match="rows in account"):
        filled.restore(tmp_path / "backup")
    other = make_place("sqlite" if filled.database.is_sqlite else "postgres")
    other.blobs.put("lfs/" + "a" * 64, _file(tmp_path, b"something"))
    with pytest.raises(NotEmpty, match="blob store is not empty"):
        other.restore(tmp_path / "backup")


def _file(folder: Path, data: bytes) -> Path:
    (folder / "some").write_bytes(data)
    return folder / "some"


def test_nobody_is_disturbed(filled: Place, make_place: MakePlace, tmp_path: Path) -> None:
    filled.back_up(tmp_path / "backup")
    other = make_place("postgres" if filled.database.is_sqlite else "sqlite")
    node = Heartbeat(other.database)
    node.start()
    with pytest.raises(NotEmpty, match=f"A node serves .*{node.name}"):
        other.restore(tmp_path / "backup")
    node.stop()
    with other.database.write() as session:  # what a first start leaves does not count
        write_fact(session, "secret-key", "of a hub that nobody used")
    other.restore(tmp_path / "backup")
    same(filled, other)


def test_another_key_ends_sessions_and_nothing_else(
    filled: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    with filled.database.write() as session:
        write_fact(session, "secret-key", Keys.of(KEY).fingerprint())
        user = filled.caller().user_id
        row = {"hash": "0" * 64, "user_id": user, "expires_at": now() + timedelta(days=1)}
        session.add(BrowserSession(**row))
    filled.back_up(tmp_path / "backup")
    kind = "sqlite" if filled.database.is_sqlite else "postgres"
    for key, change, sessions in ((KEY, "kept", 1), ("another secret of tests", "changed", 0)):
        other = make_place(kind, empty=True)
        assert other.restore(tmp_path / "backup", key=key).key == change
        with other.database.read() as session:
            assert session.scalar(select(func.count()).select_from(BrowserSession)) == sessions
            assert session.scalar(select(func.count()).select_from(Token)) == 1
            known = read_fact(session, "secret-key")
            assert known == (Keys.of(KEY).fingerprint() if change == "kept" else None)


def test_each_restore_begins_an_epoch(lite: Place, make_place: MakePlace, tmp_path: Path) -> None:
    later = int(now().timestamp()) + 10_000
    with lite.database.write() as session:
        write_fact(session, "epoch", str(later))
    lite.back_up(tmp_path / "backup")
    other = make_place("sqlite", empty=True)
    assert other.restore(tmp_path / "backup").epoch == later + 1
    with other.database.read() as session:
        assert session.scalar(select(Fact.value).where(Fact.name == "epoch")) == str(later + 1)


def test_the_key_is_in_the_backup_only_if_asked_for(lite: Place, tmp_path: Path) -> None:
    lite.back_up(tmp_path / "without")
    done = lite.back_up(tmp_path / "with", secret=KEY)
    assert not list((tmp_path / "without").rglob("secret.key"))
    path = tmp_path / "with/snapshots" / done.snapshot / "secret.key"
    assert (path.read_text(), path.stat().st_mode & 0o777) == (KEY, 0o600)
    assert (tmp_path / "with").stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_things_is_left_alone(lite: Place, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(NotABackup, match="neither empty nor a backup"):
        lite.back_up(tmp_path / "mine")
    with pytest.raises(NotABackup, match="holds no backup"):
        lite.restore(tmp_path / "mine")
    lite.back_up(tmp_path / "backup")
    with pytest.raises(NotABackup, match="no snapshot 2001"):
        lite.restore(tmp_path / "backup", "2001")


def test_one_backup_at_a_time_writes_to_a_folder(lite: Place, tmp_path: Path) -> None:
    faults.arm("backup.rows:sleep=2")
    results: list[HubError | str] = []

    def run() -> None:
        try:
            results.append(lite.back_up(tmp_path / "backup").snapshot)
        except HubError as failure:
            results.append(failure)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    faults.arm("")
    assert sorted(isinstance(each, Conflict) for each in results) == [False, True]


def test_collectors_wait_while_a_backup_copies(filled: Place, tmp_path: Path) -> None:
    faults.arm("backup.rows:error")
    with pytest.raises(faults.InjectedFault):
        filled.back_up(tmp_path / "backup")
    faults.arm("")
    with filled.database.write() as session:
        assert blobs_are_kept(session)
        session.execute(update(Lease).values(expires_at=now() - timedelta(days=1)))
    with filled.database.write() as session:
        assert not blobs_are_kept(session)


def test_rows_and_blobs_are_of_one_moment(
    filled: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    """Commits go on while the backup runs; what comes back is one state of them."""
    repo = filled.named("ada/model")
    stop = threading.Event()
    heads = [filled.refs(repo)[b"refs/heads/main"]]

    def write() -> None:
        for number in range(1000):
            if stop.is_set():
                return
            heads.append(filled.commit(repo, **{"n.txt": str(number)}))

    writer = threading.Thread(target=write)
    faults.arm("backup.rows:sleep=1")
    writer.start()
    try:
        done = filled.back_up(tmp_path / "backup")
    finally:
        stop.set()
        writer.join(60)
        faults.arm("")
    assert done.whole
    other = make_place("sqlite", empty=True)
    other.restore(tmp_path / "backup")
    assert other.refs(other.named("ada/model"))[b"refs/heads/main"] in heads
    with other.database.read() as session:
        for repo_id, name in session.execute(select(Pack.repo_id, Pack.name)):
            assert other.blobs.size(f"pack/{name}.pack"), repo_id
    seen = other.hub.git.open(other.named("ada/model").id)
    assert seen.objects.read(seen.branches()[0].id)[0] == "commit"


def test_a_backup_of_a_later_release_is_refused(
    lite: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    done = lite.back_up(tmp_path / "backup")
    place = tmp_path / "backup/snapshots" / done.snapshot
    replace(Manifest.read(place), schema="9999").write(place)
    with pytest.raises(SchemaError, match="newer than this release"):
        make_place("sqlite", empty=True).restore(tmp_path / "backup")


def test_a_backup_of_an_earlier_release_comes_back(
    lite: Place, make_place: MakePlace, tmp_path: Path
) -> None:
    """Its schema is made first, filled, then upgraded; it knew no chunks."""
    with lite.database.write() as session:
        for table in (XetTerm, XetFile, Xorb):
            session.execute(delete(table))
    for info in list(lite.blobs.list("xorb/")):
        lite.blobs.delete(info.key)
    done = lite.back_up(tmp_path / "backup")
    place = tmp_path / "backup/snapshots" / done.snapshot
    manifest = Manifest.read(place)
    old = make_place("sqlite", empty=True)
    old.schema.upgrade("0001")
    known = _columns(old)
    assert known["repo"] != manifest.tables["repo"].columns  # else this proves nothing
    tables = {}
    for name in known.keys() & manifest.tables.keys():
        facts = manifest.tables[name]
        lines = list(read_lines(place, facts))
        file = LineWriter(place, facts.file)
        for line in lines:
            row = dict(zip(facts.columns, line, strict=True))
            file.write(row[column] for column in known[name])
        written = file.close()
        tables[name] = replace(facts, sha256=written.sha256, size=written.size, columns=known[name])
    replace(manifest, tables=tables, schema="0001").write(place)
    for target in (old, make_place("sqlite", empty=True), make_place("sqlite")):
        target.restore(tmp_path / "backup")
        assert target.schema.current() == target.schema.newest
        same(lite, target)


def _columns(place: Place) -> dict[str, list[str]]:
    found = MetaData()
    found.reflect(place.database.engine, only=lambda name, _: not findable.is_derived(name))
    return {name: list(table.columns.keys()) for name, table in found.tables.items()}


def test_the_manifest_tells_what_an_operator_may_ask(lite: Place, tmp_path: Path) -> None:
    done = lite.back_up(tmp_path / "backup")
    manifest = json.loads(
        (tmp_path / "backup/snapshots" / done.snapshot / "manifest.json").read_text()
    )
    assert manifest["tables"]["repo"]["rows"] == 3
    assert manifest["schema"] == lite.schema.newest
    assert manifest["blobs"]["rows"] == done.blobs
