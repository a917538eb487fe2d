"""A program that behaves as it is told, for spawners to start.

As a server it reads ``FEDOTA_TEST_BEHAVIOUR``; as a job, its first argument.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def log(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def wait_for_the_end() -> None:
    threading.Event().wait(60)


def child() -> int:
    program = "import threading; threading.Event().wait(60)"
    return subprocess.Popen([sys.executable, "-c", program]).pid


def serve(behaviour: str) -> None:
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    if behaviour == "dies":
        log("the port is taken")
        sys.exit(3)
    if behaviour == "silent":
        wait_for_the_end()
    if behaviour == "family":
        log(f"family {os.getpid()} {child()}")
    if behaviour == "environment":
        log(json.dumps(dict(os.environ)))
    if behaviour == "chatty":
        for number in range(2000):
            log(f"line {number:04d} " + "x" * 40)
    say("not yet")
    say("ready 127.0.0.1:7")
    if behaviour == "crashes later":
        os.kill(os.getpid(), signal.SIGABRT)
    if behaviour == "stubborn":
        wait_for_the_end()
    asked.wait(60)
    log("stopped gracefully")


def job(what: str, *arguments: str) -> None:
    if what == "say":
        for word in arguments:
            say(word)
        log("done")
    if what == "fail":
        log("the model has no layers")
        sys.exit(1)
    if what == "hang":
        log(f"family {os.getpid()} {child()}")
        wait_for_the_end()
    if what == "eat":
        eaten = b"x" * (int(arguments[0]) << 20)
        wait_for_the_end()
        say(str(len(eaten)))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        if "FEDOTA_TEST_BEHAVIOUR" in os.environ:
            serve(os.environ["FEDOTA_TEST_BEHAVIOUR"])
        else:
            job(*sys.argv[1:])
