#!/usr/bin/env python3
"""htpasswd.py <SECRETS: a user key-1, key-2 … for each line, with a SHA-1 password."""
import base64
import hashlib
import sys

for number, secret in enumerate(sys.stdin, 1):
    digest = hashlib.sha1(secret.strip().encode()).digest()
    print(f'key-{number}:{{SHA}}{base64.b64encode(digest).decode()}')
