"""Passwords: which are taken, and how they are kept."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type
from argon2.profiles import RFC_9106_LOW_MEMORY
from support.accounts import quick_passwords

from fedota_proto.errors import UsageError
from fedota_server.webserver.passwords import Passwords, refuse_weak

EMAIL = "ada.lovelace@example.org"


def test_a_hash_is_argon2id_with_the_recommended_parameters() -> None:
    made = Passwords().hash("correct horse battery")
    assert made.startswith("$argon2id$")
    assert extract_parameters(made) == RFC_9106_LOW_MEMORY
    assert RFC_9106_LOW_MEMORY.type is Type.ID
    assert RFC_9106_LOW_MEMORY.memory_cost >= 64 * 1024


def test_the_right_password_is_right_and_others_are_not() -> None:
    passwords = quick_passwords()
    made = passwords.hash("correct horse battery")
    assert passwords.check(made, "correct horse battery").right
    assert not passwords.check(made, "correct horse batterY").right
    assert not passwords.check(made, "").right


def test_two_hashes_of_one_password_differ() -> None:
    passwords = quick_passwords()
    assert passwords.hash("correct horse battery") != passwords.hash("correct horse battery")


def test_a_password_is_the_same_however_a_keyboard_composes_it() -> None:
    passwords = quick_passwords()
    assert passwords.check(passwords.hash("z\u00fcrich am see"), "zu\u0308rich am see").right


def test_a_hash_under_other_parameters_is_made_anew() -> None:
    old = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash("correct horse battery")
    passwords = quick_passwords()
    check = passwords.check(old, "correct horse battery")
    assert check.right
    assert check.new_hash is not None
    assert extract_parameters(check.new_hash).time_cost == 1
    again = passwords.check(check.new_hash, "correct horse battery")
    assert again.right
    assert again.new_hash is None
    assert passwords.check(old, "another one").new_hash is None


@pytest.mark.parametrize("kept", [None, "", "no hash at all"])
def test_what_is_no_hash_opens_nothing(kept: str | None) -> None:
    assert not quick_passwords().check(kept, "correct horse battery").right


def test_an_endless_password_is_not_even_hashed() -> None:
    passwords = quick_passwords()
    long = "abcd" * 250
    assert passwords.check(passwords.hash(long), long).right
    assert not passwords.check(passwords.hash(long), long + "e").right


def test_without_a_hash_a_check_does_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_on: list[str] = []
    verify = PasswordHasher.verify

    def count(hasher: PasswordHasher, kept: str, password: str) -> bool:
        worked_on.append(kept)
        return verify(hasher, kept, password)

    monkeypatch.setattr(PasswordHasher, "verify", count)
    passwords = quick_passwords()
    real = passwords.hash("correct horse battery")
    passwords.check(real, "wrong")
    passwords.check(None, "wrong")
    passwords.check(real, "x" * 5000)
    assert len(worked_on) == 3
    assert len({str(extract_parameters(kept)) for kept in worked_on}) == 1


@pytest.mark.parametrize(
    "password", ["correct horse battery", "0123456789", "пароль из букв", "ada.lovelace@example"]
)
def test_good_passwords_pass(password: str) -> None:
    refuse_weak(password, EMAIL)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "has 0 characters: take 10 or more"),
        ("123456789", "has 9 characters"),
        ("aaaaaaaaaaaaaaaa", "repeats too few"),
        ("abcabcabcabcabc", "repeats too few"),
        ("abcd" * 251, "too long"),
        (EMAIL, "is the e-mail address"),
        (" Ada.Lovelace@Example.ORG ", "is the e-mail address"),
        ("Ada.Lovelace", "is the e-mail address"),
    ],
)
def test_weak_passwords_are_refused(password: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        refuse_weak(password, EMAIL)
