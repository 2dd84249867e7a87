"""Run a command in the project's own environment, making the environment first if need be.

    python3 .ci/bootstrap.py econsim run eu-diverse eu-restrictive
    python3 .ci/bootstrap.py pytest

Needs nothing but Python: standard library only, and written so that an old Python can read it and
say that it is too old. The environment is .venv-X.Y beside pyproject.toml, one per Python minor
version; it holds exactly what requirements.lock lists, checked by hash, and the project itself,
editable. It is made once, and again when the lock, the Python or the folder has changed. A stamp
is written last, so an environment whose making was interrupted is not used but made again, and a
lock file lets two callers wait for one another.

Exit codes of its own: 2 Python too old or no command given, 3 another caller is still making the
environment, 4 an installation failed, 5 Python's venv or ensurepip is missing, 127 no such
command. Otherwise the command's.
"""

import sys

USAGE = """usage: python3 .ci/bootstrap.py [--fresh] COMMAND [ARGUMENT ...]

Runs COMMAND inside the project's environment, which is made on first use.
  --fresh   make the environment anew even if it is up to date
examples:
  python3 .ci/bootstrap.py econsim run eu-diverse eu-restrictive
  python3 .ci/bootstrap.py pytest
"""
OLDEST = (3, 11)


def fail(code, text):
    sys.stderr.write("econsim: " + text + "\n")
    sys.stderr.flush()
    raise SystemExit(code)


if sys.version_info < OLDEST:
    fail(
        2,
        "Python {0}.{1} or newer is needed; this is Python {2}.{3} ({4}).".format(
            OLDEST[0], OLDEST[1], sys.version_info[0], sys.version_info[1], sys.executable
        ),
    )

import contextlib
import hashlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = ".venv-{0}.{1}".format(*sys.version_info[:2])
VENV = ROOT / NAME
STAMP = VENV / "econsim-stamp.json"
LOG = ROOT / (NAME + ".log")
REQUIREMENTS = ROOT / "requirements.lock"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
WAIT_SECONDS = 1200


def say(text):
    sys.stderr.write("econsim: " + text + "\n")
    sys.stderr.flush()


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wanted():
    """What the stamp must say: what a change of which makes the environment out of date."""
    return {
        # Any of these changed: the environment is made anew.
        "environment": {
            "python": sys.version,
            "base": sys.base_prefix,
            "root": str(ROOT),
            "lock": sha256(REQUIREMENTS),
        },
        # Only this one changed: the project alone is installed again.
        "project": sha256(ROOT / "pyproject.toml"),
    }


def stamped():
    try:
        found = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and PYTHON.exists() else {}


def write_stamp(content):
    part = STAMP.with_name(STAMP.name + ".part")
    part.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(part, STAMP)


@contextlib.contextmanager
def alone():
    """Hold the lock of this environment; the system gives it back if this process dies."""
    with open(ROOT / (NAME + ".lock"), "a+b") as file:
        start, told = time.monotonic(), False
        while not acquired(file):
            if not told:
                say("waiting for another process that is making {0}".format(NAME))
                told = True
            if time.monotonic() - start > WAIT_SECONDS:
                fail(3, "another process is still making {0}.".format(NAME))
            time.sleep(0.2)
        yield


def acquired(file):
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def without_venv():
    fail(
        5,
        "this Python cannot make a virtual environment (venv or ensurepip is missing); "
        "on Debian and Ubuntu: apt-get install python3-venv",
    )


def environment():
    """The environment variables under which pip and the command run."""
    env = dict(os.environ)
    for name in ("PYTHONHOME", "__PYVENV_LAUNCHER__"):
        env.pop(name, None)
    env["VIRTUAL_ENV"] = str(VENV)
    env["PATH"] = str(BIN) + os.pathsep + env.get("PATH", os.defpath)
    return env


def pip(*arguments):
    env = environment()
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONPATH"):
        env.pop(name, None)
    env.update(PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    # -I would be neater still, but a machine's own pip settings (proxy, certificate) must hold.
    command = [str(PYTHON), "-m", "pip", "install", "--progress-bar", "off", *arguments]
    with open(LOG, "ab") as log:
        code = subprocess.call(
            command, cwd=str(ROOT), env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    if code:
        lines = LOG.read_text(encoding="utf-8", errors="replace").splitlines()
        wrong = [line for line in lines if line.startswith("ERROR")] or lines[-5:]
        fail(4, "pip could not install; all of it is in {0}:\n{1}".format(LOG, "\n".join(wrong)))


def make_environment():
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        without_venv()
    say("making {0} with Python {1}".format(NAME, sys.version.split()[0]))
    if VENV.exists():
        # First the stamp: a half-removed environment must not look whole.
        STAMP.unlink(missing_ok=True)
        shutil.rmtree(VENV)
    LOG.unlink(missing_ok=True)
    with open(LOG, "ab") as log:
        code = subprocess.call(
            [sys.executable, "-m", "venv", str(VENV)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    if code:
        without_venv()
    say("installing requirements.lock, hash-checked (once, about a minute)")
    # Modules are compiled when first imported; compiling all of them now doubles the wait.
    # The lock is the whole set, so nothing is left for pip to resolve: where another package asks
    # for a pinned one with an extra, it looks at newer versions than the pinned one and gives up.
    pip("--no-compile", "--no-deps", "--require-hashes", "-r", str(REQUIREMENTS))


def install_project():
    pip("--no-deps", "--no-build-isolation", "--no-compile", "--editable", str(ROOT))


def prepare(fresh):
    want = wanted()
    if not fresh and stamped() == want:
        return
    with alone():
        found = stamped()  # another process may have made it meanwhile
        if found == want and not fresh:
            return
        start = time.monotonic()
        if fresh or found.get("environment") != want["environment"]:
            make_environment()
            say("installing econsim itself")
        else:
            say("pyproject.toml has changed: installing econsim itself again")
            STAMP.unlink(missing_ok=True)
        install_project()
        write_stamp(want)
        say("ready after {0:.0f} s".format(time.monotonic() - start))


def run(command):
    env = environment()
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        fail(127, "there is no command {0!r} in {1}.".format(command[0], NAME))
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":
        return subprocess.call([program, *command[1:]], env=env)
    # The command takes this process's place: signals and the exit code need no passing on.
    return os.execve(program, [program, *command[1:]], env)


def main(arguments):
    fresh = arguments[:1] == ["--fresh"]
    command = arguments[1:] if fresh else arguments
    if command[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    if not command or command[0].startswith("-"):
        sys.stderr.write(USAGE)
        return 2
    prepare(fresh)
    return run(command)


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        fail(130, "interrupted.")
