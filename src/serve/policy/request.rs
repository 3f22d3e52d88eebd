//! What Postfix asks.

use std::net::IpAddr;

use crate::usage::read_address;

/// When Postfix asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// After RCPT TO: about one recipient.
    Recipient,
    /// After the mail was received: about all of it.
    EndOfMessage,
    /// At another time, when a mail may begin or not.
    Other,
}

/// What Postfix asks about; empty texts are unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyRequest {
    pub(super) stage: Stage,
    /// Who has logged in, as Dovecot calls them; empty if nobody has.
    pub(super) username: String,
    /// The envelope sender; empty for a bounce.
    pub(super) sender: String,
    pub(super) address: Option<IpAddr>,
    /// The same for all requests about one mail.
    pub(super) instance: String,
    /// The number of recipients, at the end of a mail.
    pub(super) recipients: u32,
}

/// A request that does not follow the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MalformedRequest;

impl PolicyRequest {
    /// Reads the lines of a request, without the empty one at its end. Attributes that are not
    /// known here are ignored, as the protocol demands.
    pub(super) fn parse(lines: &[u8]) -> Result<Self, MalformedRequest> {
        let text = String::from_utf8_lossy(lines);
        let mut is_policy_request = false;
        let mut request = Self {
            stage: Stage::Other,
            username: String::new(),
            sender: String::new(),
            address: None,
            instance: String::new(),
            recipients: 0,
        };
        for line in text.split_terminator('\n') {
            let (name, value) = line.split_once('=').ok_or(MalformedRequest)?;
            match name {
                "request" if value == "smtpd_access_policy" => is_policy_request = true,
                "request" => return Err(MalformedRequest),
                "protocol_state" => {
                    request.stage = match value {
                        "RCPT" => Stage::Recipient,
                        "END-OF-MESSAGE" => Stage::EndOfMessage,
                        _ => Stage::Other,
                    };
                }
                "sasl_username" => value.clone_into(&mut request.username),
                "sender" => value.clone_into(&mut request.sender),
                "client_address" => request.address = read_address(value).ok(),
                "instance" => value.clone_into(&mut request.instance),
                "recipient_count" => {
                    request.recipients = value.parse().map_err(|_| MalformedRequest)?;
                }
                _ => {}
            }
        }
        is_policy_request.then_some(request).ok_or(MalformedRequest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example in Postfix's documentation, shortened.
    const EXAMPLE: &str = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=SMTP\n\
        helo_name=some.domain.tld\nqueue_id=8045F2AB23\nsender=foo@bar.tld\n\
        recipient=bar@foo.tld\nrecipient_count=0\nclient_address=1.2.3.4\n\
        client_name=another.domain.tld\nreverse_client_name=another.domain.tld\n\
        instance=123.456.7\nsasl_method=plain\nsasl_username=you\nsasl_sender=\nsize=12345\n";

    #[test]
    fn a_request_is_read_as_postfix_writes_it() {
        let request = PolicyRequest::parse(EXAMPLE.as_bytes()).expect("a request");
        let expected = PolicyRequest {
            stage: Stage::Recipient,
            username: "you".to_owned(),
            sender: "foo@bar.tld".to_owned(),
            address: Some([1, 2, 3, 4].into()),
            instance: "123.456.7".to_owned(),
            recipients: 0,
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn what_does_not_follow_the_protocol_is_refused() {
        for text in [
            "",
            "x",
            "sender=a@b.c\n",
            "request=junk\n",
            "request=smtpd_access_policy\nsender\n",
            "request=smtpd_access_policy\n=\nx\n",
            "request=smtpd_access_policy\nrecipient_count=-1\n",
            "request=smtpd_access_policy\nrecipient_count=99999999999\n",
            "GET / HTTP/1.1\r\nHost: x\r\n",
        ] {
            let parsed = PolicyRequest::parse(text.as_bytes());
            assert_eq!(parsed, Err(MalformedRequest), "{text:?}");
        }
    }

    #[test]
    fn values_may_contain_what_names_may_not() {
        let text = b"request=smtpd_access_policy\nsender=a=b@c.d\nhelo_name=\xff\n=x\nsize=\n";
        let request = PolicyRequest::parse(text).expect("a request");
        assert_eq!(request.sender, "a=b@c.d");
        assert_eq!((request.stage, request.address), (Stage::Other, None));
    }
}
