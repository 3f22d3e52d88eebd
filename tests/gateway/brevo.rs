//! A small fake of Brevo's API for its SDKs.

/// The status and the body of the response to a request.
pub fn answer(line: &str) -> (u16, &'static str) {
    let (request, _) = line.rsplit_once(' ').unwrap();
    match request {
        "GET /v3/account" => (200, ACCOUNT),
        "GET /v3/contacts?limit=1" => (200, r#"{"contacts":[],"count":0}"#),
        "POST /v3/contacts" => (201, r#"{"id":7}"#),
        "POST /v3/smtp/email" => (201, r#"{"messageId":"<1@example.com>"}"#),
        _ => (
            404,
            r#"{"code":"document_not_found","message":"not found"}"#,
        ),
    }
}

const ACCOUNT: &str = r#"{
  "email": "ops@example.com", "firstName": "Jo", "lastName": "Doe", "companyName": "Shop",
  "address": {"street": "1 Road", "city": "Town", "zipCode": "1", "country": "France"},
  "plan": [],
  "relay": {"enabled": false, "data": {"userName": "shop", "relay": "localhost", "port": 587}}
}"#;
