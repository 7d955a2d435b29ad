from __future__ import annotations

import pytest

from cxnlp.errors import InputError
from cxnlp.server.settings import Settings


def test_the_environment_carries_every_setting() -> None:
    settings = Settings(model="m", api_key="k", max_messages=3, reload_seconds=0.5)
    assert Settings.from_env(settings.to_env()) == settings
    assert Settings.from_env({}) == Settings()


def test_the_key_is_not_shown() -> None:
    assert "geheim" not in repr(Settings(api_key="geheim"))


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"CXNLP_MAX_BODY": "4MB"}, "CXNLP_MAX_BODY must be a number; got '4MB'"),
        ({"CXNLP_MAX_MESSAGES": "0"}, "max_messages must be above 0; got 0"),
        ({"CXNLP_RELOAD_SECONDS": "nan"}, "above 0; got nan"),
        ({"CXNLP_MAX_WAITING": "10"}, r"max_waiting \(10\) is below max_messages \(1,000\)"),
        ({"CXNLP_MAX_MEMORY": "10"}, r"max_memory \(10\) is below max_body"),
    ],
)
def test_a_setting_that_makes_no_sense(env: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Settings.from_env(env)
