// Calls the API with {key}. Printed by `postkey connect node`, for Node.js 18 or later.
// {source}
const secret = process.env.{variable};
if (!secret) throw new Error("{variable} is not set");

const headers = { "{header}": {header_value} };
const response = await fetch("{api_url}", { headers, redirect: "error" });
const answer = await response.text();
if (!response.ok) throw new Error(`${response.status}: ${answer}`);
console.log(answer);
