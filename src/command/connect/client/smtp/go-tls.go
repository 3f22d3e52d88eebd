// Sends a mail with {key}. Printed by `postkey connect go`.
// {source}
package main

import (
	"crypto/tls"
	"log"
	"net/smtp"
	"os"
)

func main() {
	secret := os.Getenv("{variable}")
	if secret == "" {
		log.Fatal("{variable} is not set")
	}
	if err := send(secret); err != nil {
		log.Fatal(err)
	}
}

func send(secret string) error {
	connection, err := tls.Dial("tcp", "{smtp_host}:{smtp_port}", nil)
	if err != nil {
		return err
	}
	server, err := smtp.NewClient(connection, "{smtp_host}")
	if err != nil {
		return err
	}
	defer server.Close()
	if err := server.Auth(smtp.PlainAuth("", "{username}", secret, "{smtp_host}")); err != nil {
		return err
	}
	if err := server.Mail("from@example.com"); err != nil {
		return err
	}
	if err := server.Rcpt("to@example.com"); err != nil {
		return err
	}
	mail, err := server.Data()
	if err != nil {
		return err
	}
	text := "From: from@example.com\r\nTo: to@example.com\r\nSubject: Test\r\n\r\nIt works.\r\n"
	if _, err := mail.Write([]byte(text)); err != nil {
		return err
	}
	if err := mail.Close(); err != nil {
		return err
	}
	return server.Quit()
}
