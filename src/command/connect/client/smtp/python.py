# Sends a mail with {key}. Printed by `postkey connect python`.
# {source}
import os
import smtplib
import ssl
from email.message import EmailMessage

secret = os.environ["{variable}"]
mail = EmailMessage()
mail["From"] = "from@example.com"
mail["To"] = "to@example.com"
mail["Subject"] = "Test"
mail.set_content("It works.")

context = ssl.create_default_context()
with {python_connection}
    server.login("{username}", secret)
    server.send_message(mail)
