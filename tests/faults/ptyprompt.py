#!/usr/bin/env python3
"""ptyprompt.py PROMPT -- COMMAND ARG...: what a hidden prompt leaves behind on the terminal.

For each of Ctrl-C, Ctrl-\\, Ctrl-D, SIGTERM, SIGHUP, and half a secret then SIGTERM: starts
COMMAND on a new pseudo-terminal, waits for the text PROMPT, does that, and checks that echo
was off while asking, is on afterwards, that nothing typed was shown, and that the command
ended within 3 s. Prints a line each and 'N passed, N failed'; exits 1 if any failed.
(Ctrl-Z wants a shell with job control: not here.)
"""
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time

HALF = b'half-a-secret'
CASES = {
    'Ctrl-C': b'\x03',
    'Ctrl-\\': b'\x1c',
    'Ctrl-D': b'\x04',
    'SIGTERM': signal.SIGTERM,
    'SIGHUP': signal.SIGHUP,
    'half+SIGTERM': HALF,
}


class Terminal:
    """A pseudo-terminal with the command on it, and all that was shown so far."""

    def __init__(self, command):
        self.master, self.slave = pty.openpty()
        self.shown = b''
        self.process = subprocess.Popen(
            command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def has_echo(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def read_for(self, seconds):
        end = time.time() + seconds
        while time.time() < end:
            if select.select([self.master], [], [], .05)[0]:
                try:
                    self.shown += os.read(self.master, 4096)
                except OSError:
                    return

    def wait_for_text(self, text, seconds=5):
        end = time.time() + seconds
        while text not in self.shown and time.time() < end:
            self.read_for(.1)
        return text in self.shown

    def wait_for_end(self, seconds=3):
        """How the command ended or stopped; None if it is still running."""
        end = time.time() + seconds
        while time.time() < end:
            pid, status = os.waitpid(self.process.pid, os.WNOHANG | os.WUNTRACED)
            if pid:
                if os.WIFSTOPPED(status):
                    return 'stopped'
                return f'rc={os.waitstatus_to_exitcode(status)}'
            time.sleep(.05)
        return None

    def close(self, ended):
        if ended in (None, 'stopped'):
            os.kill(self.process.pid, signal.SIGKILL)
            os.waitpid(self.process.pid, 0)
        self.process.returncode = 0  # it was waited for above
        os.close(self.master)
        os.close(self.slave)


def run_case(name, action, prompt, command):
    terminal = Terminal(command)
    asked = terminal.wait_for_text(prompt)
    during = terminal.has_echo()
    before = len(terminal.shown)

    if isinstance(action, bytes):
        os.write(terminal.master, action)
    else:
        terminal.process.send_signal(action)
    if action is HALF:
        time.sleep(.2)
        terminal.process.terminate()

    ended = terminal.wait_for_end()
    after = terminal.has_echo()
    terminal.read_for(.3)
    typed_shown = HALF in terminal.shown[before:]
    terminal.close(ended)

    good = asked and not during and after and ended not in (None, 'stopped') and not typed_shown
    print(f'{"ok " if good else "BAD"} {name:13} {ended or "still running":14}'
          f' echo while asking: {during}, after: {after}'
          f'{"" if asked else ", never asked"}{", typed text shown" if typed_shown else ""}')
    return good


def main():
    if len(sys.argv) < 4 or sys.argv[2] != '--':
        print(__doc__)
        return 2
    prompt, command = sys.argv[1].encode(), sys.argv[3:]
    passed = sum(run_case(name, action, prompt, command) for name, action in CASES.items())
    print(f'{passed} passed, {len(CASES) - passed} failed')
    return 0 if passed == len(CASES) else 1


if __name__ == '__main__':
    sys.exit(main())
