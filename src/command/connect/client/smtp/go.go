// Sends a mail with {key}. Printed by `postkey connect go`.
// {source}
package main

import (
	"log"
	"net/smtp"
	"os"
)

func main() {
	secret := os.Getenv("{variable}")
	if secret == "" {
		log.Fatal("{variable} is not set")
	}
	mail := "From: from@example.com\r\nTo: to@example.com\r\nSubject: Test\r\n\r\nIt works.\r\n"
	// PlainAuth sends the secret over TLS only, except to localhost.
	auth := smtp.PlainAuth("", "{username}", secret, "{smtp_host}")
	to := []string{"to@example.com"}
	err := smtp.SendMail("{smtp_host}:{smtp_port}", auth, "from@example.com", to, []byte(mail))
	if err != nil {
		log.Fatal(err)
	}
}
