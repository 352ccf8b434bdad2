"""Settings come from the environment, and a bad value names its variable."""

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from app.settings import Settings, SettingsError


def test_an_empty_environment_gives_the_defaults() -> None:
    """Without any variable every setting has its documented default."""
    assert Settings.from_environment({}) == Settings()


def test_each_variable_sets_its_field() -> None:
    """Text from the environment arrives as number, text or path."""
    environ = {
        "REDIS_URL": "redis://redis:6379/0",
        "QUEUE_LEASE": "2.5",
        "MAX_CSV_BYTES": "100",
        "HEARTBEAT_FILE": "/tmp/beat",  # noqa: S108  only a name here
    }
    settings = Settings.from_environment(environ)
    assert settings.redis_url == "redis://redis:6379/0"
    assert settings.queue_lease == 2.5
    assert settings.max_csv_bytes == 100
    assert settings.heartbeat_file == Path(environ["HEARTBEAT_FILE"])


def test_an_empty_variable_counts_as_unset() -> None:
    """A variable that a manifest leaves empty does not hide the default."""
    assert Settings.from_environment({"REDIS_URL": ""}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "wanted"),
    [
        ("QUEUE_LEASE", "soon", "must be a number"),
        ("MAX_CSV_BYTES", "1.5", "must be a whole number"),
        ("QUEUE_BLOCK", "0", "must be greater than 0"),
        ("QUEUE_BLOCK", "-1", "must be greater than 0"),
        ("REDIS_TIMEOUT", "nan", "must be greater than 0 and finite"),
        ("REDIS_TIMEOUT", "inf", "must be greater than 0 and finite"),
        ("LOG_LEVEL", "LOUD", "must be one of DEBUG, INFO"),
        ("REDIS_URL", "localhost:6379", "must be an address that starts with one of redis://"),
    ],
)
def test_a_bad_value_names_its_variable(variable: str, value: str, wanted: str) -> None:
    """The error says which variable, which value and what would do."""
    with pytest.raises(SettingsError, match=re.escape(wanted)) as caught:
        Settings.from_environment({variable: value})
    assert str(caught.value).startswith(f"{variable}=")
    assert value in str(caught.value)


def test_settings_cannot_be_changed() -> None:
    """Nobody changes a setting while the service runs."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().queue_lease = 1.0  # type: ignore[misc]


def test_every_setting_is_documented() -> None:
    """Each field is followed by a text that says what it means."""
    source = inspect.getsource(Settings)
    for field in dataclasses.fields(Settings):
        assert re.search(rf'    {field.name}: .*\n    """\S', source), field.name
