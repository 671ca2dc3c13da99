"""The pages that are written out of the code are current, and say everything."""

import shutil
import subprocess
from pathlib import Path

import pytest

from engine.exposition import Kind
from tidegate.cli.sections import SECTIONS
from tidegate.config.model import Config
from tidegate.reference import man_page, metrics_page
from tidegate.reference.__main__ import PAGES, main
from tidegate.reference.commands import commands

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_committed_page_is_the_one_that_the_code_writes(name: str) -> None:
    assert (DOCS / name).read_text() == PAGES[name](), "run: make reference"


def test_the_pages_are_written_where_they_are_wanted(tmp_path: Path) -> None:
    main(tmp_path)
    assert {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()} == set(PAGES)


def test_every_command_has_a_place_a_sentence_and_words_that_are_explained() -> None:
    for one in commands():
        assert one.section in SECTIONS, f"give {one.name} a place in tidegate/cli/sections.py"
        assert one.help, one.name
        for word in one.options:
            if word.written != "--help, -h":
                assert word.help, f"{one.name} {word.written}"


def test_the_commands_page_names_options_defaults_and_examples() -> None:
    page = PAGES["reference/commands.md"]()
    assert "### tidegate show queues\n" in page
    assert "| `-n, --maxitems N` | At most so many. | `100` |" in page
    assert "```sh\ntidegate pause yahoo.com/marketing --reason" in page


def test_the_settings_page_tells_every_part_of_the_file() -> None:
    page = PAGES["reference/settings.md"]()
    for name, info in Config.model_fields.items():
        assert f"\n## {info.alias or name}\n" in page
    assert "| `engine.virtual-mtas.NAME.domains.NAME.source-ip-max-msg-rate` |" in page
    assert "Its keys are those of `engine.virtual-mtas.NAME.domains.NAME`." in page


def test_the_metrics_page_names_labels() -> None:
    page = metrics_page.page()
    assert "| `tidegate_rate_limit_messages_per_second` | gauge | `ip`, `provider`, `kind` |" in page
    for kind in Kind:
        assert f"| {kind} |" in page


def test_what_roff_would_take_for_a_request_is_printed() -> None:
    page = man_page.page()
    assert "\\-\\-config FILE" in page
    assert not [line for line in page.splitlines() if line.startswith("'")]


@pytest.mark.system
@pytest.mark.skipif(shutil.which("mandoc") is None, reason="needs Debian's mandoc")
def test_mandoc_finds_nothing_to_say_about_the_manual() -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "style", str(DOCS / "man" / "tidegate.1")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout + done.stderr == ""
