"""Making a repository and changing its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hub_server.web.translation import mark
from hub_server.web.views.shared import Choice, Kind, RepoHead

KINDS = (
    Choice("model", mark("Model"), mark("Weights, a tokenizer, a pipeline"), "box"),
    Choice("dataset", mark("Dataset"), mark("Tables, text, pictures or sound"), "table-2"),
    Choice("space", mark("Space"), mark("A small application or a page"), "app-window"),
)
VISIBILITIES = (
    Choice(
        "public",
        mark("Public"),
        mark("Everyone who can open this hub. Only you and people you choose can change it."),
        "globe",
    ),
    Choice(
        "private",
        mark("Private"),
        mark("Only you. For an organization: its members, as their roles allow."),
        "lock",
    ),
)
LICENCES = (
    ("", mark("Decide later")),
    ("apache-2.0", "Apache License 2.0 (apache-2.0)"),
    ("mit", "MIT License (mit)"),
    ("bsd-3-clause", "BSD 3-Clause (bsd-3-clause)"),
    ("cc0-1.0", "Creative Commons Zero 1.0 (cc0-1.0)"),
    ("cc-by-4.0", "Creative Commons Attribution 4.0 (cc-by-4.0)"),
    ("cc-by-sa-4.0", "Creative Commons Attribution Share-Alike 4.0 (cc-by-sa-4.0)"),
    ("cc-by-nc-4.0", "Creative Commons Attribution Non-Commercial 4.0 (cc-by-nc-4.0)"),
    ("gpl-3.0", "GNU General Public License 3.0 (gpl-3.0)"),
    ("agpl-3.0", "GNU Affero General Public License 3.0 (agpl-3.0)"),
    ("openrail", "OpenRAIL (openrail)"),
    ("etalab-2.0", "Licence Ouverte / Open Licence 2.0 (etalab-2.0)"),
)
SDKS = (
    Choice("static", mark("Static page"), mark("HTML, CSS and JavaScript; opens here"), "code-xml"),
    Choice("gradio", "Gradio", mark("An application in Python"), "app-window"),
    Choice("docker", "Docker", mark("Anything with a Dockerfile"), "package"),
)


def chosen(choices: tuple[Choice, ...], value: str) -> tuple[Choice, ...]:
    """The same choices with `value` selected."""
    return tuple(
        Choice(c.value, c.label, c.help, c.icon, c.value == value, c.translated) for c in choices
    )


@dataclass(frozen=True)
class NewRepo:
    """`owners` are the namespaces the caller may create in."""

    owners: tuple[str, ...]
    owner: str
    kind: Kind = "model"
    name: str = ""
    licence: str = ""
    visibility: str = "public"
    sdk: str = "static"
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[Choice, ...]:
        return chosen(KINDS, self.kind)

    @property
    def visibilities(self) -> tuple[Choice, ...]:
        return chosen(VISIBILITIES, self.visibility)

    @property
    def sdks(self) -> tuple[Choice, ...]:
        return chosen(SDKS, self.sdk)

    @property
    def licences(self) -> tuple[Choice, ...]:
        return tuple(
            Choice(value, label, selected=value == self.licence, translated=not value)
            for value, label in LICENCES
        )

    @property
    def owner_options(self) -> tuple[Choice, ...]:
        return tuple(
            Choice(name, name, selected=name == self.owner, translated=False)
            for name in self.owners
        )


@dataclass(frozen=True)
class RepoSettings:
    """`done` names what was just saved: "", "visibility" or "renamed"."""

    repo: RepoHead
    owners: tuple[str, ...]
    keep_days: int
    done: str = ""
    new_owner: str = ""
    new_name: str = ""
    typed: str = ""
    refused: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return self.repo.id.split("/")[0]

    @property
    def name(self) -> str:
        return self.repo.id.split("/")[-1]

    @property
    def visibilities(self) -> tuple[Choice, ...]:
        return chosen(VISIBILITIES, "private" if self.repo.private else "public")

    @property
    def owner_options(self) -> tuple[Choice, ...]:
        wanted = self.new_owner or self.namespace
        return tuple(
            Choice(name, name, selected=name == wanted, translated=False) for name in self.owners
        )
