"""`freellm batch`: many questions, as wide as the limits allow, to be resumed after any interruption."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from freellm_cli.services.batch_file import Survey, survey
from freellm_cli.services.batch_forecast import Forecast, GroupPlan, forecast, plan_groups
from freellm_cli.services.batch_output import done_so_far, open_output
from freellm_cli.services.batch_run import BatchRun
from freellm_cli.services.batch_values import BatchOptions, Progress, Watch
from freellm_cli.services.batch_width import Width, width_for
from freellm_cli.services.results import Cell, Facts, Line, Result, Table
from freellm_cli.services.spell import spell_seconds

if TYPE_CHECKING:
    from freellm_cli.services.runtime import Runtime

__all__ = ["Batch", "BatchOptions", "Progress", "Watch"]


class Batch:
    """One batch: `plan()` it, then `run()` it."""

    def __init__(
        self, runtime: Runtime, path: str, options: BatchOptions, *, called: str = ""
    ) -> None:
        """Reads the whole input and finds where its rows could go; sends nothing. `called`: what the input is
        to be called, if not by its path.

        Raises BadLine with the number of a half-written line, UsageError, and what routing raises
        when no row can be asked.
        """
        settings = runtime.settings.batch
        self._runtime = runtime
        self._options = options
        self._reserve = settings.reserve if options.reserve is None else options.reserve
        self.survey: Survey = survey(path, options.format, options.defaults, called=called)
        self.groups: list[GroupPlan] = plan_groups(runtime, self.survey, private=options.private)
        targets = {item.candidate.key: item for group in self.groups for item in group.targets}
        self.width: Width = width_for(list(targets.values()), options.width or settings.width)

    def forecast(self, share_left: float = 1.0) -> Forecast:
        """When it would be done if it began now. `share_left`: of its rows that are to be asked."""
        return forecast(
            self._runtime,
            self.groups,
            share_left=share_left,
            reserve=self._reserve,
            width=self.width.most,
        )

    def _already_done(self) -> int:
        options = self._options
        if options.force or not (options.resume and options.out):
            return 0
        return done_so_far(self._runtime, self.survey, options.out, ordered=options.ordered)

    def plan(self) -> Result:
        """The forecast, for a person and as data: {"rows", "already_done", "tokens", "faulty", "width",
        "starts_in_s", "ends_in_s", "groups": [{"model", "rows", "tokens", "problem"}], "by_target"}.

        Of a batch that is resumed, "already_done" rows are not asked again; the times and "by_target" are of
        the others. Raises as `run` does for an output that is not this batch's.
        """
        total, done = len(self.survey.numbers), self._already_done()
        ahead = self.forecast((total - done) / total)
        now = self._runtime.clock.now()
        data = {
            "rows": total,
            "already_done": done,
            "tokens": ahead.tokens,
            "faulty": self.survey.faulty,
            "width": self.width.most,
            "starts_in_s": _rounded(ahead.starts_at, now),
            "ends_in_s": _rounded(ahead.ends_at if done < total else now, now),
            "groups": [
                {
                    "model": group.model,
                    "rows": group.rows,
                    "tokens": group.tokens,
                    "problem": group.problem.message if group.problem else None,
                }
                for group in self.groups
            ],
            "by_target": ahead.by_target,
        }
        facts = Facts(
            (
                ("rows", f"{total:,} (about {ahead.tokens:,} prompt tokens)"),
                *((("left", f"{total - done:,}"),) if done else ()),
                (
                    "done in",
                    Cell(_spelled(ahead.ends_at, now) if done < total else "no time", "strong"),
                ),
                ("at once", f"up to {self.width.most}"),
            )
        )
        shares = tuple(
            (Cell(target, "strong"), f"{count:,}") for target, count in ahead.by_target.items()
        )
        played = Table(("target", "rows"), shares, empty="no target can be asked")
        return Result(data, (facts, played, *_problems(self.groups)), self.notices())

    def notices(self) -> tuple[str, ...]:
        """What a person should know before it begins."""
        faulty = self.survey.faulty
        words = f"{faulty} rows cannot be asked: their answers will be errors"
        return (
            *((words,) if faulty else ()),
            *(
                f"{group.rows} rows: {group.problem.message}"
                for group in self.groups
                if group.problem is not None
            ),
        )

    def run(self, watch: Watch, write: Callable[[bytes], None]) -> Result:
        """Asks every row that has no answer yet. `watch` is called from this thread about ten times a
        second; `write` takes whole lines when there is no output file. KeyboardInterrupt lets running rows
        end, none is tried again, and makes the exit code 130; a second one gives them up.

        Raises UsageError (the output exists, …), and what keeps all rows from being asked.
        """
        options = self._options
        output = open_output(
            self._runtime,
            self.survey,
            out=options.out,
            write=write,
            ordered=options.ordered,
            resume=options.resume,
            force=options.force,
        )
        if output is None:
            return Result(
                {"rows": len(self.survey.numbers), "output": options.out, "already": True},
                (Line(f"{options.out} is complete already", "good"),),
            )
        options = options._replace(reserve=self._reserve)
        run = BatchRun(self._runtime, self.survey, self.groups, self.width, options, output, watch)
        return run.run()


def _problems(groups: list[GroupPlan]) -> tuple[Line, ...]:
    return tuple(
        Line(f"{group.rows} rows ask for {group.model}: {group.problem.message}", "bad")
        for group in groups
        if group.problem is not None
    )


def _rounded(at: float | None, now: float) -> float | None:
    return None if at is None else round(max(0.0, at - now), 1)


def _spelled(at: float | None, now: float) -> str:
    return "never: some rows fit no limit" if at is None else spell_seconds(max(1.0, at - now))
