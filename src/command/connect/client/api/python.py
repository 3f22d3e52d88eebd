# Calls the API with {key}. Printed by `postkey connect python`.
# {source}
import os
from urllib.request import Request, urlopen

secret = os.environ["{variable}"]
request = Request("{api_url}")
request.add_unredirected_header("{header}", {header_value})
with urlopen(request, timeout=10) as response:
    print(response.read().decode())
