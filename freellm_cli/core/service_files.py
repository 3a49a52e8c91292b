"""What each system wants written down to start `freellm serve` by itself.

systemd: a user unit (https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html).
macOS: a property list for launchd (`man 5 launchd.plist`).
Windows: a task that begins when the person signs in
(https://learn.microsoft.com/windows/win32/taskschd/task-scheduler-schema).
"""

from __future__ import annotations

from typing import NamedTuple

from freellm_cli.core.errors import ConfigError

NAME = "freellm"
LAUNCHD_LABEL = "freellm.serve"
_SPARE_S = 15
"""What a stop may take beyond the time that running answers get."""

# What systemd reads as it stands (systemd.syntax(7), "Quoting").
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-+=./:@,")

# The sandbox of a user's unit needs a user namespace of its own (systemd.exec(5), "ProtectSystem=").
# Exit codes 2 and 3 are usage and configuration: trying again would not mend them.
_UNIT = """\
[Unit]
Description=freellm: one model endpoint out of your free tiers
Documentation=man:freellm-serve(1)
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=exec
ExecStart=:{command}
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2 3
KillMode=mixed
TimeoutStopSec={stop}
SyslogIdentifier=freellm
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
PrivateUsers=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ReadWritePaths={folders}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
"""

_PLIST = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{label}</string>
  <key>ProgramArguments</key>
  <array>
{words}
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>30</integer>
  <key>ExitTimeOut</key>
  <integer>{stop}</integer>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardOutPath</key>
  <string>{log}</string>
  <key>StandardErrorPath</key>
  <string>{log}</string>
</dict>
</plist>
"""

_TASK = """\
<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>freellm: one model endpoint out of your free tiers</Description>
    <URI>\\{name}</URI>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>{person}
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">{principal}
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <AllowHardTerminate>true</AllowHardTerminate>
    <StartWhenAvailable>true</StartWhenAvailable>
    <RunOnlyIfNetworkAvailable>false</RunOnlyIfNetworkAvailable>
    <AllowStartOnDemand>true</AllowStartOnDemand>
    <Enabled>true</Enabled>
    <Hidden>false</Hidden>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>10</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{program}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


class ServiceSpec(NamedTuple):
    """`command`: the words to run, the first an absolute path. `folders`: all that it writes to, absolute.
    `drain`: seconds that running answers get when it is stopped."""

    command: tuple[str, ...]
    folders: tuple[str, ...]
    drain: float


def systemd_unit(spec: ServiceSpec) -> str:
    """The text of a user unit. Raises ConfigError for words that no such file can hold."""
    return _UNIT.format(
        command=" ".join(map(_systemd_word, _runnable(_checked(spec.command)))),
        folders=" ".join(map(_systemd_word, _checked(spec.folders))),
        stop=_stop_seconds(spec),
    )


def launchd_plist(spec: ServiceSpec, log: str) -> str:
    """The text of a launch agent; what it prints goes to the file `log`. Raises ConfigError."""
    words = _checked(spec.command)
    return _PLIST.format(
        label=LAUNCHD_LABEL,
        words="\n".join(f"    <string>{_xml(word)}</string>" for word in words),
        log=_xml(*_checked((log,))),
        stop=_stop_seconds(spec),
    )


def windows_task(spec: ServiceSpec, person: str = "") -> str:
    """The text of a task, to be written as UTF-16, for `person` (`DOMAIN\\name`). Raises ConfigError."""
    program, *arguments = _checked(spec.command)
    whose = f"<UserId>{_xml(*_checked((person,)))}</UserId>" if person else ""
    return _TASK.format(
        name=NAME,
        person=whose and f"\n      {whose}",
        principal=whose and f"\n      {whose}",
        program=_xml(program),
        arguments=_xml(" ".join(map(_windows_word, arguments))),
    )


def _stop_seconds(spec: ServiceSpec) -> int:
    return int(spec.drain) + _SPARE_S


def _checked(words: tuple[str, ...]) -> tuple[str, ...]:
    for word in words:
        if not word.isprintable():
            raise ConfigError(
                f"{word!r} holds a character that no service file can hold",
                hint="use a folder with a plainer name",
            )
    return words


def _runnable(words: tuple[str, ...]) -> tuple[str, ...]:
    """systemd refuses a program whose path holds quotes or backslashes; `env` starts it all the same."""
    program = words[0]
    if not set(program) & set("'\"\\"):
        return words
    if "=" in program:  # env would take it for a variable
        raise ConfigError(
            f"systemd cannot start {program}",
            hint="install freellm in a folder with a plainer name",
        )
    return ("/usr/bin/env", *words)


def _systemd_word(word: str) -> str:
    r"""Quoted where it must be; `%` begins a specifier even inside quotes. `$` needs no care, since the `:`
    before the command turns variables off."""
    word = word.replace("%", "%%")
    if word and _PLAIN.issuperset(word.replace("%", "")):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _windows_word(word: str) -> str:
    r"""As the C runtime of Windows takes command lines apart: backslashes are literal unless a quote follows
    (https://learn.microsoft.com/cpp/c-language/parsing-c-command-line-arguments)."""
    if word and not set(word) & set(' \t"'):
        return word
    quoted, slashes = '"', 0
    for character in word:
        if character == '"':
            quoted += "\\" * (slashes + 1)
        slashes = slashes + 1 if character == "\\" else 0
        quoted += character
    return quoted + "\\" * slashes + '"'


def _xml(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text
