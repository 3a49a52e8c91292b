"""A simulator: one process on loopback that plays every provider, strictly, and fails on command.

with Simulator("tiny") as sim:
    base_url = sim.base_url("groq")          # http://127.0.0.1:PORT/groq/openai/v1
    sim.key("k1").account("acme").rpm(10)
    sim.fail("cut_midstream", model="llama*", times=1)
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from freellm_cli.core.clock import Clock
from freellm_cli.simulator.accounts import Key, Model, Pot, Registry
from freellm_cli.simulator.control import Control
from freellm_cli.simulator.exchange import Books, Exchange, Pace
from freellm_cli.simulator.faults import FAULTS, OPERATIONS, Rule, RuleBook
from freellm_cli.simulator.hosts import host_of
from freellm_cli.simulator.journal import Counts, Journal, Seen
from freellm_cli.simulator.limits import LimitBook
from freellm_cli.simulator.profiles import PROFILES, Profile
from freellm_cli.simulator.wire import Connection, Gate, Malformed, Request, Send, bad_request

BACKLOG = 1024


class RealClock:
    """Time as the machine tells it."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Simulator:
    """Starts on entering the context, stops and closes every connection on leaving it.

    `clock`: whose `now()` the limits go by; streams are paced in real time whatever it says.
    `tokens_per_s`, `first_token_s`: None for the profile's pace, 0 for at once. `seed`: of random faults.
    `control_token`: when given, `/_control` answers requests that carry it (control.Control).
    """

    def __init__(
        self,
        profile: str | Profile = "generous",
        *,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        tokens_per_s: float | None = None,
        first_token_s: float | None = None,
        control_token: str = "",
    ) -> None:
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.clock: Clock = clock or RealClock()
        self._address = (host, port)
        limits = LimitBook(self.clock, self.profile.limits)
        self._books = Books(limits, Registry(limits), RuleBook(seed), RuleBook(seed), Journal())
        pace = Pace(
            self.profile.first_token_s if first_token_s is None else first_token_s,
            self.profile.tokens_per_s if tokens_per_s is None else tokens_per_s,
        )
        self._exchange = Exchange(self._books, self.clock, pace, lambda: self.url)
        self._control = Control(self, control_token) if control_token else None
        self._gate: Gate | None = None
        self._door: _Door | None = None
        self._play_profile()

    # --- life ---------------------------------------------------------------------------------------

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        fault = self._end()
        if fault and error is None:
            raise fault

    def start(self) -> None:
        """Listens; connections are accepted from here on."""
        if self._door is None:
            self._gate = Gate(self._books.journal.stalled)
            self._door = _Door(self._address, self._gate, self._converse)

    def stop(self) -> None:
        """Ends every connection and thread. Raises the first fault of the simulator itself, if any."""
        fault = self._end()
        if fault:
            raise fault

    def _end(self) -> BaseException | None:
        door, self._door = self._door, None
        if door is None:
            return None
        door.close()
        if self._gate:
            self._gate.close()
            self._gate = None
        return door.errors[0] if door.errors else None

    @property
    def port(self) -> int:
        return self._door.port if self._door else self._address[1]

    @property
    def url(self) -> str:
        """Root of all providers, without a slash at the end."""
        host = self._address[0]
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def base_url(self, provider: str) -> str:
        """The base URL of `provider`; a name that no host has is a plain OpenAI-compatible one."""
        return self.url + host_of(provider).path.replace("{}", "simulated")

    # --- whom it knows ------------------------------------------------------------------------------

    def key(self, text: str) -> Key:
        """The key with this text. Keys that are never mentioned are good and their own account."""
        return self._books.registry.key(text)

    def account(self, name: str) -> Pot:
        """What the keys of an account (`sim.key(…).account(name)`) share."""
        return Pot(self._books.limits, "account", name)

    def address(self, ip: str | None = None) -> Pot:
        """What everybody behind `ip` shares; None: each address apart."""
        return Pot(self._books.limits, "address", ip)

    def provider(self, name: str) -> Pot:
        """What all callers of a provider share."""
        return Pot(self._books.limits, "provider", name)

    def each_key(self) -> Pot:
        """Limits that hold for every key apart."""
        return Pot(self._books.limits, "key", None)

    def model(self, name: str, provider: str | None = None) -> Model:
        """The model with this name on the wire, of one provider or of all."""
        return self._books.registry.model(name, provider)

    # --- what it does -------------------------------------------------------------------------------

    def fail(
        self,
        with_: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        key: str | None = None,
        on: str = "chat",
        times: int | None = 1,
        skip: int = 0,
        probability: float = 1.0,
        **options: Any,
    ) -> Rule:
        """Plays the fault `with_` (a name in `faults.FAULTS`) on the next `times` matching requests.

        `times=None`: always, until `cancel()`. `model` is a shell pattern, `on` one of
        `faults.OPERATIONS` or "any", `skip` so many matching requests pass first, `options` are the
        fault's own (`after`, `delay_s`, `status`, `body`, `headers`, `wait_s`…). Raises ValueError.
        """
        if with_ not in FAULTS:
            raise ValueError(f"no fault is called {with_!r}")
        _check_operation(on)
        rule = Rule(
            with_,
            provider=provider,
            model=model,
            key=key,
            on=on,
            times=times,
            skip=skip,
            probability=probability,
            options=options,
        )
        return self._books.faults.add(rule)

    def reply(
        self,
        text: str | None = None,
        *,
        reasoning: str = "",
        calls: Iterable[tuple[Any, ...]] = (),
        pieces: Iterable[str] | None = None,
        finish: str | None = None,
        provider: str | None = None,
        model: str | None = None,
        key: str | None = None,
        on: str = "chat",
        times: int | None = 1,
    ) -> Rule:
        """Says `text` (streamed as `pieces`, when given) to the next `times` matching requests.

        `calls`: (tool name, arguments object) or (tool name, arguments object, call id) each.
        `finish`: None for the natural one; then `max_tokens` is kept too.
        """
        _check_operation(on)
        options = {
            "text": text,
            "reasoning": reasoning,
            "calls": tuple(calls),
            "pieces": tuple(pieces) if pieces is not None else None,
            "finish": finish,
        }
        rule = Rule(
            "reply", provider=provider, model=model, key=key, on=on, times=times, options=options
        )
        return self._books.replies.add(rule)

    def heal(self) -> None:
        """Forgets all faults and scripted replies, those of the profile too."""
        self._books.faults.clear()
        self._books.replies.clear()

    def release(self) -> None:
        """Lets all answers go on that are stalled now."""
        if self._gate:
            self._gate.open()

    def reset(self) -> None:
        """As new: no faults but the profile's, nothing seen, nothing counted. Keys and limits stay."""
        self.heal()
        self._play_profile()
        self._books.limits.clear()
        self._books.journal.forget()

    # --- what it saw --------------------------------------------------------------------------------

    @property
    def seen(self) -> list[Seen]:
        """The latest 20,000 requests, in the order of arrival."""
        return self._books.journal.seen

    @property
    def counts(self) -> Counts:
        return self._books.journal.counts

    def wait_for(self, predicate: Callable[[Counts], bool], timeout: float = 5.0) -> bool:
        """Waits until `predicate(counts)` holds; False when `timeout` real seconds passed first."""
        return self._books.journal.wait_for(predicate, timeout)

    # --- inside -------------------------------------------------------------------------------------

    def _play_profile(self) -> None:
        for fault in self.profile.faults:
            self.fail(
                fault.name,
                provider=fault.provider,
                probability=fault.probability,
                times=None,
                **dict(fault.options),
            )

    def _converse(self, connection: Connection, address: str) -> None:
        journal = self._books.journal
        journal.connected(+1)
        counted = True
        try:
            while (request := self._read(connection)) is not None:
                if self._control and request.path.startswith("/_control"):
                    if counted:
                        # Whoever holds the remote control is no client.
                        journal.connected(-1)
                        counted = False
                    again = self._control.serve(connection, request)
                else:
                    again = self._exchange.serve(connection, request, address)
                if not again:
                    return
        finally:
            if counted:
                journal.connected(-1)

    def _read(self, connection: Connection) -> Request | None:
        try:
            return connection.read_request()
        except Malformed as malformed:
            self._books.journal.malformed()
            connection.play([Send(bad_request(str(malformed)))], lambda end: None)
            return None


def _check_operation(on: str) -> None:
    if on != "any" and on not in OPERATIONS:
        raise ValueError(f"no operation is called {on!r}")


class _Door:
    """Accepts connections, one thread each, and can end them all at once."""

    def __init__(
        self,
        address: tuple[str, int],
        gate: Gate,
        converse: Callable[[Connection, str], None],
    ) -> None:
        self._gate = gate
        self._converse = converse
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, Connection] = {}
        self._closing = False
        self.errors: list[BaseException] = []
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._listener = socket.create_server(address, family=family, backlog=BACKLOG)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._accept, name="simulator-door", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._wake.send(b"x")
        self._thread.join()
        self._listener.close()
        self._wake.close()
        self._woken.close()
        with self._lock:
            talking = list(self._threads.items())
        for _, connection in talking:
            connection.abort()
        for thread, _ in talking:
            thread.join(10)

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._closing:
                selector.select()
                with contextlib.suppress(OSError):
                    while not self._closing:
                        self._open(*self._listener.accept())

    def _open(self, sock: socket.socket, peer: tuple[Any, ...]) -> None:
        sock.setblocking(True)
        connection = Connection(sock, self._gate)
        thread = threading.Thread(
            target=self._run, args=(connection, peer[0]), name="simulator-talk", daemon=True
        )
        with self._lock:
            self._threads[thread] = connection
        thread.start()

    def _run(self, connection: Connection, address: str) -> None:
        try:
            self._converse(connection, address)
        except OSError:
            pass  # The client left; there is nobody to answer.
        except Exception as error:  # noqa: BLE001 - raised by `stop`, where somebody can see it
            self.errors.append(error)
        finally:
            connection.close()
            with self._lock:
                self._threads.pop(threading.current_thread(), None)
