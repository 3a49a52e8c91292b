"""`freellm models test` measures, keeps what it found, and spends no more than its share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from freellm_cli.core.errors import UnknownName
from freellm_cli.services.model_speeds import measured_speeds, spell_speed
from freellm_cli.services.model_test import measure_models
from freellm_cli.services.results import Table
from freellm_cli.simulator.server import Simulator
from freellm_cli.storage.speed_file import Speed, SpeedBook, read_speeds, write_speeds
from tests.support.household import FLASH, Household
from tests.support.upstream import simulator

LITE = "gemini/gemini-2.5-flash-lite"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with simulator(first_token_s=0.05, tokens_per_s=400) as running:
        yield running


@pytest.fixture
def home(home: Household) -> Household:
    return home.keys("gemini", "k1", "k2")


def test_a_model_is_measured_shown_and_kept(home: Household, sim: Simulator) -> None:
    result = measure_models(home.runtime, [FLASH])
    row = result.data["models"][0]
    assert row["problem"] is None
    assert 0.04 < row["first_token_s"] < 2
    assert 20 < row["tokens_per_s"] < 2000
    assert isinstance(result.blocks[0], Table)
    assert "█" in str(result.blocks[0].rows)
    kept = measured_speeds(home.runtime)[FLASH]
    assert kept.first_token_s == row["first_token_s"]
    listed = home.run("models", "gemini", "--json")
    shown = {m["id"]: m["measured"] for m in json.loads(listed.out)["models"]}
    assert shown[FLASH]["tokens"] == row["tokens"]
    assert spell_speed(kept) in home.run("models", "show", FLASH).out


def test_the_rotation_fastest_knows_it_too(home: Household) -> None:
    result = measure_models(home.runtime, [FLASH])
    row = result.data["models"][0]
    home.forget()
    seconds, _ = home.runtime.ledger.lessons().speeds[f"{row['credential']}/{FLASH}"]
    assert seconds == pytest.approx(row["first_token_s"], abs=0.05)


def test_five_percent_of_twenty_a_day_is_one_test(home: Household, sim: Simulator) -> None:
    measure_models(home.runtime, [FLASH])
    again = measure_models(home.runtime, [FLASH])
    assert "5% of its 20 requests a day allow no further test" in again.data["models"][0]["problem"]
    assert again.exit_code == 5
    assert sim.counts.requests == 1


def test_a_failing_model_gets_no_second_try_beyond_the_share(
    home: Household, sim: Simulator
) -> None:
    sim.fail("server_error", times=None)
    result = measure_models(home.runtime, [FLASH])
    assert result.data["models"][0]["problem"]
    assert sim.counts.requests == 1


def test_a_share_too_small_for_one_request_sends_nothing(home: Household, sim: Simulator) -> None:
    result = measure_models(home.runtime, [FLASH], share=0.01)
    assert "1% of its 20 requests a day allow no test" in result.data["models"][0]["problem"]
    assert sim.counts.requests == 0


def test_without_names_the_recommended_models_of_my_keys_are_tested(
    home: Household, sim: Simulator
) -> None:
    result = measure_models(home.runtime, [], share=0.5)
    tested = {row["id"] for row in result.data["models"]}
    assert FLASH in tested
    assert all(name.startswith("gemini/") for name in tested)


def test_one_bad_model_does_not_hide_the_others(home: Household, sim: Simulator) -> None:
    sim.model("gemini-2.5-flash").missing()
    result = measure_models(home.runtime, [FLASH, LITE])
    by_id = {row["id"]: row for row in result.data["models"]}
    assert by_id[FLASH]["problem"]
    assert by_id[LITE]["first_token_s"]
    assert result.exit_code == 0


def test_an_unknown_model_is_refused_before_anything_is_sent(
    home: Household, sim: Simulator
) -> None:
    with pytest.raises(UnknownName):
        measure_models(home.runtime, ["no-such-family"])
    assert sim.counts.requests == 0


def test_the_command_line(home: Household) -> None:
    outcome = home.run("models", "test", FLASH, "--share", "10%")
    assert outcome.code == 0
    assert FLASH in outcome.out
    assert "tok/s" in outcome.err
    assert home.run("models", "test", FLASH, "--share", "lots").code == 2


def test_a_damaged_speed_file_costs_only_new_measurements(tmp_path: Path) -> None:
    path = str(tmp_path / "speeds.json")
    (tmp_path / "speeds.json").write_text("{")
    assert read_speeds(path, 0.0) == SpeedBook({}, {})
    book = SpeedBook({"a/b": Speed(0.5, None, 9, 100.0)}, {"m": [(100.0, 50), (90_000.0, 50)]})
    write_speeds(path, book)
    assert read_speeds(path, 86_600.0).spent == {"m": [(90_000.0, 50)]}
    assert read_speeds(path, 86_600.0).speeds == book.speeds
