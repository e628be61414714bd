"""Ages and sizes of streams as settings: read as people write them, refused where they would lose something."""

import pytest

from shared.errors import WrongSetting
from shared.limits import DAY, DEFAULTS, GB, HOUR, MB, Limits, age_text, size_text


def test_ages_and_sizes_are_read_as_people_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RAW_AGE": "36h", "NEWS_AGE": "2w", "RAW_BYTES": "1.5 GiB", "DEAD_BYTES": "512m"}.items():
        monkeypatch.setenv(f"WIREROOM_{name}", value)
    limits = Limits()
    assert (limits.raw_age, limits.news_age) == (36 * HOUR, 14 * DAY)
    assert (limits.raw_bytes, limits.dead_bytes) == (1.5 * GB, 512 * MB)
    assert limits.inbox_bytes == DEFAULTS.inbox_bytes == 2 * GB


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("RAW_AGE", "a week", "WIREROOM_RAW_AGE is 'a week': 'a week' is no age such as 12h, 7d or 4w."),
        ("RAW_AGE", "5m", "WIREROOM_RAW_AGE is '5m': it has to be greater than or equal to 3600."),
        ("RAW_BYTES", "4 parsecs", "WIREROOM_RAW_BYTES is '4 parsecs': '4 parsecs' is no size such as 512MB or 4GB."),
        ("RAW_BYTES", "10KB", "WIREROOM_RAW_BYTES is '10KB': it has to be greater than or equal to 16777216."),
        ("NEWS_AGE", "1d", "WIREROOM_NEWS_AGE is below WIREROOM_RAW_AGE"),
        ("LETTERS_AGE", "1d", "WIREROOM_LETTERS_AGE is below WIREROOM_DEAD_AGE"),
    ],
)
def test_a_wrong_value_is_told_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"WIREROOM_{name}", value)
    with pytest.raises(WrongSetting) as caught:
        Limits()
    [line] = caught.value.lines
    assert line.startswith(told)


def test_what_is_shown_can_be_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Limits.model_fields:
        text = (age_text if name.endswith("_age") else size_text)(getattr(DEFAULTS, name))
        monkeypatch.setenv(f"WIREROOM_{name.upper()}", text)
    assert Limits() == Limits.model_construct()
