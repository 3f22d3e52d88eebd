// Sends a mail with {key}. Printed by `postkey connect nodemailer`.
// {source}
// It needs `npm install nodemailer`.
import { createTransport } from "nodemailer";

const pass = process.env.{variable};
if (!pass) throw new Error("{variable} is not set");

const transport = createTransport({
  host: "{smtp_host}",
  port: {smtp_port},
  secure: {tls_from_start},
  requireTLS: true,
  auth: { user: "{username}", pass },
});
await transport.sendMail({
  from: "from@example.com",
  to: "to@example.com",
  subject: "Test",
  text: "It works.",
});
