"""What a new repository holds: the commit "initial commit" with the files that belong in all."""

import json

from hub_server import repos
from hub_server.accounts import Caller
from hub_server.contents.attributes import FILE_NAME, default_text
from hub_server.contents.cards_of import record_or_none
from hub_server.contents.committing import signature
from hub_server.contents.hub import Hub
from hub_server.contents.landing import Landing, land
from hub_server.contents.preparing import stage
from hub_server.contents.snapshots import README, ContentFacts, Snapshot
from hub_server.db.tables.repos import Kind, Repo
from hub_server.errors import BadRequest, Conflict, HubError
from hub_server.git import NewObject, ObjectId, Put, new_blob, new_commit, splice
from hub_server.gitstore import HEADS, RefUpdate

TITLE = "initial commit"
SDKS = ("gradio", "streamlit", "docker", "static")
_APP_FILES = {"gradio": "app.py", "streamlit": "app.py", "static": "index.html"}


def create_repository(
    hub: Hub,
    caller: Caller,
    kind: Kind,
    full_name: str,
    *,
    private: bool | None = None,
    sdk: str | None = None,
) -> Repo:
    """A repository with its first commit. Raises what `repos.create` raises, BadRequest for an
    unknown `sdk` of a Space; if the commit fails the repository is gone again.
    """
    if kind == "space" and sdk not in SDKS:
        raise BadRequest("A Space needs an sdk, one of {known}.", known=", ".join(SDKS))
    with hub.database.write() as session:
        repo = repos.create(session, caller, kind, full_name, private=private)
    try:
        repo.head = initial_commit(hub, caller, repo, sdk=sdk)
    except HubError:
        with hub.database.write() as session:
            repos.delete(session, session.merge(repo))
        raise
    return repo


def initial_commit(
    hub: Hub, caller: Caller, repo: ContentFacts, *, sdk: str | None = None
) -> ObjectId:
    """Give an empty repository its first commit; returns its id."""
    files = first_files(repo, sdk)
    blobs = {blob.id: blob for blob in map(new_blob, files.values())}
    objects = hub.git.open(repo.id).objects.with_extra(blobs)
    puts = [Put(path.encode(), new_blob(data).id) for path, data in files.items()]
    spliced = splice(objects, None, puts)
    who = signature(caller)
    commit = new_commit(spliced.tree, [], who, who, TITLE)
    made: dict[ObjectId, NewObject] = {**blobs, **spliced.objects, commit.id: commit}
    seen = Snapshot(repo.id, commit.id, spliced.tree, None, objects.with_extra(made), hub.memory)
    name = HEADS + repo.default_branch.encode("utf-8", "surrogateescape")
    landing = Landing(
        repo.id,
        caller,
        [RefUpdate(name, None, commit.id)],
        repo.prunes,
        staged=[stage(hub, repo.id, made.values())],
        record=record_or_none(seen, repo.kind, hub.settings.region),
    )
    if reason := land(hub, landing)[name]:
        raise Conflict(
            "The repository could not be given its first commit: {reason}.", reason=reason
        )
    return commit.id


def first_files(repo: ContentFacts, sdk: str | None) -> dict[str, bytes]:
    files = {FILE_NAME: default_text(repo.kind).encode()}
    if repo.kind == "space" and sdk:
        files[README] = space_card(repo.full_name.rpartition("/")[2], sdk).encode()
    return files


def space_card(name: str, sdk: str) -> str:
    """The README of a new Space; its metadata is what tells the hub how to show it."""
    title = name.replace("-", " ").replace("_", " ").strip().capitalize() or name
    lines = [
        f"title: {json.dumps(title, ensure_ascii=False)}",
        "emoji: 🚀",
        "colorFrom: blue",
        "colorTo: green",
        f"sdk: {sdk}",
        *([f"app_file: {_APP_FILES[sdk]}"] if sdk in _APP_FILES else []),
        "pinned: false",
    ]
    return "---\n" + "\n".join(lines) + f"\n---\n\n# {title}\n"
