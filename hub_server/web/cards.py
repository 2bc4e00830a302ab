"""The card page: a README, rendered, and what is known of the repository."""

from functools import lru_cache

from fastapi import APIRouter, Request
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.responses import Response

from hub_server import cards, catalog, contents, repos, usage
from hub_server.accounts import Caller, can_admin, can_read, can_write, users
from hub_server.cards import Card, ImagePolicy, Labels, LinkBase, Problem, RenderedCard
from hub_server.contents import README, Snapshot
from hub_server.db.tables.repos import Repo
from hub_server.edge import CurrentCaller, ReadSession, TheHub, VisibleRepo
from hub_server.errors import RevisionNotFound
from hub_server.web import facts
from hub_server.web.formats import Formats
from hub_server.web.places import address
from hub_server.web.related import relations
from hub_server.web.rendering import catalog_of, render, see_other
from hub_server.web.rows import parameters_of, person, text
from hub_server.web.translation import Catalog, mark
from hub_server.web.usage import like_button, sparkline
from hub_server.web.views.card import CardPage, CardProblem, Heading
from hub_server.web.views.shared import Chip, RepoHead

router = APIRouter(include_in_schema=False)
BEGINNING = {".gitattributes"}
ANCHOR = mark("Link to this section")
TABLE = mark("Table {number}")
PICTURE = mark("Picture on {host}")
MEDIA = mark("Recording on {host}")
DONE = mark("Done")
TO_DO = mark("To do")


@router.get("/{repo:repo}")
def show_card(
    request: Request, hub: TheHub, session: ReadSession, caller: CurrentCaller, repo: VisibleRepo
) -> Response:
    path = repos.web_path(repo.kind, repo.full_name)
    if request.url.path.lower() != path.lower() or request.url.path.endswith(".git"):
        return see_other(request, path)
    view = _page(request, session, caller, repo, _snapshot(hub, session, repo))
    return render(request, "card/card.html", view)


def _snapshot(hub: TheHub, session: Session, repo: Repo) -> Snapshot | None:
    try:
        return contents.snapshot(hub, session, repo)
    except RevisionNotFound:
        return None


def repo_head(repo: Repo, caller: Caller, chips: tuple[Chip, ...] = ()) -> RepoHead:
    """The head of every page of a repository, as this caller sees it."""
    path = repos.web_path(repo.kind, repo.full_name)
    return RepoHead(
        kind=repo.kind,
        id=repo.full_name,
        url=path,
        files_url=address(repo, "tree", repo.default_branch),
        settings_url=f"{path}/settings" if can_admin(caller, repo) else None,
        private=repo.private,
        gated=repo.gated is not None,
        disabled=repo.disabled,
        pretty_name=text((repo.facts or {}).get("title")),
        chips=chips,
    )


def _page(
    request: Request, session: Session, caller: Caller, repo: Repo, snapshot: Snapshot | None
) -> CardPage:
    base_url = request.state.origin.base_url
    card = snapshot.card() if snapshot else None
    has_card = snapshot is not None and snapshot.entry(README) is not None
    rendered = rendered_card(request, repo, card.body) if card and has_card else None
    broken, advice = _problems(caller, repo, card) if has_card and card else ((), ())
    owner = users.find_account(session, repo.namespace)
    return CardPage(
        repo=repo_head(repo, caller, facts.chips(repo, Formats(catalog_of(request)))),
        body=Markup(rendered.html) if rendered else None,  # noqa: S704 - sanitised by cards
        readme_size=_size(snapshot) if snapshot and has_card else 0,
        contents=tuple(Heading(h.level, h.text, h.id) for h in rendered.headings)
        if rendered
        else (),
        broken=broken,
        advice=advice,
        can_write=can_write(caller, repo),
        is_empty=snapshot is None or (not has_card and _is_bare(snapshot)),
        readme_url=address(repo, "blob", repo.default_branch, README),
        downloads=repo.downloads,
        downloads_all_time=repo.downloads_all_time,
        sparkline=sparkline(usage.daily(session, repo.id)),
        like=like_button(session, caller, repo),
        parameters=parameters_of(repo),
        storage=repo.used_storage,
        updated=repo.updated_at,
        owner=person(owner) if owner else None,
        relations=relations(repo, catalog.related(session, caller, repo)),
        evaluations=facts.evaluations(repo),
        commands=facts.commands(repo, base_url) if can_read(caller, repo) else (),
        empty_commands=facts.first_commands(repo, base_url),
    )


def _is_bare(snapshot: Snapshot) -> bool:
    """Nothing but what every repository begins with."""
    return {entry.name.decode("utf-8", "replace") for entry in snapshot.list()} <= BEGINNING


def _size(snapshot: Snapshot) -> int:
    return snapshot.facts(snapshot.file(README).id).size


def _problems(
    caller: Caller, repo: Repo, card: Card
) -> tuple[tuple[CardProblem, ...], tuple[CardProblem, ...]]:
    """Errors and advice, for those who can do something about them."""
    if not can_write(caller, repo):
        return (), ()
    report = cards.validate_card(card, repo.kind)
    return _shown(report.errors), _shown(report.warnings)


def _shown(problems: tuple[Problem, ...]) -> tuple[CardProblem, ...]:
    return tuple(CardProblem(problem.message, problem.line) for problem in problems)


def rendered_card(
    request: Request,
    repo: Repo,
    markdown: str,
    revision: str = "",
    folder: str = "",
    *,
    seconds: float | None = None,
) -> RenderedCard:
    """Markdown of a file of the repository as safe HTML, its links resolved at the revision.

    With `seconds`, which it may cost, it is a part of something larger and not remembered.
    """
    origin, settings = request.state.origin, request.app.state.hub.settings
    at = revision or repo.default_branch
    base = LinkBase(
        page=origin.prefix + address(repo, "blob", at),
        raw=origin.prefix + address(repo, "resolve", at),
        tree=origin.prefix + address(repo, "tree", at),
        folder=folder,
        root=origin.prefix,
        origins=tuple(dict.fromkeys((origin.own, origin.base_url))),
    )
    images: ImagePolicy = "allow" if settings.card_images == "allow" else "block"
    labels = _labels(catalog_of(request))
    if seconds is not None:
        return cards.render(markdown, base=base, images=images, labels=labels, seconds=seconds)
    return _rendered(markdown, base, images, labels)


@lru_cache(maxsize=64)
def _rendered(markdown: str, base: LinkBase, images: ImagePolicy, labels: Labels) -> RenderedCard:
    """A card is shown far more often than it changes, and may cost a second."""
    return cards.render(markdown, base=base, images=images, labels=labels)


def _labels(words: Catalog) -> Labels:
    return Labels(
        anchor=words.text(ANCHOR),
        table=words.text(TABLE),
        picture=words.text(PICTURE),
        media=words.text(MEDIA),
        done=words.text(DONE),
        to_do=words.text(TO_DO),
    )
