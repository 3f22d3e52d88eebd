# For Django, in settings.py: sends mail with {key}. Printed by `postkey connect django`.
# {source}
import os

EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
EMAIL_HOST = "{smtp_host}"
EMAIL_PORT = {smtp_port}
{django_tls} = True
EMAIL_HOST_USER = "{username}"
EMAIL_HOST_PASSWORD = os.environ["{variable}"]
DEFAULT_FROM_EMAIL = "from@example.com"
