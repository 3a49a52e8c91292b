"""The files that start the server by themselves, read back the way each system reads them."""

from __future__ import annotations

import plistlib
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freellm_cli.core.errors import ConfigError
from freellm_cli.core.service_files import (
    ServiceSpec,
    launchd_plist,
    systemd_unit,
    windows_task,
)

PLAIN = ServiceSpec(("/usr/bin/freellm", "serve", "--port", "9000"), ("/c", "/s"), 30.0)
AWKWARD = [
    "/home/a b/freellm",
    '/home/say "hi"/x',
    "/home/it's/x",
    "C:\\Program Files\\free llm\\freellm.exe",
    "C:\\ends with\\",
    "100%",
    "$HOME/${PATH}",
    "a;b&c<d>e|f",
    "ключ 鍵",
    "",
    "%h\\n",
]
WORDS = st.lists(
    st.one_of(
        st.sampled_from(AWKWARD),
        st.text(st.characters(exclude_categories=("C", "Z")), max_size=12),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
# The elements of a task that ours uses, in the order of the published schema, with what each may hold:
# https://learn.microsoft.com/openspecs/windows_protocols/ms-tsch/
TASK = {
    "RegistrationInfo/Description": ".+",
    "RegistrationInfo/URI": r"\\\w+",
    "Triggers/LogonTrigger/Enabled": "true|false",
    "Triggers/LogonTrigger/UserId": ".+",
    "Principals/Principal/UserId": ".+",
    "Principals/Principal/LogonType": "S4U|Password|InteractiveToken|InteractiveTokenOrPassword",
    "Principals/Principal/RunLevel": "LeastPrivilege|HighestAvailable",
    "Settings/MultipleInstancesPolicy": "Parallel|Queue|IgnoreNew|StopExisting",
    "Settings/DisallowStartIfOnBatteries": "true|false",
    "Settings/StopIfGoingOnBatteries": "true|false",
    "Settings/AllowHardTerminate": "true|false",
    "Settings/StartWhenAvailable": "true|false",
    "Settings/RunOnlyIfNetworkAvailable": "true|false",
    "Settings/AllowStartOnDemand": "true|false",
    "Settings/Enabled": "true|false",
    "Settings/Hidden": "true|false",
    "Settings/ExecutionTimeLimit": r"PT\d+[HMS]",
    "Settings/Priority": "[0-9]|10",
    "Settings/RestartOnFailure/Interval": r"PT\d+[HMS]",
    "Settings/RestartOnFailure/Count": "[1-9][0-9]{0,2}",
    "Actions/Exec/Command": ".+",
    "Actions/Exec/Arguments": ".+",
}


def systemd_words(value: str) -> list[str]:
    r"""Takes a value apart as systemd.syntax(7) says: quotes, backslash escapes, then `%%`."""
    words, rest = [], value
    while rest:
        found = re.match(r'"((?:[^"\\]|\\.)*)"(?: |$)|([^\s"\'\\]+)(?: |$)', rest)
        assert found, rest
        quoted, bare = found.groups()
        word = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        assert not re.search(r"(?<!%)%(?:%%)*(?!%)", word), "a lone % begins a specifier"
        words.append(word.replace("%%", "%"))
        rest = rest[found.end() :]
    return words


def windows_words(line: str) -> list[str]:
    """Takes a command line apart as the C runtime does."""
    words: list[str] = []
    word, quoted, open_word, at = "", False, False, 0
    while at < len(line):
        slashes = len(line[at:]) - len(line[at:].lstrip("\\"))
        at += slashes
        if line[at : at + 1] == '"':
            word += "\\" * (slashes // 2)
            open_word = True
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
            at += 1
            continue
        word += "\\" * slashes
        open_word = open_word or bool(slashes)
        if at < len(line):
            if line[at] in " \t" and not quoted:
                words += [word] if open_word else []
                word, open_word = "", False
            else:
                word, open_word = word + line[at], True
            at += 1
    return words + ([word] if open_word else [])


def entry(unit: str, name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)
    return str(value)


def task(spec: ServiceSpec, person: str = "") -> ET.Element:
    return ET.fromstring(windows_task(spec, person).encode("utf-16"))


@given(WORDS, WORDS)
def test_a_unit_gives_back_every_word_and_folder(
    words: tuple[str, ...], folders: tuple[str, ...]
) -> None:
    unit = systemd_unit(ServiceSpec(("/bin/freellm", *words), folders, 30.0))
    assert entry(unit, "ExecStart").startswith(":"), "variables would be put in"
    assert systemd_words(entry(unit, "ExecStart")[1:]) == ["/bin/freellm", *words]
    assert systemd_words(entry(unit, "ReadWritePaths")) == list(folders)


@given(WORDS)
def test_a_property_list_gives_back_every_word(words: tuple[str, ...]) -> None:
    text = launchd_plist(ServiceSpec(words, (), 30.0), "/log & more")
    read = plistlib.loads(text.encode())
    assert read["ProgramArguments"] == list(words)
    assert read["StandardErrorPath"] == "/log & more"


@given(WORDS)
def test_a_task_gives_back_every_word(words: tuple[str, ...]) -> None:
    read = task(ServiceSpec(words, (), 30.0))
    execute = read.find(f"{NAMESPACE}Actions/{NAMESPACE}Exec")
    assert execute is not None
    program = execute.findtext(f"{NAMESPACE}Command") or ""
    arguments = execute.findtext(f"{NAMESPACE}Arguments") or ""
    assert [program, *windows_words(arguments)] == list(words)


def test_a_unit_may_write_only_where_it_must_and_gains_no_rights() -> None:
    unit = systemd_unit(PLAIN)
    assert entry(unit, "ProtectSystem") == "strict"
    assert entry(unit, "ReadWritePaths") == "/c /s"
    assert entry(unit, "NoNewPrivileges") == "yes"


def test_a_stop_lets_answers_finish_before_it_is_enforced() -> None:
    spec = PLAIN._replace(drain=120.0)
    assert int(entry(systemd_unit(spec), "TimeoutStopSec")) > 120
    assert plistlib.loads(launchd_plist(spec, "/log").encode())["ExitTimeOut"] > 120


def test_a_fault_is_tried_again_but_a_wrong_setting_is_not() -> None:
    unit = systemd_unit(PLAIN)
    assert entry(unit, "Restart") == "on-failure"
    assert entry(unit, "RestartPreventExitStatus") == "2 3"
    assert plistlib.loads(launchd_plist(PLAIN, "/log").encode())["KeepAlive"] == {
        "SuccessfulExit": False
    }


@pytest.mark.parametrize("person", ["", "HOME-PC\\Ann & Bob"])
def test_a_task_holds_only_what_the_schema_knows_in_its_order(person: str) -> None:
    read = task(PLAIN, person)
    assert read.tag == f"{NAMESPACE}Task"
    assert read.get("version") == "1.2"
    found = []

    def walk(element: ET.Element, path: str) -> None:
        for child in element:
            assert child.tag.startswith(NAMESPACE)
            name = f"{path}/{child.tag.removeprefix(NAMESPACE)}".lstrip("/")
            if len(child):
                walk(child, name)
                continue
            found.append(name)
            assert re.fullmatch(TASK[name], child.text or ""), (name, child.text)

    walk(read, "")
    order = [name for name in TASK if name in found]
    assert found == order
    assert ("Principals/Principal/UserId" in found) == bool(person)


def test_a_program_that_systemd_would_refuse_is_started_by_another() -> None:
    unit = systemd_unit(ServiceSpec(('/it"s/freellm', "serve"), (), 1.0))
    assert systemd_words(entry(unit, "ExecStart")[1:]) == ["/usr/bin/env", '/it"s/freellm', "serve"]
    with pytest.raises(ConfigError, match="systemd cannot start"):
        systemd_unit(ServiceSpec(("/it's=/freellm",), (), 1.0))


@pytest.mark.parametrize("word", ["/a\nExecStartPre=/bin/evil", "/a\x00b", "/a\udcffb"])
def test_a_path_that_no_file_can_hold_is_refused(word: str) -> None:
    spec = ServiceSpec((word,), (), 1.0)
    for make in (systemd_unit, windows_task, lambda it: launchd_plist(it, "/log")):
        with pytest.raises(ConfigError, match="no service file can hold"):
            make(spec)
