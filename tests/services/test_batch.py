"""A batch: every row answered once, whatever happens in between."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from freellm_cli.core.errors import CredentialRefused, FreellmError, UsageError
from freellm_cli.core.verdicts import Verdict
from freellm_cli.services.batch import Batch, BatchOptions, Progress
from freellm_cli.services.batch_file import BadLine, Defaults, Survey, rows, survey
from freellm_cli.services.batch_forecast import plan_groups
from freellm_cli.services.batch_journal import (
    DONE,
    NEW,
    SENT,
    Header,
    Journal,
    States,
    begin,
    replay,
)
from freellm_cli.services.batch_refusals import Refusals
from freellm_cli.services.batch_width import Width
from freellm_cli.services.results import Result
from freellm_cli.simulator.server import Simulator
from tests.support.household import FLASH, Household

UNLIMITED = "catalog_limits = false"


@pytest.fixture
def home(home: Household) -> Household:
    home.keys("gemini", "k1", "k2")
    unlimit(home)
    return home


def unlimit(home: Household, **limits: int) -> None:
    """No limits but `limits`; gemini-2.5-flash is the default."""
    url = home.sim.base_url("gemini")
    rows = "".join(f"{name} = {amount}\n" for name, amount in limits.items())
    table = f"[[providers.gemini.limits]]\n{rows}" if limits else ""
    home._providers.clear()
    home.config(
        f'default_model = "{FLASH}"\n[providers.gemini]\nbase_url = "{url}"\n{UNLIMITED}\n{table}'
    )


def prompts(folder: Path, count: int, name: str = "in.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps({"prompt": f"question {n}"}) + "\n" for n in range(count)))
    return str(path)


def run(home: Household, path: str, **options: Any) -> Result:
    return Batch(home.runtime, path, BatchOptions(**options)).run(
        lambda progress: None, lambda line: None
    )


def answers(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def asked(sim: Simulator) -> list[str]:
    """What was asked of the provider, in the order in which it came."""
    return [seen.body["contents"][-1]["parts"][0]["text"] for seen in sim.seen]


def test_every_row_is_asked_once_and_answered_once(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    result = run(home, prompts(tmp_path, 40), out=str(out))
    assert sorted(row["row"] for row in answers(out)) == list(range(1, 41))
    assert sorted(asked(sim)) == sorted(f"question {n}" for n in range(40))
    assert (result.data["answered"], result.data["errors"], result.exit_code) == (40, 0, 0)
    assert not (tmp_path / "out.jsonl.journal").exists()


def test_answers_keep_the_order_when_it_is_asked_for(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    sim.fail("delay", delay_s=0.2)
    out = tmp_path / "out.jsonl"
    run(home, prompts(tmp_path, 12), out=str(out), ordered=True, width=6)
    assert [row["row"] for row in answers(out)] == list(range(1, 13))
    assert sorted(item.name for item in tmp_path.glob("out*")) == ["out.jsonl"]


def test_openai_lines_come_back_in_openai_s_shape(home: Household, tmp_path: Path) -> None:
    lines = [
        {"custom_id": "a", "url": "/v1/chat/completions",
         "body": {"messages": [{"role": "user", "content": "hi"}], "max_completion_tokens": 500}},
        {"custom_id": "v", "url": "/v1/embeddings",
         "body": {"model": "gemini/gemini-embedding-001", "input": ["x", "y"]}},
    ]  # fmt: skip
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "out.jsonl"
    run(home, str(path), out=str(out))
    found = {row["custom_id"]: row for row in answers(out)}
    chat, vectors = found["a"]["response"], found["v"]["response"]
    assert chat["status_code"] == vectors["status_code"] == 200
    assert chat["body"]["choices"][0]["message"]["content"]
    assert [item["index"] for item in vectors["body"]["data"]] == [0, 1]
    stories = {each["asked"]: each["face"] for each in home.runtime.ledger.requests()}
    assert stories == {"": "batch", "gemini/gemini-embedding-001": "batch"}
    assert found["a"]["error"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"model": FLASH, "messages": [{"role": "user", "content": "hi"}]},
        {"model": "gemini/gemini-embedding-001", "input": "hi"},
        {"model": "auto", "input": "hi"},
    ],
)
def test_what_is_private_goes_to_nobody_who_trains_on_it(
    home: Household, sim: Simulator, tmp_path: Path, body: dict[str, Any]
) -> None:
    url = "/v1/embeddings" if "input" in body else "/v1/chat/completions"
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"custom_id": "a", "url": url, "body": body}) + "\n")
    with pytest.raises(FreellmError) as caught:
        run(home, str(path), private=True)
    assert caught.value.exit_code == 3
    assert "train on prompts" in f"{caught.value} {caught.value.hint}"
    assert sim.counts.requests == 0


def test_a_row_that_cannot_be_asked_is_an_error_row(home: Household, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"prompt": "fine"}\n{"id": "x", "messages": 3}\n')
    out = tmp_path / "out.jsonl"
    result = run(home, str(path), out=str(out))
    bad = next(row for row in answers(out) if row["row"] == 2)
    assert (bad["id"], bad["text"], bad["error"]["slug"]) == ("x", None, "request-refused")
    assert "messages" in bad["error"]["message"]
    assert (result.data["errors"], result.exit_code) == (1, 6)


def test_a_row_that_the_provider_fails_gets_another_chance(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    home._extra = home._extra.replace("[providers", "[timeouts]\ntotal = 0.5\n[providers", 1)
    home._write()
    sim.fail("server_error", times=3)
    out = tmp_path / "out.jsonl"
    result = run(home, prompts(tmp_path, 3), out=str(out), width=1)
    assert [row["error"] for row in answers(out)] == [None] * 3
    assert result.data["answered"] == 3


@pytest.mark.parametrize("width", [1, 2, 6])
def test_refused_keys_end_the_batch_at_once_and_leave_it_resumable(
    home: Household, sim: Simulator, tmp_path: Path, width: int
) -> None:
    unlimit(home, concurrent=1)
    sim.fail("delay", delay_s=0.1, times=2)  # so that each row has one key at first
    sim.key("k1").bad()
    sim.key("k2").bad()
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 30)
    with pytest.raises(CredentialRefused, match=r"gemini-1.*gemini-2") as refused:
        run(home, path, out=str(out), width=width)
    assert "--resume" in refused.value.hint
    assert len(asked(sim)) < 30
    doubts = [(rest.key, rest.strikes) for rest in home.runtime.ledger.rests()]
    assert sorted(doubts) == [("credential:gemini-1", 1), ("credential:gemini-2", 1)]
    sim.key("k1").good()
    for rest in home.runtime.ledger.rests():
        home.runtime.ledger.wake(rest.key)
    run(home, path, out=str(out), resume=True)
    assert sorted(row["row"] for row in answers(out)) == list(range(1, 31))


def test_rows_of_several_models_end_likewise_when_no_key_is_left(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    unlimit(home, concurrent=1)
    sim.fail("delay", delay_s=0.1, times=2)
    sim.key("k1").bad()
    sim.key("k2").bad()
    path = tmp_path / "in.jsonl"
    bodies = [{"model": model} for model in (FLASH, "gemini/gemini-2.5-flash-lite")] * 10
    path.write_text("".join(json.dumps({"prompt": "hi", **body}) + "\n" for body in bodies))
    with pytest.raises(CredentialRefused):
        run(home, str(path), out=str(tmp_path / "out.jsonl"), width=2)
    assert {rest.strikes for rest in home.runtime.ledger.rests()} == {1}
    assert len(asked(sim)) < 20


def test_a_key_is_refused_until_it_answers_and_others_are_not_blamed(home: Household) -> None:
    groups = plan_groups(home.runtime, survey_of_one(home.folder), private=False)
    first, second = groups[0].targets
    refusals = Refusals(home.runtime, groups)
    refusals.note(first, Verdict("auth_invalid", "key", message="the key k1 is wrong"))
    assert refusals.of_all() is None
    for kind, scope in (("rate_limited_minute", "key"), ("auth_forbidden", "model")):
        refusals.note(second, Verdict(kind, scope))
        assert refusals.of_all() is None
    refusals.note(second, Verdict("key_suspended", "key"))
    told = refusals.of_all()
    assert told is not None
    assert "is wrong" in told.message
    refusals.answered("gemini-1")
    assert refusals.of_all() is None


def survey_of_one(folder: Path) -> Survey:
    return survey(prompts(folder, 1), "auto", Defaults(model=FLASH))


def test_the_reserve_is_left_for_others(home: Household, sim: Simulator, tmp_path: Path) -> None:
    unlimit(home, requests_per_minute=10)
    out = tmp_path / "out.jsonl"
    path = prompts(tmp_path, 30)
    batch = Batch(home.runtime, path, BatchOptions(out=str(out), reserve=0.2))
    stopped = False

    def watch(progress: Progress) -> None:
        nonlocal stopped
        if not stopped and progress.done == 16 and progress.waiting:
            stopped = True
            raise KeyboardInterrupt

    result = batch.run(watch, lambda line: None)
    assert result.exit_code == 130
    assert sim.counts.requests == 16  # two keys, eight of ten each
    assert home.ask("still room?").completion().text


def test_an_interrupted_batch_goes_on_where_it_stopped(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    sim.fail("delay", delay_s=0.05, times=None)
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 30)
    told = threading.Event()

    def watch(progress: Progress) -> None:
        if progress.done >= 5 and not told.is_set():
            told.set()
            raise KeyboardInterrupt

    first = Batch(home.runtime, path, BatchOptions(out=str(out))).run(watch, lambda line: None)
    done = len(answers(out))
    assert (first.exit_code, first.data["left"]) == (130, 30 - done)
    assert 5 <= done < 30
    assert sim.counts.requests == done  # what was sent was waited for
    second = run(home, path, out=str(out), resume=True)
    assert second.data["already_done"] == done
    assert sorted(asked(sim)) == sorted(f"question {n}" for n in range(30))


def test_a_running_row_that_fails_after_the_interrupt_is_not_tried_again(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    home.config(f"[timeouts]\nfirst_token = 0.4\n{home._extra}")
    sim.fail("stall_before_first_token", times=None)
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 6)
    interrupted: list[int] = []

    def watch(progress: Progress) -> None:
        if progress.interrupted:
            interrupted.append(progress.running)
        elif sim.counts.stalled == 2:
            raise KeyboardInterrupt

    options = BatchOptions(out=str(out), width=2)
    first = Batch(home.runtime, path, options).run(watch, lambda line: None)
    assert (first.exit_code, first.data["left"], first.data["errors"]) == (130, 6, 0)
    assert sim.counts.requests == 2
    assert interrupted[0] == 2
    sim.heal()
    for rest in home.runtime.ledger.rests():
        home.runtime.ledger.wake(rest.key)
    assert run(home, path, out=str(out), resume=True).data["answered"] == 6


def test_who_waits_after_a_failure_is_not_said_to_wait_for_a_limit(
    home: Household, tmp_path: Path
) -> None:
    nobody = "http://127.0.0.1:9/v1"
    home.config(
        f'default_model = "{FLASH}"\n[providers.gemini]\nbase_url = "{nobody}"\n{UNLIMITED}'
    )
    seen: list[Progress] = []

    def watch(progress: Progress) -> None:
        seen.append(progress)
        if progress.fault and progress.waiting == 2:
            raise KeyboardInterrupt

    batch = Batch(home.runtime, prompts(tmp_path, 2), BatchOptions())
    assert batch.run(watch, lambda line: None).exit_code == 130
    assert "server error: " in seen[-1].fault
    assert seen[-1].ends_at is None


def test_another_input_cannot_resume_it(home: Household, sim: Simulator, tmp_path: Path) -> None:
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 10)

    def watch(progress: Progress) -> None:
        raise KeyboardInterrupt

    sim.fail("delay", delay_s=0.2, times=None)
    batch = Batch(home.runtime, path, BatchOptions(out=str(out), width=1))
    batch.run(watch, lambda line: None)
    prompts(tmp_path, 11)
    with pytest.raises(UsageError, match="input has changed"):
        run(home, path, out=str(out), resume=True)


def test_an_output_that_exists_is_refused_and_untouched(home: Household, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("precious\n")
    with pytest.raises(UsageError, match="exists"):
        run(home, prompts(tmp_path, 2), out=str(out))
    assert out.read_text() == "precious\n"
    run(home, prompts(tmp_path, 2), out=str(out), force=True)
    assert len(answers(out)) == 2


def test_the_input_is_never_the_output(home: Household, tmp_path: Path) -> None:
    path = prompts(tmp_path, 2)
    with pytest.raises(UsageError, match="the output is the input"):
        run(home, path, out=path, force=True)
    assert len(Path(path).read_text().splitlines()) == 2


def test_a_resumed_batch_that_is_complete_sends_nothing(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 3)
    run(home, path, out=str(out))
    result = run(home, path, out=str(out), resume=True)
    assert result.data["already"] is True
    assert sim.counts.requests == 3


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("rows_now", [2, 3, 4])
def test_a_complete_batch_is_not_taken_for_that_of_a_changed_input(
    home: Household, sim: Simulator, tmp_path: Path, rows_now: int, ordered: bool
) -> None:
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 3)
    run(home, path, out=str(out), ordered=ordered)
    before = out.read_bytes()
    Path(path).write_text("".join(f'{{"prompt": "another {n}"}}\n' for n in range(rows_now)))
    with pytest.raises(UsageError, match="its input has changed since"):
        run(home, path, out=str(out), ordered=ordered, resume=True)
    assert (out.read_bytes(), sim.counts.requests) == (before, 3)
    run(home, path, out=str(out), ordered=ordered, force=True)
    assert run(home, path, out=str(out), resume=True).data["already"] is True


@pytest.mark.parametrize(("answer", "later_ns"), [("another size", 0), ("y", 1_000_000_000)])
def test_an_output_that_something_else_wrote_since_is_judged_by_its_lines(
    home: Household, sim: Simulator, tmp_path: Path, answer: str, later_ns: int
) -> None:
    sim.reply("x", times=None)
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 3)
    run(home, path, out=str(out))
    written = out.stat()
    Path(path).write_text("".join(f'{{"prompt": "another {n}"}}\n' for n in range(3)))
    out.write_text(out.read_text().replace('"text": "x"', f'"text": "{answer}"'))
    os.utime(out, ns=(written.st_atime_ns, written.st_mtime_ns + later_ns))
    options = BatchOptions(out=str(out), resume=True)
    assert Batch(home.runtime, path, options).plan().data["already_done"] == 3
    assert run(home, path, out=str(out), resume=True).data["already"] is True
    prompts(tmp_path, 4)
    with pytest.raises(UsageError, match="no journal of a batch is beside it"):
        run(home, path, out=str(out), resume=True)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_batch_is_complete_even_if_that_cannot_be_noted(
    home: Household, sim: Simulator, tmp_path: Path, ordered: bool
) -> None:
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 3)
    run(home, path, out=str(out), ordered=ordered)
    (note,) = Path(home.env["FREELLM_STATE_DIR"]).glob("batch/*.done")
    note.unlink()
    note.mkdir()
    assert run(home, path, out=str(out), ordered=ordered, force=True).data["answered"] == 3
    assert run(home, path, out=str(out), ordered=ordered, resume=True).data["already"] is True


def test_the_plan_counts_days_and_sends_nothing(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    unlimit(home, requests_per_minute=10, requests_per_day=20)
    plan = Batch(home.runtime, prompts(tmp_path, 100), BatchOptions()).plan().data
    assert plan["rows"] == 100
    assert plan["ends_in_s"] > 86_400  # 40 a day with two keys
    assert set(plan["by_target"]) == {f"gemini-1/{FLASH}", f"gemini-2/{FLASH}"}
    assert sim.counts.requests == 0


@pytest.mark.parametrize("ordered", [False, True])
def test_the_plan_of_a_resumed_batch_is_for_the_rows_that_are_left(
    home: Household, sim: Simulator, tmp_path: Path, ordered: bool
) -> None:
    sim.fail("delay", delay_s=0.05, times=None)
    out, path = tmp_path / "out.jsonl", prompts(tmp_path, 20)
    options = BatchOptions(out=str(out), ordered=ordered, resume=True)

    def watch(progress: Progress) -> None:
        if progress.done >= 5 and not progress.interrupted:
            raise KeyboardInterrupt

    assert Batch(home.runtime, path, options).plan().data["already_done"] == 0
    left = Batch(home.runtime, path, options).run(watch, lambda line: None).data["left"]
    files = {file: file.read_bytes() for file in tmp_path.glob("out*")}
    plan = Batch(home.runtime, path, options).plan().data
    assert (plan["rows"], plan["already_done"]) == (20, 20 - left)
    assert sum(plan["by_target"].values()) == left
    assert {file: file.read_bytes() for file in tmp_path.glob("out*")} == files
    Batch(home.runtime, path, options).run(lambda progress: None, lambda line: None)
    plan = Batch(home.runtime, path, options).plan().data
    assert (plan["already_done"], plan["by_target"], plan["ends_in_s"]) == (20, {}, 0)


@pytest.mark.parametrize(("name", "said"), [("", "is a folder"), ("in.jsonl", "is the input")])
def test_the_plan_of_a_resumed_batch_refuses_an_output_that_running_it_refuses(
    home: Household, tmp_path: Path, name: str, said: str
) -> None:
    options = BatchOptions(out=str(tmp_path / name), resume=True)
    batch = Batch(home.runtime, prompts(tmp_path, 3), options)
    with pytest.raises(UsageError, match=said):
        batch.plan()
    with pytest.raises(UsageError, match=said):
        batch.run(lambda progress: None, lambda line: None)


def test_the_plan_of_a_batch_that_is_forced_asks_every_row_again(
    home: Household, tmp_path: Path
) -> None:
    out, path = str(tmp_path / "out.jsonl"), prompts(tmp_path, 3)
    run(home, path, out=out)
    options = BatchOptions(out=out, resume=True, force=True)
    assert Batch(home.runtime, path, options).plan().data["already_done"] == 0
    assert run(home, path, out=out, resume=True, force=True).data["answered"] == 3


def test_no_row_can_be_asked_without_a_key(tmp_path: Path, sim: Simulator) -> None:
    home = Household(tmp_path, sim).provider("gemini")
    with pytest.raises(FreellmError) as problem:
        Batch(home.runtime, prompts(tmp_path, 2), BatchOptions())
    assert problem.value.exit_code == 3


# The input


def of(tmp_path: Path, data: bytes, form: str = "auto", name: str = "in.jsonl") -> list[Any]:
    path = tmp_path / name
    path.write_bytes(data)
    return list(rows(str(path), survey(str(path), form, Defaults()).format))


def test_plain_lines_are_prompts_and_empty_ones_are_skipped(tmp_path: Path) -> None:
    found = of(tmp_path, b"\xef\xbb\xbfone\r\n\r\n two \n", name="in.txt")
    assert [(row.number, row.body["prompt"]) for row in found] == [(1, "one"), (3, "two")]


def test_a_file_that_begins_with_an_object_is_jsonl_whatever_its_name(tmp_path: Path) -> None:
    assert of(tmp_path, b'{"prompt": "x"}\n', name="in.txt")[0].body == {"prompt": "x"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"prompt": "a"}\n{"prompt": "b', "line 2 is half-written"),
        (b'{"prompt": "a"}\n{"prompt": }\n{"prompt": "c"}\n', "line 2 is not JSON"),
        (b'{"prompt": "a"}\n[1]\n', "line 2 is no JSON object"),
        (b'{"prompt": "\xff"}\n', "line 1 is not UTF-8"),
        (b'{"prompt": "a"}\n\x00\x01', "line 2 is binary"),
        (b'{"custom_id": "x", "body": 3}\n', "line 1: body is no JSON object"),
        (b"\n\n", "holds no rows"),
    ],
)
def test_a_bad_line_is_named_before_anything_is_sent(
    tmp_path: Path, data: bytes, said: str
) -> None:
    with pytest.raises((BadLine, UsageError), match=said):
        of(tmp_path, data)


# The journal


def journal(tmp_path: Path, states: States) -> tuple[str, str, Header]:
    path, results, header = str(tmp_path / "j"), str(tmp_path / "r"), Header("d", 9, False)
    begin(path, header)
    written = Journal(path, results, states, resume=False)
    written.sent(1)
    written.answered(1, b"one\n")
    written.sent(2)
    written.answered(2, b"two\n")
    written.sent(3)
    written.close(finished=False)
    return path, results, header


def replayed(path: str, results: str, header: Header) -> list[int]:
    states = States(9, places=False)
    replay(path, results, header, states)
    return [states[row] for row in range(1, 5)]


def test_a_replayed_journal_knows_what_is_done_sent_and_new(tmp_path: Path) -> None:
    kept = journal(tmp_path, States(9, places=False))
    assert replayed(*kept) == [DONE, DONE, SENT, NEW]


def test_an_answer_that_never_reached_the_output_is_unknown_for_ever(tmp_path: Path) -> None:
    path, results, header = journal(tmp_path, States(9, places=False))
    Path(results).write_bytes(b"one\ntw")
    assert replayed(path, results, header) == [DONE, SENT, SENT, NEW]
    assert Path(results).read_bytes() == b"one\n"
    states = States(9, places=False)
    replay(path, results, header, states)
    again = Journal(path, results, states, resume=True)
    again.answered(3, b"a longer answer\n")
    again.close(finished=False)
    assert replayed(path, results, header) == [DONE, SENT, DONE, NEW]


def test_a_torn_last_line_of_the_journal_is_cut_off(tmp_path: Path) -> None:
    path, results, header = journal(tmp_path, States(9, places=False))
    with open(path, "ab") as file:
        file.write(b"w 3 8")
    assert replayed(path, results, header) == [DONE, DONE, SENT, NEW]
    assert Path(path).read_bytes().endswith(b"s 3\n")


def test_rows_whose_outcome_is_unknown_can_be_left_alone(
    home: Household, sim: Simulator, tmp_path: Path
) -> None:
    path, out = prompts(tmp_path, 3), tmp_path / "out.jsonl"
    found = survey(path, "auto", Defaults())
    begin(str(out) + ".journal", Header(found.digest, 3, False))
    with open(str(out) + ".journal", "a") as file:
        file.write("s 2\n")
    run(home, path, out=str(out), resume=True, retry_unknown=False)
    assert sorted(asked(sim)) == ["question 0", "question 2"]
    lost = next(row for row in answers(out) if row["row"] == 2)
    assert lost["error"]["slug"] == "outcome_unknown"


# The width


def test_the_width_grows_while_nobody_waits_and_shrinks_with_those_who_do() -> None:
    width = Width(16)
    for _ in range(40):
        width.finished(0.0, busy=width.now)
    assert width.now == 16
    for _ in range(40):
        width.finished(5.0, busy=width.now)
    assert width.now == 2


def test_a_width_that_was_asked_for_stays() -> None:
    width = Width(3, fixed=True)
    width.finished(9.0, busy=3)
    assert width.now == 3
