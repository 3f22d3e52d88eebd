# Sends a mail with {key}. Printed by `postkey connect ruby`.
# {source}
# It needs Ruby 3.1 or later, and `gem install net-smtp`.
require "net/smtp"

mail = <<~MAIL
  From: from@example.com
  To: to@example.com
  Subject: Test

  It works.
MAIL

login = { user: "{username}", secret: ENV.fetch("{variable}"), authtype: :plain }
Net::SMTP.start("{smtp_host}", {smtp_port}, {ruby_tls}, **login) do |server|
  server.send_message(mail, "from@example.com", "to@example.com")
end
