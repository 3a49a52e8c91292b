"""`freellm setup`: a newcomer ends with an answer, or knows why not."""

from __future__ import annotations

import pytest

from freellm_cli.core.catalog import PublishedLimit
from freellm_cli.services.results import Block, Line, Table
from freellm_cli.services.setup import choices, daily_requests, set_up
from freellm_cli.simulator.server import Simulator
from tests.support.household import Household

KEY = "gsk_CANARY0123456789CANARY0123456789"


@pytest.fixture
def home(home: Household) -> Household:
    for name in ("groq", "mistral", "gemini"):
        home.provider(name)
    return home


class Person:
    """Answers from a list: numbers choose, booleans agree, texts are typed."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.seen: list[Block] = []
        self.heard = ""
        self.opened: list[str] = []

    def _next(self) -> object:
        if not self._answers:
            raise EOFError
        return self._answers.pop(0)

    def show(self, *blocks: Block) -> None:
        self.seen += blocks

    def choose(self, question: str, count: int) -> int | str:
        answer = self._next()
        assert isinstance(answer, str) or (isinstance(answer, int) and answer < count)
        return answer

    def agrees(self, question: str) -> bool:
        return bool(self._next())

    def secret(self, question: str) -> str:
        return str(self._next())

    def text(self, question: str) -> str:
        return str(self._next())

    def open_page(self, address: str) -> bool:
        self.opened.append(address)
        return True

    def say(self, piece: str) -> None:
        self.heard += piece

    def lines(self) -> str:
        return "\n".join(block.text for block in self.seen if isinstance(block, Line))


def place_of(home: Household, provider: str) -> int:
    return [choice.provider.id for choice in choices(home.runtime)].index(provider)


def test_from_nothing_to_the_first_answer(home: Household, sim: Simulator) -> None:
    person = Person(place_of(home, "groq"), True, KEY)
    result = set_up(home.runtime, person)
    assert result.data == {
        "answered": True,
        "model": choices(home.runtime)[place_of(home, "groq")].model.id,
        "credential": "groq-1",
    }
    assert person.opened == ["https://console.groq.com/keys"]
    assert person.heard.strip()
    told = str(result.blocks)
    assert "freellm serve --profile game" in told
    assert "127.0.0.1:8000/v1" in told
    assert KEY not in told + person.lines()


def test_who_has_another_provider_in_mind_types_its_name(home: Household, sim: Simulator) -> None:
    person = Person("gogle", "iflow", "gemini-cli", "ollama", "gemini", False, KEY)
    result = set_up(home.runtime, person)
    assert result.data["credential"] == "gemini-1"
    told = person.lines()
    for said in ("did you mean gemini?", "iFlow has closed", "wants a login", "wants no key"):
        assert said in told


def test_a_name_that_is_none_is_repeated_as_it_was_typed(home: Household) -> None:
    home.provider("my-host", "http://192.168.0.9/v1")
    person = Person("--help", "No-Such Provider", "my-host", "Gemini-CLI", "gemini", False, KEY)
    set_up(home.runtime, person)
    told = person.lines()
    assert "no provider is called '--help'" in told
    assert "no provider is called 'No-Such Provider'" in told
    assert "no model of my-host is known yet" in told
    assert "wants a login" in told


def test_a_provider_that_wants_more_than_a_key_is_asked_for_it(
    home: Household, sim: Simulator
) -> None:
    address = sim.base_url("cloudflare").replace("simulated", "{ACCOUNT_ID}")
    home.provider("cloudflare", address)
    person = Person("cloudflare", False, "my-account", KEY)
    set_up(home.runtime, person)
    assert home.runtime.vault.list()[0].extra == {"account_id": "my-account"}


def test_a_refused_key_is_asked_for_again(home: Household, sim: Simulator) -> None:
    sim.key("gsk_wrong0123456789wrong0123456789").bad()
    person = Person(place_of(home, "groq"), False, "gsk_wrong0123456789wrong0123456789", KEY)
    assert set_up(home.runtime, person).data["answered"] is True
    assert "not stored" in person.lines()
    assert person.opened == []


def test_without_a_key_it_says_how_to_go_on(home: Household) -> None:
    result = set_up(home.runtime, Person(place_of(home, "groq"), False, ""))
    assert result.exit_code == 4
    assert isinstance(result.blocks[0], Line)
    assert "freellm keys add groq" in result.blocks[0].text


def test_the_end_of_input_ends_it_in_peace(home: Household) -> None:
    assert set_up(home.runtime, Person()).data == {"answered": False}


def test_who_has_keys_is_not_made_to_add_one(home: Household) -> None:
    home.keys("groq", KEY)
    person = Person(False)
    assert set_up(home.runtime, person).data["answered"] is True
    assert "You have a key already: groq-1" in person.lines()


def test_a_failing_provider_points_to_the_doctor(home: Household, sim: Simulator) -> None:
    home.keys("groq", KEY)
    sim.fail("bad_request", times=None)
    result = set_up(home.runtime, Person(False))
    assert result.exit_code != 0
    assert any("doctor" in block.text for block in result.blocks if isinstance(block, Line))


def test_the_offer_has_reasons_and_no_closed_or_paid_provider(home: Household) -> None:
    offered = choices(home.runtime)
    assert 3 <= len(offered) <= 5
    assert all(choice.why and choice.provider.status == "active" for choice in offered)
    assert all(choice.provider.key_url.startswith("https://") for choice in offered)
    person = Person()
    set_up(home.runtime, person)
    table = next(block for block in person.seen if isinstance(block, Table))
    assert len(table.rows) == len(offered)


def test_daily_requests_go_by_the_strictest_window() -> None:
    a_minute = PublishedLimit("credential", "*", "requests", "60s", 30)
    a_day = PublishedLimit("credential", "*", "requests", "day:UTC", 50)
    assert daily_requests((a_minute, a_day)) == 50
    assert daily_requests((a_minute,)) == 10_000
    assert daily_requests(()) == 0


def test_without_a_terminal_it_prints_the_commands(home: Household) -> None:
    outcome = home.run("setup")
    assert outcome.code == 0
    assert "freellm keys add" in outcome.out
    assert "--stdin" in outcome.out
