"""What README.md and docs say can be done, can be done: commands and options exist, files are valid, links lead somewhere."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.config.load import parse
from tidegate.reference.commands import Command, commands, root_options

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
SPOKEN = re.compile(r"`(?:\$ )?(tidegate [^`]+)`")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
GROUPS = {"show", "set", "config", "snds", "sources", "notify"}
KNOWN: dict[str, Command] = {one.name: one for one in commands()}
EVERYWHERE = {word for one in root_options() for word in re.findall(r"--?[\w-]+", one.written)}
ENVIRON = dict.fromkeys(
    ("PROM_TOKEN", "PANEL_TOKEN", "SHOP_PASSWORD", "DATA", "STATUS", "KEY", "ENV", "SPAMHAUS_DQS_KEY"),
    "a-value-000000001",
)
HOWTOS = ("from-powermta", "from-kumomta", "behind-nat", "spamhaus-dqs")


def blocks(page: Path, language: str) -> Iterator[str]:
    for indent, named, text in FENCED.findall(page.read_text()):
        if named == language:
            yield "\n".join(line.removeprefix(indent) for line in text.splitlines())


def typed(page: Path) -> Iterator[str]:
    """Every command line: in blocks for the shell, after a prompt, and in the middle of a sentence."""
    for language in ("sh", ""):
        for block in blocks(page, language):
            for line in block.splitlines():
                found = re.match(r"(?:\$ )?(?:\S*/)?(tidegate .*)", line.strip())
                if found and (language == "sh" or line.lstrip().startswith("$ ")):
                    yield found[1].split("     # ")[0]
    for found in SPOKEN.findall(FENCED.sub("", page.read_text())):
        yield found


def command_of(words: list[str]) -> Command | None:
    """The command that the words begin with."""
    names = (" ".join(words[:length]) for length in (3, 2))
    return next((KNOWN[name] for name in names if name in KNOWN), None)


def is_general(words: list[str]) -> bool:
    """`tidegate help …`, `tidegate --help`, `tidegate COMMAND`, and a group by its name."""
    return (
        len(words) < 2 or words[1] in {"help", "x"} | GROUPS or words[1].startswith("-") or words[1].isupper()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists_with_its_options(page: Path) -> None:
    for line in typed(page):
        words = shlex.split(line.replace("…", "x").replace("|", " ").replace("\\", " "))
        command = command_of(words)
        assert command or is_general(words), f"{page.name}: {line}"
        if command is None or command.name == "tidegate demo":
            continue
        known = EVERYWHERE | {w for one in command.options for w in re.findall(r"--?[\w-]+", one.written)}
        given = {word.partition("=")[0] for word in words if re.match(r"--\w", word)}
        assert given <= known | {"--help"}, f"{page.name}: {line}"


@pytest.mark.parametrize("name", HOWTOS)
def test_every_configuration_in_a_how_to_is_without_mistakes(name: str) -> None:
    found = list(blocks(ROOT / "docs" / f"{name}.md", "yaml"))
    assert found
    for text in found:
        parse(text, f"{name}.md", ENVIRON)


def test_the_short_configuration_in_the_readme_is_without_mistakes() -> None:
    for text in blocks(ROOT / "README.md", "yaml"):
        parse(text, "README.md", ENVIRON)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_readme_names_every_command() -> None:
    spans = re.findall(r"`([^`\n]+)`", FENCED.sub("", (ROOT / "README.md").read_text()))
    words = {word for span in spans for word in re.split(r"[^\w-]+", span)}
    for name in KNOWN:
        assert name.split()[-1] in words, name
