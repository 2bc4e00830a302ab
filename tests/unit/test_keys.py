"""Sub-keys: one a purpose, the first secret makes, all of them are understood."""

import pytest

from hub_server.keys import Keys

OLD, NEW = Keys.of("the-old-secret-key"), Keys.of("the-new-secret-key")
BOTH = Keys.of(" the-new-secret-key , the-old-secret-key,")


def test_a_signature_is_good_for_its_purpose_and_message_only():
    signature = OLD.sign("links", b"message")
    assert len(signature) == 43
    assert OLD.verify("links", b"message", signature)
    assert not OLD.verify("sessions", b"message", signature)
    assert not OLD.verify("links", b"another", signature)
    assert not NEW.verify("links", b"message", signature)


@pytest.mark.parametrize("signature", ["", "x", "é" * 43, "\ud800", "a" * 10_000])
def test_what_is_no_signature(signature: str):
    assert not OLD.verify("links", b"message", signature)


def test_a_new_key_in_front_signs_and_the_old_is_still_understood():
    assert BOTH.secrets == ("the-new-secret-key", "the-old-secret-key")
    assert BOTH.sign("links", b"m") == NEW.sign("links", b"m")
    assert BOTH.verify("links", b"m", OLD.sign("links", b"m"))
    assert not OLD.verify("links", b"m", BOTH.sign("links", b"m"))


def test_what_is_sealed_is_read_by_its_key_and_purpose_only():
    sealed = OLD.seal("webhooks", b"secret")
    assert b"secret" not in sealed.encode()
    assert OLD.unseal("webhooks", sealed) == b"secret"
    assert BOTH.unseal("webhooks", sealed) == b"secret"
    assert OLD.unseal("mail", sealed) is None
    assert NEW.unseal("webhooks", sealed) is None
    assert NEW.unseal("webhooks", BOTH.seal("webhooks", b"x")) == b"x"


@pytest.mark.parametrize("sealed", ["", "no token", "gAAAAA", "é", "\ud800"])
def test_what_nobody_sealed(sealed: str):
    assert OLD.unseal("webhooks", sealed) is None


def test_fingerprints_tell_keys_apart_and_say_nothing_of_them():
    assert OLD.fingerprint() == Keys.of("the-old-secret-key").fingerprint()
    assert BOTH.fingerprint() == NEW.fingerprint() != OLD.fingerprint()
    assert OLD.fingerprint() != OLD.derive("fingerprint").hex()[:32]
    assert OLD.derive("a") != OLD.derive("b")
    assert len(OLD.derive("a")) == 32


def test_the_secret_is_not_printed():
    assert "secret-key" not in repr(OLD)
