"""The account commands as people type them: results on stdout, one sentence on failure."""

import re
import shutil
from dataclasses import dataclass

import pytest
from click.testing import CliRunner

from hub_server import accounts, repos
from hub_server.accounts import ANONYMOUS, OPERATOR, DisabledRepo, orgs, passwords, users
from hub_server.cli import main
from hub_server.db import Database
from hub_server.errors import InvalidCredentials, Moved


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()


@pytest.fixture
def data_dir(sqlite_template, tmp_path, monkeypatch):
    for name in ("HUB_DATABASE_URL", "HUB_PUBLIC_URL", "HUB_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(sqlite_template, tmp_path / "hub.db")
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def database(data_dir, make_database) -> Database:
    return make_database(f"sqlite:///{data_dir}/hub.db")


@pytest.fixture
def hub(data_dir):
    """`hub("user create ada", stdin="…")` runs a command that must succeed."""

    def run(line, *, stdin="", fails=False):
        result = CliRunner().invoke(main, line.split(), input=stdin, prog_name="hub-server")
        assert bool(result.exit_code) is fails, result.stderr
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


def test_a_user_with_a_password(hub, database):
    said = hub(
        "user create Ada --email ada@example.org --full-name Lovelace --admin --password-stdin",
        stdin="correct horse\n",
    )
    assert said.out == "Ada\n"
    with database.read() as session:
        ada = users.user_named(session, "ada")
    assert (ada.email, ada.full_name, ada.is_admin) == ("ada@example.org", "Lovelace", True)
    assert passwords.verify(ada.password_hash, "correct horse")


def test_a_user_without_password_and_the_list(hub):
    hub("user create bob --email b@x.org --no-password")
    hub("user create ada --no-password --admin")
    hub("user disable bob")
    said = hub("user list")
    assert said.lines == ["ada\t-\tadmin\t-", "bob\tb@x.org\tdisabled\t-"]
    assert said.err.split() == ["NAME", "EMAIL", "STATE", "FULL_NAME"]
    hub("user enable bob")
    assert hub("user list").lines[1] == "bob\tb@x.org\tuser\t-"


@pytest.mark.parametrize(
    ("line", "stdin", "sentence"),
    [
        ("user create api --no-password", "", "The name api is reserved"),
        ("user create a--b --no-password", "", "cannot be the name"),
        ("user create ADA --no-password", "", "The name ADA is taken"),
        ("user create bob --email no --no-password", "", "is not an e-mail address"),
        ("user create bob --password-stdin", "short\n", "at least 8 characters"),
        ("user create bob --password-stdin", "", "at least 8 characters"),
        ("user password nobody --link", "", "There is no user called nobody"),
        ("user disable nobody", "", "There is no user called nobody"),
        ("user delete nobody", "", "There is no user called nobody"),
        ("org create ada", "", "The name ada is taken"),
        ("org create lab --member ada", "", "is not of the form USER:ROLE"),
        ("org create lab --member ada:owner", "", "is not a role"),
        ("org create lab --member nobody:read", "", "There is no user called nobody"),
        ("org member nolab", "", "There is no organization called nolab"),
        ("token create nobody", "", "There is no user called nobody"),
        ("token create ada --expires soon", "", "is not a duration"),
        ("token create ada --scope repo.write:models/ada/none", "", "There is no model ada/none"),
        ("token create ada --scope write", "", "is not a scope such as"),
        ("token create ada --role read --scope repo.read:ada", "", "belong to a fine-grained"),
        ("token revoke 99", "", "There is no such token"),
        ("token revoke hf_unknown", "", "There is no such token"),
        ("token revoke 99999999999999999999", "", "neither a token nor a number"),
        ("invite create --org nolab", "", "There is no organization called nolab"),
        ("invite create --uses 0", "", "at least once"),
        ("invite create --uses many", "", "is not a number"),
        ("invite create --expires yesterday", "", "is not a duration"),
        ("invite revoke 7", "", "There is no such invitation"),
        ("alias add ada ada/gpt2", "", "The name ada is taken"),
        ("alias add gpt2 gpt2", "", "is not the full name"),
        ("alias remove gpt2", "", "There is no alias gpt2"),
    ],
)
def test_failures_are_one_sentence(hub, line, stdin, sentence):
    hub("user create ada --no-password")
    said = hub(line, stdin=stdin, fails=True)
    assert said.out == ""
    assert said.err.startswith("hub-server: ")
    assert sentence in said.err
    assert said.err.count("\n") == 1
    assert said.status == 1


@pytest.mark.parametrize("line", ["user create ada", "user password ada"])
def test_whether_there_is_a_password_has_to_be_said(hub, line):
    said = hub(line, stdin="correct horse\n", fails=True)
    assert "Missing option" in said.err
    assert said.status == 2


def test_a_failure_leaves_nothing_half_done(hub, database):
    hub("user create ada --no-password")
    hub("org create lab --member ada:admin --member nobody:read", fails=True)
    with database.read() as session:
        assert users.find_account(session, "lab") is None


def test_a_new_password_by_stdin_or_by_link(hub, database, monkeypatch):
    hub("user create ada --no-password")
    assert hub("user password ada --password-stdin", stdin="correct horse\n").out == ""
    with database.read() as session:
        assert passwords.verify(users.user_named(session, "ada").password_hash, "correct horse")
    said = hub("user password ada --link")
    assert "HUB_PUBLIC_URL is not set" in said.err
    monkeypatch.setenv("HUB_PUBLIC_URL", "https://hub.example.org/x")
    said = hub("user password ada --link")
    assert said.err == ""
    match = re.fullmatch(r"https://hub\.example\.org/x/reset/(\S+)\n", said.out)
    with database.write() as session:
        assert accounts.links.check_reset_link(session, match[1]).name == "ada"


def test_renaming_and_deleting(hub, database):
    hub("user create ada --no-password")
    with database.write() as session:
        repos.create(session, OPERATOR, "model", "ada/tiny")
    hub("user rename ada countess")
    with database.read() as session, pytest.raises(Moved):
        repos.locate(session, "model", "ada/tiny")
    said = hub("user delete countess", fails=True)
    assert "countess owns 1 repositories" in said.err
    hub("user delete countess --with-repositories")
    assert hub("user list").out == ""


def test_deleted_and_disabled_repositories(hub, database):
    hub("user create ada --no-password")
    with database.write() as session:
        words = repos.create(session, OPERATOR, "dataset", "ada/words")
        repos.delete(session, words)
    (line,) = hub("repo deleted ADA").lines
    assert line.split("\t")[1:] == ["dataset", "ada/words"]
    assert "No model ada/words was deleted" in hub("repo restore ada/words", fails=True).err
    assert hub("repo restore ada/words --kind dataset").out == "ada/words\n"
    assert hub("repo deleted ada").out == ""
    with database.write() as session:
        repos.delete(session, repos.locate(session, "dataset", "ada/words"))
        repos.create(session, OPERATOR, "dataset", "ada/words")
    said = hub("repo restore ada/words --kind dataset", fails=True)
    assert "restore under another name" in said.err
    hub("repo restore ada/words --kind dataset --to ada/words-2")
    hub("repo disable ada/words-2 --kind dataset")
    with database.read() as session, pytest.raises(DisabledRepo):
        repos.readable(session, ANONYMOUS, "dataset", "ada/words-2")
    hub("repo enable ada/words-2 --kind dataset")
    with database.read() as session:
        repos.readable(session, ANONYMOUS, "dataset", "ada/words-2")
    assert "Repository not found" in hub("repo disable ada/nothing", fails=True).err


def test_administrators(hub):
    hub("user create ada --no-password --admin")
    hub("user create bob --no-password")
    assert "last administrator" in hub("user admin ada --revoke", fails=True).err
    hub("user admin bob")
    hub("user admin ada --revoke")
    assert [line.split("\t")[2] for line in hub("user list").lines] == ["user", "admin"]


def test_organizations_and_members(hub, database):
    for name in ("ada", "bob", "eve"):
        hub(f"user create {name} --no-password")
    said = hub(
        "org create Lab --full-name Laboratory --default-visibility private "
        "--member ada:admin --member bob:contributor"
    )
    assert said.out == "Lab\n"
    assert hub("org list").lines == ["Lab\tprivate\tLaboratory"]
    said = hub("org member lab eve:read bob:write")
    assert said.lines == ["ada\tadmin", "bob\twrite", "eve\tread"]
    assert hub("org member lab --remove eve").lines == ["ada\tadmin", "bob\twrite"]
    hub("org rename lab guild")
    with database.read() as session:
        assert orgs.org_named(session, "guild").default_visibility == "private"
    hub("org delete guild")
    assert hub("org list").out == ""


def test_a_token_is_alone_on_a_line_and_works(hub, database):
    hub("user create ada --no-password")
    with database.write() as session:
        repos.create(session, OPERATOR, "model", "ada/tiny")
    secrets = [
        hub(f"token create ada {options}").out
        for options in (
            "",
            "--role read --name laptop",
            "--expires 30d",
            "--scope repo.write:models/ada/tiny --scope repo.read:ada",
        )
    ]
    assert all(re.fullmatch(r"hf_[A-Za-z0-9]{34,}\n", secret) for secret in secrets)
    secrets = [secret.strip() for secret in secrets]
    with database.read() as session:
        grants = [accounts.authenticate_token(session, secret).token for secret in secrets]
    assert [grant.role for grant in grants] == ["write", "read", "write", "fine-grained"]
    assert grants[1].name == "laptop"
    assert [grant.expires_at is None for grant in grants] == [True, True, False, True]
    listed = hub("token list ada").lines
    assert len(listed) == 4
    assert {line.split("\t")[2] for line in listed} == {secret[-4:] for secret in secrets}
    assert not any(secret in line for secret in secrets for line in listed)
    hub(f"token revoke {grants[0].id}")
    hub(f"token revoke {secrets[1]}")
    assert len(hub("token list ada").lines) == 2
    with database.read() as session:
        for secret in secrets[:2]:
            with pytest.raises(InvalidCredentials):
                accounts.authenticate_token(session, secret)


def test_a_disabled_user_gets_no_token(hub):
    hub("user create ada --no-password")
    hub("user disable ada")
    assert "ada is disabled" in hub("token create ada", fails=True).err


def test_invitations(hub, database, monkeypatch):
    monkeypatch.setenv("HUB_PUBLIC_URL", "https://hub.example.org")
    hub("user create ada --no-password")
    hub("org create lab")
    link = hub("invite create --org lab --role contributor --uses 30 --expires 7d").out.strip()
    secret = link.removeprefix("https://hub.example.org/join/")
    assert secret != link
    open_link = hub("invite create --uses any --expires never").out
    assert open_link.count("\n") == 1
    lines = [line.split("\t") for line in hub("invite list").lines]
    assert [(uses, org, role) for _, uses, _, org, role in lines] == [
        ("any", "-", "-"),
        ("30", "lab", "contributor"),
    ]
    assert lines[0][2] == "never"
    with database.write() as session:
        accounts.invitations.accept(session, secret, users.user_named(session, "ada"))
    assert hub("org member lab").lines == ["ada\tcontributor"]
    hub(f"invite revoke {lines[1][0]}")
    assert len(hub("invite list").lines) == 1


def test_aliases(hub, database):
    hub("org create openai-community")
    said = hub("alias add gpt2 openai-community/gpt2")
    assert "There is no model openai-community/gpt2 yet" in said.err
    with database.write() as session:
        repos.create(session, OPERATOR, "model", "openai-community/gpt2")
    hub("alias add glue nyu-mll/glue --kind dataset")
    assert hub("alias list").lines == [
        "glue\tdataset\tnyu-mll/glue",
        "gpt2\tmodel\topenai-community/gpt2",
    ]
    with database.read() as session, pytest.raises(Moved) as moved:
        repos.locate(session, "model", "GPT2")
    assert moved.value.new == "openai-community/gpt2"
    hub("alias remove gpt2")
    assert len(hub("alias list").lines) == 1


def test_the_data_directory_may_be_a_flag(hub, data_dir, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path_factory.mktemp("elsewhere")))
    hub(f"user create ada --no-password --data-dir {data_dir}")
    assert hub(f"user list --data-dir {data_dir}").lines[0].startswith("ada\t")


def commands(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name)
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", list(commands(main)), ids=" ".join)
def test_every_command_has_help(path, hub):
    said = hub(f"{' '.join(path)} --help")
    assert said.out.startswith("Usage: hub-server ")
    assert len(said.out.split("\n\n")[1].strip()) > 15
    if path[0] in ("user", "org", "token", "invite", "alias") and len(path) > 1:
        assert "--data-dir" in said.out


def test_the_version(hub):
    assert hub("--version").out.startswith("hub-server, version ")
