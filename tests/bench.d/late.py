#!/usr/bin/env python3
"""late.py BIN FOLDER ROUNDS: how often a running `serve` accepts a secret after the command that
stopped it has returned, asked on warm connections at once. Prints that, and the rounds made."""
import itertools
import os
import socket
import subprocess
import sys

binary, folder, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
vault = os.path.join(folder, "vault.db")
CONNECTIONS = 4


def postkey(*words):
    command = [binary, "--quiet", "--yes", "--vault", vault, *words]
    run = subprocess.run(command, capture_output=True, check=True, text=True)
    return run.stdout.strip()


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.answers = self.socket.makefile("rb")

    def status(self, secret):
        self.socket.sendall(f"GET /verify HTTP/1.1\r\nhost: a\r\napi-key: {secret}\r\n\r\n".encode())
        status = int(self.answers.readline().split()[1])
        length = 0
        while (line := self.answers.readline()) != b"\r\n":
            name, value = line.lower().split(b":", 1)
            if name == b"content-length":
                length = int(value)
        self.answers.read(length)
        return status


os.makedirs(folder, mode=0o700)
secret = postkey("generate", "api", "k")
serve = subprocess.Popen(
    [binary, "--vault", vault, "serve", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True
)
port = int(next(line for line in serve.stderr if "listening on" in line).rsplit(":", 1)[1])
warm = [Connection(port) for _ in range(CONNECTIONS)]
late = made = 0
stops = (["deactivate", "k"], ["regenerate", "k"], ["revoke", "--replace", "k"], ["delete", "k"])
try:
    for stop in itertools.islice(itertools.cycle(stops), rounds):
        assert all(each.status(secret) == 200 for each in warm)
        shown = postkey(*stop)
        late += sum(each.status(secret) == 200 for each in warm)
        made += 1
        if stop[0] == "deactivate":
            postkey("activate", "k")
        else:
            secret = shown or postkey("generate", "api", "k")
finally:
    serve.terminate()
print(late, made)
