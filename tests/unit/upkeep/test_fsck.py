"""Whatever is broken is named, once, with the repository it belongs to; nothing else is."""

import io
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyroaring import BitMap
from sqlalchemy import delete, insert, select, text, update

from hub_server import catalog, contents, git, repos
from hub_server.blobs import StoreUnavailable
from hub_server.db import database_clock, now
from hub_server.db.facts import read_fact
from hub_server.db.tables.catalog import TagBits
from hub_server.db.tables.git import GitRef, Lease, Pack
from hub_server.db.tables.jobs import Job
from hub_server.db.tables.objects import LargeObject, ObjectForm, ObjectLink, Upload
from hub_server.db.tables.repos import Repo
from hub_server.db.tables.xet import XetFile, XetTerm, Xorb
from hub_server.git import NewObject, Put, Signature, new_blob, new_commit, splice, write_pack
from hub_server.gitstore import RefUpdate
from hub_server.jobs import Worker
from hub_server.upkeep import handlers, plan_build, reindex_all
from hub_server.upkeep.findings import MOST, Finding
from hub_server.upkeep.jobs import BUILT
from tests.support.xorbs import noise
from tests.unit.upkeep.hubs import HARMS, Place, alter, oid_of, remove

WHO = Signature("Ada", "ada@example.org", 1_700_000_000)


def codes(findings: list[Finding]) -> set[str]:
    return {finding.code for finding in findings}


def test_a_sound_hub_is_clean(place: Place) -> None:
    for name in ("one", "two"):
        place.fill(name)
    assert place.fsck() == []
    assert place.fsck(fast=True) == []


def test_damaged_packs_are_named_and_other_repositories_go_on(place: Place) -> None:
    whole = place.fill("whole")
    broken: dict[str, str] = {}
    for code, harm in HARMS:
        for ending in ("pack", "idx"):
            repo = place.fill(f"{code}-{ending}")
            key = place.packs(repo)[0].removesuffix("pack") + ending
            harm(place.hub.blobs, key)
            broken[key] = code
    found = place.errors()
    told = {(finding.subject, finding.code) for finding in found}
    assert {(key, f"pack-{code}") for key, code in broken.items()} <= told
    assert all("backup" in finding.advice for finding in found)
    assert {finding.repo for finding in found} == {
        f"model/ada/{code}-{ending}" for code, _ in HARMS for ending in ("pack", "idx")
    }
    assert place.errors(repo_id=whole.id) == []
    fast = {finding.subject for finding in place.errors(fast=True)}
    assert {key for key, code in broken.items() if code != "altered"} <= fast


def test_damaged_large_files_are_named_with_all_who_use_them(place: Place) -> None:
    one, two, whole = place.repo("one"), place.repo("two"), place.fill("whole")
    broken: dict[str, str] = {}
    for code, harm in HARMS:
        for repo in (one, two):
            oid = place.write_large(repo, f"{code}.bin", code.encode() * 100)
        harm(place.hub.blobs, f"lfs/{oid}")
        broken[f"lfs/{oid}"] = f"object-{code}"
    found = place.errors()
    assert {finding.subject: finding.code for finding in found} == broken
    for finding in found:
        assert "model/ada/one, model/ada/two" in finding.message
        assert finding.advice
    assert place.errors(repo_id=whole.id) == []
    assert len(place.errors(repo_id=two.id)) == 3
    assert {each.code for each in place.errors(fast=True)} == {"object-truncated", "object-missing"}


def test_damaged_xorbs_are_named_with_all_who_use_them(place: Place) -> None:
    one, two, whole = place.repo("one"), place.repo("two"), place.fill("whole")
    place.write_chunks(whole, "sound.bin", noise(50_000, 77))
    assert place.fsck() == []
    broken: dict[str, str] = {}
    for number, (code, harm) in enumerate(HARMS):
        before = place.keys("xorb/")
        for repo in (one, two):
            place.write_chunks(repo, f"{code}.bin", noise(50_000, number))
        [key] = place.keys("xorb/") - before
        harm(place.hub.blobs, key)
        broken[key] = f"xorb-{code}"
    found = place.errors()
    assert {finding.subject: finding.code for finding in found} == broken
    for finding in found:
        assert "model/ada/one, model/ada/two" in finding.message
        assert finding.advice
    assert place.errors(repo_id=whole.id) == []
    assert len(place.errors(repo_id=two.id)) == 3
    assert {each.code for each in place.errors(fast=True)} == {"xorb-truncated", "xorb-missing"}
    with place.hub.database.write() as session:
        for table in (ObjectLink, XetTerm):
            session.execute(delete(table))
    assert {each.code for each in place.fsck() if each.code.startswith("xorb")} == set(
        broken.values()
    )
    assert not [each for each in place.errors() if each.code.startswith("xorb")], "nobody needs it"


def test_rows_of_files_that_are_no_longer_right(lite: Place) -> None:
    repo = lite.repo()
    oid = lite.write_chunks(repo, "a.bin", noise(200_000))
    other = lite.write_chunks(repo, "b.bin", noise(90_000, 2))

    def told(table: Any, **values: Any) -> tuple[set[str], set[str]]:
        """The codes of a thorough look and of a fast one, while a row of the first file says so."""
        with lite.hub.database.write() as session:
            which = table.id == 1 if table in (Xorb, LargeObject) else table.object_id == 1
            if table is XetTerm:
                which = which & (XetTerm.position == 1)
            columns = [getattr(table, name) for name in values]
            kept = session.execute(select(*columns).where(which)).one()
            session.execute(update(table).where(which).values(values))
        found = codes(lite.errors()), codes(lite.errors(fast=True))
        with lite.hub.database.write() as session:
            session.execute(update(table).where(which).values(dict(zip(values, kept, strict=True))))
        return found

    wrong = {"object-terms"}
    assert told(XetTerm, first_chunk=1) == (wrong, wrong)
    assert told(XetTerm, end_chunk=99) == (wrong, wrong)
    assert told(XetTerm, offset=5) == (wrong, wrong)
    assert told(XetTerm, xorb_id=4) == (wrong, set()), "another xorb with as many bytes"
    assert told(XetFile, hash="0" * 64) == (wrong, set())
    assert all(wrong < found for found in told(LargeObject, size=1)), "and the pointer differs"
    for values in (
        {"chunks": 3},
        {"size": 3},
        {"hash": "1" * 64},
        {"index": b"?" * 80},
        {"index": b"?"},
    ):
        thorough, fast = told(Xorb, **values)
        assert "xorb-index" in thorough & fast, values
    with lite.hub.database.write() as session:
        session.execute(delete(XetTerm).where(XetTerm.object_id == 2))
        session.execute(delete(XetFile).where(XetFile.object_id == 2))
    [found] = lite.errors()
    assert (found.code, found.subject) == ("object-formless", other)
    assert oid != other


def test_a_xorb_whose_bytes_are_not_those_of_its_index(lite: Place) -> None:
    """The hash is the recorded one, yet the chunks are others: the row was written wrongly."""
    lite.write_chunks(lite.repo(), "a.bin", noise(20_000))
    with lite.hub.database.write() as session:
        row = session.scalars(select(Xorb)).one()
        path = lite.hub.blobs.local_path(f"xorb/{row.sha256}")
        assert path
        body = bytearray(path.read_bytes())
        body[100] ^= 1
        row.sha256 = oid_of(bytes(body))
        lite.hub.blobs.put(f"xorb/{row.sha256}", io.BytesIO(body))
    [found] = lite.errors()
    assert found.code == "xorb-index"
    assert lite.errors(fast=True) == []


def test_one_altered_object_is_told_by_its_id(lite: Place) -> None:
    repo = lite.fill()
    data = b"a file whose bytes will be others"
    lite.write(repo, file=data)
    newest = lite.packs(repo)
    alter_object(lite, newest, new_blob(data).id)
    found = {finding.code: finding for finding in lite.errors()}
    assert set(found) == {"pack-altered", "pack-contents"}
    assert new_blob(data).id in found["pack-contents"].message
    assert " 2 objects" in found["pack-contents"].message, "the object and the checksum at the end"


def alter_object(place: Place, keys: list[str], object_id: str) -> None:
    """Another byte inside the compressed bytes of one object."""
    for key in keys:
        path = place.hub.blobs.local_path(key)
        assert path
        pack = git.Pack.open(path, path.with_suffix(".idx"))
        offset = pack.find(bytes.fromhex(object_id))
        if offset is not None:
            alter(place.hub.blobs, key, pack.entry(offset).start + 8)
            return
    raise AssertionError(f"{object_id} is in no pack")


def test_an_index_that_lies_about_a_pack_as_it_was_recorded(lite: Place) -> None:
    """The hash is the recorded one, yet an object is not what the index says."""
    repo = lite.repo()
    objects = [new_blob(b"one"), new_blob(b"two")]
    with lite.hub.git.work_folder() as folder:
        files = write_pack(objects, folder)
        swapped = files.idx.read_bytes().replace(
            bytes.fromhex(objects[0].id), bytes.fromhex(objects[0].id)[:19] + b"\x00"
        )
        import hashlib

        files.idx.write_bytes(swapped[:-20] + hashlib.sha1(swapped[:-20]).digest())
        staged = lite.hub.git.stage(repo.id, files)
    with lite.hub.database.write() as session:
        session.execute(update(Pack).where(Pack.id == staged.id).values(state="live"))
    [found] = lite.errors()
    assert found.code == "pack-contents"
    assert "do not hash to its id" in found.message


def publish(place: Place, repo: Repo, objects: list[NewObject], *refs: tuple[bytes, str]) -> None:
    """Past all rules, as a bug or an import would."""
    store = place.hub.git
    with store.work_folder() as folder:
        staged = store.stage(repo.id, write_pack(objects, folder))
    updates = [RefUpdate(name, None, value) for name, value in refs]
    with place.hub.database.write() as session:
        store.publish(session, repo.id, staged, updates, who=None)


def test_missing_objects_and_wrong_kinds(place: Place) -> None:
    repo = place.fill()
    absent = "ab" * 20
    tree = splice(place.hub.git.open(repo.id).objects, None, [Put(b"lost", absent, 0o100644)])
    lost = new_commit(tree.tree, [], WHO, WHO, "names what is not there")
    blob = new_blob(b"no tree at all")
    odd = new_commit(blob.id, [], WHO, WHO, "its tree is a file")
    new = [*tree.objects.values(), lost, blob, odd]
    publish(place, repo, new, (b"refs/heads/lost", lost.id), (b"refs/heads/odd", odd.id))
    [found] = place.errors()
    assert found.code == "objects-missing"
    assert f"{absent} is not there" in found.message
    assert f"{blob.id} is a blob, not a tree" in found.message
    assert "2 objects" in found.message
    assert place.errors(fast=True) == [found]


def test_refs_to_nothing_are_named(lite: Place) -> None:
    repo = lite.fill()
    with lite.hub.database.write() as session:
        rows = [
            {"repo_id": repo.id, "name": b"refs/heads/b%03d" % number, "value": "cd" * 20}
            for number in range(MOST + 7)
        ]
        session.execute(insert(GitRef), rows)
    found = lite.errors()
    assert codes(found) == {"ref-broken"}
    assert len(found) == MOST + 1
    assert found[0].subject == "refs/heads/b000"
    assert found[-1].message.startswith("7 more")


def test_a_tag_whose_row_names_another_commit(lite: Place) -> None:
    repo = lite.fill()
    head = lite.again(repo).head
    assert head
    contents.create_tag(lite.hub, lite.ada, lite.again(repo), "main", "v1", message="first")
    assert lite.errors() == []
    with lite.hub.database.write() as session:
        session.execute(
            update(GitRef).where(GitRef.name == b"refs/tags/v1").values(peeled="ee" * 20)
        )
    [found] = lite.errors()
    assert found.code == "tag-differs"
    assert head in found.message


def test_a_head_that_is_not_the_branch_and_how_to_mend_it(place: Place) -> None:
    from hub_server.upkeep import reindex_one

    repo = place.fill()
    with place.hub.database.write() as session:
        session.execute(update(Repo).values(head="11" * 20))
    [found] = place.errors()
    assert found.code == "head-differs"
    assert "reindex" in found.advice
    reindex_one(place.hub, repo.id, "model/ada/tiny", lambda *_: None)
    assert place.errors() == []


def test_pointers_that_lead_nowhere(place: Place) -> None:
    repo = place.fill()
    lost = oid_of(b"tiny" * 1000)
    with place.hub.database.write() as session:
        object_id = session.scalar(select(LargeObject.id).where(LargeObject.sha256 == lost))
        session.execute(delete(ObjectLink).where(ObjectLink.object_id == object_id))
    [found] = place.errors()
    assert found.code == "pointer-broken"
    assert found.subject == lost
    assert found.repo == "model/ada/tiny"
    assert "a.bin (refs/heads/main)" in found.message
    assert place.errors(fast=True) == [found]
    place.upload(repo, b"tiny" * 1000)
    assert place.errors() == [], "sending it again mends it"


def test_pointers_of_old_commits_count_too_but_not_what_was_removed_on_purpose(
    lite: Place,
) -> None:
    repo = lite.fill()
    lite.commit(repo, contents.Delete("a.bin"))
    oid = oid_of(b"tiny" * 1000)
    contents.delete_lfs_files(lite.hub, lite.ada, lite.again(repo), [oid])
    [note] = lite.fsck()
    assert (note.level, note.code) == ("note", "pointers-removed")
    with lite.hub.database.write() as session:
        session.execute(text("DELETE FROM removed_link"))
    [found] = lite.errors()
    assert found.code == "pointer-broken"
    assert found.message.startswith("A file of its history")


def test_rows_of_large_files_that_do_not_fit(lite: Place) -> None:
    lite.fill()
    with lite.hub.database.write() as session:
        first, second = session.scalars(select(LargeObject.id).order_by(LargeObject.id)).all()
        session.execute(delete(ObjectForm).where(ObjectForm.object_id == first))
        session.execute(update(ObjectForm).where(ObjectForm.object_id == second).values(size=3))
    assert [found.code for found in lite.errors()] == ["object-formless"] * 2


def test_sets_of_the_catalog_that_are_not_as_rows_say(lite: Place) -> None:
    repo = lite.fill()
    with lite.hub.database.write() as session:
        session.execute(update(TagBits).values(bits=BitMap([repo.id + 1]).serialize()))
        session.execute(update(Repo).values(private=True))
    found = {error.subject: error for error in lite.errors()}
    assert {error.code for error in found.values()} == {"catalog-wrong"}
    assert found["region:us"].advice.endswith("`hub-server reindex --bits`.")
    assert found["model/ada/tiny"].advice.endswith("`hub-server reindex --anew`.")
    reindex_all(lite.hub, anew=True, tell=lambda _: None, failed=lambda *_: None)
    catalog.rebuild_sets(lite.hub.database)
    assert lite.errors() == []


def test_a_hub_of_an_earlier_release_is_indexed_by_a_job(lite: Place) -> None:
    repo = lite.fill()
    database = lite.hub.database
    with database.write() as session:
        for table in ("repo_tag", "tag_bits", "tag", "card_text", "name_word", "catalog_clock"):
            session.execute(text(f"DELETE FROM {table}"))
    assert [note.code for note in lite.fsck() if note.code.startswith("cat")] == ["catalog-empty"]
    with database.write() as session:
        plan_build(session)
        plan_build(session)
    worker = Worker(database, handlers(lite.hub))
    assert [worker.run_one(), worker.run_one()] == [True, False]
    assert lite.errors() == []
    with database.read() as session:
        question = catalog.Question("model", ("us",))
        found = catalog.listing(session, catalog.TagSets(), question, lite.ada)
        assert [each.id for each in found.repos] == [repo.id]
        assert read_fact(session, BUILT) is not None
    with database.write() as session:
        plan_build(session)
    assert not worker.run_one()


def test_deleted_repositories_are_looked_at_as_well(lite: Place) -> None:
    repo = lite.fill()
    key = lite.packs(repo)[0]
    with lite.hub.database.write() as session:
        repos.delete(session, session.get_one(Repo, repo.id))
    assert lite.errors() == []
    remove(lite.hub.blobs, key)
    assert {found.repo for found in lite.errors()} == {"model/ada/tiny (deleted)"}


class TestRows:
    def test_jobs_leases_and_uploads_that_nothing_moves(self, place: Place) -> None:
        """What a clock that jumps may leave behind."""
        repo = place.fill()
        later = now() + timedelta(days=400)
        job = {"kind": "objects.verify", "run_at": now(), "created_at": now(), "payload": {}}
        with place.hub.database.write() as session:
            for values in (
                {"state": "running", "fence": 1},
                {"state": "ready", "run_at": later},
                {"state": "running", "fence": 1, "lease_ends_at": later},
            ):
                session.execute(insert(Job).values({**job, **values}))
            session.execute(insert(Lease).values(name="far", fence=1, expires_at=later))
            session.execute(insert(Upload).values(self.upload(repo, place)))
            packs = {"repo_id": repo.id, "size": 1, "index_size": 1, "objects": 1}
            packs |= {"pack_sha256": "x", "index_sha256": "x"}
            session.execute(
                insert(Pack).values({**packs, "name": "r", "state": "retired", "created_at": now()})
            )
            session.execute(
                insert(Pack).values(
                    {**packs, "name": "u", "state": "uploading", "created_at": later}
                )
            )
        found = place.errors()
        assert codes(found) == {"row-stuck"}
        kinds = sorted(finding.subject.split(":")[0] for finding in found)
        assert kinds == ["job", "job", "job", "lease", "pack", "pack", "upload"]

    @staticmethod
    def upload(repo: Repo, place: Place) -> dict[str, object]:
        return {
            "token": "t", "repo_id": repo.id, "user_id": place.ada.user_id, "sha256": "0" * 64,
            "size": 1, "key": "incoming/x", "store_upload_id": "x", "part_size": 1,
            "state": "verifying", "created_at": now(), "expires_at": now() + timedelta(hours=1),
        }  # fmt: skip

    def test_jobs_nobody_works_and_jobs_that_failed_are_notes(self, lite: Place) -> None:
        job = {"run_at": now(), "created_at": now(), "payload": {}}
        with lite.hub.database.write() as session:
            session.execute(insert(Job).values({**job, "kind": "of.tomorrow", "state": "ready"}))
            session.execute(
                insert(Job).values({**job, "kind": "a", "state": "failed", "error": "no\nway"})
            )
        found = lite.fsck(kinds={"a"})
        assert [(each.level, each.code) for each in found] == [
            ("note", "jobs-failed"),
            ("note", "jobs-unknown"),
        ]
        assert "\n" not in found[0].line()
        assert found[0].line().count("\t") == 4

    def test_broken_references_in_sqlite(self, lite: Place) -> None:
        lite.fill()
        with lite.hub.database.engine.connect() as connection:
            raw: Any = connection.connection.driver_connection
            raw.rollback()
            raw.execute("PRAGMA foreign_keys=OFF")
            raw.execute("UPDATE object_link SET uploader_id = 999")
            raw.execute("PRAGMA foreign_keys=ON")
        found = lite.errors()
        assert codes(found) == {"reference-broken"}
        assert "object_link" in found[0].subject

    @pytest.mark.postgres
    def test_broken_references_in_postgres(self, postgres_database_url: str, build: Any) -> None:
        from hub_server.db import Database

        database = Database(postgres_database_url)
        try:
            place = build(database)
            place.fill()
            with database.write() as session:
                session.execute(text("SET LOCAL session_replication_role = replica"))
                session.execute(update(ObjectLink).values(uploader_id=999))
            [found] = place.errors()
            assert found.code == "reference-broken"
            assert "2 rows of object_link" in found.message
        finally:
            database.dispose()

    def test_a_sqlite_file_with_a_damaged_page(self, lite: Place, tmp_path: Path) -> None:
        for number in range(3):
            lite.fill(f"r{number}")
        with lite.hub.database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        lite.hub.database.dispose()
        path = tmp_path / "hub.db"
        data = bytearray(path.read_bytes())
        with lite.hub.database.read() as session:
            root = session.scalar(
                text("SELECT rootpage FROM sqlite_master WHERE name='ix_account_org_id' OR "
                     "name LIKE 'ix_ref_log%' LIMIT 1")
            )  # fmt: skip
            size = session.scalar(text("PRAGMA page_size"))
        lite.hub.database.dispose()
        start = (root - 1) * size
        data[start : start + 200] = b"\xff" * 200
        path.write_bytes(data)
        assert "database" in codes(lite.errors())


def test_orphans_are_notes(place: Place) -> None:
    repo = place.fill()
    source = place.folder / "orphan"
    for key in (f"lfs/{'0' * 64}", "pack/9-00-none.pack", "incoming/left"):
        source.write_bytes(b"orphan")
        place.hub.blobs.put(key, source)
    with place.hub.database.write() as session:
        session.execute(
            update(Pack)
            .where(Pack.repo_id == repo.id)
            .values(state="retired", retired_at=database_clock(session))
        )
        session.execute(delete(GitRef))
        session.execute(update(Repo).values(head=None))
    assert codes(place.fsck()) == {"pack-retired"}, "others may be in the making"
    found = place.fsck(old=timedelta(seconds=-60))
    assert {finding.level for finding in found} == {"note"}
    assert {(each.code, each.subject) for each in found if each.code.startswith("orphan")} == {
        ("orphan", f"lfs/{'0' * 64}"),
        ("orphan", "pack/9-00-none.pack"),
        ("orphan-upload", "incoming/left"),
    }
    assert "pack-retired" in codes(found)
    assert place.fsck(repo_id=repo.id) == []


def test_a_finding_that_is_gone_at_the_second_look_is_not_told(
    lite: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repack in the middle of the first look, as far as that can tell."""
    repo = lite.fill()
    key = lite.packs(repo)[0]
    data = lite.read(key)
    remove(lite.hub.blobs, key)
    real, calls = type(lite.hub.blobs).size, []

    def size(store: Any, asked: str) -> int | None:
        if asked == key:
            calls.append(asked)
            if len(calls) == 2:
                path = lite.folder / "back"
                path.write_bytes(data)
                store.put(key, path)
        return real(store, asked)

    monkeypatch.setattr(type(lite.hub.blobs), "size", size)
    assert lite.errors() == []
    assert len(calls) == 2


def test_a_store_that_does_not_answer_is_no_damage(
    lite: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite.fill()

    def fail(*_: object) -> None:
        raise StoreUnavailable("refused")

    monkeypatch.setattr(type(lite.hub.blobs), "size", fail)
    monkeypatch.setattr(type(lite.hub.blobs), "check", fail)
    with pytest.raises(StoreUnavailable):
        lite.fsck()


def test_two_at_once_while_somebody_writes(place: Place) -> None:
    repo = place.fill()
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        number = 0
        try:
            while not stop.is_set():
                number += 1
                place.write(repo, **{f"n{number % 5}": b"%d" % number})
                place.write_large(repo, "c.bin", b"%d" % number * 500)
        except BaseException as failure:  # noqa: BLE001 - told below
            failures.append(failure)

    found: list[list[Finding]] = []
    writer = threading.Thread(target=write)
    checkers = [threading.Thread(target=lambda: found.append(place.errors())) for _ in range(2)]
    writer.start()
    for thread in checkers:
        thread.start()
    for thread in checkers:
        thread.join()
    stop.set()
    writer.join()
    assert failures == []
    assert found == [[], []]
    assert json.dumps(Finding("note", "x", "y", "z").as_json())
    assert place.errors() == []
