# Calls the API with {key}. Printed by `postkey connect ruby`, for Ruby 3 or later.
# {source}
require "net/http"

secret = ENV.fetch("{variable}")
response = Net::HTTP.get_response(URI("{api_url}"), { "{header}" => {header_value} })
response.value # raises an error unless the status is 2xx
puts response.body
