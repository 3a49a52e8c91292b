"""`freellm config check`: an all-clear is true, and whatever is wrong is told at once."""

from __future__ import annotations

import json

from tests.support.household import FLASH, Household, Outcome


def check(home: Household, text: str, *more: str) -> Outcome:
    return home.config(text).run("config", "check", *more)


def test_names_that_stand_for_nothing_are_told_with_their_lines(home: Household) -> None:
    told = check(
        home,
        'default_model = "nosuch"\n[aliases]\nsmart = [\n  "nosuch/x",\n  "kimi-k3",\n]\n'
        '"gpt" = "smrt"\nwell = "smart"\n[[routes]]\nfor = "well"\nuse = "groq"\n',
    )
    assert (told.code, told.err) == (0, "")
    meant = " (did you mean groq/openai/gpt-oss-120b or groq/openai/gpt-oss-20b?)"
    lines = [line.partition("config.toml, ")[2] for line in told.out.splitlines()]
    assert lines == [
        "line 1: default_model: no model, family or alias is called 'nosuch'",
        "line 3: aliases.smart[1]: no model, family or alias is called 'nosuch/x'",
        "line 7: aliases.gpt: no model, family or alias is called 'smrt'",
        "line 11: routes[1].use: groq is a provider, and a model is wanted" + meant,
    ]


def test_names_that_stand_for_something_pass_with_a_key_or_without(home: Household) -> None:
    home.provider("attic", home.sim.base_url("attic"))
    told = check(
        home,
        f'default_model = "one"\n[aliases]\none = ["{FLASH}", "two"]\ntwo = ["kimi-k3", "iflow/kimi-k2"]\n'
        'three = ["attic/whatever-it-serves", "auto", "gemini-2.5-flash"]\n',
    )
    assert (told.code, told.err) == (0, "")
    assert told.out.endswith("nothing to complain of\n")


def test_what_the_star_catches_is_no_fault_and_the_star_itself_may_be_one(home: Household) -> None:
    assert check(home, f'[aliases]\ngpt = "anything"\n"*" = "{FLASH}"').out.endswith("of\n")
    assert 'aliases."*": no model' in check(home, '[aliases]\n"*" = "anything"').out


def test_a_name_in_the_environment_is_told_with_its_variable(home: Household) -> None:
    told = home.run("config", "check", env={"FREELLM_DEFAULT_MODEL": "smrt"})
    assert told.out.startswith("the environment variable FREELLM_DEFAULT_MODEL: ")


def test_every_fault_is_told_and_none_of_them_refers_to_the_check(home: Household) -> None:
    broken = 'defualt_model = "x"\n[aliases]\nsmart = 3\n[providers.gemni]\nfirst_token = "a"\n'
    told = check(home, broken)
    assert (told.code, told.err) == (3, "")
    smart, gemni, unknown, way = told.out.splitlines()
    assert "line 3: aliases.smart must be" in smart
    assert "line 5: providers.gemni.first_token must be" in gemni
    assert "line 1: no setting is called defualt_model" in unknown
    assert "config check" not in told.out
    assert "freellm config edit" in way
    data = json.loads(check(home, broken, "--json").out)
    assert (data["problems"], data["warnings"]) == ([smart, gemni], [unknown])


def test_a_warning_is_told_once(home: Household) -> None:
    told = check(home, 'defualt_model = "x"')
    assert (told.out + told.err).count("defualt_model") == 1


def test_damaged_keys_do_not_keep_the_settings_from_being_checked(home: Household) -> None:
    (home.folder / "config").mkdir()
    (home.folder / "config" / "credentials.toml").write_text("[[")
    assert "'smrt'" in check(home, '[aliases]\ngpt = "smrt"').out
