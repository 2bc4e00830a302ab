"""Every page with sample data, as the tests, the screenshots and axe see them."""

from datetime import UTC, datetime, timedelta

from hub_server.web import filters
from hub_server.web.translation import LANGUAGES, NAMES, Language
from hub_server.web.views import (
    api,
    card,
    errors,
    home,
    lists,
    organizations,
    patterns,
    profiles,
    repos,
    search,
    settings,
    sign_in,
)
from hub_server.web.views.page import THEMES, Link, Page, Person, Theme
from hub_server.web.views.shared import Choice, Pager, RepoHead, RepoRow
from tests.web import file_pages
from tests.web.file_pages import CARD, MODEL

NOW = datetime.now(UTC)
SAMPLES = patterns.samples()
ADA = Person("ada", "/ada", full_name="Ada")
CLASS = Person("class-2026", "/class-2026", is_org=True)

DATASET = RepoHead(
    "dataset",
    "class-2026/weather-of-two-cities",
    "/datasets/class-2026/weather-of-two-cities",
    "/datasets/class-2026/weather-of-two-cities/tree/main",
    private=True,
    gated=True,
    pretty_name="Weather of two cities",
)
SORTS = tuple(Choice(name, label) for name, (_, label) in filters.SORTS.items())
TASKS = (
    lists.Filter("pipeline_tag", "token-classification", "Token classification", 1204, True),
    lists.Filter("pipeline_tag", "fill-mask", "Fill mask", 166),
)
CODES = tuple(lists.Filter("language", code, code, 9) for code in ("en", "fr", "ko", "pt-BR"))
GROUPS = (
    lists.FilterGroup("pipeline_tag", "Task", (lists.FilterPart("Natural language", TASKS),)),
    lists.FilterGroup(
        "language",
        "Language",
        (lists.FilterPart("", CODES[:2]),),
        (lists.FilterPart("", CODES[2:]),),
        more=2,
        rarer=3,
        findable=True,
    ),
    lists.FilterGroup("license", "Licence", (), is_open=False),
)
FOUND = search.SearchPage(
    "ner",
    (
        search.FoundRepos(
            "model",
            1204,
            "/models?search=ner",
            (
                search.FoundRepo("ada/tiny-ner", "/ada/tiny-ner"),
                search.FoundRepo("class-2026/ner", "/class-2026/ner", private=True),
            ),
        ),
    ),
    (ADA, CLASS),
    in_texts="/models?text=ner",
)
ACTIVE = (
    lists.ActiveFilter("pipeline_tag", "token-classification", "Token classification", "/models"),
    lists.ActiveFilter("at_least", "1000000", "", "/models", 10**6),
    lists.ActiveFilter("search", "ner", "ner", "/models"),
)


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
        **file_pages.views(),
        **_own(),
        "patterns": ("patterns/patterns.html", SAMPLES),
        "api": ("api/api.html", _api()),
        **{
            f"error-{status}": ("errors/error.html", _error(status))
            for status in (400, 401, 403, 404, 405, 409, 410, 413, 421, 422, 500, 503, 507)
        },
        "error-404-revision": (
            "errors/error.html",
            errors.ErrorPage(
                404,
                "RevisionNotFound",
                "Invalid rev id: gone",
                "7f3a91c2",
                anonymous=False,
                retry_url="/",
                repo=Link("ada/tiny-ner", "/ada/tiny-ner"),
            ),
        ),
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
            lists.ListPage(
                "model",
                SAMPLES.pager,
                SORTS,
                SAMPLES.rows,
                groups=GROUPS,
                size=lists.SizeRange((10**6, 10**9), least=10**6),
                active=ACTIVE,
                can_create=True,
            ),
        ),
        "datasets": (
            "lists/list.html",
            lists.ListPage("dataset", Pager(1, 2, 2), SORTS, SAMPLES.rows[:2], groups=GROUPS[1:]),
        ),
        "spaces": (
            "lists/list.html",
            lists.ListPage("space", Pager(1, 2, 2), SORTS, tiles=SAMPLES.tiles),
        ),
        "models-nothing": (
            "lists/list.html",
            lists.ListPage(
                "model",
                Pager(0, 0, 0),
                SORTS,
                search="bret",
                active=ACTIVE[-1:],
                nearest="bert",
                nearest_url="/models?search=bert",
            ),
        ),
        "search": ("search/search.html", FOUND),
        "search-empty": ("search/search.html", search.SearchPage("")),
        "search-nothing": (
            "search/search.html",
            search.SearchPage("camemert", nearest="camembert", in_texts="/models?text=camemert"),
        ),
        "models-none": ("lists/list.html", lists.ListPage("model", Pager(0, 0, 0), SORTS)),
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
