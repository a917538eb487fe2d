"""What keeps a client joined: a systemd unit and a compose file."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

_UNIT = """\
# Save as ~/.config/systemd/user/{name}.service and run:
#   systemctl --user daemon-reload
#   systemctl --user enable --now {name}
#   loginctl enable-linger      # so that it also runs while you are not logged in
# Join once by hand before, so that you are asked; a change of the problem stops the unit until you
# run the command by hand again (exit code 2).
[Unit]
Description=Fedota client: {title}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart={command}
Restart=on-failure
RestartSec=30
# 2: somebody must be asked; 3: a policy forbids it. Neither gets better by itself.
RestartPreventExitStatus=2 3
# 143 after SIGTERM is how it ends when it is stopped.
SuccessExitStatus=143
TimeoutStopSec=20
Nice=10
NoNewPrivileges=true

[Install]
WantedBy=default.target
"""

_COMPOSE = """\
# Save as compose.yaml{beside} and run once by hand, so that you are asked:
#   docker compose run --rm client
# then to stay joined:
#   docker compose up --detach
services:
  client:
    container_name: {name}
    image: {image}
    command: {arguments}
    user: "{user}"
    volumes:
      - {{type: bind, source: {data}, target: /data, read_only: true}}
      - {{type: bind, source: {home}, target: /fedota}}
    restart: on-failure:5
    stop_grace_period: 20s
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    stdin_open: true
    tty: true
"""


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """What the files name.

    Parameters
    ----------
    title, problem_id
        Of the problem.
    program
        The client's command, its first word an absolute path.
    data, home
        The holder's data, and the membership's folder; for compose also beside its file.
    image
        The client's image, for compose.
    user
        ``uid:gid`` that may read the data and write the folder.
    more
        Further arguments of ``join``.
    """

    title: str
    problem_id: str
    program: tuple[str, ...]
    data: Path
    home: Path
    image: str
    user: str
    more: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the unit and of the compose project."""
        return f"fedota-{self.problem_id}"


def systemd_unit(facts: ServiceFacts) -> str:
    """Write a unit that stays joined."""
    arguments = ["join", "--home", str(facts.home), "--data", str(facts.data), *facts.more]
    command = " ".join(_systemd_quoted(one) for one in (*facts.program, *arguments))
    return _UNIT.format(
        name=facts.name,
        title=facts.title.replace("\n", " ").replace("%", "%%"),
        command=command,
    )


def compose_file(facts: ServiceFacts) -> str:
    """Write a compose file that stays joined."""
    beside = "" if facts.data.is_absolute() else f" beside your folders {facts.data}, {facts.home}"
    arguments = ", ".join(_yaml_quoted(one) for one in ("join", *facts.more))
    return _COMPOSE.format(
        name=facts.name,
        beside=beside,
        image=facts.image,
        arguments=f"[{arguments}]",
        user=facts.user,
        data=_yaml_quoted(_source(facts.data)),
        home=_yaml_quoted(_source(facts.home)),
    )


def _systemd_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$")
    return escaped if shlex.quote(text) == text else '"' + escaped.replace('"', '\\"') + '"'


def _source(folder: Path) -> str:
    """Write a folder so that compose takes it as one, beside its own file unless it is absolute."""
    return str(folder) if folder.is_absolute() else f"./{folder}"


def _yaml_quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'
