"""Who is written down, on machines that know the user's name and on those that do not."""

import json

import pytest
from click.testing import CliRunner

from varifactory.actor import actor
from varifactory.command import main
from varifactory.store import Store

NAMES = ("VARIFACTORY_ACTOR", "LOGNAME", "USER", "LNAME", "USERNAME")


@pytest.fixture
def nameless(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A user whose number has no entry, as a container may run one."""

    def absent(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", absent)
    return monkeypatch


def test_a_name_is_given_is_the_login_or_is_unknown(nameless: pytest.MonkeyPatch) -> None:
    assert actor() == "unknown"
    nameless.setenv("USER", "ann")
    assert actor() == "ann"
    nameless.setenv("VARIFACTORY_ACTOR", "bob")
    assert actor() == "bob"


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (("pin", "kept", "--run", "r"), 0), (("gc",), 0),
        (("prune", "pets", "--keep", "0.5", "--as", "few"), 2),
        (("decide", "accept", "pets", "0123abcd"), 2),
    ],
)  # fmt: skip
def test_commands_work_for_a_user_without_a_name(
    nameless: pytest.MonkeyPatch, tmp_path, command: tuple[str, ...], exit_code: int
) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    store.write_run("r", {"actor": "ann"})
    done = CliRunner().invoke(main, [*command, "--store", store.url, "--json"])
    assert done.exit_code == exit_code, done.output
    assert isinstance(done.exception, SystemExit | None)
    if command[0] == "pin":
        assert json.loads(done.stdout)["pin"]["who"] == "unknown"
    elif exit_code:
        assert "no data set 'pets'" in done.stderr
