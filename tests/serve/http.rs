//! A minimal HTTP client: sends exactly the given bytes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a response may take.
const SLOWEST: Duration = Duration::from_secs(30);

/// A header's name and value.
pub type Header<'a> = (&'a str, &'a str);

/// A response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

/// A persistent connection.
pub struct Connection(BufReader<Box<dyn Stream>>);

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Connection {
    /// Connects to `127.0.0.1:80` or `unix:/path`.
    pub fn open(address: &str) -> Self {
        let stream: Box<dyn Stream> = match address.strip_prefix("unix:") {
            Some(path) => {
                let stream = UnixStream::connect(path).unwrap();
                stream.set_read_timeout(Some(SLOWEST)).unwrap();
                Box::new(stream)
            }
            None => {
                let stream = TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(SLOWEST)).unwrap();
                stream.set_nodelay(true).unwrap();
                Box::new(stream)
            }
        };
        Self(BufReader::new(stream))
    }

    /// Sends bytes; the other side may close before it has read them all.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// The next response.
    pub fn answer(&mut self) -> io::Result<Answer> {
        let mut answer = self.head()?;
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks()?;
        } else if let Some(length) = answer.header("content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut body)?;
            answer.body = String::from_utf8(body).unwrap();
        }
        Ok(answer)
    }

    /// The next line, after the protocol was upgraded.
    pub fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line)
    }

    /// The head of the next response; for `HEAD` there is nothing else.
    pub fn head(&mut self) -> io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Ok(Answer {
            status,
            head,
            body: String::new(),
        })
    }

    fn chunks(&mut self) -> io::Result<String> {
        let mut body = String::new();
        loop {
            let mut size = String::new();
            self.0.read_line(&mut size)?;
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let mut chunk = vec![0; size + 2];
            self.0.read_exact(&mut chunk)?;
            if size == 0 {
                return Ok(body);
            }
            body += std::str::from_utf8(&chunk[..size]).unwrap();
        }
    }

    /// Whether the other side has closed the connection.
    pub fn is_at_end(&mut self) -> bool {
        !matches!(self.0.fill_buf(), Ok([_, ..]))
    }

    /// The response to one request.
    #[track_caller]
    pub fn ask(&mut self, method: &str, target: &str, headers: &[Header]) -> Answer {
        self.send(request(method, target, headers).as_bytes())
            .unwrap();
        self.answer().unwrap()
    }
}

impl Answer {
    /// A header's value, if it occurs exactly once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers(name);
        let value = values.next();
        value.filter(|_| values.next().is_none())
    }

    /// Whether it has a header, even an empty one.
    pub fn has(&self, name: &str) -> bool {
        let name = format!("{name}:");
        let mut lines = self.head.lines();
        lines.any(|line| {
            line.get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(&name))
        })
    }

    fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.head.lines().filter_map(move |line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// A header's value as a number.
    #[track_caller]
    pub fn number(&self, name: &str) -> i64 {
        let value = self.header(name);
        value.unwrap_or_else(|| panic!("{self:?}")).parse().unwrap()
    }

    /// Checks the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Checks that it is a refusal with this status and the corresponding body.
    #[track_caller]
    pub fn expect_refusal(self, status: u16) -> Self {
        let (code, message) = match status {
            401 => ("unauthorized", "Invalid API key provided"),
            403 => (
                "permission_denied",
                "API key does not have required permissions",
            ),
            429 => ("too_many_requests", "Rate limit exceeded for API key"),
            503 => ("unavailable", "Key verification is unavailable"),
            _ => panic!("{status} is no refusal"),
        };
        let body = format!(r#"{{"code":"{code}","message":"{message}"}}"#);
        assert_eq!(
            (self.status, self.body.trim()),
            (status, &*body),
            "{self:?}"
        );
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("x-postkey-name"), None);
        let is_bearer = self.header("www-authenticate") == Some("Bearer");
        assert_eq!(is_bearer, status == 401, "{self:?}");
        self
    }
}

/// A request without a body.
pub fn request(method: &str, target: &str, headers: &[Header]) -> String {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: api.example.com\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text + "\r\n"
}

/// The response to one request on a new connection.
#[track_caller]
pub fn ask(address: &str, method: &str, target: &str, headers: &[Header]) -> Answer {
    Connection::open(address).ask(method, target, headers)
}

/// The response to one request with a body, on a new connection.
#[track_caller]
pub fn post(address: &str, target: &str, headers: &[Header], body: &str) -> Answer {
    let mut connection = Connection::open(address);
    let length = body.len().to_string();
    let headers = [headers, &[("Content-Length", &*length)]].concat();
    // The response may come, and the connection close, before all of it was read.
    let _ = connection.send((request("POST", target, &headers) + body).as_bytes());
    connection.answer().unwrap()
}
