# For Rails, in config/environments/production.rb: sends mail with {key}.
# Printed by `postkey connect rails`. {source}
Rails.application.configure do
  config.action_mailer.delivery_method = :smtp
  config.action_mailer.smtp_settings = {
    address: "{smtp_host}",
    port: {smtp_port},
    {rails_tls},
    authentication: :plain,
    user_name: "{username}",
    password: ENV.fetch("{variable}")
  }
end
