"""What a credential tells about its secret: all of it to those who must hide it, nothing to those who show it."""

from __future__ import annotations

import base64
import json

import pytest

from addons.vault.credential import Credential, masked


def test_a_secret_does_not_show_in_a_log():
    assert "hush" not in repr(Credential("a", "openai", "hush"))


@pytest.mark.parametrize("secret", ["", "short", "fifteen-letters"])
def test_nothing_of_a_short_secret_is_shown(secret: str):
    assert masked(secret) == "••••••••"


def test_of_a_long_secret_its_ends_are_shown():
    assert masked('{"access_key_id": "AKIA", "secret_access_key": "abcdefgh"}') == "{••••••••}"
    assert masked("abcdef" + "x" * 40 + "wxyz") == "abcdef…wxyz"


def test_the_fields_of_a_secret_are_hidden_each():
    credential = Credential(
        "a", "bedrock", '{"access_key": "AKEXAMPLE1", "secret_key": "0123456789", "n": 5, "s": "short"}'
    )
    assert set(credential.secret_values()) == {credential.secret, "AKEXAMPLE1", "0123456789"}
    assert credential.secret_field("access_key") == "AKEXAMPLE1"
    assert credential.secret_field("n") == ""


@pytest.mark.parametrize("secret", ["plain", "[1]", '"text"', "{broken"])
def test_a_secret_without_fields_is_hidden_as_a_whole(secret: str):
    credential = Credential("a", "openai", secret)
    assert credential.secret_values() == [secret]
    assert credential.secret_field("x") == ""


def test_an_empty_setting_counts_as_none():
    assert Credential("a", "openai", settings={"base_url": ""}).setting("base_url", "default") == "default"


def test_what_is_no_secret_beside_a_secret_may_stand_in_texts():
    login = {
        "type": "service_account",
        "private_key": "-----BEGIN",
        "client_email": "me@models.example",
        "project_id": "my-project",
        "token_uri": "https://oauth2.example/token",
        "access_token": "the-access-token",
        "token_endpoint": "https://idp.example/token",
        "profile_arn": "arn:aws:codewhisperer:us-east-1:1:profile/A",
        "anything_else": "might be one",
    }
    credential = Credential("a", "vertex", json.dumps(login))
    assert set(credential.secret_values()) == {
        credential.secret,
        "-----BEGIN",
        "the-access-token",
        "might be one",
    }


def test_secrets_among_the_settings_are_hidden_too():
    settings = {
        "base_url": "https://api.example/v1",
        "client_secret": "hush-client",
        "headers": {"Authorization": "Bearer hush-header", "x-team": "blue"},
        "proxy_url": "http://me:hush%2Fproxy@proxy.example:3128",
    }
    assert set(Credential("a", "openai", settings=settings).secret_values()) == {
        "hush-client",
        "Bearer hush-header",
        "hush-header",
        "hush%2Fproxy",
        "hush/proxy",
        base64.b64encode(b"me:hush/proxy").decode(),
    }
