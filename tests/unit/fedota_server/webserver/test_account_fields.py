"""What people type about themselves."""

from __future__ import annotations

import pytest

from fedota_proto.errors import UsageError
from fedota_server.webserver.account_fields import clean_email, clean_name, printable


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("ada@example.org", "ada@example.org"),
        ("  Ada.L+fedota@Sub.Example.ORG ", "ada.l+fedota@sub.example.org"),
        ("o'neil@a-b.co", "o'neil@a-b.co"),
        ("a@1.2", "a@1.2"),
    ],
)
def test_an_address_is_kept_in_lower_case(typed: str, kept: str) -> None:
    assert clean_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "ada@",
        "@example.org",
        "ada@example",
        "ada@@example.org",
        "ada@example.org, bob@example.org",
        "ada lovelace@example.org",
        "ada@example.org\nbcc: x@example.org",
        "<ada@example.org>",
        '"ada"@example.org',
        ".ada@example.org",
        "ada.@example.org",
        "a..da@example.org",
        "ada@-example.org",
        "ada@example-.org",
        "ada@example..org",
        "ada@.example.org",
        "\u0430da@example.org",
        "a" * 65 + "@example.org",
        "a@" + "b." * 126 + "org",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match=r"no e-mail address: write it as name@example\.org"):
        clean_email(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" Ada  Lovelace\t", "Ada Lovelace"),
        ("Zu\u0308rich", "Z\u00fcrich"),
        ("李小龍", "李小龍"),
        ("<b>Ada</b>", "<b>Ada</b>"),
        ("a" * 80, "a" * 80),
    ],
)
def test_a_name_is_trimmed_and_kept_as_written(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "The name is empty"),
        (" \n ", "The name is empty"),
        ("a" * 81, "has 81 characters: at most 80"),
        ("Ada\x00", "cannot be shown"),
        ("Ada \u202egro.elpmaxe", "cannot be shown"),
        ("Ada\u200b", "cannot be shown"),
    ],
)
def test_other_names_are_refused(typed: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        clean_name(typed)


def test_a_message_names_what_is_wrong() -> None:
    with pytest.raises(UsageError, match="The token's name is empty"):
        clean_name("", "token's name")


def test_a_text_is_cut_to_what_can_be_shown() -> None:
    assert printable("Mozilla\x1b[2J/5.0 " + "x" * 500) == ("Mozilla[2J/5.0 " + "x" * 500)[:200]
