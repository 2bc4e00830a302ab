"""Every page with sample data, as the tests, the screenshots and axe see them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from markupsafe import Markup

from hub_server.web.translation import LANGUAGES, NAMES, Language
from hub_server.web.views import (
    api,
    card,
    commits,
    errors,
    files,
    home,
    lists,
    organizations,
    patterns,
    profiles,
    repos,
    settings,
    sign_in,
)
from hub_server.web.views.page import THEMES, Link, Page, Person, Theme
from hub_server.web.views.shared import Crumb, Pager, RepoHead, RepoRow, Revisions

NOW = datetime.now(UTC)
SAMPLES = patterns.samples()
ADA = Person("ada", "/ada", full_name="Ada")
CLASS = Person("class-2026", "/class-2026", is_org=True)

MODEL = RepoHead(
    "model",
    "ada/tiny-ner",
    "/ada/tiny-ner",
    "/ada/tiny-ner/tree/main",
    settings_url="/ada/tiny-ner/settings",
    chips=SAMPLES.repo.chips,
)
DATASET = RepoHead(
    "dataset",
    "class-2026/weather-of-two-cities",
    "/datasets/class-2026/weather-of-two-cities",
    "/datasets/class-2026/weather-of-two-cities/tree/main",
    private=True,
    gated=True,
    pretty_name="Weather of two cities",
)
MAIN = Revisions(
    "main",
    True,
    (("main", "/ada/tiny-ner/tree/main"), ("try-lower-lr", "/ada/tiny-ner/tree/try-lower-lr")),
    (("v1.0", "/ada/tiny-ner/tree/v1.0"),),
)
CARD = Markup(
    '<h1 id="user-content-tiny">Tiny NER</h1><p>Finds <strong>names</strong> of people in '
    '<a href="#">short texts</a>.</p><h2>How to use</h2><pre tabindex="0"><code>'
    '<span class="syn-k">from</span> transformers <span class="syn-k">import</span> pipeline\n'
    "</code></pre><h2>Scores</h2>"
    '<div class="scroll" tabindex="0" role="region" aria-label="Table 1"><table>'
    "<thead><tr><th>Set</th>"
    "<th>F1</th></tr></thead><tbody><tr><td>dev</td><td>91.3</td></tr></tbody></table></div>"
)
FILE = {
    "repo": MODEL,
    "revisions": MAIN,
    "crumbs": (Crumb("tiny-ner", "/ada/tiny-ner/tree/main"),),
    "last_commit": SAMPLES.commits[0],
    "history_url": "/ada/tiny-ner/commits/main/x",
    "raw_url": "/ada/tiny-ner/raw/main/x",
    "download_url": "/ada/tiny-ner/resolve/main/x?download=true",
    "permanent_url": "/ada/tiny-ner/blob/4f1c09a/x",
}


def page(
    language: Language = "en", *, root: str = "", theme: Theme = "system", user: Person | None = ADA
) -> Page:
    return Page(
        language=language,
        root=root,
        here="/models?search=ner",
        base_url="https://hub.example.org" + root,
        csrf_token="sample-csrf",
        theme=theme,
        user=user,
        is_admin=user is not None,
        can_sign_up=True,
        languages=tuple(
            Link(NAMES[code], f"/models?search=ner&lang={code}", code == language, code)
            for code in LANGUAGES
        ),
        themes=tuple(
            Link(word, f"/models?search=ner&theme={name}", name == theme)
            for name, word in THEMES.items()
        ),
        version="0.1.0",
    )


def anonymous(name: str) -> bool:
    return name.split("-")[0] in {"signin", "setup", "join", "reset", "dead"} or name in {
        "home",
        "home-empty-anonymous",
        "error-401",
        "error-404-anonymous",
    }


def views() -> dict[str, tuple[str, object]]:
    """Name of the picture, then template and view model."""
    return {
        **_front(),
        **_doors(),
        **_repos(),
        **_files(),
        **_own(),
        "patterns": ("patterns/patterns.html", SAMPLES),
        "api": ("api/api.html", _api()),
        **{
            f"error-{status}": ("errors/error.html", _error(status))
            for status in (400, 401, 403, 404, 405, 409, 410, 413, 421, 422, 500, 503, 507)
        },
        "error-404-anonymous": ("errors/error.html", _error(404, anonymous=True)),
    }


def _api() -> api.ApiPage:
    listing = api.Operation("GET", "/api/models", "What the caller may see.")
    return api.ApiPage((("models", (listing,)),), "/api/openapi.json", "https://hub.example.org")


def _error(status: int, *, anonymous: bool = False) -> errors.ErrorPage:
    said = {404: "", 413: "The file is larger than 10 MB."}.get(status, "")
    code = "RepoNotFound" if status == 404 else ""
    return errors.ErrorPage(status, code, said, "7f3a91c2", anonymous or status == 401, "/models")


def _front() -> dict[str, tuple[str, object]]:
    counts = {"model": 615, "dataset": 617, "space": 89}
    filled = home.Home(
        "https://hub.example.org", counts, SAMPLES.rows, SAMPLES.rows[:2], SAMPLES.tiles
    )
    yours = home.Home(
        "https://hub.example.org",
        counts,
        SAMPLES.rows,
        SAMPLES.rows[:2],
        SAMPLES.tiles,
        SAMPLES.rows[:2],
        (CLASS,),
    )
    empty = home.Home("http://192.168.1.20:8000", {"model": 0, "dataset": 0, "space": 0})
    return {
        "home": ("home/filled.html", filled),
        "home-signed-in": ("home/filled.html", yours),
        "home-empty": ("home/empty.html", empty),
        "home-empty-anonymous": ("home/empty.html", empty),
        "models": (
            "lists/list.html",
            lists.ListPage("model", SAMPLES.pager, SAMPLES.rows, can_create=True),
        ),
        "datasets": (
            "lists/list.html",
            lists.ListPage("dataset", Pager(1, 2), SAMPLES.rows[:2], tags=("language:fr",)),
        ),
        "spaces": ("lists/list.html", lists.ListPage("space", Pager(1, 2, 2), tiles=SAMPLES.tiles)),
        "models-nothing": (
            "lists/list.html",
            lists.ListPage("model", Pager(0, 0, 0), search="xyz"),
        ),
        "models-none": ("lists/list.html", lists.ListPage("model", Pager(0, 0, 0))),
    }


def _doors() -> dict[str, tuple[str, object]]:
    wrong = {"name": "That name is taken.", "password": "At least 8 characters."}
    return {
        "signin": ("sign_in/sign_in.html", sign_in.SignIn(next="/models")),
        "signin-refused": (
            "sign_in/sign_in.html",
            sign_in.SignIn(name="ada", refused="Username and password do not match."),
        ),
        "signin-open": ("sign_in/sign_in.html", sign_in.SignIn(signup="open", note="Signed out.")),
        "signin-closed": ("sign_in/sign_in.html", sign_in.SignIn(signup="closed")),
        "setup": (
            "sign_in/new_account.html",
            sign_in.NewAccount("/setup", is_setup=True, token="t"),
        ),
        "join": (
            "sign_in/new_account.html",
            sign_in.NewAccount(
                "/join/t", organization="class-2026", name="ada lovelace", errors=wrong
            ),
        ),
        "reset": ("sign_in/password_reset.html", sign_in.PasswordReset("/reset/t", "t", "ada")),
        **{
            f"dead-{purpose}": ("sign_in/dead_link.html", sign_in.DeadLink(purpose))
            for purpose in ("setup", "invitation", "reset")
        },
    }


def _repos() -> dict[str, tuple[str, object]]:
    refused = repos.NewRepo(
        ("ada", "class-2026"),
        "ada",
        "space",
        "bert base NER",
        errors={"name": "A name cannot contain spaces."},
    )
    commands = (
        card.Command("With git", "git clone https://hub.example.org/ada/tiny-ner"),
        card.Command(
            "With Python",
            'from huggingface_hub import snapshot_download\n\nsnapshot_download("ada/tiny-ner")',
        ),
    )
    full = card.CardPage(
        MODEL,
        CARD,
        readme_size=4630,
        contents=tuple(card.Heading(depth, f"Part {depth}", f"p{depth}") for depth in (1, 2, 2)),
        advice=(card.CardProblem("there is no `license`", 2),),
        can_write=True,
        readme_url="/ada/tiny-ner/blob/main/README.md",
        downloads=1284,
        downloads_all_time=90_210,
        sparkline=card.Sparkline("2.0,38.0 121.0,2.0 238.0,30.0", 240, 40, 1284, 96, NOW.date()),
        like=card.LikeButton("/ada/tiny-ner/like", 31, liked=True, signed_in=True),
        parameters=107_726_601,
        tensor_types=("F32",),
        storage=866_000_000,
        updated=NOW - timedelta(days=2),
        owner=ADA,
        relations=(
            card.Relation("Made from", (SAMPLES.repo.chips[3],)),
            card.Relation("Finetunes of it", SAMPLES.repo.chips[2:4], 4120, "/models?other=x"),
            card.Relation("Citing the same paper", SAMPLES.repo.chips[2:3], 1, None, "arXiv:1"),
        ),
        evaluations=(
            card.Evaluation("F1", "91.3", "conll2003, test", 91.3),
            card.Evaluation("Loss", "0.05"),
        ),
        commands=commands,
    )
    broken = card.CardPage(
        DATASET,
        None,
        broken=(card.CardProblem("bad indentation of a mapping entry", 7),),
        can_write=True,
        owner=CLASS,
    )
    empty = card.CardPage(
        MODEL, None, can_write=True, is_empty=True, empty_commands=commands, owner=ADA
    )
    return {
        "new": ("repos/new.html", repos.NewRepo(("ada",), "ada")),
        "new-refused": ("repos/new.html", refused),
        "card": ("card/card.html", full),
        "card-broken": ("card/card.html", broken),
        "card-empty": ("card/card.html", empty),
        "repo-settings": (
            "repos/settings.html",
            repos.RepoSettings(MODEL, ("ada", "class-2026"), 7, "renamed"),
        ),
        "repo-settings-private": (
            "repos/settings.html",
            repos.RepoSettings(
                SAMPLES.repo, ("ada",), 1, "visibility", errors={"typed": "That is not its name."}
            ),
        ),
    }


def _files() -> dict[str, tuple[str, object]]:
    def file(name: str, look: files.Look, **given: object) -> tuple[str, object]:
        values = {"size": 829, **FILE, **given}
        return "files/file.html", files.FilePage(
            name=name, path=f"runs/{name}", look=look, **values
        )

    listing = files.FilesPage(
        MODEL,
        MAIN,
        (),
        "tiny-ner",
        SAMPLES.files,
        SAMPLES.commits[0],
        "/ada/tiny-ner/commits/main",
        866_000_000,
        clone_url="https://hub.example.org/ada/tiny-ner",
    )
    folder = files.FilesPage(
        MODEL,
        MAIN,
        (Crumb("tiny-ner", "/ada/tiny-ner/tree/main"),),
        "runs",
        SAMPLES.files[1:],
        None,
        "/ada/tiny-ner/commits/main/runs",
        up_url="/ada/tiny-ner/tree/main",
        pager_url="/ada/tiny-ner/tree/main/runs?after=x",
    )
    sha = Revisions("4f1c09a" + "0" * 33, False, MAIN.branches)
    oid = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    commit = commits.CommitPage(
        MODEL,
        "4f1c09a" + "0" * 33,
        "Add the evaluation results to the card",
        "Measured on the test split.\n\nSee #12.",
        ADA,
        NOW,
        (("b48a1f0" + "0" * 33, "/ada/tiny-ner/commit/b48a1f0"),),
        "/ada/tiny-ner/tree/4f1c09a",
        (
            SAMPLES.diff,
            commits.DiffFile(
                "model.safetensors",
                "d2",
                "added",
                is_lfs=True,
                note="A large file: only its pointer changed.",
            ),
            commits.DiffFile("b.txt", "d3", "renamed", old_path="a.txt"),
            commits.DiffFile("c.txt", "d4", "removed"),
        ),
        4,
        is_reachable=False,
        is_cut=True,
    )
    return {
        "files": ("files/files.html", listing),
        "files-folder": ("files/files.html", folder),
        "files-empty": (
            "files/files.html",
            files.FilesPage(MODEL, sha, (), "tiny-ner", (), None, "/c"),
        ),
        "file-json": file("config.json", "text", lines=SAMPLES.lines),
        "file-plain": file(
            "big.json",
            "plain",
            lines=SAMPLES.lines,
            why="Shown without colours, because it is long.",
        ),
        "file-markdown": file(
            "README.md", "markdown", rendered=CARD, source_url="/s", rendered_url="/r"
        ),
        "file-image": file("picture.png", "image"),
        "file-audio": file("sound.wav", "audio"),
        "file-video": file("film.mp4", "video"),
        "file-lfs": file(
            "model.bin",
            "lfs",
            is_lfs=True,
            is_pickle=True,
            lfs=files.LfsFacts(oid, 433_292_294, 134),
        ),
        "file-binary": file("data.db", "binary", size=20_480),
        "file-link": file("latest", "link", link_target="runs/7"),
        "file-empty": file("empty.txt", "empty", size=0),
        "commits": (
            "commits/commits.html",
            commits.CommitsPage(MODEL, MAIN, SAMPLES.commits, Pager(1, 2, None, None, "/n")),
        ),
        "commits-file": (
            "commits/commits.html",
            commits.CommitsPage(MODEL, sha, (), Pager(0, 0), FILE["crumbs"], "runs/log.txt"),
        ),
        "commit": ("commits/commit.html", commit),
        "commit-long": (
            "commits/commit.html",
            replace(commit, title="x" * 300, body="y" * 300, files=(), is_cut=False),
        ),
    }


def _organizations() -> dict[str, tuple[str, object]]:
    members = (
        organizations.MemberRow(ADA, "admin"),
        organizations.MemberRow(Person("lin", "/lin"), "contributor"),
    )
    return {
        "organizations": (
            "settings/organizations.html",
            organizations.OrganizationsPage(
                (
                    organizations.OrganizationRow(CLASS, "admin"),
                    organizations.OrganizationRow(Person("lab", "/lab", is_org=True), ""),
                ),
                can_make=True,
                refused="class-2026 would have no administrator left.",
            ),
        ),
        "organizations-none": (
            "settings/organizations.html",
            organizations.OrganizationsPage((), done="left"),
        ),
        "organization-new": (
            "organizations/new.html",
            organizations.NewOrganization("a b", errors={"name": "A name has no spaces."}),
        ),
        "organization-settings": (
            "organizations/settings.html",
            organizations.OrganizationSettings(
                CLASS,
                "Class of 2026",
                "",
                "private",
                members,
                can_invite=True,
                done="members",
                user="nobody",
                member_refused="There is no user called nobody.",
            ),
        ),
    }


def _sessions() -> tuple[settings.SessionRow, ...]:
    def row(name: str, browser: str, system: str, **given: object) -> settings.SessionRow:
        began, ends = NOW - timedelta(days=3), NOW + timedelta(days=27)
        return settings.SessionRow(name * 8, browser, system, began, NOW, ends, **given)

    return (
        row("a1", "Firefox", "Linux", is_here=True),
        row("b2", "Chrome", "Android"),
        row("c3", "", ""),
    )


def _own() -> dict[str, tuple[str, object]]:
    def token(number: int, name: str, role: str, **given: object) -> settings.TokenRow:
        return settings.TokenRow(
            number, name, role, "hf_hQx…oX9i", NOW - timedelta(days=number), **given
        )

    tokens = (
        token(1, "laptop", "write", ends=NOW + timedelta(days=90)),
        token(
            21,
            "notebook in room 204",
            "read",
            last_used=NOW - timedelta(hours=2),
            ends=NOW + timedelta(days=6),
            ends_soon=True,
        ),
        token(
            60,
            "ci",
            "fine-grained",
            last_used=NOW - timedelta(days=1),
            scopes=(settings.ScopeRow("class-2026", False), settings.ScopeRow("models/a/b", True)),
        ),
        token(400, "old", "read", ends=NOW - timedelta(days=2), is_expired=True),
    )
    invitations = (
        settings.InvitationRow(
            1, "k3Jd", NOW, "class-2026", "contributor", NOW + timedelta(days=7), 30, 2
        ),
        settings.InvitationRow(2, "9xYz", NOW, is_over=True),
    )
    person = profiles.ProfilePage(
        ADA, "Second year.\nLanguages.", NOW - timedelta(days=90), SAMPLES.rows[:2],
        (RepoRow("dataset", "ada/voices", "/datasets/ada/voices", NOW),), SAMPLES.tiles[:1],
        (CLASS,), is_you=True, can_create=True, deleted="ada/old-one", keep_days=7,
    )  # fmt: skip
    endpoint = "https://hub.example.org"
    return {
        "profile": (
            "settings/profile.html",
            settings.Profile("ada", "Ada", "ada@example.org", "", "saved"),
        ),
        "password": ("settings/password.html", settings.Password("ada", done="saved")),
        "password-refused": (
            "settings/password.html",
            settings.Password("ada", errors={"current": "That is not your password."}),
        ),
        "sessions": ("settings/sessions.html", settings.Sessions(_sessions(), "one")),
        "tokens": ("settings/tokens.html", settings.Tokens(tokens, endpoint)),
        "tokens-fresh": (
            "settings/tokens.html",
            settings.Tokens(
                tokens[:1], endpoint, "hf_hQxVd3TmWc7Lr2NzYb8KpE4sUaJf6GoX9i", "laptop"
            ),
        ),
        "tokens-fine": (
            "settings/tokens.html",
            settings.Tokens(
                tokens,
                endpoint,
                role="fine-grained",
                places=settings.Places(
                    (settings.PlaceRow("ada"), settings.PlaceRow("class-2026", "read")),
                    (settings.PlaceRow("datasets/ada/voices", "write"), settings.PlaceRow("")),
                    ("models/ada/tiny-ner", "datasets/ada/voices"),
                ),
                errors={"places": "Choose at least one place."},
            ),
        ),
        "tokens-none": ("settings/tokens.html", settings.Tokens((), endpoint, done="revoked")),
        "invitations": (
            "settings/invitations.html",
            settings.Invitations(invitations, ("class-2026",), f"{endpoint}/join/k3JdSample"),
        ),
        "people": (
            "settings/people.html",
            settings.People(
                (
                    settings.PersonRow(ADA, NOW, is_admin=True, is_you=True),
                    settings.PersonRow(Person("lin", "/lin"), NOW),
                    settings.PersonRow(Person("minji", "/minji"), NOW, is_disabled=True),
                ),
                "minji",
                f"{endpoint}/reset/sample",
                "lin",
                is_local=True,
            ),
        ),
        **_organizations(),
        "user": ("profiles/profile.html", person),
        "organization": (
            "profiles/profile.html",
            profiles.ProfilePage(CLASS, "", NOW, people=(ADA,), can_manage=True),
        ),
    }
