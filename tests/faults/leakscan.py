#!/usr/bin/env python3
"""leakscan.py: does any part of the printed secret reach anything but standard output?

  leakscan.py [-k 8] [-p REGEX] [-x PATH ...] [-s FILE] [--memory] -- COMMAND ARG...

Runs COMMAND under strace and takes the secret from its standard output, or from the FILE that it
saves it to, which then is the one place where it may be, by REGEX: group 1 is
the part of which no K characters in a row may turn up, the whole match must not either. (The
default is postkey's: the 64 hex characters. The 16 after them are public and in the vault.)
Looks for them plain, reversed, as hex, base64 at each of the three offsets and UTF-16, in
every write, send, exec argument and environment and file name, and afterwards in the files
under each PATH.
--memory also holds the process at its exit and counts the whole copies left in its memory.
Prints each place, then 'N places looked at, N leaks', and exits 1 on a leak, 2 without a
secret. Memory is reported, not judged.
"""
import argparse
import base64
import os
import re
import subprocess
import sys
import tempfile
import time

SECRET = r'(?m)^(?:xkey|xsmtp)post-([0-9a-f]{64})-[0-9A-Za-z]{16}$'
# What comes in is not a leak: a read shows the buffer that it filled.
INCOMING = {'read', 'pread64', 'readv', 'preadv', 'getrandom', 'readlink'}
HOLD = 3  # seconds that --memory holds the process at its exit


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-k', type=int, default=8, help='characters in a row')
    parser.add_argument('-p', default=SECRET, help='the secret on standard output')
    parser.add_argument('-x', action='append', default=[], help='look into these files, too')
    parser.add_argument('-s', help='the secret is saved to this file')
    parser.add_argument('--memory', action='store_true')
    parser.add_argument('command', nargs='+')
    return parser.parse_args()


def encodings(text):
    """The forms in which a text could be carried along, whole."""
    yield text
    yield text[::-1]
    yield text.hex().encode()
    yield text.hex().upper().encode()
    yield text.decode().encode('utf-16-le')


def base64_pieces(text, length):
    """What is sure to be in the base64 of anything that holds the text, whatever comes before it."""
    for offset in range(3):
        encoded = base64.b64encode(b'\0' * offset + text).decode()
        for start in range(4, len(encoded) - 4 - length):
            yield encoded[start:start + length].encode()


def needles(random_part, whole, k):
    """Everything that must not be found."""
    found = set(encodings(whole))
    for start in range(len(random_part) - k + 1):
        found.update(encodings(random_part[start:start + k]))
    found.update(base64_pieces(random_part, (k * 4 + 2) // 3 + 1))
    return found


def copies_in_memory(pid, text):
    """Counts the text in the readable memory of a process, and prints where it is."""
    copies = 0
    with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
        for line in maps:
            fields = line.split()
            name = fields[5] if len(fields) > 5 else 'anonymous'
            if 'r' not in fields[1] or name in ('[vsyscall]', '[vvar]'):
                continue
            start, end = (int(address, 16) for address in fields[0].split('-'))
            try:
                memory.seek(start)
                here = memory.read(end - start).count(text)
            except OSError:
                continue
            if here:
                print(f'memory at exit: {here} whole copies in {name} {fields[1]}')
            copies += here
    return copies


def look_into_memory(strace, output, pattern):
    """Waits for the secret and for the exit where strace holds the process, then counts."""
    give_up = time.time() + 20
    while strace.poll() is None and time.time() < give_up:
        with open(output, 'rb') as file:
            match = pattern.search(file.read())
        if match:
            time.sleep(HOLD / 2)
            with open(f'/proc/{strace.pid}/task/{strace.pid}/children') as file:
                children = file.read().split()
            return copies_in_memory(children[0], match.group(1)) if children else None
        time.sleep(.05)
    return None


def unhex(text):
    """The bytes that strace -xx wrote as \\x61\\x62."""
    return bytes.fromhex(text.replace('\\x', ''))


def is_saved(path, saved):
    """Whether a path is that of the file that the secret is saved to, or of it unfinished."""
    folder, name = os.path.split(path)
    return path == saved or (folder == os.path.dirname(saved) and name.startswith('.postkey-'))


def traced_texts(trace, is_output):
    """Yields (place, bytes) for every string that a traced call took anywhere but to the output."""
    string = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
    with open(trace, errors='replace') as file:
        for line in file:
            call = re.match(r'\d+\s+(\w+)\((.*)', line)
            if not call:
                continue
            name, rest = call.groups()
            # strace -y tells the file, so a duplicate of standard output is known as such.
            to = re.match(r'\d+<((?:\\x[0-9a-f]{2})*)>, ', rest)
            to_output = name in ('write', 'writev') and to and is_output(unhex(to[1]).decode())
            if name in INCOMING or to_output:
                continue
            place = f'{name}({to and unhex(to[1]).decode(errors="replace") or rest[:40]})'
            for text in string.findall(rest):
                yield place, unhex(text)


def stored_texts(path):
    """Yields (place, bytes) for every file at or under a path."""
    files = [path] if os.path.isfile(path) else [
        os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    for name in files:
        with open(name, 'rb') as file:
            yield name, file.read()


def main():
    options = arguments()
    pattern = re.compile(options.p.encode())
    with tempfile.TemporaryDirectory() as scratch:
        scratch = os.path.realpath(scratch)
        trace, output = os.path.join(scratch, 'trace'), os.path.join(scratch, 'output')
        hold = ['-e', f'inject=exit_group:delay_enter={HOLD}s'] if options.memory else []
        with open(output, 'wb') as stdout:
            strace = subprocess.Popen(
                ['strace', '-f', '-qq', '-v', '-y', '-xx', '-s', '100000000', '-o', trace, *hold, '--',
                 *options.command], stdin=subprocess.DEVNULL, stdout=stdout)
        copies = look_into_memory(strace, output, pattern) if options.memory else None
        status = strace.wait()

        saved = options.s and os.path.realpath(options.s)
        with open(saved or output, 'rb') as file:
            match = pattern.search(file.read())
        if not match:
            print(f'no secret where it should be (exit status {status})')
            return 2

        sought = needles(match.group(1), match.group(0), options.k)
        looked, leaks = 0, []
        is_output = (lambda path: is_saved(path, saved)) if saved else output.__eq__
        places = [traced_texts(trace, is_output), *map(stored_texts, options.x)]
        for place, text in (found for texts in places for found in texts):
            looked += 1
            if any(needle in text for needle in sought):
                leaks.append(place)

    for place in leaks:
        print('LEAK', place)
    if options.memory:
        print('copies in memory at exit:', 'not seen' if copies is None else copies)
    print(f'{looked} places looked at, {len(leaks)} leaks')
    return 1 if leaks else 0


if __name__ == '__main__':
    sys.exit(main())
