// Calls the API with {key}. Printed by `postkey connect go`.
// {source}
package main

import (
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	secret := os.Getenv("{variable}")
	if secret == "" {
		log.Fatal("{variable} is not set")
	}
	request, err := http.NewRequest("GET", "{api_url}", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("{header}", {go_header_value})
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	io.Copy(os.Stdout, response.Body)
	if response.StatusCode >= 300 {
		log.Fatal(response.Status)
	}
}
