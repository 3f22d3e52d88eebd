// Calls an API by Brevo's current SDK: MODULE URL; standard input has a line `KEY CALL` for each call, or
// `KEY CALL MAX_RETRIES`, of which a line says how it ended.

const { readFileSync } = require("node:fs");
const { BrevoClient, BrevoError } = require(process.argv[2]);

// How long it would wait in seconds; its limit on the time of a request is shorter here.
const timeoutInSeconds = 10;
let waits = [];
const { setTimeout } = globalThis;
globalThis.setTimeout = (then, milliseconds) => {
  const seconds = milliseconds / 1000;
  if (seconds <= timeoutInSeconds) return setTimeout(then, milliseconds);
  waits.push(seconds);
  return setTimeout(then, 0);
};

const calls = {
  account: async (client) => (await client.account.getAccount()).email,
  contacts: async (client) => (await client.contacts.getContacts({ limit: 1 })).count,
  create: async (client) => (await client.contacts.createContact({ email: "jo@example.org" })).id,
  send: async (client) => {
    const sent = await client.transactionalEmails.sendTransacEmail({
      sender: { email: "shop@example.com" },
      to: [{ email: "jo@example.org" }],
      subject: "Hello",
      textContent: "Hi",
    });
    return sent.messageId;
  },
};

async function main() {
  for (const line of readFileSync(0, "utf8").trim().split("\n")) {
    const [apiKey, call, maxRetries] = line.split(" ");
    const settings = maxRetries ? { maxRetries: Number(maxRetries) } : {};
    const client = new BrevoClient({
      apiKey, baseUrl: process.argv[3], timeoutInSeconds, ...settings,
    });
    waits = [];
    try {
      console.log(await calls[call](client));
    } catch (error) {
      if (!(error instanceof BrevoError)) throw error;
      const { code, message } = error.body;
      console.log(error.constructor.name, error.statusCode, code, message, ...waits);
    }
  }
}

main();
