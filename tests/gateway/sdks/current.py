"""Calls an API by Brevo's current SDK: MODULE URL; standard input has a line `KEY CALL` for each call, or
`KEY CALL MAX_RETRIES`, of which a line says how it ended."""

import sys
import time

from brevo import Brevo
from brevo.core.api_error import ApiError

# How long it would wait.
waits = []
time.sleep = waits.append


def account(client):
    return client.account.get_account().email


def contacts(client):
    return client.contacts.get_contacts(limit=1).count


def create(client):
    return client.contacts.create_contact(email="jo@example.org").id


def send(client):
    sent = client.transactional_emails.send_transac_email(
        sender={"email": "shop@example.com"},
        to=[{"email": "jo@example.org"}],
        subject="Hello",
        text_content="Hi",
    )
    return sent.message_id


for line in sys.stdin:
    key, call, *retries = line.split()
    settings = {"max_retries": int(*retries)} if retries else {}
    client = Brevo(api_key=key, base_url=sys.argv[2], **settings)
    waits.clear()
    try:
        print(globals()[call](client))
    except ApiError as error:
        # A model where the SDK knows of the refusal.
        refusal = error.body if isinstance(error.body, dict) else vars(error.body)
        print(type(error).__name__, error.status_code, refusal["code"], refusal["message"], *waits)
