"""Whatever happens to repositories: names, texts and the sets of common words say what rows do."""

import random

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub_server import catalog, repos
from hub_server.accounts import OPERATOR
from hub_server.catalog import TagSets, bits, clock, names, texts
from hub_server.db import Database, now
from hub_server.db.tables.accounts import Account
from hub_server.db.tables.catalog import CardText, TagRow
from hub_server.db.tables.repos import Repo
from hub_server.repos import RepoSettings
from tests.support import finding
from tests.support.people import make_user
from tests.unit.catalog.shelves import listening, record

COMMON = ("model", "text", "ada", "tiny", "模型")
OWNERS = ("ada", "bob", "tiny-lab")
WORDS = ("tiny", "model", "bert", "base", "v2", "x")
CARDS = ("", "a model", "the text of a model", "模型 型", "rare words", "tiny text")


class Walk:
    """Steps that people take, chosen by chance."""

    def __init__(self, session: Session, dice: random.Random) -> None:
        self.session = session
        self.dice = dice

    def step(self) -> None:
        steps = [self.create, self.create, self.card, self.card, self.move, self.private,
                 self.delete, self.restore, self.purge, self.rename]  # fmt: skip
        self.dice.choice(steps)()

    def name(self) -> str:
        return "-".join(self.dice.sample(WORDS, 3)) + str(self.dice.randrange(10**6))

    def any(self, *, deleted: bool = False) -> Repo | None:
        gone = Repo.deleted_at.is_not(None) if deleted else Repo.deleted_at.is_(None)
        found = self.session.scalars(select(Repo).where(gone).order_by(Repo.id)).all()
        return self.dice.choice(found) if found else None

    def owner(self) -> Account:
        live = select(Account).order_by(Account.id)
        return self.dice.choice(self.session.scalars(live).all())

    def create(self) -> None:
        full_name = f"{self.owner().name}/{self.name()}"
        private = self.dice.random() < 0.3
        made = repos.create(self.session, OPERATOR, "model", full_name, private=private)
        if self.dice.random() < 0.5:
            self.write(made)

    def card(self) -> None:
        if repo := self.any():
            self.write(repo)

    def write(self, repo: Repo) -> None:
        self.session.flush()
        text = self.dice.choice(CARDS)
        catalog.replace(self.session, {repo.id: record("model", text=text)})
        self.session.expire(repo)

    def move(self) -> None:
        if repo := self.any():
            repos.move(self.session, OPERATOR, repo, f"{self.owner().name}/{self.name()}")

    def private(self) -> None:
        if repo := self.any():
            wanted = RepoSettings(private=not repo.private)
            repos.change_settings(self.session, repo, wanted)

    def delete(self) -> None:
        if repo := self.any():
            repos.delete(self.session, repo)

    def restore(self) -> None:
        if repo := self.any(deleted=True):
            repos.restore(self.session, repo, to=f"{self.owner().name}/{self.name()}")

    def purge(self) -> None:
        if self.dice.random() < 0.3:
            repos.purge_deleted(self.session, before=now())

    def rename(self) -> None:
        account = self.owner()
        new = f"{self.dice.choice(OWNERS)}{self.dice.randrange(10**6)}"
        repos.rename_namespace(self.session, account, new)


def expect_sound(database: Database) -> None:
    finding.check(database)
    with database.read() as session:
        assert names.wrong(session) == []
        sets = TagSets()
        live = dict(session.execute(select(Repo.id, Repo.name_key)
                                    .where(Repo.deleted_at.is_(None))).all())  # fmt: skip
        written = dict(session.execute(select(CardText.repo_id, CardText.words)).all())
        assert live.keys() <= written.keys()
        for number, name in live.items():
            assert written[number].partition("\n")[0].split() == [
                *name.replace("/", " ").replace("-", " ").split()
            ]
        for word in COMMON:
            wanted = {number for number, words in written.items() if word in words.split()}
            assert set(sets.tagged(session, texts.TYPE, word)) == wanted, word
            count = select(TagRow.n).where(TagRow.type == texts.TYPE, TagRow.name == word)
            assert session.scalar(count) == len(wanted) + 1


def test_a_random_walk_of_changes(database: Database) -> None:
    listening(database)
    with database.write() as session:
        for name in OWNERS:
            make_user(session, name, email=None)
        version = clock.tick(session)
        for word in COMMON:
            # One more than there are, so that none ends to be common when the last one goes.
            session.add(tag := TagRow(type=texts.TYPE, name=word, n=1, n_public=0))
            session.flush()
            bits.write(session, version, bits.divided(tag.id, catalog.sets.EMPTY))
    dice = random.Random(11)
    for _ in range(60):
        with database.write() as session:
            walk = Walk(session, dice)
            for _ in range(dice.randint(1, 3)):
                walk.step()
        expect_sound(database)
