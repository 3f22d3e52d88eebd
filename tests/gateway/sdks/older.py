"""Calls an API by one of Brevo's older SDKs: MODULE URL; standard input has a line `KEY CALL` for
each call, of which a line says how it ended."""

import importlib
import json
import sys

module, url = sys.argv[1:]
sdk = importlib.import_module(module)


def account(client):
    return sdk.AccountApi(client).get_account().email


def contacts(client):
    return sdk.ContactsApi(client).get_contacts(limit=1).count


def create(client):
    contact = sdk.CreateContact(email="jo@example.org")
    return sdk.ContactsApi(client).create_contact(contact).id


def send(client):
    mail = sdk.SendSmtpEmail(
        sender={"email": "shop@example.com"},
        to=[{"email": "jo@example.org"}],
        subject="Hello",
        text_content="Hi",
    )
    return sdk.TransactionalEmailsApi(client).send_transac_email(mail).message_id


for line in sys.stdin:
    key, call = line.split()
    configuration = sdk.Configuration()
    configuration.host = url
    configuration.api_key["api-key"] = key
    try:
        print(globals()[call](sdk.ApiClient(configuration)))
    except sdk.rest.ApiException as error:
        refusal = json.loads(error.body)
        print(type(error).__name__, error.status, refusal["code"], refusal["message"])
